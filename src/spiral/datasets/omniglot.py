"""OMNIGLOT (Lake, Salakhutdinov and Tenenbaum 2015) from its official archives, and the splits of its characters.

`images_background.zip` holds 964 characters of 30 alphabets, `images_evaluation.zip` 659 of 20 others; inside are
`images_background/ALPHABET/characterNN/####_DD.png`, DD the drawer, 1 to 20, 105x105 pixels, black on white.
"""

from __future__ import annotations

import io
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
from spiral.datasets.layouts import Layout
from spiral.datasets.pictures import find_images
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


def load_characters(
    source: str, layout: Layout | None, split: Literal["train", "test"] | None, by_drawer: bool
) -> Dataset:
    """OMNIGLOT from a folder, or the drawn stand-in `glyphs`.

    Pictures are inverted to white on black, like MNIST's, so that agents of one can redraw the other. Labels number
    the characters, those of the evaluation alphabets after the others.

    Args:
        source: `glyphs`, or a folder as the user named it.
        layout: the folder's files, from `find_layout`; None for `glyphs`.
        split: by alphabet, `train` is the 30 background alphabets and `test` the 20 evaluation alphabets; all when
            None.
        by_drawer: instead, `train` is the first 16 drawers of every character and `test` the last 4.

    Raises:
        InputError: an archive is missing, broken, or holds something else; fonts are missing.
    """
    background, evaluation = PARTS
    parts = PARTS if split is None or by_drawer else (background,) if split == "train" else (evaluation,)
    loaded = [_part(source, layout, part) for part in parts]
    images, characters, drawers = (np.concatenate(arrays) for arrays in zip(*loaded, strict=True))
    if by_drawer and split is not None:
        held_out = drawers >= glyphs.DRAWERS - HELD_OUT_DRAWERS
        rows = held_out if split == "test" else ~held_out
        images, characters = images[rows], characters[rows]
    return Dataset(source, images, characters)


def _part(source: str, layout: Layout | None, part: Part) -> Characters:
    if layout is None:
        return glyphs.load_glyphs(part)
    if part not in layout.parts:
        where = next(iter(layout.parts.values())).parent
        raise InputError(f"{where} holds OMNIGLOT without images_{part}.zip or a folder images_{part}")
    place = layout.parts[part]
    if place.is_file():
        return _collect(place, zip_entries(place, _is_picture, _PICTURE_BYTES), part)
    files = [path for path in find_images(place) if _is_picture(PurePosixPath(path.name))]
    found = ((path.relative_to(place).as_posix(), read_bytes(path, _PICTURE_BYTES)) for path in files)
    return _collect(place, found, part)


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
