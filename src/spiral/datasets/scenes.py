"""Random scenes of the scene engine, with the programs that build them (SPIRAL section 4.6).

The paper trains on 50,000 scenes of at most five objects and holds out 100. Here a scene is drawn from a seed: the
number of objects, then for each of them place, type, size and colour, all uniformly, except that objects do not
overlap.
"""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spiral.datasets.base import Dataset, Split, is_called
from spiral.engines import make
from spiral.engines.objects import ADD, SKIP, SceneSettings, geoms
from spiral.errors import InputError
from spiral.io.files import read_bytes, write_atomically

PREFIX = "scenes"
COUNTS = {"train": 10_000, "test": 1_000}
MAXIMUM = 200_000
_SEEDS = {"train": 0, "test": 1}
_MOST = 5
_BATCH = 1024
_FORMAT = "spiral-scenes"
_MAXIMUM_BYTES = 1 << 28


def is_scenes(source: str) -> bool:
    """Whether a source is `scenes` or `scenes:COUNT`."""
    return is_called(source, PREFIX)


def load_scenes(source: str, split: Split | None, size: int) -> Dataset:
    """Scenes by seed, the same every time.

    Args:
        source: `scenes` for 10,000 to train on, `scenes:COUNT` for another number.
        split: `train`, `test` (1,000 scenes), or both when None.
        size: side of the pictures in pixels.

    Raises:
        InputError: a wrong number, or MuJoCo is missing.
    """
    count = source.removeprefix(PREFIX).removeprefix(":") or str(COUNTS["train"])
    if not count.isdecimal() or not 1 <= int(count) <= MAXIMUM:
        raise InputError(f"{PREFIX}:COUNT wants a number from 1 to {MAXIMUM}, got {source!r}")
    counts = {"train": int(count), "test": COUNTS["test"]}
    parts = [draw_scenes(counts[part], _SEEDS[part], size) for part in ([split] if split else ["train", "test"])]
    images, programs = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Dataset(source, images, programs=programs)


def draw_scenes(
    count: int, seed: int, size: int = 64, most: int = _MOST, settings: SceneSettings | None = None
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Pictures uint8 [N, size, size, 3] and programs int64 [N, most, 7] of random scenes with 1 to `most` objects.

    Programs of fewer objects end with commands that do nothing. A larger N begins with the same scenes.

    Raises:
        InputError: MuJoCo is missing.
    """
    settings = settings or SceneSettings(size=size)
    generator = np.random.default_rng(seed)
    programs = np.stack([_scene(generator, settings, most) for _ in range(count)])
    pictures = [_picture(settings, programs[start : start + _BATCH]) for start in range(0, count, _BATCH)]
    return np.concatenate(pictures), programs


def save_scenes(path: Path, dataset: Dataset, settings: SceneSettings) -> None:
    """Write pictures to `path` (.npz) and programs beside them (.json)."""
    if dataset.programs is None:
        raise InputError(f"{dataset.name} has no programs")
    buffer = io.BytesIO()
    np.savez_compressed(buffer, images=dataset.images)
    record = {"format": _FORMAT, "settings": settings.to_json(), "programs": dataset.programs.tolist()}
    write_atomically(path.with_suffix(".json"), json.dumps(record).encode())
    write_atomically(path, buffer.getvalue())


def programs_beside(path: Path, count: int) -> npt.NDArray[np.int64] | None:
    """The programs int64 [N, T, 7] beside an `.npz` of N scenes; None where there are none.

    Raises:
        InputError: a file that is broken or belongs to other pictures.
    """
    beside = path.with_suffix(".json")
    if not beside.is_file():
        return None
    try:
        record = json.loads(read_bytes(beside, _MAXIMUM_BYTES))
        if not isinstance(record, dict) or record.get("format") != _FORMAT:
            return None  # a file of another program
        settings = SceneSettings.parse(record["settings"])
        programs = settings.specification().check(record["programs"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{beside} does not hold scenes: {error}") from error
    if programs.ndim != 3 or len(programs) != count:
        raise InputError(f"{beside} does not belong to the {count} pictures of {path}")
    return programs


def _scene(generator: np.random.Generator, settings: SceneSettings, most: int) -> npt.NDArray[np.int64]:
    """A program int64 [most, 7]; an object without room is left out, but a scene is never empty."""
    specification = settings.specification()
    program = np.zeros((most, len(specification.choices)), np.int64)
    program[:, 0] = SKIP
    wanted, placed = int(generator.integers(1, most + 1)), 0
    for command in specification.random(generator, (8 * most,)):
        if placed == wanted:
            break
        command[0] = ADD
        stand = geoms(settings, np.concatenate([program[:placed, 1:], command[None, 1:]]))
        distance = np.linalg.norm(stand.centre[:-1, :2] - stand.centre[-1, :2], axis=-1)
        # Half heights are the largest half widths of objects.
        if (distance >= stand.centre[:-1, 2] + stand.centre[-1, 2]).all():
            program[placed] = command
            placed += 1
    return program


def _picture(settings: SceneSettings, programs: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    engine = make("scene", len(programs), settings.to_json())
    for commands in programs.swapaxes(0, 1):
        engine.step(commands)
    return engine.canvases().copy()
