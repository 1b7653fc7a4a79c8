"""A second way to the location logits, at the grid's own resolution: what lies in and around every cell.

Not in the paper. The location heads of appendix B decode the vector z from 4x4 up; with few layers, as on small
machines, they find the region and miss the cell. It changes nothing until it has learned something, so that an agent
can grow by it.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from spiral.models.blocks import ResidualBlock, zero
from spiral.models.locations import draw

_BLOCKS = 2
"""Residual blocks of the encoder."""


def side_of_details(size: int, grids: list[int]) -> int:
    """Side of the map of details for pictures of `size` pixels: the finest grid's, as far as it can be.

    It is a power of two, as the sides of pictures are up to a factor of 8, and a cell has at least two pixels.
    """
    side = size // 2
    while side > max(grids) and side % 2 == 0:
        side //= 2
    return side


class Details(nn.Module):
    """Encodes a patch of the pictures around every cell, in the light of the encoder's last map."""

    def __init__(self, planes: int, coarse: int, width: int, cell: int) -> None:
        """From `planes` of pictures and a map of `coarse` channels to `width` channels, one place a cell.

        Args:
            planes: of the pictures.
            coarse: channels of the encoder's last map.
            width: channels of the result.
            cell: side of a cell in pixels, even; a patch is twice as wide.
        """
        super().__init__()
        self.patches = nn.Conv2d(planes, width, 2 * cell, stride=cell, padding=cell // 2)
        self.coarse = nn.Conv2d(coarse, width, 1)
        self.blocks = nn.Sequential(*(ResidualBlock(width) for _ in range(_BLOCKS)))

    def forward(self, pictures: Tensor, coarse: Tensor) -> Tensor:
        """[N, width, side, side] from pictures [N, planes, S, S] and the encoder's last map [N, coarse, 8, 8]."""
        x = self.patches(pictures)
        x = x + functional.interpolate(self.coarse(coarse), x.shape[-2:], mode="nearest")
        return functional.relu(self.blocks(functional.relu(x)))


class DetailHead(nn.Module):
    """A correction to the logits of one location choice."""

    def __init__(self, grid: int, hidden: int, width: int, planes: int) -> None:
        """For a grid x grid location.

        Args:
            grid: side of the grid; the correction is resized bilinearly if the details have another.
            hidden: width of z.
            width: channels of the details.
            planes: number of planes with locations already chosen; 0 without them.
        """
        super().__init__()
        self.grid = grid
        self.tell = nn.Linear(hidden, width)
        self.mix = nn.Conv2d(width, width, 3, padding=1)
        self.where = nn.Conv2d(planes, width, 3, padding=1) if planes else None
        self.block = ResidualBlock(width)
        self.last = nn.Conv2d(width, 1, 3, padding=1)
        zero(self.last)

    def forward(self, z: Tensor, details: Tensor, places: list[Tensor]) -> Tensor:
        """[N, grid * grid] from z [N, hidden], details [N, width, side, side] and locations [N, 2] chosen before."""
        x = self.mix(details) + self.tell(z)[:, :, None, None]
        if self.where is not None:
            x = x + self.where(draw(places, x.shape[-1]))
        x = self.last(functional.relu(self.block(functional.relu(x))))
        if x.shape[-1] != self.grid:
            x = functional.interpolate(x.float(), (self.grid, self.grid), mode="bilinear", align_corners=False)
        return x.flatten(1)
