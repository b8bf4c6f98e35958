"""Small pictures of large ones, and of what only claims to be one."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from parley.services.shrink import LONGEST_SIDE, thumbnail

SAMPLES = Path(__file__).parents[2] / "local" / "simulator" / "samples"


def picture(size: tuple[int, int], form: str = "PNG", mode: str = "RGB", **options: object) -> bytes:
    made = io.BytesIO()
    Image.effect_noise((64, 64), 90).resize(size).convert(mode).save(made, form, **options)
    return made.getvalue()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
@pytest.mark.parametrize("size", [(1200, 800), (700, 3000)])
def test_a_large_picture_becomes_a_small_one_of_the_same_shape(form: str, size: tuple[int, int]) -> None:
    made = thumbnail(picture(size, form))
    assert made is not None
    with Image.open(io.BytesIO(made)) as small:
        assert small.format == "WEBP"
        assert max(small.size) == LONGEST_SIDE
        assert small.width / small.height == pytest.approx(size[0] / size[1], rel=0.02)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK"])
def test_every_way_to_hold_colours_is_understood(mode: str) -> None:
    assert thumbnail(picture((900, 600), "JPEG" if mode == "CMYK" else "PNG", mode)) is not None


def test_a_phones_picture_stands_upright_and_tells_nothing_of_its_owner() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # lying on its side
    exif[0x010F] = "Marta's phone"
    made = thumbnail(picture((1000, 500), "JPEG", exif=exif))
    assert made is not None
    with Image.open(io.BytesIO(made)) as small:
        assert small.size == (240, 480)
        assert dict(small.getexif()) == {}
    assert b"Marta" not in made


def test_a_small_picture_is_its_own_thumbnail() -> None:
    assert thumbnail(picture((LONGEST_SIDE, 20))) is None


def test_a_bomb_is_not_decoded() -> None:
    side = 60_000
    rows = zlib.compress(b"\0" * 1000)

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    assert thumbnail(bomb) is None
    below_pillows_own_bound = bomb.replace(header, struct.pack(">IIBBBBB", 6000, 6000, 8, 2, 0, 0, 0))
    assert thumbnail(below_pillows_own_bound) is None


def test_what_is_no_picture_or_a_broken_one_has_none() -> None:
    whole = picture((1000, 1000), "JPEG")
    for broken in (b"", b"GIF89a", b"<svg/>", b"%PDF-1.7", whole[:200], whole[: len(whole) // 2], whole[:60] * 30):
        assert thumbnail(broken) is None
    assert thumbnail((SAMPLES / "order.pdf").read_bytes()) is None


def test_formats_that_nobody_sends_are_not_opened() -> None:
    made = io.BytesIO()
    Image.new("RGB", (1000, 1000)).save(made, "TIFF")
    assert thumbnail(made.getvalue()) is None
