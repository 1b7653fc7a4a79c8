"""The greedy painter: each command is the best of its candidates."""

import numpy as np
import pytest

from spiral.baselines.greedy import greedy
from spiral.engines import make, missing, observe
from spiral.engines.strokes import StrokeSettings
from spiral.errors import InputError

BLACK, WHITE = (0.0,) * 3, (1.0,) * 3
ENGINES = [name for name in ("vector", "mypaint") if missing(name) is None]
STROKES = StrokeSettings(size=32, grid=8, radii=(2.0, 3.0), radii_at=32, pressures=2, ground=BLACK, ink=WHITE).to_json()


def pictures() -> np.ndarray:
    images = np.zeros((2, 16, 16, 1), np.uint8)
    images[0, 4:8, 2:12], images[1, 2:14, 6:9] = 255, 200
    return images


@pytest.mark.parametrize("engine", ENGINES)
def test_the_error_falls_and_the_programs_paint_what_was_found(engine):
    found = greedy(engine, STROKES, pictures(), 5, 24, seed=1, threads=1)
    assert (np.diff(found.errors, axis=0) <= 1e-3).all()
    assert found.errors[-1].mean() < 0.7 * np.square(pictures() / 255.0).sum((1, 2, 3)).mean()
    assert found.evaluations.tolist() == [24, 48, 72, 96, 120]
    for program, canvas in zip(found.programs, found.canvases, strict=True):
        assert len(program.commands) == 5
        assert np.array_equal(program.render(), canvas)


def test_every_command_is_the_best_of_its_candidates():
    found = greedy("vector", STROKES, pictures()[:1], 3, 16, seed=2)
    painter = make("vector", 16, STROKES)
    stream = np.random.default_rng([2, 0])
    program = found.programs[0].array()
    for place in range(3):
        painter.reset(np.full(16, 2))
        for command in program[:place]:
            painter.step(np.repeat(command[None], 16, axis=0))
        drawn = painter.specification.random(stream, (16,))
        painter.step(drawn)
        errors = np.square((observe(painter.canvases(), 16) - pictures()[:1].astype(float)) / 255.0).sum((1, 2, 3))
        assert errors.min() == pytest.approx(found.errors[place, 0], rel=1e-5)
        assert program[place].tolist() == drawn[errors.argmin()].tolist()


def test_more_pictures_do_not_change_the_first_and_wrong_numbers_are_refused():
    one, two = (greedy("vector", STROKES, pictures()[:count], 3, 8, seed=4) for count in (1, 2))
    assert one.programs[0] == two.programs[0]
    with pytest.raises(InputError, match="at least one"):
        greedy("vector", STROKES, pictures(), 0)
    with pytest.raises(InputError, match="targets"):
        greedy("vector", STROKES, np.zeros((1, 16, 16, 3), np.uint8), 1)
