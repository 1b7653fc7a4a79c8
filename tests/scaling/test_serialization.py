import pytest
import torch
from problems import tiny

from spiral.learning.learner import Learner
from spiral.learning.trainer import load_real_images, make_actor
from spiral.learning.trajectory import Trajectory
from spiral.scaling.serialization import flatten, to_arrays, to_tensors, unflatten


def leaves(tree: object) -> list[torch.Tensor]:
    found: list[torch.Tensor] = []
    for value in vars(tree).values():
        if isinstance(value, torch.Tensor):
            found.append(value)
        elif isinstance(value, tuple):
            found += [part for part in value if isinstance(part, torch.Tensor)]
        elif hasattr(value, "__dict__"):
            found += leaves(value)
    return found


def test_trajectories_and_states_come_back_as_they_were(lines):
    learner = Learner(tiny(lines, unroll_length=2), torch.device("cpu"))
    real = load_real_images(learner.preset, learner.device)
    trajectory = make_actor(learner.preset, learner.policies[0].policy, real, 1).unroll()
    sent = to_arrays(trajectory)
    assert not leaves(sent), "nothing but arrays is left"
    back = to_tensors(sent)
    assert isinstance(back, Trajectory) and len(leaves(back)) > 10
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(leaves(back), leaves(trajectory), strict=True))
    state = learner.state()
    again = to_tensors(to_arrays(state))
    assert {group: list(values) for group, values in again.items()} == {g: list(v) for g, v in state.items()}
    assert all(torch.equal(again[g][name], value) for g, values in state.items() for name, value in values.items())


def test_weights_are_one_array_whatever_their_types():
    like = {
        "a": torch.randn(3, 5),
        "b": torch.arange(7, dtype=torch.uint8),
        "c": torch.tensor(4),
        "d": torch.randn(2, 3),
    }
    like["d"] = like["d"].t()
    weights = flatten(like)
    weights.flags.writeable = False  # as from Ray
    back = unflatten(weights, like)
    assert all(torch.equal(back[name], value) and back[name].dtype == value.dtype for name, value in like.items())
    other = unflatten(weights, dict(reversed(like.items())))
    assert all(torch.equal(other[name], value) for name, value in like.items()), "in whatever order they are read"
    with pytest.raises(ValueError, match="bytes"):
        unflatten(weights[:-8], like)
    with pytest.raises(ValueError, match="bytes"):
        unflatten(weights, {"a": like["a"]})
