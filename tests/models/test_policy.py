import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from spiral.engines.strokes import StrokeSettings
from spiral.errors import InputError
from spiral.learning.checkpoint import fill
from spiral.models.blocks import grid_positions, location_planes
from spiral.models.locations import crop
from spiral.models.policy import ADDITIONS, Observation, Policy, PolicySettings
from spiral.specification import Category, Location, Specification, When

SMALL = PolicySettings(
    channels=8, core_channels=8, residual_blocks=1, hidden=32, location_channels=8, location_blocks=1
)
SPECIFICATION = StrokeSettings(grid=16, radii=(1.0, 2.0), pressures=3).specification()


def observation(count: int, size: int = 32, channels: int = 1, noise: int = 0, choices: int = 5) -> Observation:
    generator = torch.Generator().manual_seed(0)
    picture = torch.randint(256, (2, count, size, size, channels), dtype=torch.uint8, generator=generator)
    return Observation(
        canvas=picture[0],
        target=picture[1],
        previous=torch.zeros(count, choices, dtype=torch.int64),
        effective=torch.zeros(count, choices, dtype=torch.bool),
        progress=torch.zeros(count),
        noise=torch.randn(count, noise, generator=generator) if noise else None,
    )


@pytest.mark.parametrize("skip_connections", [False, True])
@pytest.mark.parametrize(("size", "channels", "grid"), [(32, 1, 16), (64, 3, 32), (32, 1, 20), (16, 1, 4)])
@pytest.mark.parametrize("stride", [1, 2])
def test_commands_fit_the_specification(skip_connections, size, channels, grid, stride):
    specification = StrokeSettings(grid=grid).specification()
    policy = Policy(specification, size, channels, replace(SMALL, skip_connections=skip_connections, stride=stride))
    commands, *_, state = policy.act(observation(6, size, channels), policy.initial_state(6))
    assert specification.check(commands.numpy()).shape == (6, 5)
    assert state[0].shape == (6, 32)
    decision, _ = policy.evaluate(observation(6, size, channels), commands[None], policy.initial_state(6))
    assert decision.log_probability.shape == decision.entropy.shape == decision.value.shape == (6,)


def test_any_specification_will_do():
    choices = (Category("a", 1), Category("b", 7), Location("c", 5, When("b", (0, 2))), Category("d", 3))
    policy = Policy(Specification(choices), 16, 3, replace(SMALL, skip_connections=True))
    commands, *_ = policy.act(observation(4, 16, 3, choices=4), policy.initial_state(4))
    assert Specification(choices).check(commands.numpy()) is not None


@pytest.mark.parametrize("skip_connections", [False, True])
def test_episodes_at_once_are_judged_as_step_by_step(skip_connections):
    torch.manual_seed(0)
    policy = Policy(SPECIFICATION, 32, 1, replace(SMALL, skip_connections=skip_connections))
    seen, start = observation(3), policy.initial_state(3)
    first, *_, state = policy.act(seen, start)
    then = replace(seen, previous=first)
    second, *_ = policy.act(then, state)
    both = Observation(
        canvas=seen.canvas.repeat(2, 1, 1, 1),
        target=None if seen.target is None else seen.target.repeat(2, 1, 1, 1),
        previous=torch.cat([seen.previous, first]),
        effective=seen.effective.repeat(2, 1),
        progress=seen.progress.repeat(2),
        noise=None,
    )
    at_once, after = policy.evaluate(both, torch.stack([first, second]), start)
    (before, between), (later, end) = (
        policy.evaluate(seen, first[None], start),
        policy.evaluate(then, second[None], state),
    )
    assert torch.allclose(between[0], state[0], atol=1e-5) and torch.allclose(after[0], end[0], atol=1e-5)
    for name in ("log_probability", "entropy", "value"):
        apart = torch.cat([getattr(part, name) for part in (before, later)])
        assert torch.allclose(getattr(at_once, name), apart, atol=1e-4)


@pytest.mark.parametrize("skip_connections", [False, True])
def test_commands_are_painted_as_often_as_their_probability_says(skip_connections):
    torch.manual_seed(0)
    specification = Specification((Category("flag", 2), Location("end", 2), Category("size", 2)))
    policy = Policy(specification, 8, 1, replace(SMALL, skip_connections=skip_connections))
    count = 20_000
    seen = observation(1, 8, choices=3)
    with torch.no_grad():
        for parameter in policy.heads.parameters():
            parameter.mul_(8.0)  # far from uniform
        wide = Observation(*(None if v is None else v.expand(count, *v.shape[1:]) for v in vars(seen).values()))
        painted, *_ = policy.act(wide, policy.initial_state(count))
        every = torch.tensor([[f, e, s] for f in range(2) for e in range(4) for s in range(2)])
        few = Observation(*(None if v is None else v[:16] for v in vars(wide).values()))
        chances = policy.evaluate(few, every[None], policy.initial_state(16))[0].log_probability.exp()
    seen_share = torch.bincount(painted @ torch.tensor([8, 2, 1]), minlength=16) / count
    assert chances.max() > 2 / 16
    assert torch.allclose(seen_share, chances, atol=0.015)


def test_probabilities_of_all_commands_add_up_to_one():
    specification = Specification((Category("flag", 2), Location("end", 3), Category("size", 2, When("flag", (1,)))))
    policy = Policy(specification, 8, 1, replace(SMALL, skip_connections=True))
    commands = torch.tensor([[f, e, s] for f in range(2) for e in range(9) for s in range(2)])
    with torch.no_grad():
        seen = observation(1, 8, choices=3)
        wide = Observation(*(None if v is None else v.expand(36, *v.shape[1:]) for v in vars(seen).values()))
        decision, _ = policy.evaluate(wide, commands[None], policy.initial_state(36))
    chances = decision.log_probability.exp()
    jumps = commands[:, 0] == 0
    # After a jump the size has no effect: both of its options give the same command.
    assert float(chances[jumps].sum() / 2 + chances[~jumps].sum()) == pytest.approx(1.0, abs=1e-4)


def test_entropy_at_the_start_is_nearly_that_of_uniform_choices():
    policy = Policy(SPECIFICATION, 32, 1, SMALL)
    commands, *_ = policy.act(observation(64), policy.initial_state(64))
    decision, _ = policy.evaluate(observation(64), commands[None], policy.initial_state(64))
    painting = commands[:, 0] == 1
    most = math.log(2) + 2 * math.log(256) + math.log(2) + math.log(3)
    assert 0.8 * most < float(decision.entropy[painting].mean().detach()) <= most + 1e-3


def test_without_temperature_the_most_probable_command_is_repeated():
    policy = Policy(SPECIFICATION, 32, 1, SMALL)
    runs = [policy.act(observation(4), policy.initial_state(4), temperature=0.0)[0] for _ in range(2)]
    assert torch.equal(*runs)


def test_the_blind_policy_does_not_see_the_canvas():
    policy = Policy(SPECIFICATION, 32, 1, replace(SMALL, sees_canvas=False))
    seen = observation(4)
    other = replace(seen, canvas=255 - seen.canvas)
    states = [policy.act(one, policy.initial_state(4), 0.0)[-1][0] for one in (seen, other)]
    assert torch.equal(*states)
    assert seen.target is not None
    changed = policy.act(replace(seen, target=255 - seen.target), policy.initial_state(4), 0.0)[-1][0]
    assert not torch.equal(states[0], changed)


def test_noise_changes_what_a_generating_policy_does():
    policy = Policy(SPECIFICATION, 32, 1, replace(SMALL, sees_target=False, noise=10))
    seen = observation(4, noise=10)
    assert seen.noise is not None
    states = [policy.act(one, policy.initial_state(4))[-1][0] for one in (seen, replace(seen, noise=-seen.noise))]
    assert not torch.equal(*states)


def test_sampling_follows_the_logits():
    from spiral.models.policy import _pick

    torch.manual_seed(0)
    logits = torch.tensor([0.5, 0.2, 0.3]).log().expand(20_000, 3)
    counts = torch.bincount(_pick(logits, 1.0), minlength=3) / 20_000
    assert counts.tolist() == pytest.approx([0.5, 0.2, 0.3], abs=0.02)


def test_the_papers_size_is_the_papers():
    policy = Policy(StrokeSettings().specification(), 64, 1, PolicySettings())
    assert policy.core.hidden_size == 256
    assert len(policy.blocks) == 8 and len(policy.downs) == 3


def test_a_size_that_cannot_be_halved_to_eight_is_refused():
    with pytest.raises(ValueError, match="power of two"):
        Policy(SPECIFICATION, 48, 1, SMALL)


def test_locations_are_drawn_where_they_are():
    positions = grid_positions(torch.tensor([0, 5 * 8 + 2]), 8)
    assert positions[0].tolist() == [-1.0, -1.0]
    spots = location_planes(positions, 8)[:, 2]
    assert np.unravel_index(int(spots[1].argmax()), (8, 8)) == (5, 2)
    assert float(spots[1].max()) == pytest.approx(1.0, abs=1e-5)


def test_cluster_means_are_drawn_as_targets():
    policy = Policy(SPECIFICATION, 32, 1, replace(SMALL, cluster_means=4))
    levels = torch.tensor([10, 20, 30, 40], dtype=torch.uint8)
    policy.cluster_means.copy_(levels[:, None, None, None])
    drawn = policy.draw_cluster_means(100)
    assert drawn is not None and drawn.shape == (100, 32, 32, 1)
    assert set(drawn[:, 0, 0, 0].tolist()) == set(levels.tolist())
    assert "cluster_means" in policy.state_dict(), "an agent carries them along"
    assert Policy(SPECIFICATION, 32, 1, SMALL).draw_cluster_means(4) is None
    with pytest.raises(InputError, match="sees-target"):
        replace(SMALL, cluster_means=4, sees_target=False)


@pytest.mark.parametrize(("size", "grid"), [(32, 16), (32, 32), (16, 5)])
def test_a_crop_is_what_lies_around_a_cell(size, grid):
    pictures = torch.randn(grid * grid, 2, size, size)
    cells = torch.arange(grid * grid)
    cut = crop(pictures, cells, grid, 8)
    padded = torch.nn.functional.pad(pictures, (4, 4, 4, 4))
    for index in range(0, grid * grid, 7):
        row, column = ((2 * part + 1) * size // (2 * grid) for part in divmod(index, grid))
        assert torch.equal(cut[index], padded[index, :, row : row + 8, column : column + 8])


def test_a_glimpse_tells_of_what_is_at_the_chosen_place():
    policy = Policy(SPECIFICATION, 32, 1, replace(SMALL, glimpse=8))
    seen, state = observation(4), policy.initial_state(4)
    commands, *_ = policy.act(seen, state, 0.0)
    commands[:, 0] = 1  # strokes, whose sizes come after their places
    decision, _ = policy.evaluate(seen, commands[None], state)
    decision.log_probability.sum().backward()
    assert policy.glimpse is not None and policy.glimpse.fine.weight.grad is not None
    assert float(policy.glimpse.fine.weight.grad.abs().max()) > 0


@pytest.mark.parametrize("wrong", [{"glimpse": 6}, {"glimpse": -4}, {"glimpse": 8, "sees_canvas": False}])
def test_glimpses_that_cannot_be_are_refused(wrong):
    with pytest.raises(InputError, match=r"glimpse|look at"):
        replace(SMALL, **wrong, **({"sees_target": False} if "sees_canvas" in wrong else {}))


@pytest.mark.parametrize(("size", "stride", "grid"), [(32, 2, 32), (64, 2, 32), (64, 1, 32)])
def test_a_policy_that_grows_decides_as_before_and_then_learns(size, stride, grid):
    specification = StrokeSettings(grid=grid).specification()
    settings = replace(SMALL, skip_connections=True, stride=stride, channels=6)
    small = Policy(specification, size, 1, settings)
    grown = Policy(specification, size, 1, replace(settings, pyramid_blocks=2, merge_blocks=1))
    absent = set(grown.state_dict()) - set(small.state_dict())
    assert absent and all(any(part in name for part in ADDITIONS) for name in absent)
    fill(grown, small.state_dict(), "here", ADDITIONS)
    seen, commands = observation(4, size), specification.random(np.random.default_rng(0), (1, 4))
    before, after = (
        policy.evaluate(seen, torch.from_numpy(commands), policy.initial_state(4))[0].log_probability
        for policy in (small, grown)
    )
    assert torch.equal(before, after)
    after.sum().backward()
    learning = [name for name, p in grown.named_parameters() if name in absent and p.grad is not None and p.grad.any()]
    assert any("pyramid.ups" in name for name in learning) and any(".merged." in name for name in learning)


def test_what_is_not_an_addition_may_not_be_missing():
    policy = Policy(SPECIFICATION, 32, 1, replace(SMALL, skip_connections=True, merge_blocks=1))
    tensors = {name: tensor for name, tensor in policy.state_dict().items() if ".merged." not in name}
    del tensors["value.bias"]
    with pytest.raises(InputError, match=r"1 missing, 0 unknown, such as 'value.bias'"):
        fill(policy, tensors, "here", ADDITIONS)


@pytest.mark.parametrize("setting", ["pyramid_blocks", "merge_blocks"])
def test_additions_to_the_skip_connections_need_them(setting):
    with pytest.raises(InputError, match="skip-connections"):
        replace(SMALL, **{setting: 1})
