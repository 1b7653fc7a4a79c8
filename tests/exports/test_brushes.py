import numpy as np
import pytest

from spiral.engines import missing, mypaint
from spiral.errors import InputError
from spiral.exports.brushes import COLUMNS, SIZE, brush_chart

pytestmark = pytest.mark.skipif(missing("mypaint") is not None, reason="libmypaint is not installed")


def test_each_brush_has_a_cell_that_shows_its_strokes(tmp_path):
    (tmp_path / "broken.myb").write_text("{}")
    names = ["classic/pen", "classic/charcoal", str(tmp_path / "broken.myb")]
    chart, broken = brush_chart(names)
    assert chart.shape[1] == COLUMNS * SIZE and broken == names[2:]
    cells = [chart[20:, index * SIZE : (index + 1) * SIZE].astype(int) for index in range(3)]
    for cell in cells[:2]:
        assert (cell[..., 0] - cell[..., 2] > 100).any() and (cell[..., 2] - cell[..., 0] > 100).any(), "red and blue"
    assert np.abs(cells[0] - cells[1]).mean() > 2, "brushes differ"
    assert cells[2].min() == 255


def test_no_brush_at_all_is_said(tmp_path):
    (tmp_path / "broken.myb").write_text("{}")
    with pytest.raises(InputError, match="mypaint-brushes"):
        brush_chart([str(tmp_path / "broken.myb")])
    assert mypaint.brush_names()
