"""Make a small picture of a large one. The one rule: a picture that cannot be shrunk cheaply is shown without a
thumbnail; nothing else depends on it.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from typing import Final

LONGEST_SIDE: Final = 480
MOST_PIXELS: Final = 24_000_000
"""A few bytes can claim any number of pixels; decoded, these need 96 MB."""
MOST_PIXELS_OF_JPEG: Final = 100_000_000
"""A JPEG is decoded at a fraction of its size."""
FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF")
_OF_DECODERS: Final = (
    ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, OSError, RuntimeError, SyntaxError, TypeError,
    ValueError, struct.error, zlib.error,
)  # fmt: skip
"""Whatever decoders say of broken pictures."""


def thumbnail(image: bytes | bytearray) -> bytes | None:
    """A WebP picture of at most 480 × 480 pixels, upright, without the original's metadata; None for what is no
    picture, has too many pixels, or is small already.
    """
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(image), formats=FORMATS) as opened:
                width, height = opened.size
                most = MOST_PIXELS_OF_JPEG if opened.format == "JPEG" else MOST_PIXELS
                if width * height > most or max(width, height) <= LONGEST_SIDE:
                    return None
                opened.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
                opened.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
                upright = ImageOps.exif_transpose(opened)
                shown = upright if upright.mode in {"RGB", "RGBA"} else upright.convert("RGBA")
                made = io.BytesIO()
                shown.save(made, "WEBP", quality=80, exif=b"", icc_profile=b"")
                return made.getvalue()
    except (*_OF_DECODERS, Image.DecompressionBombError):
        return None
