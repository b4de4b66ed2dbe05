"""SAM's and SAM-HQ's parity: the authors' predictor against the step, with one file and one photo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from labelyard.utils.rle import decode
from tests.tiny.records import record

BOXES = [
    (60.0, 40.0, 400.5, 330.25),
    (0.0, 0.0, 640.0, 427.0),
    (300.3, 200.7, 350.1, 260.9),
    (10.0, 300.0, 630.0, 420.0),
]


def save_lively(registry: Any, path: Path, size: str = "vit_b") -> Any:
    """The authors' network of this size with random weights, also saved as they publish it."""
    import torch

    from tests.native.lively import make_lively

    network = registry[size](checkpoint=None)
    make_lively(network, seed=7)
    with torch.no_grad():
        network.image_encoder.pos_embed.normal_(0, 0.5)
        for name, weight in network.named_parameters():
            if ".rel_pos_" in name:
                weight.normal_(0, 0.1)
    torch.save(network.state_dict(), path)
    return network.eval()


def native_logits(predictor: Any, image: Any) -> Any:
    """As the original pipeline asks: boxes through the predictor's transform, one mask for each."""
    import torch

    predictor.set_image(np.array(image))
    boxes = predictor.transform.apply_boxes_torch(torch.tensor(BOXES), (image.height, image.width))
    logits, _, _ = predictor.predict_torch(None, None, boxes=boxes, multimask_output=False, return_logits=True)
    return logits[:, 0].numpy()


def compare(step: Any, predictor: Any) -> tuple[float, float, int]:
    """The largest difference of the logits, their spread, and how many pixels of the masks differ."""
    import torch

    one = record("china", boxes=BOXES)
    step.setup("cpu")
    step([one])
    masker = step.loaded.masker
    with torch.inference_mode():
        theirs = native_logits(predictor, one.image)
        encoded = masker.encode(masker.pixels(one.image)[None])[0]
        low = masker.decode(encoded, torch.tensor(BOXES), one.image.size)
        ours = masker.restore(low.float(), one.image.size).numpy()
    difference = float(np.abs(ours - theirs).max())
    masks = np.array([decode(i.mask) for i in one.instances if i.mask])
    flipped = masks != (theirs > 0)
    assert (np.abs(theirs[flipped]) <= difference).all()  # only what lies on the edge itself may go either way
    return difference, float(theirs.std()), int(flipped.sum())
