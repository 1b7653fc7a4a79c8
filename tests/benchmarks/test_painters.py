"""Painters measured on photographs."""

import numpy as np
import pytest
from PIL import Image

from spiral.benchmarks import painters
from spiral.errors import InputError


def test_errors_are_those_of_small_pictures():
    white = Image.new("RGB", (60, 40), "white")
    assert painters.error(white, np.full((512, 768, 3), 255, np.uint8)) == 0
    assert painters.error(white, np.zeros((80, 90, 3), np.uint8)) == pytest.approx(1)


def test_every_painter_has_a_row_for_every_picture(an_agent, monkeypatch, tmp_path):
    pytest.importorskip("skimage")
    pytest.importorskip("sklearn")
    monkeypatch.setattr(painters, "PHOTOGRAPHS", ("portrait",))
    fake = tmp_path / "primitive"
    fake.write_text('#!/bin/sh\ncp "$2" "$4"\n')
    fake.chmod(0o755)
    rows = painters.measure_painters([an_agent()], (3, 4), 1, fake, sheet=tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as opened:
        sheet = np.asarray(opened, float)
    assert sheet.shape == (606, 912, 3), "two lines of photograph, vector and primitive"
    photograph, vector, primitive = (sheet[:300, left : left + 300] for left in (0, 306, 612))
    assert np.abs(primitive - photograph).mean() < 1 < np.abs(vector - photograph).mean()
    assert (sheet[306:, :300] == photograph).all() and (sheet[300:306] == 255).all()
    with pytest.raises(InputError, match="at least one"):
        painters.measure_painters([], (), 1)
    assert [row["strokes"] for row in rows] == [3, 3, 4, 4]
    rows = rows[:2]
    assert [row["painter"] for row in rows] == ["vector", "primitive"]
    assert rows[1]["mse"] == 0 < rows[0]["mse"] < 0.1
    with pytest.raises(InputError, match="does not paint"):
        painters.measure_painters([], (3,), 1, tmp_path / "none")
