"""normal=dsine, beside a small network of our own in the place of its authors' checkout."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from labelyard.generate.errors import FatalError
from labelyard.generate.steps.contract import assert_company_does_not_matter, photo, run_on_copies
from labelyard.generate.steps.normal.dsine import Dsine

# As theirs in what it is called, where its parts lie, and how it answers: several times, the last time best, and with
# how sure it is behind the normals.
NETWORK = """
import torch
from models.conv_encoder_decoder.submodules import Encoder
from models.dsine.submodules import get_pixel_coords
import utils.rotation

class DSINE_v02(torch.nn.Module):
    def __init__(self, args):
        super().__init__()
        assert args.NNET_learned_upsampling is True and args.NRN_prop_ps == 3 and args.NNET_decoder_NF == 2048
        self.encoder = Encoder(B=args.NNET_encoder_B, pretrained=True)
        self.pixel_coords = get_pixel_coords(h=200, w=200).to(0)

    def forward(self, img, intrins=None):
        intrins[:, :2, 2] += 0.5
        height, width = img.shape[2:]
        assert height % 32 == width % 32 == 0
        ray = self.pixel_coords[:, :, :height, :width].repeat(len(img), 1, 1, 1)
        for axis in (0, 1):
            ray[:, axis] = (ray[:, axis] - intrins[:, axis, 2, None, None]) / intrins[:, axis, axis, None, None]
        normals = utils.rotation.turned(ray + 0.05 * self.encoder(img))
        return [None, torch.cat([normals, normals[:, :1]], dim=1)]
"""
FILES = {
    "models/dsine/v02.py": NETWORK,
    "models/dsine/submodules.py": """
import torch
class Places:
    def __init__(self, h, w):
        rows, columns = torch.meshgrid(torch.arange(h) + 0.5, torch.arange(w) + 0.5, indexing="ij")
        self.made = torch.stack([columns, rows, torch.ones(h, w)])[None]
    def to(self, device):
        assert device == "cpu"
        return self.made
get_pixel_coords = Places
""",
    "models/conv_encoder_decoder/submodules.py": """
import torch
def Encoder(B, pretrained):
    assert B == 5 and not pretrained, "it would be fetched"
    return torch.nn.Conv2d(3, 3, 3, padding=1)
""",
    "utils/rotation.py": "import torch\nturned = torch.nn.functional.normalize\n",
    "projects/dsine/experiments/exp001_cvpr2024/dsine.txt": """--exp_name exp001
--NNET_architecture v02
--NNET_learned_upsampling

--NRN_prop_ps 3
""",
}


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "DSINE" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    torch.manual_seed(0)
    net = torch.nn.Conv2d(3, 3, 3, padding=1)
    torch.save({"model": {f"module.encoder.{k}": v for k, v in net.state_dict().items()}}, tmp_path / "dsine.pt")
    return tmp_path / "DSINE"


def made(repo: Path, /, **settings: str) -> Dsine:
    return Dsine(**{"repo": str(repo), "checkpoint": str(repo.parent / "dsine.pt"), **settings})  # type: ignore[arg-type]


def test_the_code_of_a_checkout_finds_normals_and_leaves_nothing_behind(repo: Path) -> None:
    before = {name: sys.modules.get(name) for name in ("models", "utils", "models.dsine.v02", "utils.rotation")}
    step = made(repo)
    step.setup("cpu")
    assert before == {name: sys.modules.get(name) for name in before}
    records = [photo("chelsea", (60, 40)), photo("china", (32, 96))]
    for one in records:
        (done,) = run_on_copies(step, [one])
        image = done.images["normal"].image
        assert image.size == one.image.size and done.images["normal"].meta["frame"] == "left_up_near"
        vectors = np.asarray(image) / 127.5 - 1
        assert np.abs(np.linalg.norm(vectors, axis=-1) - 1).max() < 0.02
        # A wall that is looked at from inside of a ball: what lies left looks right, what lies above looks down.
        tilt = np.corrcoef(vectors[..., 0].mean(0), np.arange(image.width))[0, 1]
        fall = np.corrcoef(vectors[..., 1].mean(1), np.arange(image.height))[0, 1]
        assert tilt > 0.9 and fall > 0.9 and vectors[..., 2].min() > 0.5
    assert_company_does_not_matter(step, records, disturbed=False)


def test_the_other_frame_has_red_on_the_right(repo: Path) -> None:
    found = []
    for frame in ("left_up_near", "right_up_near"):
        step = made(repo, frame=frame)
        step.setup("cpu")
        (done,) = run_on_copies(step, [photo("chelsea", (60, 40))])
        found.append(np.asarray(done.images["normal"].image).astype(int))
    assert (
        np.abs(found[0][..., 0] + found[1][..., 0] - 255).max() <= 1 and (found[0][..., 1:] == found[1][..., 1:]).all()
    )


def test_what_is_missing_is_told_before_a_run(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert str(Dsine().lacking()).startswith("repo=null: give the folder of a checkout")
    assert str(made(repo, checkpoint="").lacking()).startswith("checkpoint='': give the file dsine.pt")
    monkeypatch.setattr("labelyard.generate.steps.normal.dsine.find_spec", lambda name: None)
    assert str(made(repo).lacking()) == "geffnet: not installed, and its code needs it; run: pip install geffnet"
    monkeypatch.setattr("labelyard.generate.steps.normal.dsine.find_spec", lambda name: object())
    assert made(repo).lacking() is None
    with pytest.raises(FatalError, match=r"experiment=exp002/x: .* it has exp001_cvpr2024/dsine"):
        made(repo, experiment="exp002/x").setup("cpu")
    with pytest.raises(FatalError, match=r"is .* a checkout of DSINE"):
        made(repo, repo=str(repo.parent)).setup("cpu")
    torch.save({"model": {"other": torch.zeros(1)}}, repo.parent / "other.pt")
    with pytest.raises(FatalError, match=r"other\.pt: not of experiment=exp001_cvpr2024/dsine"):
        made(repo, checkpoint=str(repo.parent / "other.pt")).setup("cpu")
    (repo / "models" / "dsine" / "v02.py").write_text("import nothing_of_this_name")
    with pytest.raises(FatalError, match=r"v02\.py can't be imported \(ModuleNotFoundError"):
        made(repo).setup("cpu")
    assert "models.dsine" not in sys.modules
    with pytest.raises(ValueError, match="dtype=float16: its code computes in float32"):
        made(repo, dtype="float16")
