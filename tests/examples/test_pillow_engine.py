"""The example of a new engine behaves as documented."""

import importlib
import json
from dataclasses import replace
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from problems import rows, tiny

import spiral
from spiral.cli import main
from spiral.engines import base, make, observe
from spiral.engines.checks import check_engine
from spiral.learning.trainer import Budget, train

EXAMPLES = Path(__file__).parents[2] / "examples"
SMALL = {"size": 16, "grid": 8, "radii": (0.2,), "shades": 2, "samples": 2}


@pytest.fixture(autouse=True)
def ellipses(monkeypatch):
    monkeypatch.setattr(base, "ENGINES", dict(base.ENGINES))
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.delitem(importlib.import_module("sys").modules, "pillow_engine", raising=False)
    return importlib.import_module("pillow_engine")


def test_it_is_short():
    code = (EXAMPLES / "pillow_engine.py").read_text().splitlines()
    assert len([line for line in code if line.strip()]) < 60


@pytest.mark.parametrize("settings", [{}, {"channels": 3, "size": 32}, SMALL])
def test_it_keeps_the_promises(settings):
    check_engine("ellipses", settings)


def test_an_ellipse_is_where_and_as_large_as_the_command_says():
    engine = make("ellipses", 1, {"size": 64, "grid": 16, "radii": (0.125, 0.25), "shades": 3})
    engine.step(np.array([[8 * 16 + 4, 1, 0, 2]]))
    rows, columns = np.nonzero(engine.canvases()[0, ..., 0] > 127)
    assert (rows.min(), rows.max()) == (26, 41) and (columns.min(), columns.max()) == (2, 33)
    assert (engine.canvases() > 127).sum() == pytest.approx(np.pi * 8 * 16, rel=0.04)
    engine.step(np.array([[8 * 16 + 4, 1, 0, 1]]))
    assert engine.canvases()[0, 34, 18, 0] == 128
    with pytest.raises(spiral.InputError, match="out of range"):
        make("ellipses", 1, {"shades": 1})


def test_an_agent_learns_to_paint_with_it(ellipses, tmp_path):
    engine = make("ellipses", 400, SMALL)
    commands = engine.specification.random(np.random.default_rng(0), (400,))
    commands[:, -1] = 1
    engine.step(commands)
    np.savez(tmp_path / "discs.npz", images=engine.canvases()[..., 0])
    canvas = ellipses.EllipseSettings.parse(SMALL)
    preset = replace(tiny(tmp_path / "discs.npz"), engine="ellipses", canvas=canvas)
    agent = spiral.load(train(preset, tmp_path / "run", Budget(frames=64 * 100)))
    last = rows(tmp_path / "run")[-1]
    assert last["mse"] < 0.3 * last["blank_mse"]
    program = agent.paint(np.zeros((16, 16), np.uint8))
    assert spiral.Program.from_json(program.to_json()).render(64).shape == (64, 64, 1)
    spiral.export(program, tmp_path / "drawn.gif")
    with pytest.raises(spiral.InputError, match="not a program of brush strokes"):
        spiral.export(program, tmp_path / "drawn.svg")


def test_it_is_a_gymnasium_environment():
    env = gymnasium.make("spiral/Paint-v0", engine="ellipses", reward="l2")
    check_env(env.unwrapped, skip_render_check=True)


def test_a_preset_takes_its_settings_from_the_command_line(tmp_path):
    small = ["--canvas.shades", "2", "--canvas.size", "32", "--policy.channels", "4", "--policy.core-channels", "4"]
    small += ["--learning.batch-size", "4", "--data.held-out", "4", "--run.threads", "1", "--frames", "32"]
    assert main(["train", "mnist-reconstruct", "--engine", "ellipses", *small, "--out", str(tmp_path / "run")]) == 0
    canvas = json.loads((tmp_path / "run" / "agent" / "config.json").read_text())["preset"]["canvas"]
    assert canvas["shades"] == 2 and canvas["grid"] == 16
    seen = spiral.load(tmp_path / "run").paint(np.zeros((28, 28), np.uint8)).render()
    assert observe(seen[None], 32).shape == (1, 32, 32, 1)
