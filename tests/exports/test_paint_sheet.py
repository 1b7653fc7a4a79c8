"""The sheet to paint from by hand."""

import re

import numpy as np
import pytest

from spiral.engines.strokes import StrokeSettings
from spiral.errors import InputError
from spiral.exports.documents import write_document
from spiral.exports.paint_sheet import MOST_PAINTS, numbered
from spiral.exports.palette_files import Paints
from spiral.exports.paths import curves
from spiral.program import Program


@pytest.fixture
def program():
    settings = StrokeSettings(
        size=64, channels=3, choices=("flag", "end", "control", "size", "pressure", "red", "green", "blue"),
        radii=(2.0, 6.0), aspect=1.5,
    )  # fmt: skip
    rows = settings.specification().random(np.random.default_rng(0), (80,))
    rows[::2, 0], rows[1::2, 0] = 0, 1
    return Program.from_array(settings.specification(), rows, "vector", settings.to_json())


def test_it_has_a_page_of_paints_and_one_for_each_stage(program, tmp_path):
    for name in ("x", "y"):
        write_document(tmp_path / f"{name}.sheet.pdf", program)
    first = (tmp_path / "x.sheet.pdf").read_bytes()
    assert first.startswith(b"%PDF") and len(re.findall(rb"/Type /Page\b", first)) == 9
    assert first == (tmp_path / "y.sheet.pdf").read_bytes(), "the same program gives the same file"
    scene = Program.from_array(program.specification, program.array()[:0], "scene", {})
    with pytest.raises(InputError, match="not a program of brush strokes"):
        write_document(tmp_path / "z.sheet.pdf", scene)


def test_every_stroke_has_the_number_of_its_nearest_paint(program):
    drawn = curves(program)
    paints = Paints(("black", "red", "green", "blue"), np.concatenate([np.zeros((1, 3)), np.eye(3)]).astype(np.float32))
    numbers, used = numbered(drawn, program, paints)
    for curve, number in zip(drawn, numbers, strict=True):
        distances = np.square(paints.colours - np.array(curve.colour)).sum(1)
        assert distances[number - 1] == pytest.approx(distances.min())
    assert sum(paint.strokes for paint in used) == len(drawn)
    assert [paint.name for paint in used] == [paints.names[number - 1] for number in sorted(set(numbers))]
    own, used = numbered(drawn, program, None)
    assert max(own) == len(used) <= MOST_PAINTS < len({curve.colour for curve in drawn})
