"""Programs by matching pursuit: the closed form agrees with the engine, and every stroke helps."""

from dataclasses import replace

import numpy as np
import pytest

from spiral.engines import make, missing
from spiral.engines.strokes import ALL_CHOICES, CHOICES, MOVE, StrokeSettings
from spiral.errors import InputError
from spiral.painting import matching_pursuit
from spiral.painting.best_of_n import ProposalSearch
from spiral.painting.matching_pursuit import CANDIDATES, paint_atoms, pursue

GREY = StrokeSettings(
    size=32, grid=16, choices=ALL_CHOICES[:6], radii=(1.0, 2.0, 4.0), radii_at=32, pressures=2,
    ground=(0.0,) * 3, ink=(1.0,) * 3, brush="classic/pen",
)  # fmt: skip
COLOURED = replace(GREY, choices=ALL_CHOICES, channels=3, levels=8, ground=(1.0,) * 3)
ENGINES = [
    pytest.param(name, marks=pytest.mark.skipif(missing(name) is not None, reason=f"{name}: {missing(name)}"))
    for name in ("mypaint", "vector")
]


def painted(engine: str, settings: StrokeSettings, commands: np.ndarray) -> np.ndarray:
    canvases = make(engine, commands.shape[1], settings.to_json())
    for command in commands:
        canvases.step(command)
    return canvases.canvases().copy()


def errors(canvases: np.ndarray, targets: np.ndarray) -> np.ndarray:
    return np.square(canvases.astype(float) - targets).reshape(len(targets), -1).sum(1)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("settings", [GREY, COLOURED], ids=["grey", "coloured"])
def test_programs_come_nearer_with_every_stroke(engine, settings):
    targets = painted(engine, settings, settings.sample_programs(np.random.default_rng(5), 5, 6))
    atoms = paint_atoms(engine, settings, 32, 1500, seed=0)
    search = ProposalSearch(make(engine, 6, settings.to_json()), CANDIDATES)
    programs = pursue(atoms, search, targets, 8, seed=3, moves=4)
    assert programs.shape == (8, 6, len(settings.choices))
    settings.specification().check(programs)
    canvases = make(engine, 6, settings.to_json())
    canvases.reset(3 + np.arange(6))
    before = first = errors(canvases.canvases(), targets)
    for commands in programs:
        canvases.step(commands)
        after = errors(canvases.canvases(), targets)
        assert (after[commands[:, 0] == MOVE] == before[commands[:, 0] == MOVE]).all()
        assert (after[commands[:, 0] != MOVE] < before[commands[:, 0] != MOVE]).all()
        before = after
    assert before.sum() < 0.3 * first.sum()
    assert np.array_equal(pursue(atoms, search, targets, 8, seed=3, moves=4), programs)


def test_candidates_are_those_that_gain_most_when_painted():
    """The closed form against the engine: of 300 strokes it names some of the best, in their best colours."""
    atoms = paint_atoms("vector", COLOURED, 32, 300, seed=1)
    targets = np.full((1, 32, 32, 3), 255, np.uint8)
    targets[:, 8:24, 4:28] = (0, 146, 255)  # levels 0, 4 and 7 of 8
    seen = np.ones((1, 32, 32, 3), np.float32)
    found = matching_pursuit._candidates(atoms, COLOURED, seen, matching_pursuit._small(targets))[0]
    every = np.repeat(atoms.commands[None], 2, axis=0)
    every[..., 6:] = np.array([[[0, 4, 7]], [[7, 7, 7]]])
    after = errors(painted("vector", COLOURED, every.reshape(1, 600, -1)), targets.repeat(600, 0))
    mine = errors(painted("vector", COLOURED, found[None]), targets.repeat(CANDIDATES, 0))
    assert mine.min() <= np.sort(after[:300])[2], "as good as one of the three best"
    assert (mine < errors(np.full_like(targets, 255), targets)).all()
    inside = found[mine.argmin()]
    assert np.abs(inside[6:] - [0, 4, 7]).max() <= 2


def test_strokes_are_still_found_when_little_is_missing():
    """Gains are small differences of large sums then, which half precision loses."""
    fine = replace(COLOURED, levels=256)
    atoms = paint_atoms("vector", fine, 32, 2000, seed=1)
    generator = np.random.default_rng(0)
    targets = np.full((8, 32, 32, 3), 200, np.uint8)
    for picture in targets:
        row, column = generator.integers(0, 24, 2)
        picture[row : row + 8, column : column + 8] += 3
    seen = np.full((8, 32, 32, 3), 200, np.uint8)
    small = matching_pursuit._small
    found = matching_pursuit._candidates(atoms, fine, small(seen), small(targets))
    grey = replace(fine, ground=(200 / 255,) * 3)
    after = errors(painted("vector", grey, found.reshape(1, 8 * CANDIDATES, -1)), targets.repeat(CANDIDATES, 0))
    assert (after < errors(seen, targets).repeat(CANDIDATES)).mean() > 0.9


def test_where_nothing_helps_nothing_is_painted():
    atoms = paint_atoms("vector", GREY, 32, 50, seed=0)
    search = ProposalSearch(make("vector", 2, GREY.to_json()), CANDIDATES)
    programs = pursue(atoms, search, np.zeros((2, 32, 32, 1), np.uint8), 3, seed=0, moves=4)
    assert (programs[..., 0] == MOVE).all()


def test_strokes_from_the_pens_place_and_wrong_numbers_are_refused():
    with pytest.raises(InputError, match="'start'"):
        paint_atoms("vector", replace(GREY, choices=CHOICES[:5]), 32, 100, 0)
    with pytest.raises(InputError, match="strokes to search"):
        paint_atoms("vector", GREY, 32, 1, 0)
    search = ProposalSearch(make("vector", 1, GREY.to_json()), CANDIDATES)
    atoms = paint_atoms("vector", GREY, 32, 50, 0)
    with pytest.raises(InputError, match="moves"):
        pursue(atoms, search, np.zeros((1, 32, 32, 1), np.uint8), 1, 0, moves=-1)
