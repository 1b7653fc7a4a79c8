"""`spiral bench` measures correctly, and its reference loop trains the same networks."""

import json
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from spiral.benchmarks.engines import build_plain, can_build_plain, measure_engines, run_plain
from spiral.benchmarks.loop import Clock, FlopCounter, Loop, TimedEngine, measure_phases
from spiral.benchmarks.reference import ReferenceLoop
from spiral.benchmarks.report import ratio, ratios, spread
from spiral.cli import main
from spiral.engines import make, missing
from spiral.engines.strokes import StrokeSettings
from spiral.learning.returns import generalized_advantage_estimation
from spiral.models.policy_settings import PolicySettings
from spiral.presets import MNIST_RECONSTRUCT
from spiral.settings import RunSettings

SMALL = replace(
    MNIST_RECONSTRUCT,
    engine="vector",
    policy=PolicySettings(
        channels=8, core_channels=8, residual_blocks=1, hidden=32, location_channels=8, location_blocks=1
    ),
    learning=replace(MNIST_RECONSTRUCT.learning, batch_size=8, unroll_length=3),
    run=RunSettings(compile="off", threads=1),
)


def test_one_json_object_with_what_the_contract_names(capsys):
    capsys.readouterr()
    assert main(["bench", "--json", "--repeats", "1", "--seconds", "0.01"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["loop_ratio"] == pytest.approx(
        figures["commands_per_second"]["loop"]["median"]
        / figures["commands_per_second"]["reference_1_thread"]["median"]
    )
    if missing("mypaint") is None and can_build_plain():
        # Other tests run beside this one, so only gross errors in counting show here.
        assert 0.2 < figures["engine_ratio_1_thread"] < 5.0
        assert 0.2 < figures["engine_ratio_2_threads"] < 10.0
    else:
        assert figures["engine_ratio_1_thread"] is None
    phases = figures["phases"]
    assert sum(phases[name]["share"] for name in ("paint", "judge", "learn")) == pytest.approx(1.0)
    assert 0.0 < phases["engine_share"] < phases["paint"]["share"]
    assert phases["peak_megabytes"] > 50


def test_without_headers_of_libmypaint_there_is_no_plain_loop(monkeypatch):
    monkeypatch.setenv("PKG_CONFIG_PATH", "")
    monkeypatch.setenv("PKG_CONFIG_LIBDIR", "/nowhere")
    assert not can_build_plain()


def test_wrong_input_is_one_line(capsys):
    for arguments in (["--repeats", "0"], ["--preset", "nothing"], ["--preset", "mnist-generate"]):
        assert main(["bench", *arguments]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_the_reference_trains_the_same_networks():
    ours, plain = Loop(SMALL, 1), ReferenceLoop(SMALL)
    policies = ours.learner.policies
    for name, mine in (("policy", policies[0].policy), ("discriminator", ours.learner.discriminator.network)):
        theirs = getattr(plain, name)
        before = {key: value.clone() for key, value in theirs.state_dict().items()}
        assert {key: value.shape for key, value in mine.state_dict().items()} == {
            key: value.shape for key, value in before.items()
        }
        assert ours.round() == plain.round() == 8 * 3
        assert any(not torch.equal(value, before[key]) for key, value in theirs.state_dict().items())
        assert all(torch.isfinite(value).all() for value in theirs.state_dict().values())


def test_phases_add_up():
    figures = measure_phases(SMALL, 1, 0.2)
    for name in ("paint", "judge", "learn"):
        assert figures[name]["flops"] > 0
        assert 0.0 < figures[name]["of_matrix_rate"] < 1.0
    assert figures["learn"]["flops"] > 2 * figures["paint"]["flops"]  # forward and backward


def test_the_flop_counter_counts_a_second_derivative():
    weight = torch.randn(5, 7, requires_grad=True)
    point = torch.randn(3, 5, requires_grad=True)
    with FlopCounter() as counter:
        (gradient,) = torch.autograd.grad((point @ weight).square().sum(), point, create_graph=True)
        assert counter.total == 2 * (2 * 3 * 5 * 7)
        gradient.square().sum().backward()
    assert counter.total > 4 * (2 * 3 * 5 * 7)


def test_waiting_for_an_engine_is_counted():
    clock = Clock()
    engine = TimedEngine(make("vector", 2), clock)
    engine.reset(np.zeros(2, np.int64))
    engine.step(np.zeros((2, 5), np.int64))
    with clock("engine"):
        time.sleep(0.05)
    assert 0.05 <= clock.seconds["engine"] < 1.0
    assert engine.canvases().shape == (2, 64, 64, 1)


@pytest.mark.skipif(missing("mypaint") is not None or not can_build_plain(), reason="no libmypaint or no C compiler")
def test_the_plain_loop_paints_every_stroke(tmp_path):
    settings = StrokeSettings(size=64, radii=(1.0, 2.0, 4.0))
    commands = settings.specification().random(np.random.default_rng(0), (6, 256))
    assert run_plain(build_plain(tmp_path, settings, commands)) > 10
    assert (tmp_path / "strokes.bin").stat().st_size == 6 * 256 * 10 * 4


def test_engines_are_measured_in_turns(tmp_path, monkeypatch):
    monkeypatch.setattr("spiral.benchmarks.engines.missing", lambda name: "not here" if name == "mypaint" else None)
    rates = measure_engines(tmp_path, repeats=2, strokes=2)
    assert set(rates) == {"vector_1_threads", "vector_2_threads"}
    assert all(len(values) == 2 and min(values) > 0 for values in rates.values())


def test_ratios_are_of_neighbours():
    rates = {"a": [2.0, 9.0, 8.0], "b": [1.0, 3.0, 2.0]}
    assert ratios(rates, "a", "b") == [2.0, 3.0, 4.0]
    assert ratio(rates, "a", "b") == 3.0
    assert ratio(rates, "a", "c") is None
    assert spread([3.0, 1.0, 2.0]) == {"median": 2.0, "min": 1.0, "max": 3.0}


def test_the_references_advantages_are_those_of_the_formula():
    plain = ReferenceLoop(SMALL)
    rewards, values = torch.randn(2, 3, 8)
    expected, _ = generalized_advantage_estimation(rewards, values, SMALL.learning.gamma, SMALL.learning.gae_lambda)
    assert torch.allclose(plain._advantages(list(rewards), list(values)), expected.flatten(), atol=1e-6)
