"""The process of a painting."""

import json

import numpy as np
import pytest

import spiral
from spiral.datasets import load
from spiral.exports.descriptions import describe
from spiral.studio import playback as module
from spiral.studio.playback import record_playback


@pytest.fixture(scope="module")
def agent():
    return spiral.load("mnist-reconstruct-vector")


@pytest.fixture(scope="module")
def painted(agent):
    return agent.reconstruct(load("mnist-sample", agent.size, 1, "test").images[:1])


def test_errors_and_scores_are_those_of_every_moment(agent, painted):
    program, target = painted.programs[0], painted.targets[0]
    shown = record_playback(agent, program, target)
    count = len(program.commands)
    assert len(shown.errors) == len(shown.scores) == count + 1 == len(shown.lines) + 1
    last = np.square((painted.observed[0].astype(float) - target) / 255).mean()
    assert shown.errors[-1] == pytest.approx(last)
    assert shown.scores[-1] == pytest.approx(agent.score(painted.observed, painted.targets)[0], abs=1e-3)
    assert shown.errors[-1] < shown.errors[0] and shown.scores[-1] > shown.scores[0]
    assert shown.steps == list(range(count + 1)) and len(shown.frames) == count + 1
    assert not shown.frames[0].any() and shown.frames[-1].any()
    numbers = [number for number in shown.numbers if number is not None]
    assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) == sum(
        w.startswith("paint") for w in shown.lines
    )


def test_long_paintings_have_few_frames(agent, painted, monkeypatch):
    monkeypatch.setattr(module, "FRAMES", 5)
    shown = record_playback(agent, painted.programs[0], None)
    assert len(shown.frames) == len(shown.steps) == 5
    assert shown.steps[0] == 0 and shown.steps[-1] == len(painted.programs[0].commands)
    assert shown.errors is None and shown.scores is None, "its discriminator judges pairs"


def test_the_player_gets_frames_and_words(agent, painted):
    pytest.importorskip("gradio")
    from spiral.studio.elements import player_data

    value = json.loads(player_data(record_playback(agent, painted.programs[0], painted.targets[0])))
    assert value["sheet"].startswith("data:image/png;base64,") and value["frames"] == len(value["lines"]) + 1
    assert value["lines"] == describe(painted.programs[0])
