"""Tars of samples: KEY.jpg, KEY.json (the record without its image) and KEY.txt (its caption).

Every sample has members of the same endings: Hugging Face's `datasets` takes no tars where that differs.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from labelyard.generate.exporter import Damage, Exporter, Labels, Part
from labelyard.generate.exporters.common.coded import CODINGS, coded
from labelyard.generate.record_json.body import instances_of
from labelyard.generate.record_json.embeddings import refuse_without_images
from labelyard.generate.record_json.finished import Finished
from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.settings import setting
from labelyard.utils.atomic import replacing, write_atomic
from labelyard.utils.jsons import dump


@dataclass(kw_only=True)
class Webdataset(Exporter):
    """The same records make the same bytes: members carry no time and no owner."""

    per_tar: int = setting(1000, least=1)  # records of the run; fewer are in a tar where some are left out
    # jpg: others anew as JPEG of quality 95; png: all without loss; original: bytes and endings as they are found
    image: str = setting("jpg", words=CODINGS)

    @property
    def needs_image(self) -> bool:
        return True

    def refuse(self, dest: Path, run: RunFolder) -> None:
        refuse_without_images(run, "Every sample has one. The parquet format takes the original ones: pixels=original")

    def part_size(self) -> int:
        return self.per_tar

    def write(self, dest: Path, number: int, records: Sequence[Finished], part: Part, labels: Labels) -> None:
        with replacing(dest / f"{number:05d}.tar") as file, tarfile.open(fileobj=file, mode="w") as tar:
            for record in self.taken(records, part):
                data = coded(record.image(), self.image)
                key, ending = record.item.name.replace(".", "_"), record.image_name(data).rpartition(".")[2]
                _add(tar, f"{key}.{ending}", data)
                _add(tar, f"{key}.json", dump(record.written(self.wanted, image=False)))
                _add(tar, f"{key}.txt", record.body["caption"].encode("utf-8", "replace"))

    def end(self, dest: Path, parts: Sequence[Part], labels: Sequence[str]) -> None:
        for path in dest.glob("[0-9]*.tar"):
            if int(path.stem) >= len(parts):
                path.unlink()  # of a run that had more records

        if self.image != "original":
            write_atomic(dest / "README.md", card(self.image).encode())

    def check(self, dest: Path, parts: Sequence[Part]) -> None:
        import webdataset

        for number, part in enumerate(parts):
            path = dest / f"{number:05d}.tar"
            if part.records == 0:
                continue
            samples = instances = 0
            images = {"jpg", "png", "webp"} if self.image == "original" else {self.image}
            # By its address and by the parts of WebDataset, which itself opens no path with # or ? in it.
            tars = webdataset.SimpleShardList([path.resolve().as_uri()])
            for sample in webdataset.DataPipeline(tars, webdataset.tarfile_to_samples(), webdataset.decode()):
                samples += 1
                instances += len(instances_of(sample["json"]))
                endings = {name for name in sample if not name.startswith("__")}
                if len(endings) != 3 or not endings > {"json", "txt"} or not endings & images:
                    raise Damage(f"{path}: the sample {sample['__key__']} has {', '.join(sorted(endings))}")
            if (samples, instances) != (part.records, part.instances):
                expected = f"{part.records} with {part.instances}"
                raise Damage(f"{path}: webdataset reads {samples} samples with {instances} instances, not {expected}")


def card(image: str) -> str:
    """What tells `datasets` the features of a folder of tars. Else it takes them from the first five samples, and fails
    at a later one that has what these lacked: instances, or a key of the user's list."""
    types = {image: "image", "json": "json", "txt": "string", "__key__": "string", "__url__": "string"}
    features = "".join(f"  - name: {name}\n    dtype: {kind}\n" for name, kind in types.items())
    return f"---\ndataset_info:\n  features:\n{features}---\n\nMade by Labelyard: images, records and captions.\n"


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))
