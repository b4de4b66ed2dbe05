"""What a depth's numbers mean is known again after it was written, wherever its picture lies."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from labelyard.generate.media.side_images import SideImage
from labelyard.generate.record_json.beside import given_image, image_from_json, image_to_json

MEANS = {"scale": 0.5, "offset": 0.25, "unit": "metre"}


def test_scale_and_offset_come_back(tmp_path: Path) -> None:
    made = SideImage(Image.new("I;16", (6, 4), 7), dict(MEANS))
    (tmp_path / "depth.png").write_bytes(made.encoded())
    entry = image_to_json(made, "depth.png")
    assert entry == {"path": "depth.png", "width": 6, "height": 4, **MEANS}
    copied = image_from_json(entry, tmp_path, None, "a")
    assert {key: copied.meta[key] for key in MEANS} == MEANS and copied.image.size == (6, 4)
    stays = image_from_json(entry, tmp_path, None, "a", stay=True)
    assert {key: stays.meta[key] for key in MEANS} == MEANS and stays.place == {"file": str(tmp_path / "depth.png")}
    again = image_from_json(image_to_json(stays, "unused"), tmp_path, None, "a")
    assert {key: again.meta[key] for key in MEANS} == MEANS and again.encoded() == made.encoded()


def test_a_place_in_a_file_stays_one(tmp_path: Path) -> None:
    data = SideImage(Image.new("L", (6, 4), 7), {}).encoded()
    (tmp_path / "all").write_bytes(b"before" + data)
    place = {"file": "all", "offset": 6, "bytes": len(data)}
    entry = image_to_json(given_image(place, str(tmp_path), "a", {"unit": "metre"}), "unused")
    assert entry == {"unit": "metre", **place}
    again = image_from_json(entry, tmp_path, str(tmp_path), "a")
    assert again.encoded() == data and again.meta == {"unit": "metre"} and again.place == place
