"""`spiral bench --device`: the loop by engine, size and number of canvases."""

import json
from dataclasses import replace

import pytest

from spiral.benchmarks import device
from spiral.cli import main
from spiral.models.policy_settings import PolicySettings
from spiral.presets import MNIST_RECONSTRUCT_VECTOR


@pytest.fixture
def small(monkeypatch):
    """One size of networks that a processor is quick with."""
    policy = PolicySettings(
        channels=4, core_channels=4, residual_blocks=0, hidden=16, location_channels=4, location_blocks=0
    )
    preset = replace(MNIST_RECONSTRUCT_VECTOR, policy=policy)
    preset = replace(preset, learning=replace(preset.learning, unroll_length=3))
    monkeypatch.setattr(device, "SIZES", {"tiny": {"vector": preset}})
    return preset


def test_one_json_object_with_a_row_for_each(small, capsys):
    arguments = ["bench", "--device", "cpu", "--batches", "2", "4", "--engines", "vector", "--sizes", "tiny"]
    capsys.readouterr()
    assert main([*arguments, "--seconds", "0.05", "--threads", "1", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert [row["canvases"] for row in figures["loops"]] == [2, 4]
    for row in figures["loops"]:
        assert row["commands_per_second"] > 0 and row["rounds"] >= 1
        assert row["card_waits"] is None, "there is no card"
        assert 0.0 < row["paint_share"] < 1.0
    assert main([*arguments[:-1], "tiny", "--seconds", "0.05", "--threads", "1"]) == 0
    assert "commands/s" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong",
    [["--sizes", "huge"], ["--engines", "crayon"], ["--batches", "0"], ["--device", "abacus"], ["--seconds", "0"]],
)
def test_wrong_input_is_one_line(small, capsys, wrong):
    assert main(["bench", "--device", "cpu", "--sizes", "tiny", "--engines", "vector", *wrong]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_large_batches_are_learned_from_in_parts():
    paper = device.measured_preset("paper", "mypaint", 2048, "cpu")
    assert paper.learning.batch_size == 2048
    assert 2048 * paper.learning.unroll_length / paper.learning.num_minibatches <= 16_384
    assert device.measured_preset("laptop", "scene", 64, "cpu").data.source == "scenes:1024"


def test_more_commands_cost_as_much_each(small):
    preset = replace(small, learning=replace(small.learning, batch_size=4, num_minibatches=1, lessons=0))
    one = device.flops_of_a_command(preset)
    other = device.flops_of_a_command(replace(preset, learning=replace(preset.learning, batch_size=8)))
    assert set(one) == {"paint", "judge", "learn"}
    for name, value in one.items():
        assert other[name] == pytest.approx(value, rel=0.1)
