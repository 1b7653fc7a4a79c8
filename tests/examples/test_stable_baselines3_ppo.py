"""Another library's agent learns on our environments."""

import importlib.util
import json
import sys
from pathlib import Path

import gymnasium
import pytest

import spiral  # noqa: F401  (registers the environments)
from spiral.datasets import fit_image

pytest.importorskip("stable_baselines3")
from stable_baselines3.common.env_checker import check_env

PATH = Path(__file__).parents[2] / "examples" / "stable_baselines3_ppo.py"


@pytest.fixture(scope="module")
def example():
    specification = importlib.util.spec_from_file_location("stable_baselines3_ppo", PATH)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module  # dataclasses look for their module there
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize("arguments", [{}, {"reward": "l2"}, {"data": None}])
@pytest.mark.filterwarnings("ignore:The minimal resolution for an image:UserWarning")
def test_their_own_check_passes(arguments):
    check_env(gymnasium.make("spiral/Paint-v0", **arguments).unwrapped, warn=True)


def test_the_example_runs_and_writes_what_it_says(example, tmp_path, capsys):
    figures = example.main(example.Options(commands=100, pictures=40, out=tmp_path / "sheet.png", json=True))
    printed = capsys.readouterr()
    assert json.loads(printed.out) == figures
    assert "mean reward" in printed.err
    assert figures["commands"] >= 100
    assert figures["random"] < 0 < figures["blank"]
    assert fit_image(tmp_path / "sheet.png", 64, 3).std() > 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_ppo_learns_to_redraw_digits_it_was_not_trained_on(example, seed):
    figures = example.main(example.Options(commands=60_000, seed=seed))
    assert figures["random"] < 0 and figures["before"] < 0
    assert figures["after"] > 0.25 * figures["blank"]
    assert figures["better_than_blank"] > 0.95
