"""The zoo of images from the wild: each is decoded rightly, or refused with a reason. None takes the process down."""

from __future__ import annotations

import io
import random
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from labelyard.utils.images import Decoded, UnreadableImage, decode, encode_jpeg, encode_png

MOST, ELONGATED = 1_000_000, 50.0


def picture(width: int = 64, height: int = 40) -> Image.Image:
    """A gradient whose four corners differ, so that every wrong turn shows."""
    rows, columns = np.mgrid[:height, :width]
    pixels = np.stack([columns * 255 // max(1, width - 1), rows * 255 // max(1, height - 1), 0 * rows + 60], axis=-1)
    return Image.fromarray(pixels.astype(np.uint8))


def saved(image: Image.Image, kind: str, **more: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **more)
    return buffer.getvalue()


def read(data: bytes) -> Decoded:
    return decode(data, MOST, ELONGATED)


def reason(data: bytes) -> str:
    with pytest.raises(UnreadableImage) as refused:
        read(data)
    return str(refused.value)


def close(one: Image.Image, other: Image.Image, by: float = 6) -> bool:
    difference = np.asarray(one).astype(int) - np.asarray(other).astype(int)
    return one.size == other.size and float(np.abs(difference).mean()) < by


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM", "JPEG2000", "TGA"])
def test_ordinary_formats(kind: str) -> None:
    found = read(saved(picture(), kind))
    assert found.image.mode == "RGB" and close(found.image, picture(), 12)
    assert found.facts["format"] == kind
    assert found.unchanged == (kind in ("JPEG", "PNG", "WEBP"))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_applied(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(picture(), "JPEG", quality=95, exif=exif)
    found = read(data)
    with Image.open(io.BytesIO(data)) as file:
        right = ImageOps.exif_transpose(file)
    assert close(found.image, right, 1)
    assert found.image.size == ((40, 64) if orientation >= 5 else (64, 40))
    assert found.unchanged == (orientation == 1), "bytes that show it turned are not handed on"
    assert found.facts.get("orientation") == (None if orientation == 1 else orientation)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_is_none_leaves_the_picture_as_it_is(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = read(saved(picture(), "JPEG", quality=95, exif=exif))
    assert found.unchanged and close(found.image, picture())


@pytest.mark.parametrize("seed", range(20))
def test_damaged_exif_costs_no_picture(seed: int) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    data = bytearray(saved(picture(), "JPEG", quality=95, exif=exif))
    start = data.index(b"Exif\0\0") + 6
    length = struct.unpack(">H", data[start - 8 : start - 6])[0] - 8
    chance = random.Random(seed)
    for place in range(start, start + length):
        data[place] = chance.randrange(256)
    found = read(bytes(data))
    assert found.image.size in ((64, 40), (40, 64))


def test_grey_and_bilevel() -> None:
    grey = read(saved(picture().convert("L"), "PNG"))
    assert grey.unchanged and grey.image.mode == "RGB"
    assert close(grey.image, picture().convert("L").convert("RGB"), 0.1)
    assert read(saved(picture().convert("1"), "PNG")).image.mode == "RGB"


def test_cmyk_is_brought_to_rgb_and_its_bytes_are_not_handed_on() -> None:
    found = read(saved(picture().convert("CMYK"), "JPEG", quality=95))
    assert close(found.image, picture(), 12) and not found.unchanged


@pytest.mark.parametrize("mode", ["I;16", "I;16B"])
def test_sixteen_bits_are_scaled_and_not_clipped(mode: str) -> None:
    samples = np.linspace(0, 65535, 64 * 40).reshape(40, 64)
    image = Image.fromarray(samples.astype(">u2" if mode == "I;16B" else "<u2"))
    found = read(saved(image, "TIFF" if mode == "I;16B" else "PNG"))
    values = np.asarray(found.image)[..., 0].astype(int)
    assert np.abs(values - samples // 257).max() <= 1 and not found.unchanged


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_is_transparent_shows_white(mode: str) -> None:
    image = picture().convert(mode)
    image.putalpha(Image.fromarray(np.repeat([[0] * 32 + [255] * 32], 40, axis=0).astype(np.uint8)))
    found = read(saved(image, "PNG"))
    pixels = np.asarray(found.image)
    assert (pixels[:, :32] == 255).all() and not (pixels[:, 32:] == 255).all() and not found.unchanged


def test_a_palette_with_transparency_shows_white() -> None:
    image = Image.new("P", (8, 8), 0)
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.paste(1, (4, 0, 8, 8))
    found = read(saved(image, "PNG", transparency=0))
    assert found.image.getpixel((0, 0)) == (255, 255, 255) and found.image.getpixel((7, 7)) == (200, 100, 50)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame_is_taken(kind: str) -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "green", "blue")]
    found = read(saved(frames[0], kind, save_all=True, append_images=frames[1:]))
    assert close(found.image, frames[0], 8) and found.facts["frames"] == 3 and not found.unchanged


def test_one_pixel_is_an_image() -> None:
    assert read(saved(Image.new("RGB", (1, 1), "red"), "PNG")).image.size == (1, 1)


def test_too_elongated() -> None:
    assert "too elongated: 600x1" in reason(saved(Image.new("RGB", (600, 1)), "PNG"))
    assert read(saved(Image.new("RGB", (50, 1)), "PNG")).image.size == (50, 1)


@pytest.mark.parametrize("side", [1_100, 60_000])
def test_too_many_pixels_is_told_before_a_pixel_is_decoded(side: int) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000)))
    # Pillow refuses the larger one by itself, and in other words.
    seen = f"{side}x{side}" if side == 1_100 else str(side * side)
    assert reason(bomb) == f"too many pixels: {seen}, more than load.max_pixels={MOST}"


def test_the_user_may_allow_more_than_pillow_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert read(saved(picture(100, 100), "PNG")).image.size == (100, 100)


def test_a_size_that_only_shows_inside_is_limited_too() -> None:
    """An icon says 0x0 (256x256) in its header; the PNG within may be of any size."""
    inner = saved(Image.new("RGB", (3000, 3000)), "PNG")
    icon = struct.pack("<HHH", 0, 1, 1) + struct.pack("<BBBBHHII", 0, 0, 0, 0, 1, 32, len(inner), 22) + inner
    assert reason(icon)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "the file is empty"),
        (bytes(5000), "5000 zero bytes"),
        (b"<!DOCTYPE html><html>404</html>", "an HTML page"),
        (b'<?xml version="1.0"?><svg/>', "XML or SVG"),
        (b'{"error": "not found"}', "JSON"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "git-lfs pointer"),
        (b"\x80\x04\x95cos\nsystem\n(S'touch hacked'\ntR.", "bytes that begin with"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(hacked) (w) file\n", "PostScript"),
    ],
)
def test_what_is_no_image_is_called_what_it_is(data: bytes, told: str) -> None:
    assert told in reason(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_cut_anywhere_it_is_refused_and_never_filled_up(kind: str) -> None:
    data = saved(picture(), kind)
    for cut in random.Random(kind).sample(range(len(data) - 20), 40):
        assert reason(data[:cut])


def test_random_damage_never_does_more_than_refuse() -> None:
    chance = random.Random(5)
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"):
        whole = saved(picture(), kind)
        for _ in range(60):
            data = bytearray(whole)
            for _ in range(chance.randrange(1, 8)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            try:
                assert decode(bytes(data), MOST, ELONGATED).image.mode == "RGB"
            except UnreadableImage as error:
                assert str(error)


def test_what_is_encoded_is_read_back() -> None:
    assert close(Image.open(io.BytesIO(encode_jpeg(picture(), 95))), picture())
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(encode_png(picture())))), np.asarray(picture()))
    assert encode_jpeg(picture(), 95) == encode_jpeg(picture(), 95)
