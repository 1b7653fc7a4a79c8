import pytest
import torch

from spiral.learning.returns import generalized_advantage_estimation
from spiral.learning.reward_scale import RewardScale

CPU = torch.device("cpu")


def paid(index: torch.Tensor) -> torch.Tensor:
    """Rewards whose deviation falls from 40 to 0.2 over an episode of 20, as on photographs."""
    sizes = torch.logspace(1.6, -0.7, 20)
    return sizes[index] * torch.randn(index.shape, generator=torch.Generator().manual_seed(int(index[0, 0])))


def places(turn: int) -> torch.Tensor:
    """5 commands on each of 64 canvases, whose episodes of 20 are at different unrolls."""
    return (torch.arange(64) + turn)[None] % 4 * 5 + torch.arange(5)[:, None]


def test_every_command_of_an_episode_has_its_own_unit():
    units, one = RewardScale("command", 20, CPU), RewardScale("episode", 20, CPU)
    for turn in range(400):
        index = places(turn)
        units.learn(paid(index), index, torch.zeros(64, dtype=torch.bool))
        one.learn(paid(index), index, torch.zeros(64, dtype=torch.bool))
    every = torch.arange(20)[:, None]
    assert torch.allclose(units.of(every)[:, 0], torch.logspace(1.6, -0.7, 20), rtol=0.35)
    scaled = [paid(places(turn)) / units.of(places(turn)) for turn in range(4)]
    assert torch.cat(scaled, 1).square().mean() == pytest.approx(1.0, rel=0.3)
    assert one.of(every).unique().numel() == 1
    assert float(units.of(torch.tensor([[25]]))) == float(units.of(torch.tensor([[19]]))), (
        "beyond the end as at the end"
    )


def test_units_of_commands_nobody_is_paid_for_are_not_nothing():
    units = RewardScale("command", 4, CPU)
    rewards = torch.tensor([[8.0, 8.0], [0.0, 0.0]])
    units.learn(rewards, torch.tensor([[0, 0], [1, 1]]), torch.zeros(2, dtype=torch.bool))
    got = units.of(torch.arange(4)[:, None])[:, 0]
    assert got.tolist() == pytest.approx([8.0, 0.008, 0.008, 0.008])


def test_values_in_units_of_their_own_give_the_same_advantages():
    """A change of unit changes the numbers, not their meaning."""
    rewards, values = torch.randn(2, 6, 3)
    after, unit = torch.randn(3), torch.rand(7, 3) + 0.5
    plain, plain_targets = generalized_advantage_estimation(rewards, values, 0.9, 0.8, after)
    growth = 0.9 * unit[1:] / unit[:-1]
    scaled, targets = generalized_advantage_estimation(
        rewards / unit[:-1], values / unit[:-1], growth, 0.8, after / unit[-1]
    )
    assert torch.allclose(scaled * unit[:-1], plain, atol=1e-4)
    assert torch.allclose(targets * unit[:-1], plain_targets, atol=1e-4)
