"""Strokes are shown with their painted width and opacity."""

from dataclasses import replace

import numpy as np
import pytest

from spiral.engines import missing
from spiral.engines.strokes import StrokeSettings
from spiral.exports.measured_stroke_style import measured_curves
from spiral.exports.paths import curves
from spiral.exports.svg import to_svg
from spiral.program import Program

SETTINGS = StrokeSettings(size=128, grid=32, radii=(3.0, 8.0), radii_at=128, pressures=4, brush="classic/pen")


def strokes(engine: str, settings: StrokeSettings = SETTINGS) -> Program:
    """Two strokes across the canvas, one below the other, thin and faint, wide and strong: black on white."""
    rows = []
    for row, size, pressure in ((8, 0, 0), (22, 1, 3)):
        start, middle, end = (row * 32 + column for column in (4, 15, 27))
        rows += [[0, start, 0, 0, 0], [1, end, middle, size, pressure]]
    return Program.from_array(settings.specification(), np.array(rows), engine, settings.to_json())


def test_of_the_vector_engine_they_are_what_they_are():
    program = strokes("vector")
    assert [(c.width, c.opacity) for c in measured_curves(program)] == [(c.width, c.opacity) for c in curves(program)]


@pytest.mark.skipif(missing("mypaint") is not None, reason="libmypaint is not installed")
def test_of_a_brush_they_are_as_in_the_painting():
    program = strokes("mypaint")
    darkness = 1.0 - program.render()[..., 0] / 255.0
    for curve, nominal, middle in zip(measured_curves(program), curves(program), (32, 88), strict=True):
        across = darkness[middle - 24 : middle + 24, 60:68].mean(axis=1)
        assert curve.opacity == pytest.approx(across.max(), abs=0.08)
        assert curve.width == pytest.approx(across.sum() / across.max(), rel=0.15)
        assert (curve.command, curve.colour) == (nominal.command, nominal.colour)
    assert abs(measured_curves(program)[0].opacity - curves(program)[0].opacity) > 0.3, "pressure is not opacity"
    large = [curve.width for curve in measured_curves(program, 256)]
    assert large == pytest.approx([2 * curve.width for curve in measured_curves(program)])
    assert to_svg(program) != to_svg(replace(program, engine="vector"))


@pytest.mark.skipif(missing("mypaint") is not None, reason="libmypaint is not installed")
def test_a_program_without_sizes_pressures_or_strokes_can_be_shown():
    bare = StrokeSettings(size=64, grid=16, radii=(2.0,), radii_at=64, choices=("end",), brush="classic/pen")
    program = Program.from_array(bare.specification(), np.array([[40], [200]]), "mypaint", bare.to_json())
    assert all(0 < curve.opacity <= 1 and curve.width > 0 for curve in measured_curves(program))
    assert measured_curves(replace(program, commands=())) == []


def test_without_the_engine_they_are_what_the_program_says(monkeypatch):
    monkeypatch.setattr("spiral.exports.measured_stroke_style.missing", lambda name: "not here")
    program = strokes("mypaint")
    assert [curve.width for curve in measured_curves(program)] == [curve.width for curve in curves(program)]
