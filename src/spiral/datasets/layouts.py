"""Where the files of known data sets lie in a folder: as published, as torchvision or Kaggle arrange them, or apart.

Files are looked for in the folder and in those one or two levels below it. If a folder holds more than one data set,
the user must choose: read as plain pictures they would have the wrong polarity, crop and split.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from spiral.datasets.pictures import ENDINGS, is_hidden
from spiral.errors import InputError

MNIST, OMNIGLOT, CELEBA = "MNIST", "OMNIGLOT", "CelebA"
PICTURES, PARTITION = "pictures", "partition"
"""The two parts of CelebA."""
_LEVELS = 3
_ARCHIVE = ".zip"
_FILES = {
    MNIST: re.compile(r"(train|t10k)-(images|labels)[-.]idx[13]-ubyte(\.gz)?"),
    OMNIGLOT: re.compile(r"images_(background|evaluation)\.zip"),
    CELEBA: re.compile(r"img_align_celeba\.zip|list_eval_partition\.(txt|csv)"),
}
_FOLDERS = {OMNIGLOT: re.compile(r"images_(background|evaluation)"), CELEBA: re.compile(r"img_align_celeba")}
NAMES = {
    MNIST: "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte "
    "(each also with .gz)",
    OMNIGLOT: "images_background, images_evaluation (folders or .zip)",
    CELEBA: "img_align_celeba (a folder or .zip), list_eval_partition.txt (or .csv)",
}
"""The names that are looked for, for messages."""


@dataclass(frozen=True)
class Layout:
    """A known data set's files.

    Attributes:
        kind: `MNIST`, `OMNIGLOT` or `CELEBA`.
        parts: a file or folder for each part that was found: `train-images` and so on for MNIST, `background` and
            `evaluation` for OMNIGLOT, `pictures` and `partition` for CelebA.
    """

    kind: str
    parts: dict[str, Path]


@dataclass(frozen=True)
class _Found:
    kind: str
    part: str
    path: Path
    level: int


def find_layout(folder: Path) -> Layout | None:
    """The known data set that a folder holds; None for other folders, and for what is no folder.

    Raises:
        InputError: it holds several, or one twice, or one below and other pictures.
    """
    if not os.path.isdir(folder):  # unlike Path.is_dir it never raises
        return None
    found = list(_walk(folder, 0))
    if not found:
        return None
    if len(kinds := sorted({one.kind for one in found})) > 1:
        places = ", ".join(f"{kind} in {next(one.path.parent for one in found if one.kind == kind)}" for kind in kinds)
        raise InputError(f"{folder} holds several data sets: {places}; name one of these folders")
    if min(one.level for one in found) > 0 and _has_pictures(folder):
        where = found[0].path.parent
        raise InputError(
            f"{folder} holds pictures and, in {where}, {kinds[0]}; name {where}, or put the pictures apart"
        )
    parts = {part: _nearest(folder, [one for one in found if one.part == part]) for part in {one.part for one in found}}
    if kinds[0] == CELEBA and PICTURES not in parts:
        beside = parts[PARTITION].parent
        if (other := _other_archive(beside)) or _has_pictures(beside):
            parts[PICTURES] = other or beside
    return Layout(kinds[0], parts)


def _walk(folder: Path, level: int) -> Iterator[_Found]:
    below: list[Path] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if is_hidden(entry.name):
                    continue
                is_folder = entry.is_dir()
                for kind, pattern in (_FOLDERS if is_folder else _FILES).items():
                    if match := pattern.fullmatch(entry.name):
                        yield _Found(kind, _part(kind, match), Path(entry.path), level)
                        break
                else:
                    if is_folder:
                        below.append(Path(entry.path))
    except OSError:
        return  # a folder that may not be read holds nothing for us
    if level + 1 < _LEVELS:
        for path in sorted(below):
            yield from _walk(path, level + 1)


def _part(kind: str, match: re.Match[str]) -> str:
    if kind == MNIST:
        return f"{match[1]}-{match[2]}"
    if kind == OMNIGLOT:
        return match[1]
    return PARTITION if match[0].startswith("list") else PICTURES


def _nearest(folder: Path, found: list[_Found]) -> Path:
    """The one with the fewest folders above it; of two side by side the archive.

    Raises:
        InputError: there are two in different folders.
    """
    level = min(one.level for one in found)
    nearest = [one.path for one in found if one.level == level]
    if len(parents := sorted({path.parent for path in nearest})) > 1:
        raise InputError(
            f"{folder} holds {found[0].kind} more than once, in {parents[0]} and {parents[1]}; name one of them"
        )
    return min(nearest, key=lambda path: (path.suffix not in (_ARCHIVE, ".gz"), path.name))


def _has_pictures(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        return any(
            os.path.splitext(entry.name)[1].lower() in ENDINGS and not is_hidden(entry.name) for entry in entries
        )


def _other_archive(folder: Path) -> Path | None:
    """The only archive beside the partition, for reduced copies under another name."""
    archives = sorted(path for path in folder.glob(f"*{_ARCHIVE}") if not is_hidden(path.name))
    return archives[0] if len(archives) == 1 else None
