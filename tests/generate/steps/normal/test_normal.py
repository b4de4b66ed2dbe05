from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from labelyard.generate.record import MadeImage
from labelyard.generate.settings import made
from labelyard.generate.steps.contract import assert_company_does_not_matter, photo, run_on_copies
from labelyard.generate.steps.depth.depth_maps import picture
from labelyard.generate.steps.normal.from_depth import FromDepth
from labelyard.generate.steps.normal.marigold import Marigold
from labelyard.utils.errors import UserError

SIDE, FAR, RADIUS = 96, 6.0, 1.5


def ball_on_a_floor() -> np.ndarray[Any, Any]:
    """Metres: a ball four away, before a wall, over a floor one below the eye, as seen with 60 degrees."""
    focal = SIDE / 2 / math.tan(math.radians(30))
    rows, columns = np.mgrid[:SIDE, :SIDE]
    x, y = (columns - (SIDE - 1) / 2) / focal, (rows - (SIDE - 1) / 2) / focal
    depth = np.full((SIDE, SIDE), FAR)
    depth = np.where(y > 0, np.minimum(depth, 1.6 / np.maximum(y, 1e-6)), depth)
    length = np.sqrt(x**2 + y**2 + 1)
    middle = 4.0
    along = middle / length  # of the ray, to where it is nearest to the ball's middle
    inside = RADIUS**2 - (middle**2 - along**2)
    return np.where(inside > 0, (along - np.sqrt(np.maximum(inside, 0))) / length, depth).astype(np.float32)


def normals(frame: str = "left_up_near", relative: bool = False) -> np.ndarray[Any, Any]:
    depth = ball_on_a_floor()
    record = photo("coffee", (SIDE, SIDE))
    inverse = (1 / depth).astype(np.float32)
    record.images["depth"] = picture(inverse, "inverse") if relative else picture(depth, "metric")
    step = FromDepth(frame=frame, smooth=0, far=FAR / (4 - RADIUS))
    step.setup("cpu")
    step([record])
    assert record.images["normal"].meta == {"frame": frame, "value": "pixel / 127.5 - 1"}
    return np.asarray(record.images["normal"].image)


@pytest.mark.parametrize("relative", [False, True])
def test_a_ball_and_a_floor_look_left_up_and_near(relative: bool) -> None:
    found = normals(relative=relative).astype(int)
    middle = SIDE // 2
    assert found[middle, middle - 20, 0] > 170 and found[middle, middle + 20, 0] < 85  # red: left
    assert found[middle - 20, middle, 1] > 170 and found[middle + 20, middle, 1] < 85  # green: up
    assert found[middle, middle, 2] > 245  # blue: toward who looks
    assert found[5, 5, 2] > 250 and abs(found[5, 5, :2] - 128).max() < 4  # the wall
    assert found[SIDE - 4, middle, 1] > 240  # the floor
    vectors = found / 127.5 - 1
    assert np.abs(np.linalg.norm(vectors, axis=-1) - 1).max() < 0.02


def test_the_other_frame_has_red_on_the_right() -> None:
    left, right = normals().astype(int), normals("right_up_near").astype(int)
    assert np.abs(left[..., 0] + right[..., 0] - 255).max() <= 1 and (left[..., 1:] == right[..., 1:]).all()


def test_alone_and_in_company() -> None:
    step = FromDepth()
    step.setup("cpu")
    records = [photo("chelsea", (60, 40)), photo("rocket", (50, 50))]
    for record in records:
        record.images["depth"] = MadeImage(record.image.convert("L"))
    assert_company_does_not_matter(step, records)


def make_marigold(folder: Path) -> str:
    """A tiny pipeline of random weights, with a tokenizer of the bytes' letters."""
    import json

    import diffusers
    import torch
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    kinds: Any = diffusers
    torch.manual_seed(0)
    words = folder / "words"
    words.mkdir(parents=True)
    letters = [chr(n) for n in range(33, 127)]
    vocabulary = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (words / "vocab.json").write_text(json.dumps({name: n for n, name in enumerate(vocabulary)}), encoding="utf-8")
    (words / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    text = CLIPTextConfig(
        hidden_size=16, intermediate_size=16, num_attention_heads=2, num_hidden_layers=1, vocab_size=len(vocabulary),
        eos_token_id=len(vocabulary) - 1, bos_token_id=len(vocabulary) - 2, pad_token_id=1,
    )  # fmt: skip
    parts: dict[str, Any] = {
        "unet": kinds.UNet2DConditionModel(
            block_out_channels=(8, 16), layers_per_block=1, sample_size=8, in_channels=8, out_channels=4,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), norm_num_groups=4,
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), cross_attention_dim=16, attention_head_dim=2,
        ),
        "vae": kinds.AutoencoderKL(
            block_out_channels=[8, 8], norm_num_groups=4, latent_channels=4,
            down_block_types=["DownEncoderBlock2D"] * 2, up_block_types=["UpDecoderBlock2D"] * 2,
        ),
        "scheduler": kinds.DDIMScheduler(
            prediction_type="v_prediction", clip_sample=False, set_alpha_to_one=False, steps_offset=1,
            beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, timestep_spacing="trailing",
        ),
        "text_encoder": CLIPTextModel(text),
        "tokenizer": CLIPTokenizer.from_pretrained(str(words), model_max_length=16),
    }  # fmt: skip
    kinds.MarigoldNormalsPipeline(**parts, prediction_type="normals").save_pretrained(folder / "net")
    return str(folder / "net")


@pytest.mark.slow
def test_marigold_alone_and_in_company(tmp_path: Path) -> None:
    pytest.importorskip("diffusers")
    step = Marigold(checkpoint=make_marigold(tmp_path), iterations=2, side=32)
    step.setup("cpu")
    records = [photo("chelsea", (40, 32)), photo("rocket", (32, 48))]
    assert_company_does_not_matter(step, records, disturbed=False)
    (one,) = run_on_copies(step, records[:1])
    step.frame = "right_up_near"
    (other,) = run_on_copies(step, records[:1])
    left, right = (np.asarray(done.images["normal"].image).astype(int) for done in (one, other))
    assert one.images["normal"].image.size == (40, 32) and left.std() > 5
    assert np.abs(left[..., 0] + right[..., 0] - 255).max() <= 1 and (left[..., 1:] == right[..., 1:]).all()
    step.seed = 1
    (again,) = run_on_copies(step, records[:1])
    assert Image.Image.tobytes(again.images["normal"].image) != other.images["normal"].image.tobytes()


def test_an_unknown_frame_is_refused() -> None:
    with pytest.raises(UserError, match="frame=down: give left_up_near or right_up_near"):
        made(FromDepth, {"frame": "down"})
