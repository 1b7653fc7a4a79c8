"""CelebA's aligned faces (Liu et al. 2015) from the official files, cropped and reduced to the size of SPIRAL 4.5.

A folder holds `img_align_celeba.zip`, or its unpacked folder, and `list_eval_partition.txt` or Kaggle's `.csv`, which
assigns each picture to training (0), validation (1) or test (2). Pictures are 178x218. One archive of another name
beside the partition is read, too, for copies that someone has reduced: square pictures are taken whole.
"""

from __future__ import annotations

import codecs
import itertools
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

import numpy as np

from spiral.datasets.archives import zip_entries
from spiral.datasets.base import Dataset, Split
from spiral.datasets.layouts import CELEBA, NAMES, PARTITION, PICTURES, Layout
from spiral.datasets.pictures import decode_centre
from spiral.errors import InputError
from spiral.io.files import read_bytes

CROP = 160
"""Side of the centre square that is kept; the paper only says 64x64."""
_PICTURE_BYTES = 2**20
_PARTITION_BYTES = 64 * 2**20
_AT_A_TIME = 1024
_HEADER = ["image_id", "partition"]
"""The first line of Kaggle's partition."""

_PARTS = {"train": (0,), "test": (2,), None: (0, 1, 2)}


def load_celeba(folder: Path, layout: Layout, split: Split | None, size: int, channels: int) -> Dataset:
    """The pictures of a split, in the partition's order.

    All 162,770 of `train` take 2.0 GB at 64x64 in colour, and 0.5 GB at 32x32.

    Args:
        folder: as the user named it.
        layout: its files, from `find_layout`.
        split: `train` or `test`, or all, with the validation pictures, when None.
        size: side S in pixels.
        channels: 1 or 3.

    Raises:
        InputError: the partition or one of its pictures is missing or broken.
    """
    if absent := [part for part in (PICTURES, PARTITION) if part not in layout.parts]:
        raise InputError(f"{folder} holds CelebA without its {absent[0]}; looked for: {NAMES[CELEBA]}")
    partition = layout.parts[PARTITION]
    names = _names(partition, split)
    places = {name: index for index, name in enumerate(names)}
    images = np.empty((len(names), size, size, channels), np.uint8)
    found: set[str] = set()

    def take(entry: tuple[str, bytes]) -> None:
        name, data = entry
        images[places[name]] = decode_centre(data, f"{folder}: {name}", CROP, size, channels)

    pictures = _pictures(layout.parts[PICTURES], places)
    with ThreadPoolExecutor() as pool:
        while chunk := list(itertools.islice(pictures, _AT_A_TIME)):
            found |= {name for name, _ in chunk}
            list(pool.map(take, chunk))
    if missing := sorted(places.keys() - found):
        raise InputError(f"{folder}: {len(missing)} pictures of {partition.name} are missing, {missing[0]} first")
    return Dataset(str(folder), images)


def _names(partition: Path, split: Split | None) -> list[str]:
    data = read_bytes(partition, _PARTITION_BYTES)
    # Spreadsheets save tables in other encodings, with quotes, and in some countries with semicolons.
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    text = data.decode(encoding, errors="replace")
    names: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = [word.strip('"') for word in re.split(r"[,;\s]+", line.strip())]
        if not line.strip() or (number == 1 and words == _HEADER):
            continue
        if len(words) != 2 or words[1] not in ("0", "1", "2") or "/" in words[0] or "\\" in words[0]:
            raise InputError(f"{partition}, line {number}: expected a file's name and 0, 1 or 2, got {line[:80]!r}")
        if int(words[1]) in _PARTS[split]:
            names.append(words[0])
    if not names:
        raise InputError(f"{partition} names no pictures of the split {split or 'all'!r}")
    if len(set(names)) != len(names):
        raise InputError(f"{partition} names a picture twice")
    return names


def _pictures(source: Path, wanted: dict[str, int]) -> Iterator[tuple[str, bytes]]:
    if source.is_file():

        def chosen(path: PurePosixPath) -> bool:
            return path.name in wanted

        return ((PurePosixPath(name).name, data) for name, data in zip_entries(source, chosen, _PICTURE_BYTES))
    inner = source / source.name  # Kaggle's archive unpacks to a folder inside one of the same name
    place = inner if inner.is_dir() else source
    present = (name for name in wanted if (place / name).is_file())
    return ((name, read_bytes(place / name, _PICTURE_BYTES)) for name in present)
