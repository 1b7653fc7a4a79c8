"""Single pictures: arrays as Pillow images, their shape, and PNG files."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from spiral.io.files import write_atomically


def to_image(pixels: npt.NDArray[np.uint8]) -> Image.Image:
    """A Pillow picture of uint8 [H, W, C], C 1 or 3."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def shown_size(size: int, aspect: float) -> tuple[int, int]:
    """Width and height of a picture whose longer side is `size` and whose width is `aspect` times its height."""
    return (size, max(1, round(size / aspect))) if aspect >= 1.0 else (max(1, round(size * aspect)), size)


def stretch(pixels: npt.NDArray[np.uint8], aspect: float) -> npt.NDArray[np.uint8]:
    """A square uint8 [S, S, C] reduced in one direction, with antialiasing, to width `aspect` times the height."""
    picture = to_image(pixels).resize(shown_size(pixels.shape[0], aspect), Image.Resampling.BILINEAR)
    return np.asarray(picture, np.uint8).reshape(picture.height, picture.width, pixels.shape[2])


def png_bytes(picture: Image.Image) -> bytes:
    """A Pillow picture as a PNG file's content."""
    stream = io.BytesIO()
    picture.save(stream, format="PNG")
    return stream.getvalue()


def write_png(path: Path, pixels: npt.NDArray[np.uint8]) -> None:
    """Write uint8 [H, W, C] as a PNG, atomically.

    Raises:
        InputError: the file cannot be written.
    """
    picture = to_image(pixels)
    write_atomically(path, lambda temporary: picture.save(temporary, format="PNG"))
