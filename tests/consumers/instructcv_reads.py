"""What InstructCV's dataset classes, unmodified, read of folders of pairs: python instructcv_reads.py CHECKOUT
FOLDER …, as JSON, with the faults that they raise.

A process of its own, since two functions of torchvision and one of einops are stood in for.
"""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any


def stand_ins() -> None:
    import torch

    class Crop:
        def __init__(self, size: int) -> None:
            self.size = size

        def __call__(self, image: Any) -> Any:
            return image[:, : self.size, : self.size]

    class Flip:
        def __init__(self, probability: float) -> None:
            self.probability = probability

        def __call__(self, image: Any) -> Any:
            return torch.flip(image, [-1]) if torch.rand(1).item() < self.probability else image

    def rearrange(tensor: Any, pattern: str) -> Any:
        assert pattern == "h w c -> c h w"
        _, _, channels = tensor.shape  # as einops would insist
        assert channels == 3
        return tensor.permute(2, 0, 1)

    transforms = types.ModuleType("torchvision.transforms")
    transforms.RandomCrop, transforms.RandomHorizontalFlip = Crop, Flip  # type: ignore[attr-defined]
    torchvision, einops = types.ModuleType("torchvision"), types.ModuleType("einops")
    torchvision.transforms = transforms  # type: ignore[attr-defined]
    einops.rearrange = rearrange  # type: ignore[attr-defined]
    sys.modules |= {"torchvision": torchvision, "torchvision.transforms": transforms, "einops": einops}


def read(folder: str) -> dict[str, Any]:
    from edit_dataset import EditDataset, EditDatasetEval

    found: dict[str, Any] = {"faults": [], "eval": 0}
    for split in ("train", "val", "test"):
        pairs, inputs = EditDataset(folder, split), EditDatasetEval(folder, split)
        found[split] = [name for name, _ in pairs.seeds]
        for number in range(len(pairs)):
            try:
                sample = pairs[number]
                for image in (sample["edited"], sample["edit"]["c_concat"]):
                    assert image.shape == (3, 256, 256), image.shape
                    assert image.min() >= -1 and image.max() <= 1
                assert isinstance(sample["edit"]["c_crossattn"], str) and sample["edit"]["c_crossattn"]
                one = inputs[number]
                assert one["image_0"].shape == (3, 256, 256)
                assert all(isinstance(one[key], str) for key in ("input_prompt", "edit", "output_prompt"))
                found["eval"] += 1
            except Exception as error:
                found["faults"].append(f"{folder}: {pairs.seeds[number]}: {type(error).__name__}: {error}")
    return found


if __name__ == "__main__":
    checkout, *folders = sys.argv[1:]
    stand_ins()
    sys.path.insert(0, checkout)
    print(json.dumps({str(Path(folder)): read(folder) for folder in folders}))
