"""The command line, as far as it needs neither MuJoCo nor mink."""

import sys

import numpy as np
import pytest

from spiral.cli import main
from spiral.engines import missing
from spiral.engines.objects import SceneSettings
from spiral.engines.strokes import StrokeSettings
from spiral.program import Program


@pytest.fixture
def program(tmp_path):
    settings = StrokeSettings()
    rows = settings.specification().random(np.random.default_rng(0), (4,))
    rows[:, 0] = 1
    path = tmp_path / "x.program.json"
    Program.from_array(settings.specification(), rows, "vector", settings.to_json(), 0).save(path)
    return path


def test_gcode_needs_no_robot(program, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mujoco", None)
    monkeypatch.setitem(sys.modules, "mink", None)
    assert main(["robot", str(program), "--out", str(tmp_path / "x.gcode")]) == 0
    assert "G21" in (tmp_path / "x.gcode").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [(["--out", "x.png"], "the ending must be"), (["--out", "x.mp4", "--pace", "0"], "--pace must be")],
)
def test_wrong_options_are_refused(program, capsys, options, message):
    assert main(["robot", str(program), *options]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.skipif(missing("scene") is not None, reason="without OpenGL that is what it complains about")
def test_without_mink_it_says_what_to_install(program, capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "mink", None)
    assert main(["robot", str(program), "--out", str(tmp_path / "x.mp4")]) == 2
    assert "spiral-painter[robot]" in capsys.readouterr().err


def test_scenes_cannot_be_painted(tmp_path, capsys):
    settings = SceneSettings()
    rows = settings.specification().random(np.random.default_rng(0), (4,))
    path = tmp_path / "x.program.json"
    Program.from_array(settings.specification(), rows, "scene", settings.to_json(), 0).save(path)
    assert main(["robot", str(path), "--out", str(tmp_path / "x.gcode")]) == 2
    assert "brush strokes" in capsys.readouterr().err
