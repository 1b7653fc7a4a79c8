"""Details: location logits corrected at the grid's own resolution."""

from dataclasses import replace

import pytest
import torch

from spiral.errors import InputError
from spiral.models.details import side_of_details
from spiral.models.policy import Observation, Policy, PolicySettings
from spiral.specification import Location, Specification

SMALL = PolicySettings(
    channels=8, stride=4, core_channels=8, residual_blocks=0, hidden=16, location_channels=4, location_blocks=0,
    skip_connections=True,
)  # fmt: skip


@pytest.mark.parametrize(
    ("size", "grids", "side"),
    [(64, [16], 16), (64, [16, 32], 32), (64, [64], 32), (32, [20], 16), (16, [4], 4), (64, [3], 2)],
)
def test_details_are_as_fine_as_the_finest_grid_and_a_cell_has_two_pixels(size, grids, side):
    assert side_of_details(size, grids) == side


def observation(cells: torch.Tensor, grid: int, size: int) -> Observation:
    """A black canvas and a target with a light dot of two pixels in one cell each."""
    count, pixel = len(cells), size // grid
    target = torch.zeros(count, size, size, 1, dtype=torch.uint8)
    rows, columns = cells // grid * pixel, cells % grid * pixel
    for down in (0, 1):
        target[torch.arange(count), rows + down, columns + 1] = 255
    return Observation(
        canvas=torch.zeros_like(target),
        target=target,
        previous=torch.zeros(count, 1, dtype=torch.int64),
        effective=torch.zeros(count, 1, dtype=torch.bool),
        progress=torch.zeros(count),
        noise=None,
    )


@pytest.mark.parametrize("channels", [0, 8])
def test_with_details_the_cell_is_found_and_not_only_the_region(channels):
    torch.manual_seed(0)
    policy = Policy(Specification((Location("end", 16),)), 64, 1, replace(SMALL, detail_channels=channels))
    optimizer = torch.optim.Adam(policy.parameters(), 5e-3)
    for _ in range(120):
        cells = torch.randint(256, (32,))
        decision, _ = policy.evaluate(observation(cells, 16, 64), cells[None, :, None], policy.initial_state(32))
        optimizer.zero_grad()
        (-decision.log_probability.mean()).backward()
        optimizer.step()
    cells = torch.randint(256, (256,))
    with torch.no_grad():
        found = policy.act(observation(cells, 16, 64), policy.initial_state(256), temperature=0.0)[0][:, 0]
    hits = float((found == cells).float().mean())
    assert hits > 0.9 if channels else hits < 0.8, hits


def test_details_need_pictures():
    with pytest.raises(InputError, match="needs a picture"):
        replace(SMALL, detail_channels=4, sees_canvas=False, sees_target=False)
