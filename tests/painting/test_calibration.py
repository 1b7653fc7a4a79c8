"""How broad a brush is."""

import pytest

from spiral.engines import missing
from spiral.engines.strokes import CHOICES, StrokeSettings
from spiral.painting.calibration import breadth
from spiral.painting.marks import SIDE, Coverage, canvas_settings

OWN = StrokeSettings(channels=3, choices=CHOICES, brush="classic/pen")


def test_a_line_of_the_vector_engine_is_as_broad_as_its_radius_says():
    assert breadth(Coverage("vector", canvas_settings(OWN, SIDE, 1.0), batch=1)) == pytest.approx(1, abs=0.03)


@pytest.mark.skipif(missing("mypaint") is not None, reason="libmypaint is not installed")
def test_a_pen_of_libmypaint_is_broader_and_gets_smaller_radii():
    found = breadth(Coverage("mypaint", canvas_settings(OWN, SIDE, 1.0), 4, batch=1))
    assert 1.2 < found < 1.8
    narrower = canvas_settings(OWN, SIDE, 1.0, found)
    assert breadth(Coverage("mypaint", narrower, 4, batch=1)) == pytest.approx(found, rel=0.15)
