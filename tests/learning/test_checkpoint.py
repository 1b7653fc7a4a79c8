"""Optimisers' checkpoints: exact when whole, refused when a part is missing."""

import pytest
import torch

from spiral.errors import InputError
from spiral.learning.checkpoint import pack_optimizer, unpack_optimizer


def stepped(steps: int) -> tuple[torch.nn.Linear, torch.optim.Adam]:
    torch.manual_seed(0)
    layer = torch.nn.Linear(3, 2)
    adam = torch.optim.Adam(layer.parameters(), 0.1)
    for _ in range(steps):
        adam.zero_grad()
        layer(torch.ones(1, 3)).square().sum().backward()
        adam.step()
    return layer, adam


def test_an_optimiser_goes_on_exactly():
    layer, adam = stepped(3)
    other, new = stepped(0)
    other.load_state_dict(layer.state_dict())
    unpack_optimizer(new, pack_optimizer(adam))
    for one, optimizer in ((layer, adam), (other, new)):
        optimizer.zero_grad()
        one(torch.ones(1, 3)).square().sum().backward()
        optimizer.step()
    assert torch.equal(layer.weight, other.weight)


@pytest.mark.parametrize("name", ["0.step", "0.exp_avg", "1.exp_avg_sq"])
def test_an_optimisers_checkpoint_that_lacks_a_part_is_refused(name):
    tensors = pack_optimizer(stepped(2)[1])
    del tensors[name]
    with pytest.raises(InputError, match=name.replace("0.", "parameter 0 lacks ").replace("1.", "parameter 1 lacks ")):
        unpack_optimizer(stepped(0)[1], tensors)
