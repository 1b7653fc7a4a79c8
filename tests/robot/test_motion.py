"""The planned motion of the brush, and its G-code."""

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spiral.engines.strokes import StrokeSettings
from spiral.errors import InputError
from spiral.exports.palette_files import Paints
from spiral.exports.paths import curves
from spiral.program import Program
from spiral.robot.arm import CENTRE, SHEET, sheet_coordinates
from spiral.robot.gcode import to_gcode
from spiral.robot.motion import ACCELERATION, LIFT, PAINTING, STEP, TRAVELLING, plan

START = np.array([CENTRE, 0.0, 0.1])


def a_program(seed: int = 0, commands: int = 6, **settings) -> Program:
    chosen = StrokeSettings(size=64, radii=(1.0, 2.0), **settings)
    specification = chosen.specification()
    rows = specification.random(np.random.default_rng(seed), (commands,))
    rows[0, 0], rows[1, 0] = 0, 1  # a jump, and a stroke
    return Program.from_array(specification, rows, "vector", chosen.to_json(), 0)


@given(st.integers(0, 200))
def test_motions_paint_every_stroke_and_keep_to_their_speeds(seed):
    program = a_program(seed)
    motion = plan(program, START)
    assert [int(index) for index in np.unique(motion.stroke[motion.stroke >= 0])] == list(range(len(curves(program))))
    assert motion.seconds == pytest.approx(len(motion.points) * STEP)
    whole = np.concatenate([START[None], motion.points])
    speed = np.linalg.norm(np.diff(whole, axis=0), axis=1) / STEP
    painting = motion.stroke >= 0
    assert speed[painting].max() <= PAINTING * 1.01
    assert speed.max() <= TRAVELLING * 1.01
    up = ~painting[1:] & ~painting[:-1]
    assert np.abs(np.diff(speed))[up].max() <= 2.1 * ACCELERATION * STEP, "the way is straight, and without jolts"
    assert (motion.points[painting, 2] == 0).all()
    assert np.allclose(motion.points[-1], START)
    for index, curve in enumerate(motion.curves):
        mine = motion.points[motion.stroke == index, :2]
        ends = sheet_coordinates(curve.points[[-1]] / 64)[0]
        assert np.allclose(mine[-1], ends, atol=1e-6)
        assert np.abs(mine - sheet_coordinates(np.array([0.5, 0.5]))).max() <= SHEET / 2 + 1e-9


def test_the_brush_is_lifted_between_strokes_that_do_not_meet():
    motion = plan(a_program(3, 8), START)
    up = motion.stroke < 0
    before = np.flatnonzero(np.diff(up.astype(int)) == 1)
    assert len(before) >= 1
    for moment in before:
        rest = motion.points[moment + 1 :]
        landing = np.flatnonzero(motion.stroke[moment + 1 :] >= 0)
        way = rest[: landing[0]] if len(landing) else rest
        assert way[:, 2].max() >= LIFT


def test_the_upper_left_of_the_picture_is_far_and_left():
    corner, middle = sheet_coordinates(np.array([[0.0, 0.0], [0.5, 0.5]]))
    assert middle.tolist() == [CENTRE, 0.0]
    assert corner.tolist() == pytest.approx([CENTRE - SHEET / 2, -SHEET / 2])
    wide = sheet_coordinates(np.array([[0.0, 0.0]]), aspect=2.0)[0]
    assert wide.tolist() == pytest.approx([CENTRE - SHEET / 4, -SHEET / 2])


def test_gcode_draws_the_same_lines():
    program = a_program(5)
    motion = plan(program, START)
    drawn, height, strokes = [], 5.0, []
    for line in to_gcode(motion).splitlines():
        if match := re.search(r"Z(-?[\d.]+)", line):
            height = float(match[1])
            strokes += [[]] if height == 0 else []
        if (match := re.search(r"X(-?[\d.]+) Y(-?[\d.]+)", line)) and height == 0:
            strokes[-1].append([float(match[1]), float(match[2])])
            drawn.append(strokes[-1][-1])
    assert len(strokes) == len(motion.curves)
    for points, curve in zip(strokes, motion.curves, strict=True):
        expected = curve.points[[0, -1]] / 64 * SHEET * 1000
        expected[:, 1] = SHEET * 1000 - expected[:, 1]
        assert np.allclose([points[0], points[-1]], expected, atol=2.0)
    assert ((np.array(drawn) >= -0.01) & (np.array(drawn) <= SHEET * 1000 + 0.01)).all()


def test_nothing_to_paint_is_refused():
    program = a_program(0, 2)
    rows = program.array().copy()
    rows[:, 0] = 0
    settings = StrokeSettings.parse(program.settings)
    empty = Program.from_array(settings.specification(), rows, "vector", program.settings, 0)
    with pytest.raises(InputError, match="nothing to paint"):
        plan(empty, START)


def positions(text: str) -> list[tuple[float, float, bool]]:
    """Where a plotter that reads only coordinates has its brush, and whether it is down."""
    x = y = z = 0.0
    found = []
    for line in text.splitlines():
        words = dict(re.findall(r"([XYZ])(-?[\d.]+)", line.split(";")[0].split("(")[0]))
        x, y, z = (float(words.get(axis, old)) for axis, old in zip("XYZ", (x, y, z), strict=True))
        found.append((x, y, z == 0))
    return found


def test_gcode_pauses_for_colours_and_paint_without_changing_the_picture():
    colours = ("flag", "end", "control", "red", "green", "blue")
    motion = plan(a_program(5, 12, channels=3, levels=2, choices=colours), START)
    paints = Paints(("Grey", "Ochre (light)"), np.array([[0.5, 0.5, 0.5], motion.curves[0].colour], np.float32))
    plain, text = to_gcode(motion), to_gcode(motion, pauses=True, refill=40.0, paints=paints)
    changes = 1 + sum(a.hexadecimal != b.hexadecimal for a, b in pairwise(motion.curves))
    takes = [line for line in text.splitlines() if line.startswith("M0") and "take" in line]
    assert len(takes) == changes and takes[0] == f"M0 (take 2 Ochre light {motion.curves[0].hexadecimal})"
    assert any("(refill" in line for line in text.splitlines()) and "M0" not in plain

    def drawn(path):
        return {(a[:2], b[:2]) for a, b in pairwise(path) if a[2] and b[2] and a[:2] != b[:2]}

    assert drawn(positions(text)) == drawn(positions(plain)), "the same lines are painted"
    since = 0.0
    path = positions(text)
    for line, (before, after) in zip(text.splitlines()[1:], pairwise(path), strict=True):
        since = 0.0 if line.startswith("M0") else since
        if before[2] and after[2]:
            step = float(np.hypot(after[0] - before[0], after[1] - before[1]))
            since += step
            assert since <= max(40.0, step) + 0.1
    with pytest.raises(InputError, match="refill must be"):
        to_gcode(motion, refill=0)
