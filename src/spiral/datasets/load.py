"""One function for every source of pictures."""

from __future__ import annotations

import os
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from spiral.datasets import numpy_files
from spiral.datasets.archives import load_mnist
from spiral.datasets.base import Dataset, Split, belongs, held_out
from spiral.datasets.celeba import load_celeba
from spiral.datasets.layouts import CELEBA, NAMES, OMNIGLOT, Layout, find_layout
from spiral.datasets.numpy_files import load_numpy
from spiral.datasets.omniglot import load_characters
from spiral.datasets.photos import is_photos, load_photos
from spiral.datasets.pictures import ENDINGS, find_images, fit_image, fit_readable, recolour, resize
from spiral.datasets.scenes import is_scenes, load_scenes, programs_beside
from spiral.errors import InputError, cannot_import

BUILT_IN = {
    "mnist-sample": "9,000 handwritten digits of MNIST, 8,000 to train and 1,000 held out",
    "glyphs": "1,623 characters of 50 scripts by 20 hands, drawn from fonts-noto-core; 20 scripts held out",
    "scenes": "11,000 scenes of 1 to 5 objects rendered by MuJoCo, 1,000 held out",
    "photos": "11,000 crops of 15 photographs inside scikit-image and scikit-learn; 3 photographs held out",
}
HUGGING_FACE = "hf:"
BY_DRAWER = "by-drawer:"
_SAMPLE_TRAIN = 8000
_TABLES = (".csv", ".tsv", ".h5", ".hdf5", ".parquet", ".arrow", ".mat", ".pkl", ".pickle", ".pt", ".pth", ".tfrecord")
"""Endings of data sets that are not read."""


def load(source: str | Path, size: int, channels: int, split: Split | None = None) -> Dataset:
    """Pictures from any source, resized with antialiasing to `size` x `size` and turned grey or coloured.

    Args:
        source: a name in `BUILT_IN`; a folder with the files of MNIST (IDX), OMNIGLOT or CelebA, there or up to two
            levels below; a folder of pictures, searched recursively in sorted order; a picture; an `.npz` or `.npy`;
            `photos:FOLDER` for random crops of a folder's pictures; `scenes:COUNT` for so many scenes to train on; or
            `hf:NAME` for a Hugging Face data set (extra `huggingface`). `by-drawer:` before OMNIGLOT's folder or
            `glyphs` splits by drawer.
        size: side in pixels.
        channels: 1 or 3.
        split: `train`, `test`, or all when None. OMNIGLOT holds out alphabets; where the source has no split, every
            tenth picture is held out.

    Raises:
        InputError: the source is missing, broken, or holds nothing for this split.
    """
    name = str(source)
    plain = name.removeprefix(BY_DRAWER)
    layout = _layout(plain)
    kind = None if layout is None else layout.kind
    if plain == "glyphs" or kind == OMNIGLOT:
        data = load_characters(plain, layout, split, by_drawer=plain != name)
    elif plain != name:
        raise InputError(f"{plain} cannot be split by drawer: it is neither glyphs nor a folder of OMNIGLOT's archives")
    elif layout is not None and kind == CELEBA:
        data = load_celeba(Path(name), layout, split, size, channels)
    elif layout is not None:
        data = load_mnist(Path(name), layout, split)
    elif is_photos(name):
        data = load_photos(name, split, size, channels)
    elif is_scenes(name):
        data = load_scenes(name, split, size)
    elif name in BUILT_IN:
        with resources.as_file(resources.files("spiral.datasets") / f"{name}.npz") as path:
            whole = replace(load_numpy(path, None), name=name)
        data = {"train": whole.part(slice(_SAMPLE_TRAIN)), "test": whole.part(slice(_SAMPLE_TRAIN, None))}.get(
            split or "", whole
        )
    elif name.startswith(HUGGING_FACE):
        data = _hugging_face(name.removeprefix(HUGGING_FACE), split, size, channels)
    else:
        data = _from_disk(Path(source), size, channels, split)
    return replace(data, images=resize(recolour(data.images, channels), size))


def default_split(source: str | Path) -> Split | None:
    """The default split for evaluation: the held-out part of sources that have splits, else everything."""
    plain = str(source).removeprefix(BY_DRAWER)
    if plain in BUILT_IN or is_photos(plain) or is_scenes(plain):
        return "test"
    layout = _layout(plain)
    return "test" if layout is not None and layout.kind in (OMNIGLOT, CELEBA) else None


def _layout(source: str) -> Layout | None:
    """The known data set in a folder; names of other sources are no folders."""
    named = source in BUILT_IN or source.startswith(HUGGING_FACE) or is_photos(source) or is_scenes(source)
    return None if named else find_layout(Path(source))


def _from_disk(path: Path, size: int, channels: int, split: Split | None) -> Dataset:
    if os.path.isdir(path):
        if not (files := find_images(path)):
            known = "; ".join(f"{kind}: {names}" for kind, names in NAMES.items())
            raise InputError(
                f"{path} holds neither archives of MNIST, OMNIGLOT or CelebA nor pictures ({' '.join(ENDINGS)}); "
                f"names that are looked for, there and two levels below: {known}"
            )
        if split:
            files = [file for index, file in enumerate(files) if belongs(index, len(files), split)]
        return Dataset(str(path), fit_readable(files, size, channels, path))
    if not os.path.exists(path):
        raise InputError(f"no such file, folder or data set: {path}; built in: {', '.join(BUILT_IN)}")
    if path.suffix.lower() in numpy_files.ENDINGS:
        if not path.with_suffix(".json").is_file():
            return load_numpy(path, split)
        whole = load_numpy(path, None)
        if (programs := programs_beside(path, len(whole))) is None:
            return load_numpy(path, split)
        whole = replace(whole, programs=programs)
        return whole if split is None else held_out(whole, split)
    if path.suffix.lower() in _TABLES:
        raise InputError(
            f"{path}: {path.suffix} files are not read as data sets; save the pictures as an .npz "
            "with arrays images [N, H, W] and labels [N], or as a folder of pictures"
        )
    return Dataset(str(path), fit_image(path, size, channels)[None])


def _hugging_face(name: str, split: Split | None, size: int, channels: int) -> Dataset:
    try:
        import datasets  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise cannot_import(error, f"hf:{name}", "datasets", "huggingface") from error
    from PIL import Image

    try:
        rows: Any = datasets.load_dataset(name, split=split or "train+test")
        column = next(key for key, feature in rows.features.items() if isinstance(feature, datasets.Image))
        mode = "L" if channels == 1 else "RGB"
        shape = (1, size, size, channels)
        pictures = [row[column].convert(mode).resize((size, size), Image.Resampling.BILINEAR) for row in rows]
        images = np.concatenate([np.asarray(picture, np.uint8).reshape(shape) for picture in pictures])
        labels = np.asarray(rows["label"], np.int64) if "label" in rows.features else None
    except StopIteration as error:
        raise InputError(f"hf:{name} has no column of pictures") from error
    except Exception as error:  # the hub's client may raise anything: no network, no such data set, a broken file
        raise InputError(f"cannot load hf:{name}: {' '.join(str(error).split())[:300]}") from error
    return Dataset(f"hf:{name}", images, labels)
