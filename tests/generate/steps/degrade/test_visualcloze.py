"""Photos made worse: all 32 names, the same again for the same item, and recognizably what they are called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from labelyard.generate.exporters.graph200k.tasks import DEGRADED
from labelyard.generate.record import MadeImage, Record
from labelyard.generate.steps.contract import assert_company_does_not_matter, photo, run_on_copies
from labelyard.generate.steps.degrade.visualcloze import NAMES, VisualCloze
from labelyard.utils.errors import UserError


def step(**settings: Any) -> VisualCloze:
    found = VisualCloze(**settings)
    found.name = "degrade"
    found.setup("cpu")
    return found


@pytest.fixture(scope="module")
def ice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ice")
    Image.effect_noise((40, 40), 90).save(folder / "ice.png")
    return folder


def test_the_names_are_visualclozes() -> None:
    assert NAMES == DEGRADED
    assert len(step().writes) == 31 and "images.deg_Frost" not in step().writes


def test_a_record_does_not_depend_on_its_company(ice: Path) -> None:
    """All 32 at once."""
    records = [photo("chelsea", (48, 40)), photo("rocket", (40, 56))]
    assert_company_does_not_matter(step(frost_folder=str(ice)), records)


@pytest.fixture(scope="module")
def made(ice: Path) -> tuple[Record, dict[str, np.ndarray]]:
    record = photo("astronaut", (96, 96))
    (found,) = run_on_copies(step(frost_folder=str(ice), least_severity=4), [record])
    return record, {name[4:]: np.asarray(image.image).astype(int) for name, image in found.images.items()}


def test_each_differs_from_the_photo_and_is_what_it_is_called(made: tuple[Record, dict[str, np.ndarray]]) -> None:
    record, found = made
    own = np.asarray(record.image).astype(int)
    for name, pixels in found.items():
        assert pixels.shape == own.shape and np.abs(pixels - own).mean() > 0.5, name

    def detail(pixels: np.ndarray) -> float:
        return float(np.abs(np.diff(pixels, axis=1)).mean())

    for name in ("Defocus", "GaussianBlur", "SRx4"):
        assert detail(found[name]) < detail(own), name
    for name in ("oversharpen", "GaussianNoise", "PoissonNoise", "SPNoise"):
        assert detail(found[name]) > detail(own), name
    assert found["darken"].mean() < own.mean() - 5 and found["brighten"].mean() > own.mean() + 5
    assert 0.25 < found["LowLight"].mean() / own.mean() < 0.45
    assert found["contrast_weaken"].std() < own.std() < found["contrast_strengthen"].std()
    assert abs(found["contrast_weaken"].mean() - own.mean()) < 12, "around the mean"
    colour = {name: np.ptp(found[name], axis=2).mean() for name in ("gray", "saturate_weaken", "saturate_strengthen")}
    assert (
        colour["gray"] == 0 and colour["saturate_weaken"] < np.ptp(own, axis=2).mean() < colour["saturate_strengthen"]
    )
    for quarters, name in ((1, "rotate90"), (2, "rotate180"), (3, "rotate270")):
        assert (found[name] == np.rot90(own, quarters)).all()
    assert ((found["mosaic"] > 0).sum(axis=2) <= 1).all()
    black = (found["Inpainting"] == 0).all(axis=2)
    assert 0.05 < black.mean() < 0.95 and (found["Inpainting"][~black] == own[~black]).all()
    assert len(np.unique(found["quantization"])) <= 8 < len(np.unique(own))


def test_draws_are_an_items_own_and_another_seed_makes_others() -> None:
    record = photo("chelsea", (48, 48))
    names = ["GaussianNoise", "Inpainting", "Rain"]
    (one,) = run_on_copies(step(names=names), [record])
    (fewer,) = run_on_copies(step(names=names[:1], ending="jpg"), [record])
    (other,) = run_on_copies(step(names=names, seed=1), [record])
    for name in names:
        pictures = [np.asarray(found.images[f"deg_{name}"].image) for found in (one, other)]
        assert (pictures[0] != pictures[1]).any()
    assert one.images["deg_GaussianNoise"].meta == fewer.images["deg_GaussianNoise"].meta
    assert fewer.images["deg_GaussianNoise"].ending == "jpg"


def test_what_is_given_stays_and_mistakes_are_told(tmp_path: Path) -> None:
    keeping = step(names=["gray"], keep_given=True)
    record = photo("chelsea", (20, 20))
    assert keeping.lazy and keeping.has_work_for(record)
    record.images["deg_gray"] = MadeImage(record.image)
    assert not keeping.has_work_for(record)
    for settings, told in (
        ({"names": ["grey"]}, "Did you mean gray"),
        ({"names": ["Frost"]}, "frost_folder=null: give a folder"),
        ({"frost_folder": str(tmp_path)}, "no folder with pictures"),
        ({"least_severity": 4, "most_severity": 2}, "least_severity=4 is more than"),
    ):
        with pytest.raises(UserError, match=told):
            VisualCloze(**settings)
