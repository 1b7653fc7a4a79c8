"""Readers of archive formats: MNIST's IDX files and zip, checked before use and limited in size."""

from __future__ import annotations

import gzip
import math
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from spiral.datasets.base import Dataset, Split, held_out
from spiral.datasets.layouts import MNIST, NAMES, Layout
from spiral.datasets.pictures import is_hidden
from spiral.errors import InputError

MAXIMUM_BYTES = 8 * 2**30
_UNSIGNED_BYTES = 0x08
_STEMS = {"train": "train", "test": "t10k"}


def read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """An IDX file of unsigned bytes (yann.lecun.com/exdb/mnist), plain or `.gz`.

    Raises:
        InputError: missing, truncated, another type, or longer than its header says.
    """
    try:
        with path.open("rb") as opened, gzip.open(opened) if _is_packed(path) else opened as stream:
            head = stream.read(4)
            if len(head) < 4 or head[:2] != b"\0\0":
                raise InputError(f"{path} is not an IDX file")
            if head[2] != _UNSIGNED_BYTES or not 1 <= head[3] <= 4:
                raise InputError(f"{path} holds type 0x{head[2]:02x} in {head[3]} dimensions, not bytes in 1 to 4")
            lengths = stream.read(4 * head[3])
            if len(lengths) < 4 * head[3]:
                raise InputError(f"{path} is truncated in its header")
            shape = struct.unpack(f">{head[3]}I", lengths)
            count = math.prod(shape)
            if count > MAXIMUM_BYTES:
                raise InputError(f"{path} claims {count} bytes, more than {MAXIMUM_BYTES}")
            data = stream.read(count + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    if len(data) != count:
        raise InputError(f"{path} holds {'more' if len(data) > count else 'fewer'} bytes than its header says: {count}")
    return np.frombuffer(data, np.uint8).reshape(shape)


def _is_packed(path: Path) -> bool:
    """Whether a file is gzip's, by its content: browsers unpack archives and keep their names."""
    with path.open("rb") as stream:
        return stream.read(2) == b"\x1f\x8b"


def load_mnist(folder: Path, layout: Layout, split: Split | None) -> Dataset:
    """MNIST's pictures and labels; of one archive alone every tenth picture is held out.

    Args:
        folder: as the user named it.
        layout: its files, from `find_layout`.
        split: `train` or `test`, or all when None.

    Raises:
        InputError: a file is missing or broken, or pictures and labels do not belong together.
    """
    stems = {part: stem for part, stem in _STEMS.items() if f"{stem}-images" in layout.parts}
    if not stems:
        raise InputError(f"{folder} holds labels of MNIST without pictures; looked for: {NAMES[MNIST]}")
    if split is None or len(stems) == 1:
        parts = [_pair(folder, layout, stem) for stem in stems.values()]
        whole = Dataset(
            str(folder),
            np.concatenate([images for images, _ in parts]),
            np.concatenate([labels for _, labels in parts]),
        )
        return whole if split is None else held_out(whole, split)
    return Dataset(str(folder), *_pair(folder, layout, stems[split]))


def _pair(folder: Path, layout: Layout, stem: str) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    images = layout.parts[f"{stem}-images"]
    if (labels := layout.parts.get(f"{stem}-labels")) is None:
        raise InputError(f"{folder} holds {images.name} without {stem}-labels-idx1-ubyte (or .gz)")
    pixels, classes = read_idx(images), read_idx(labels)
    if pixels.ndim != 3 or classes.shape != pixels.shape[:1]:
        raise InputError(
            f"{images} and {labels} do not belong together: their shapes are {pixels.shape} and {classes.shape}"
        )
    return pixels[..., None], classes.astype(np.int64)


def zip_entries(path: Path, wanted: Callable[[PurePosixPath], bool], limit: int) -> Iterator[tuple[str, bytes]]:
    """Names and contents of a zip archive's wanted files, sorted by name; nothing is unpacked to disk.

    Args:
        path: the archive.
        wanted: whether to read a file, by its path in the archive.
        limit: the most bytes a file may have.

    Raises:
        InputError: the archive is missing or broken, a path leads out of it, or a file is larger than `limit`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in sorted(archive.infolist(), key=lambda entry: entry.filename):
                inside = PurePosixPath(entry.filename.replace("\\", "/"))
                if inside.is_absolute() or ".." in inside.parts:
                    raise InputError(f"{path}: the path {entry.filename!r} leads out of the archive")
                if not entry.filename or entry.is_dir() or any(map(is_hidden, inside.parts)) or not wanted(inside):
                    continue
                with archive.open(entry) as stream:
                    data = stream.read(limit + 1)  # the sizes in the archive's header may be wrong
                if len(data) > limit:
                    raise InputError(f"{path}: {entry.filename} has more than {limit} bytes")
                yield entry.filename, data
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except Exception as error:  # zipfile and its decompressors raise nearly every kind of exception on broken files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path} is not a whole zip archive: {reason}") from error
