import copy
import os
from dataclasses import replace

import pytest
import torch
from problems import line_pictures, tiny
from torch import distributed, multiprocessing

from spiral.datasets import load
from spiral.engines import make
from spiral.learning.ddp import use_ddp
from spiral.learning.policy_learner import PolicyLearner
from spiral.learning.trainer import load_real_images, make_actor
from spiral.learning.trajectory import Trajectory
from spiral.models.discriminator import Discriminator
from spiral.settings import Preset

CPU = torch.device("cpu")


def painted(preset: Preset) -> tuple[PolicyLearner, Discriminator, Trajectory]:
    torch.manual_seed(0)
    learner = PolicyLearner(preset, CPU)
    judge = Discriminator(16, 1, True, preset.discriminator)
    actor = make_actor(preset, learner.policy, load_real_images(preset, CPU), 1)
    return learner, judge, actor.unroll()


def exactly(preset: Preset) -> Preset:
    return Preset.from_json({**preset.to_json(), "run": {**preset.to_json()["run"], "precision": "float32"}})


def gradients(learner: PolicyLearner) -> list[torch.Tensor]:
    return [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in learner.policy.parameters()]


def learn_from(learner: PolicyLearner, episode: Trajectory, judge: Discriminator) -> list[torch.Tensor]:
    learner.learn(episode, learner.rewards(episode, judge), 0.0)
    return gradients(learner)


def test_without_lag_v_trace_learns_what_is_learned_on_policy(lines):
    found = []
    for correction in ("none", "v-trace"):
        learner, judge, episode = painted(exactly(tiny(lines, unroll_length=3, off_policy_correction=correction)))
        found.append(learn_from(learner, episode, judge))
    assert any(gradient.abs().max() > 1e-4 for gradient in found[0])
    for plain, corrected in zip(*found, strict=True):
        assert torch.allclose(plain, corrected, atol=1e-5)


def test_with_lag_the_correction_makes_a_difference(lines):
    found = []
    for correction in ("none", "v-trace"):
        learner, judge, episode = painted(exactly(tiny(lines, unroll_length=3, off_policy_correction=correction)))
        with torch.no_grad():
            for parameter in learner.policy.parameters():
                parameter.mul_(1.5)
        found.append(learn_from(learner, episode, judge))
    assert any(not torch.allclose(plain, corrected, atol=1e-4) for plain, corrected in zip(*found, strict=True))


def _rank(rank: int, port: int, preset: Preset, folder: str) -> None:
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    distributed.init_process_group("gloo", rank=rank, world_size=2)
    learner, judge, episode = painted(preset)
    use_ddp(learner)
    torch.save(learn_from(learner, episode.share(rank, 2), judge), f"{folder}/{rank}.pt")
    assert learner.commands == episode.steps * episode.batch, "all ranks' commands count"
    distributed.barrier()
    distributed.destroy_process_group()
    # The learner still holds gloo's threads. One that wants the interpreter's lock while the interpreter ends aborts.
    os._exit(0)


@pytest.mark.parametrize(
    "settings",
    [{"reward_scale": "episode"}, {"reward_scale": "command", "off_policy_correction": "v-trace", "update_epochs": 2}],
)
def test_two_ranks_take_the_step_of_one_learner(tmp_path, settings):
    preset = exactly(tiny(line_pictures(tmp_path / "lines.npz"), unroll_length=3, **settings))
    learner, judge, episode = painted(preset)
    expected = learn_from(learner, copy.deepcopy(episode), judge)
    port = 29500 + os.getpid() % 1000
    multiprocessing.spawn(_rank, (port, preset, str(tmp_path)), nprocs=2)  # pyright: ignore[reportPrivateImportUsage]
    for rank in range(2):
        for mine, alone in zip(torch.load(tmp_path / f"{rank}.pt"), expected, strict=True):
            assert torch.allclose(mine, alone, atol=2e-5)


def test_inventions_are_measured_with_the_noise_that_the_agent_will_have(lines):
    preset = replace(tiny(lines, sees_target=False, noise=4), temperature=0.0)
    held_out = load(lines, 16, 1, "test").evenly_spaced(8)
    engine = make(preset.engine, len(held_out), preset.canvas.to_json())
    torch.manual_seed(0)
    learner = PolicyLearner(preset, CPU)
    spread = []
    for scale in (0.0, 100.0):
        learner.preset = replace(preset, noise_scale=scale)
        spread.append(learner.evaluate(engine, held_out)[1].float().std(0).max())
    assert spread[0] == 0.0 < spread[1]
