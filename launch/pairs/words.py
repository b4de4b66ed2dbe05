"""InstructCV's words for datasets, its flags for where each lies, and their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Meant:
    """One of the original's words for a dataset."""

    source: str
    flag: str
    place: str  # the flag's default
    settings: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)


WORDS: Mapping[str, Meant] = {
    "coco": Meant("coco", "coco_root", "./data/coco"),
    "oxford_pets_fine": Meant("pets", "oxford_pets_root", "./data/oxford-pets", options={"labels": "breed"}),
    "oxford_pets_binary": Meant("pets", "oxford_pets_root", "./data/oxford-pets", options={"labels": "species"}),
    "nyuv2": Meant("nyuv2", "nyuv2_root", "./data/nyu_mdet"),
    "nyuv2_nonoise": Meant("nyuv2", "nyuv2_root_nonoise", "./data/nyu_data"),
    "ade20k": Meant("ade20k", "ade_root", "./data/ADEChallengeData2016"),
    "ade20k_sem": Meant("ade20k", "ade_root", "./data/ADEChallengeData2016"),
    "imagenet": Meant("classes", "imagenet_root", "./data/imagenet_train"),
    "voc": Meant("voc", "voc_root", "./data/VOCdevkit/VOC2012"),
    "fs": Meant("fss", "fs_root", "./data/fewshot_data/fewshot_data"),
    "derain": Meant("paired", "derain_root", "./data/rain_dataset", {"source.kind": "derain"}),
    "light_enhance": Meant("paired", "LOL_root", "./data/LOL_dataset", {"source.kind": "lol"}),
    "denoise": Meant("paired", "SIDD_root", "./data/LOL_dataset", {"source.kind": "sidd"}),
    "sunrgbd": Meant("sunrgbd", "data_root", "./data/sunrgbd"),
}
FLAGS = list(dict.fromkeys(word.flag for word in WORDS.values() if word.flag != "data_root"))
