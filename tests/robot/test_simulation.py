"""The arm really paints: physics, film, finished sheet."""

import importlib.util
import json
from dataclasses import replace

import numpy as np
import pytest

from spiral.cli import main
from spiral.engines import missing
from spiral.engines.strokes import StrokeSettings
from spiral.program import Program
from spiral.robot import simulate
from spiral.robot.arm import JOINTS, LIMITS

REASON = missing("scene") or (None if importlib.util.find_spec("mink") else "mink is not installed")
pytestmark = pytest.mark.skipif(REASON is not None, reason=f"robot: {REASON}")


def a_program(**settings) -> Program:
    chosen = StrokeSettings(size=64, grid=16, choices=("flag", "end", "control", "size"), radii=(2.0, 4.0), **settings)
    corner, middle = 2 * 16 + 2, 8 * 16 + 8
    rows = np.array([[0, corner, 0, 0], [1, middle, 2 * 16 + 12, 1], [0, 200, 0, 0], [1, 220, 210, 0]])
    return Program.from_array(chosen.specification(), rows, "vector", chosen.to_json(), 0)


def test_it_paints_what_the_engine_paints():
    program, frames = a_program(), []
    done = simulate(program, frames.append, rate=5.0)
    report = done.tracking_figures()
    assert report["strokes"] == 2
    assert report["mean_error"] < 0.01
    assert report["lifted"] == 0.0
    assert 0 < report["speed"] <= 1
    assert 0 < report["range"] <= 1
    limits = np.array([LIMITS[name] for name in JOINTS])
    assert (np.abs(done.execution.angles) <= limits).all()
    assert done.canvas_mse(program) < 0.001
    assert np.square((done.sheet - 255.0) / 255.0).mean() > 0.01, "there is paint on it"
    assert len(frames) == pytest.approx(report["seconds"] * 5, abs=1)
    assert not np.array_equal(frames[0], frames[len(frames) // 2])
    assert {frame.shape for frame in frames} == {(480, 640, 3)}


def test_a_wide_picture_lies_across_the_sheet():
    program = a_program(aspect=2.0)
    done = simulate(program)
    blank = replace(done, sheet=np.full_like(done.sheet, 255))
    assert done.canvas_mse(program) < 0.3 * blank.canvas_mse(program), "but for a brush that is round on the sheet"
    painted = np.argwhere((done.sheet < 200).any(-1))
    assert painted[:, 0].min() > 128
    assert painted[:, 0].max() < 384


@pytest.mark.parametrize("name", ["film.gif", "film.mp4"])
def test_the_command_writes_a_film_and_tells_how_it_went(tmp_path, capsys, name):
    a_program().save(tmp_path / "x.program.json")
    out = tmp_path / "films" / name
    assert main(["robot", str(tmp_path / "x.program.json"), "--out", str(out), "--pace", "20", "--json",
                 "--sheet", str(tmp_path / "sheet.png")]) == 0  # fmt: skip
    assert json.loads(capsys.readouterr().out)["mean_error"] < 0.01
    assert out.stat().st_size > 1000
    assert (tmp_path / "sheet.png").is_file()
