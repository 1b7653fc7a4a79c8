"""Data sets in NumPy's files: `.npz` of this package, of Keras and of MedMNIST, and `.npy` such as Quick, Draw!'s."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spiral.datasets.archives import MAXIMUM_BYTES
from spiral.datasets.arrays import as_pictures, on_ground
from spiral.datasets.base import Dataset, Split, held_out
from spiral.errors import InputError

ENDINGS = (".npz", ".npy")
_SPLIT = {"train": ("x_train", "train_images", "X_train"), "test": ("x_test", "test_images", "X_test")}
_WHOLE = ("images", "x", "X", "data", "arr_0")
_LABELS = {
    "images": "labels", "x": "y", "X": "y", "data": "labels", "arr_0": "arr_1",
    "x_train": "y_train", "x_test": "y_test", "X_train": "y_train", "X_test": "y_test",
    "train_images": "train_labels", "test_images": "test_labels",
}  # fmt: skip
"""The labels' name for each name of pictures."""


def load_numpy(path: Path, split: Split | None) -> Dataset:
    """The pictures, and the labels if any, of an `.npz` or `.npy`.

    Pictures are looked for under the names `images`, `x`, `X`, `data` and `arr_0`, or, split as the file is, `x_train`
    and `x_test` or `train_images` and `test_images`; for types and shapes see `as_pictures`. Transparent ones lie on
    white.

    Args:
        path: the file.
        split: `train` or `test`, or all when None; without a split in the file every tenth picture is held out.

    Raises:
        InputError: missing, truncated, pickled, other names, or arrays of other shapes and types.
    """
    arrays = _read(path)
    whole = next((name for name in _WHOLE if name in arrays), None)
    if whole is not None:
        data = _dataset(path, arrays, whole)
        return data if split is None else held_out(data, split)
    names = {part: next((name for name in known if name in arrays), None) for part, known in _SPLIT.items()}
    wanted = [name for part, name in names.items() if name is not None and split in (None, part)]
    if not wanted:
        looked_for = ", ".join([*_WHOLE, *_SPLIT["train"], *_SPLIT["test"]])
        raise InputError(f"{path} holds no array of pictures, only {sorted(arrays)}; looked for: {looked_for}")
    parts = [_dataset(path, arrays, name) for name in wanted]
    labels = [data.labels for data in parts if data.labels is not None]
    try:
        images = np.concatenate([data.images for data in parts])
    except ValueError as error:
        raise InputError(f"{path}: its pictures to train and to test have different sizes") from error
    return Dataset(str(path), images, np.concatenate(labels) if len(labels) == len(parts) else None)


def _read(path: Path) -> Mapping[str, npt.NDArray[Any]]:
    try:
        if path.suffix.lower() == ".npy":
            if path.stat().st_size > MAXIMUM_BYTES:
                raise InputError(f"{path} is larger than {MAXIMUM_BYTES} bytes")
            return {"images": np.load(path, allow_pickle=False)}
        with zipfile.ZipFile(path) as archive:
            if (total := sum(entry.file_size for entry in archive.infolist())) > MAXIMUM_BYTES:
                raise InputError(f"{path} unpacks to {total} bytes, more than {MAXIMUM_BYTES}")
        known = {*_WHOLE, *(name for names in _SPLIT.values() for name in names), *_LABELS.values()}
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] if name in known else np.empty(0) for name in arrays.files}
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except Exception as error:  # NumPy parses the headers as Python, and raises nearly every kind of exception
        reason = " ".join(str(error).split()) or type(error).__name__
        if "pickle" in reason:  # NumPy's advice would be to run whatever is in the file
            reason = "it holds Python objects, which are never loaded; save arrays of numbers"
        raise InputError(f"{path} is not a whole {path.suffix} file: {reason}") from error


def _dataset(path: Path, arrays: Mapping[str, npt.NDArray[Any]], name: str) -> Dataset:
    for key in (name, _LABELS[name]):  # NumPy returns the bytes of whatever else is in an archive
        if key in arrays and not isinstance(arrays[key], np.ndarray):
            raise InputError(f"{path}: {key} is no array")
    images = on_ground(as_pictures(arrays[name], str(path)))
    labels = arrays.get(_LABELS[name])
    return Dataset(str(path), images, None if labels is None else _numbers(labels, len(images)))


def _numbers(labels: npt.NDArray[Any], count: int) -> Any:
    """Labels of `count` pictures as int64 [N] if they are whole numbers or one-hot rows.

    Others are left for `Dataset` to refuse: an array without values may claim any shape.
    """
    if labels.shape[:1] != (count,) or not labels.size:
        return labels
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2 and labels.dtype.kind in "iufb" and (labels.astype(bool).sum(axis=1) == 1).all():
        labels = labels.argmax(axis=1)
    is_float = labels.dtype.kind == "f"
    whole = labels.dtype.kind in "iub" or (is_float and np.isfinite(labels).all() and (labels == labels.round()).all())
    return labels.astype(np.int64) if whole else labels
