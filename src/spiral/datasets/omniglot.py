"""OMNIGLOT (Lake, Salakhutdinov and Tenenbaum 2015) from its official archives, and the splits of its characters.

`images_background.zip` holds 964 characters of 30 alphabets, `images_evaluation.zip` 659 of 20 others; inside are
`images_background/ALPHABET/characterNN/####_DD.png`, DD the drawer, 1 to 20, 105x105 pixels, black on white.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from spiral.datasets import glyphs
from spiral.datasets.archives import zip_entries
from spiral.datasets.base import Dataset
from spiral.errors import InputError
from spiral.io.files import read_bytes

SIZE = 105
HELD_OUT_DRAWERS = 4
"""In splits by drawer, the last of the 20 are held out."""
_PICTURE = re.compile(r"([^/]+)/(character\d+)/\d+_(\d\d)\.png$")
_PICTURE_BYTES = 2**20
_PICTURES = 100_000

Part = Literal["background", "evaluation"]
PARTS: tuple[Part, Part] = ("background", "evaluation")
Characters = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], npt.NDArray[np.int64]]
"""Images uint8 [N, 105, 105, 1], white on black; the character's number int64 [N]; the drawer's int64 [N]."""


def is_omniglot(folder: Path) -> bool:
    """Whether a folder holds OMNIGLOT's archives, or their unpacked folders."""
    # os.path returns False where pathlib raises: names too long, unreadable folders.
    archives = (folder / f"images_{part}.zip" for part in PARTS)
    return any(os.path.isfile(path) or os.path.isdir(path.with_suffix("")) for path in archives)


def load_characters(source: str | Path, split: Literal["train", "test"] | None, by_drawer: bool) -> Dataset:
    """OMNIGLOT from a folder, or the drawn stand-in `glyphs`.

    Pictures are inverted to white on black, like MNIST's, so that agents of one can redraw the other. Labels number
    the characters, those of the evaluation alphabets after the others.

    Args:
        source: `glyphs`, or a folder for which `is_omniglot`.
        split: by alphabet, `train` is the 30 background alphabets and `test` the 20 evaluation alphabets; all when
            None.
        by_drawer: instead, `train` is the first 16 drawers of every character and `test` the last 4.

    Raises:
        InputError: an archive is missing, broken, or holds something else; fonts are missing.
    """
    background, evaluation = PARTS
    parts = PARTS if split is None or by_drawer else (background,) if split == "train" else (evaluation,)
    loaded = [_part(source, part) for part in parts]
    images, characters, drawers = (np.concatenate(arrays) for arrays in zip(*loaded, strict=True))
    if by_drawer and split is not None:
        held_out = drawers >= glyphs.DRAWERS - HELD_OUT_DRAWERS
        rows = held_out if split == "test" else ~held_out
        images, characters = images[rows], characters[rows]
    return Dataset(str(source), images, characters)


def _part(source: str | Path, part: Part) -> Characters:
    if source == "glyphs":
        return glyphs.load_glyphs(part)
    folder = Path(source)
    archive, unpacked = folder / f"images_{part}.zip", folder / f"images_{part}"
    if archive.is_file():
        return _collect(archive, zip_entries(archive, _is_picture, _PICTURE_BYTES), part)
    if unpacked.is_dir():
        files = sorted(path for path in unpacked.rglob("*.png") if path.is_file())
        found = ((str(path.relative_to(unpacked)), read_bytes(path, _PICTURE_BYTES)) for path in files)
        return _collect(unpacked, found, part)
    raise InputError(f"{folder} holds neither images_{part}.zip nor a folder images_{part}")


def _is_picture(path: PurePosixPath) -> bool:
    return path.suffix.lower() == ".png"


def _collect(path: Path, pictures: Iterator[tuple[str, bytes]], part: Part) -> Characters:
    images: list[npt.NDArray[np.uint8]] = []
    numbers: dict[tuple[str, str], int] = {}
    characters: list[int] = []
    drawers: list[int] = []
    first = 0 if part == "background" else sum(alphabet.count for alphabet in glyphs.BACKGROUND)
    for name, data in pictures:
        match = _PICTURE.search(name)
        if match is None:
            raise InputError(f"{path}: {name} is not named ALPHABET/characterNN/####_DD.png")
        if len(images) == _PICTURES:
            raise InputError(f"{path} holds more than {_PICTURES} pictures")
        alphabet, character, drawer = match.groups()
        images.append(_picture(f"{path}: {name}", data))
        characters.append(first + numbers.setdefault((alphabet, character), len(numbers)))
        drawers.append(int(drawer) - 1)
    if not images:
        raise InputError(f"{path} holds no pictures of characters")
    return np.stack(images), np.array(characters), np.array(drawers)


def _picture(name: str, data: bytes) -> npt.NDArray[np.uint8]:
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
            if picture.size != (SIZE, SIZE):
                raise InputError(f"{name} has {picture.width}x{picture.height} pixels, not {SIZE}x{SIZE}")
            return 255 - np.asarray(picture.convert("L"), np.uint8)[..., None]
    except InputError:
        raise
    except Exception as error:  # Pillow's decoders raise nearly every kind of exception on broken files
        raise InputError(f"{name} is not a readable picture: {error}") from error
