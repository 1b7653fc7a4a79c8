"""Writing single pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from spiral.files import write_atomically


def to_image(pixels: npt.NDArray[np.uint8]) -> Image.Image:
    """A Pillow picture of uint8 [H, W, C], C 1 or 3."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def write_png(path: Path, pixels: npt.NDArray[np.uint8]) -> None:
    """Write uint8 [H, W, C] as a PNG, atomically.

    Raises:
        InputError: the file cannot be written.
    """
    picture = to_image(pixels)
    write_atomically(path, lambda temporary: picture.save(temporary, format="PNG"))
