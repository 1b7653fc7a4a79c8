"""Readers of archive formats: MNIST's IDX files, NumPy's `.npz` and zip, checked before use and limited in size."""

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

from spiral.datasets.base import Dataset
from spiral.errors import InputError

MAXIMUM_BYTES = 8 * 2**30
_UNSIGNED_BYTES = 0x08
IDX_NAMES = {"train": "train", "test": "t10k"}


def read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """An IDX file of unsigned bytes (yann.lecun.com/exdb/mnist), plain or `.gz`.

    Raises:
        InputError: missing, truncated, another type, or longer than its header says.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
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


def find_idx(folder: Path, split: str) -> tuple[Path, Path] | None:
    """The image and label file of a split in a folder of MNIST's archives, or None where there is none."""
    stem = IDX_NAMES[split]
    for ending in ("-ubyte.gz", "-ubyte"):
        images, labels = folder / f"{stem}-images-idx3{ending}", folder / f"{stem}-labels-idx1{ending}"
        if images.is_file():
            return images, labels
    return None


def load_idx(images: Path, labels: Path) -> Dataset:
    """MNIST from a pair of IDX files.

    Raises:
        InputError: one of them cannot be read, or they do not belong together.
    """
    pixels, classes = read_idx(images), read_idx(labels)
    if pixels.ndim != 3 or classes.ndim != 1:
        raise InputError(f"{images} and {labels} must have 3 and 1 dimensions, got {pixels.ndim} and {classes.ndim}")
    return Dataset(str(images.parent), pixels[..., None], classes.astype(np.int64))


def load_npz(path: Path) -> Dataset:
    """An `.npz` with `images` uint8 [N, H, W] or [N, H, W, C] and, if any, `labels` [N].

    Raises:
        InputError: missing, truncated, pickled, or arrays of other shapes and types.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if (total := sum(entry.file_size for entry in archive.infolist())) > MAXIMUM_BYTES:
                raise InputError(f"{path} unpacks to {total} bytes, more than {MAXIMUM_BYTES}")
        with np.load(path, allow_pickle=False) as arrays:
            if "images" not in arrays:
                raise InputError(f"{path} holds no array called 'images', only {sorted(arrays.files)}")
            images = arrays["images"]
            labels = arrays.get("labels")
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, KeyError, NotImplementedError, MemoryError) as error:
        raise InputError(f"{path} is not a whole .npz file without pickles: {error}") from error
    if images.ndim == 3:
        images = images[..., None]
    if labels is not None and labels.dtype.kind in "iu":
        labels = labels.astype(np.int64)
    return Dataset(str(path), images, labels)


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
                if entry.is_dir() or "__MACOSX" in inside.parts or not wanted(inside):
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
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise InputError(f"{path} is not a whole zip archive: {error}") from error
