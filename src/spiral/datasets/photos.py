"""Random crops of photographs: of any folder of pictures, or of those that ship inside scikit-image and scikit-learn.

Whole photographs are held out, never parts of one. Each photograph gives equally many crops: squares of a side drawn
log-uniformly between the crop's own size and the whole photograph, at a random place, half of them mirrored. Training
crops have red, green and blue in random order: a dozen photographs have too few colours otherwise.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from spiral.datasets.base import Dataset, Split, belongs, is_called
from spiral.datasets.pictures import find_images, open_image, warn_of_failures
from spiral.errors import InputError

PREFIX = "photos"
CROPS = {"train": 10_000, "test": 1_000}
_SHORTER_SIDE = 512
"""Photographs are first reduced to this, so that the cost does not depend on their size."""

_IMAGE, _LEARN = ("skimage", "data"), ("sklearn", "datasets/images")
_TRAIN = {
    _IMAGE: (
        "astronaut.png",
        "camera.png",
        "coins.png",
        "grass.png",
        "gravel.png",
        "hubble_deep_field.jpg",
        "moon.png",
        "motorcycle_left.png",
        "motorcycle_right.png",
        "retina.jpg",
        "rocket.jpg",
    ),
    _LEARN: ("china.jpg",),
}
_TEST = {_IMAGE: ("chelsea.png", "coffee.png"), _LEARN: ("flower.jpg",)}


def is_photos(source: str) -> bool:
    """Whether a source is `photos` or `photos:FOLDER`."""
    return is_called(source, PREFIX)


def load_photos(source: str, split: Split | None, size: int, channels: int) -> Dataset:
    """Random crops, the same every time.

    Args:
        source: `photos` for the photographs in the packages of the extra `data`, `photos:FOLDER` for a folder's, of
            which every tenth is held out.
        split: `train` (10,000 crops), `test` (1,000 of photographs held out), or both when None.
        size: side S of the crops in pixels.
        channels: 1 or 3.

    Raises:
        InputError: the packages or the folder are missing, or a picture cannot be read.
    """
    parts: list[Split] = [split] if split is not None else ["train", "test"]
    crops = []
    for part in parts:
        where = Path(source.removeprefix(f"{PREFIX}:"))
        files = _built_in(part) if source == PREFIX else _from_folder(where, part)
        seed = sorted(CROPS).index(part)
        crops.append(random_crops(files, CROPS[part], size, channels, seed, part == "train", where))
    return Dataset(source, np.concatenate(crops))


def random_crops(
    files: list[Path],
    count: int,
    size: int,
    channels: int,
    seed: int,
    mixed_colours: bool = False,
    where: Path = Path(),
) -> npt.NDArray[np.uint8]:
    """Square crops of photographs: uint8 [count, size, size, channels], in random order.

    Args:
        files: the photographs; one that is smaller than a crop is enlarged.
        count: how many crops in all.
        size: their side in pixels.
        channels: 1 or 3.
        seed: of what is cropped.
        mixed_colours: put each crop's red, green and blue into a random order.
        where: the photographs' folder, for the warning that counts those that cannot be read; the photograph before
            gives their crops.

    Raises:
        InputError: no file is a readable picture.
    """
    generator = np.random.default_rng(seed)
    result = np.empty((count, size, size, channels), np.uint8)
    order = generator.permutation(count)
    failures: list[str] = []
    photograph, waiting = None, order[:0]
    for index, file in enumerate(files):
        try:
            photograph = _reduced(open_image(file, channels))
        except InputError as error:
            failures.append(str(error))
        waiting = np.concatenate([waiting, order[index :: len(files)]])
        if photograph is None:
            continue  # the first ones cannot be read: the next one gives their crops, too
        shorter = min(photograph.size)
        places, waiting = waiting, order[:0]
        for place in places:
            side = np.exp(generator.uniform(np.log(min(size, shorter)), np.log(shorter)))
            left, top = (generator.uniform(0.0, extent - side) for extent in photograph.size)
            crop = photograph.resize((size, size), Image.Resampling.BILINEAR, box=(left, top, left + side, top + side))
            pixels = np.asarray(crop, np.uint8).reshape(size, size, channels)
            pixels = pixels[:, ::-1] if generator.random() < 0.5 else pixels
            result[place] = pixels[..., generator.permutation(channels)] if mixed_colours else pixels
    warn_of_failures(failures, len(files), where)
    return result


def _reduced(photograph: Image.Image) -> Image.Image:
    shorter = min(photograph.size)
    if shorter <= _SHORTER_SIDE:
        return photograph
    scale = _SHORTER_SIDE / shorter
    width, height = (max(1, round(side * scale)) for side in photograph.size)
    return photograph.resize((width, height), Image.Resampling.BILINEAR)


def _built_in(split: Split) -> list[Path]:
    found: list[Path] = []
    for (package, folder), names in (_TRAIN if split == "train" else _TEST).items():
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            raise InputError(
                "the built-in photographs are those inside scikit-image and scikit-learn: "
                "pip install 'spiral-painter[data]', or name a folder: photos:FOLDER"
            )
        found += [Path(spec.origin).parent / folder / name for name in names]
    if absent := [file for file in found if not file.is_file()]:
        raise InputError(f"{absent[0]} is not in the installed package; name a folder instead: photos:FOLDER")
    return found


def _from_folder(folder: Path, split: Split) -> list[Path]:
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}")
    files = find_images(folder)
    if not files:
        raise InputError(f"there are no pictures in the folder {folder}")
    return [file for index, file in enumerate(files) if belongs(index, len(files), split)]
