"""The painting process as an animated GIF."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from spiral.exports.pictures import to_image
from spiral.files import write_atomically


def write_gif(path: Path, frames: npt.NDArray[np.uint8], milliseconds: int = 300, last: int = 1500) -> None:
    """Write frames uint8 [T, H, W, C] as an endless GIF, atomically.

    Args:
        path: the file.
        frames: at least one.
        milliseconds: how long a frame stays.
        last: how long the last one stays.

    Raises:
        InputError: the file cannot be written.
    """
    pictures: list[Image.Image] = [to_image(frame) for frame in frames]
    durations = [milliseconds] * (len(pictures) - 1) + [last]

    def save(temporary: Path) -> None:
        pictures[0].save(temporary, format="GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0)

    write_atomically(path, save)
