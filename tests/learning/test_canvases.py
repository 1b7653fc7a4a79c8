"""Canvases in parts: the same programs as in one piece, and no host waits for what it need not know."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from problems import rows, tiny
from torch.utils._python_dispatch import TorchDispatchMode

from spiral.engines import make, observe
from spiral.engines.strokes import StrokeSettings
from spiral.errors import InputError
from spiral.learning.canvases import make_canvases, observe_on_device
from spiral.learning.learner import Learner
from spiral.learning.trainer import Budget, load_real_images, make_actor, set_up, train, train_iteration, unmeasured

CPU = torch.device("cpu")


def with_run(preset, **settings):
    return replace(preset, run=replace(preset.run, **settings))


def actor_of(lines, pipeline, **learning):
    preset = with_run(tiny(lines, unroll_length=3, **learning), pipeline=pipeline)
    learner = Learner(preset, CPU)
    return make_actor(preset, learner.policies[0].policy, load_real_images(preset, CPU), 1, canvases=7)


def test_halves_paint_what_the_whole_batch_does(lines):
    whole, halves = actor_of(lines, "off"), actor_of(lines, "on")
    assert [part.engine.batch for part in halves.canvases.parts] == [4, 3]
    for _ in range(3):
        torch.manual_seed(1)
        expected = whole.unroll()
        torch.manual_seed(1)
        found = halves.unroll()
        # Random numbers belong to canvases, so only rounding could choose another command.
        assert torch.equal(found.commands, expected.commands)
        assert torch.equal(found.canvases, expected.canvases)
        assert torch.equal(found.effective, expected.effective)
        assert torch.allclose(found.log_probability, expected.log_probability, atol=1e-5)
        assert torch.allclose(found.values, expected.values, atol=1e-5)
        assert torch.equal(found.canvases[0, 0], found.before.blank)


def test_halves_continue_long_episodes(lines):
    whole, halves = (actor_of(lines, pipeline, unrolls_per_episode=2) for pipeline in ("off", "on"))
    for _ in range(4):
        torch.manual_seed(2)
        expected = whole.unroll()
        torch.manual_seed(2)
        found = halves.unroll()
        assert torch.equal(found.canvases, expected.canvases)
        assert torch.allclose(found.bootstrap_value, expected.bootstrap_value, atol=1e-5)


def test_a_run_in_halves_learns_and_is_repeatable(lines, tmp_path):
    preset = with_run(tiny(lines), pipeline="on", figures_every=7)
    train(preset, tmp_path / "long", Budget(frames=64 * 300))
    errors = [row["mse"] / row["blank_mse"] for row in rows(tmp_path / "long") if "mse" in row]
    assert errors[-1] < 0.4
    figures = []
    for name in ("first", "again"):
        train(preset, tmp_path / name, Budget(frames=64 * 10))
        figures.append([row["mse"] for row in rows(tmp_path / name) if "mse" in row])
    assert figures[0] == figures[1]


def test_what_an_engine_refuses_in_a_thread_is_told(lines):
    canvases = make_canvases("vector", 4, StrokeSettings(size=16, grid=8).to_json(), 1, 16, CPU, halves=True)
    pictures = torch.empty(2, 16, 16, 1, dtype=torch.uint8)
    part = canvases.parts[0]
    part.paint(torch.full((2, 5), 9999), pictures)
    with pytest.raises(InputError, match="is not in"):
        part.wait()


def test_pictures_are_reduced_as_by_the_engines():
    canvases = np.random.default_rng(0).integers(256, size=(3, 24, 24, 3), dtype=np.uint8)
    for size in (24, 12, 8):
        assert np.array_equal(observe_on_device(torch.from_numpy(canvases), size).numpy(), observe(canvases, size))


class NothingIsRead(TorchDispatchMode):
    """Fails where a tensor's value becomes a number, or a shape depends on values: a GPU would be waited for."""

    READS = ("_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "equal", "_unique2")

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        assert func._overloadpacket._qualified_op_name.split("::")[1] not in self.READS, func
        if func is torch.ops.aten.index.Tensor or "index_put" in str(func):
            assert all(index is None or index.dtype != torch.bool for index in args[1]), func
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    "learning",
    [
        {},
        {"lessons": 8, "lesson_pretraining": 0.5, "num_minibatches": 2, "update_epochs": 2},
        {"reward_scale": "command", "hindsight_weight": 0.1, "reward": "mixed", "idle_penalty": 0.1},
        {"sees_target": False, "noise": 4, "adversarial_loss": "gan"},
        {"off_policy_correction": "v-trace", "cluster_means": 4, "adversarial_loss": "r3gan"},
    ],
)
def test_a_round_reads_nothing(lines, learning):
    preset = with_run(tiny(lines, unroll_length=2, **{"batch_size": 8, **learning}), pipeline="on")
    learner, actors, real = set_up(preset, 1)
    for progress in (0.0, 0.9):
        with NothingIsRead():
            for figures in train_iteration(learner, actors, real, progress, unmeasured):
                assert all(isinstance(value, torch.Tensor) for value in figures.values())


def test_an_engine_that_paints_in_one_piece_is_the_default_on_a_processor(lines):
    assert len(actor_of(lines, "auto").canvases.parts) == 1
    assert make("vector", 1).batch == 1
