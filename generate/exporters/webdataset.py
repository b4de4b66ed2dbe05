"""Tars of samples: KEY.jpg, KEY.json (the record without its image) and KEY.txt (its caption)."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from generate.exporter import Damage, Exporter, Labels, Part
from generate.finished import Finished
from generate.settings import setting
from utils.atomic import replacing
from utils.jsons import dump


@dataclass(kw_only=True)
class Webdataset(Exporter):
    """The same records make the same bytes: members carry no time and no owner."""

    per_tar: int = setting(1000, least=1)  # records of the run; fewer are in a tar where some are left out

    def part_size(self) -> int:
        return self.per_tar

    def write(self, dest: Path, number: int, records: Sequence[Finished], part: Part, labels: Labels) -> None:
        with replacing(dest / f"{number:05d}.tar") as file, tarfile.open(fileobj=file, mode="w") as tar:
            for record in self.taken(records, part):
                data = record.image()
                key, ending = record.item.name.replace(".", "_"), record.image_name(data).rpartition(".")[2]
                _add(tar, f"{key}.{ending}", data)
                _add(tar, f"{key}.json", dump(record.written(self.min_score, image=False)))
                _add(tar, f"{key}.txt", record.body["caption"].encode("utf-8", "replace"))

    def end(self, dest: Path, parts: Sequence[Part], labels: Sequence[str]) -> None:
        for path in dest.glob("[0-9]*.tar"):
            if int(path.stem) >= len(parts):
                path.unlink()  # of a run that had more records

    def check(self, dest: Path, parts: Sequence[Part]) -> None:
        import webdataset

        for number, part in enumerate(parts):
            path = dest / f"{number:05d}.tar"
            if part.records == 0:
                continue
            samples = instances = 0
            for sample in webdataset.WebDataset(str(path), shardshuffle=False).decode():
                samples += 1
                instances += sum(1 for entry in sample["json"]["annos"] if not entry.get("pad"))
                if not {"jpg", "png", "webp"} & sample.keys():
                    raise Damage(f"{path}: the sample {sample['__key__']} has no image")
            if (samples, instances) != (part.records, part.instances):
                expected = f"{part.records} with {part.instances}"
                raise Damage(f"{path}: webdataset reads {samples} samples with {instances} instances, not {expected}")


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))
