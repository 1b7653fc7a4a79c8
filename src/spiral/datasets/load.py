"""One function for every source of pictures."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from spiral.datasets.archives import find_idx, load_idx, load_npz
from spiral.datasets.base import Dataset, Split, belongs
from spiral.datasets.celeba import is_celeba, load_celeba
from spiral.datasets.omniglot import is_omniglot, load_characters
from spiral.datasets.photos import is_photos, load_photos
from spiral.datasets.pictures import ENDINGS, find_images, fit_image, recolour, resize
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


def load(source: str | Path, size: int, channels: int, split: Split | None = None) -> Dataset:
    """Pictures from any source, resized with antialiasing to `size` x `size` and turned grey or coloured.

    Args:
        source: a name in `BUILT_IN`; a folder with the archives of MNIST (IDX), OMNIGLOT or CelebA; a folder of
            pictures, searched recursively in sorted order; a picture; an `.npz` file; `photos:FOLDER` for random crops
            of a folder's pictures; `scenes:COUNT` for so many scenes to train on; or `hf:NAME` for a Hugging Face data
            set (extra `huggingface`). `by-drawer:` before OMNIGLOT's folder or `glyphs` splits by drawer.
        size: side in pixels.
        channels: 1 or 3.
        split: `train`, `test`, or all when None. OMNIGLOT holds out alphabets; where the source has no split, every
            tenth picture is held out.

    Raises:
        InputError: the source is missing, broken, or holds nothing for this split.
    """
    name = str(source)
    plain = name.removeprefix(BY_DRAWER)
    if plain == "glyphs" or (not name.startswith(HUGGING_FACE) and is_omniglot(Path(plain))):
        data = load_characters(plain, split, by_drawer=plain != name)
    elif plain != name:
        raise InputError(f"{plain} cannot be split by drawer: it is neither glyphs nor a folder of OMNIGLOT's archives")
    elif not name.startswith(HUGGING_FACE) and is_celeba(Path(name)):
        data = load_celeba(Path(name), split, size, channels)
    elif is_photos(name):
        data = load_photos(name, split, size, channels)
    elif is_scenes(name):
        data = load_scenes(name, split, size)
    elif name in BUILT_IN:
        with resources.as_file(resources.files("spiral.datasets") / f"{name}.npz") as path:
            whole = Dataset(name, *_arrays(load_npz(path)))
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
    splits = plain in BUILT_IN or is_photos(plain) or is_scenes(plain)
    return "test" if splits or is_omniglot(Path(plain)) or is_celeba(Path(plain)) else None


def _arrays(data: Dataset) -> tuple[Any, Any]:
    return data.images, data.labels


def _from_disk(path: Path, size: int, channels: int, split: Split | None) -> Dataset:
    if path.is_dir():
        splits: tuple[Split, ...] = ("train", "test")
        both = [pair for part in splits if (pair := find_idx(path, part))]
        if split and len(both) == 1:
            return _held_out(replace(load_idx(*both[0]), name=str(path)), split)
        parts = [pair for part in ([split] if split else splits) if (pair := find_idx(path, part))]
        if parts:
            loaded = [load_idx(*pair) for pair in parts]
            labels = [data.labels for data in loaded if data.labels is not None]
            return Dataset(str(path), np.concatenate([data.images for data in loaded]), np.concatenate(labels))
        if not (files := find_images(path)):
            raise InputError(f"{path} holds neither archives of MNIST or OMNIGLOT nor pictures ({' '.join(ENDINGS)})")
        if split:
            files = [file for index, file in enumerate(files) if belongs(index, len(files), split)]
        return Dataset(str(path), np.stack([fit_image(file, size, channels) for file in files]))
    if not path.exists():
        raise InputError(f"no such file, folder or data set: {path}; built in: {', '.join(BUILT_IN)}")
    if path.suffix.lower() == ".npz":
        data = load_npz(path)
        data = replace(data, programs=programs_beside(path, len(data)))
        return data if split is None else _held_out(data, split)
    return Dataset(str(path), fit_image(path, size, channels)[None])


def _held_out(data: Dataset, split: Split) -> Dataset:
    """The part of a data set without splits that `spiral.datasets.base.belongs` assigns to `split`."""
    return data.rows(np.array([belongs(index, len(data), split) for index in range(len(data))]))


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
