"""The decoder's location heads, and features of chosen locations."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from spiral.models.blocks import ResidualBlock, added_blocks, location_planes

DECODER_SIDE = 4
"""Side of a location head's first feature map."""
LOCAL_FEATURE_SIDES = (16, 4)
"""Sides of the reduced pictures for `local_features`."""
GLIMPSE_WIDTH = 64
"""Features of a glimpse."""
_FINEST_DRAWN = 16
"""Largest side of the planes with chosen locations: finer ones take most of the time and add little."""


class LocationHead(nn.Module):
    """Decodes z to a grid of logits by residual blocks and transposed convolutions (appendix B)."""

    def __init__(
        self,
        grid: int,
        size: int,
        hidden: int,
        width: int,
        blocks: int,
        skips: list[int],
        planes: int,
        merge_blocks: int = 0,
    ) -> None:
        """A head for a grid x grid location.

        Args:
            grid: side of the grid; logits are resized bilinearly if it is not 4 times a power of two.
            size: side of the encoder's finest feature map, which fixes the resolutions of the skips.
            hidden: width of z.
            width: channels of the convolutions.
            blocks: residual blocks.
            skips: channels of the encoder's feature maps, fine to coarse; empty without skips.
            planes: number of planes with locations already chosen; 0 without them.
            merge_blocks: residual blocks after each of the skips.
        """
        super().__init__()
        ups = max(0, math.ceil(math.log2(grid / DECODER_SIDE)))
        # With skips the last doubling is done by a pixel shuffle (Shi et al. 2016): convolutions at the grid's full
        # resolution would cost more than everything else together.
        self.shuffle = 2 if skips and ups > 1 else 1
        ups -= self.shuffle - 1
        self.grid, self.width, self.merge_blocks = grid, width, merge_blocks
        self.expand = nn.Linear(hidden, DECODER_SIDE**2 * width)
        self.mix = nn.Conv2d(width, width, 3, padding=1)
        self.blocks = nn.Sequential(*(ResidualBlock(width) for _ in range(blocks)))
        self.ups = nn.ModuleList(nn.ConvTranspose2d(width, width, 4, stride=2, padding=1) for _ in range(ups))
        sides = [size // 2**level for level in range(len(skips))]
        self._level = [sides.index(side) if (side := DECODER_SIDE * 2 ** (u + 1)) in sides else -1 for u in range(ups)]
        self.skips = nn.ModuleList(nn.Conv2d(skips[i], width, 1) if i >= 0 else nn.Identity() for i in self._level)
        self.wheres = nn.ModuleList(
            nn.Conv2d(planes, width, 3, padding=1) if i >= 0 and sides[i] <= _FINEST_DRAWN else nn.Identity()
            for i in self._level
        )
        self.merged = nn.ModuleList(added_blocks(width, merge_blocks if i >= 0 else 0) for i in self._level)
        self.last = nn.Conv2d(width, self.shuffle**2, 3 if skips else 1, padding=1 if skips else 0)

    def forward(self, z: Tensor, features: list[Tensor], places: list[Tensor]) -> Tensor:
        """Logits [N, grid * grid] from z [N, hidden], the encoder's maps and locations [N, 2] chosen before."""
        x = self.expand(z).view(-1, self.width, DECODER_SIDE, DECODER_SIDE)
        x = self.mix(x.contiguous(memory_format=torch.channels_last))
        x = functional.relu(self.blocks(x))
        merging = zip(self.ups, self.skips, self.wheres, self.merged, self._level, strict=True)
        for up, skip, where, merged, level in merging:
            x = up(x)
            if level >= 0:
                x = x + skip(features[level])
            if isinstance(where, nn.Conv2d):
                x = x + where(draw(places, x.shape[-1]))
            x = functional.relu(x)
            if self.merge_blocks:
                x = functional.relu(merged(x))
        x = functional.pixel_shuffle(self.last(x), self.shuffle)
        if x.shape[-1] != self.grid:
            x = functional.interpolate(x.float(), (self.grid, self.grid), mode="bilinear", align_corners=False)
        return x.flatten(1)


def gather_local_features(finest: Tensor, reduced: list[Tensor], option: Tensor, grid: int) -> Tensor:
    """Values of the finest feature map and the reduced pictures at cells int64 [N] of a grid: [N, channels]."""
    rows, columns, seen = option // grid, option % grid, []
    for maps in (finest, *reduced):
        side = maps.shape[-1]
        cell = (rows * side // grid) * side + columns * side // grid
        seen.append(maps.flatten(2).gather(2, cell[:, None, None].expand(-1, maps.shape[1], 1))[:, :, 0])
    return torch.cat(seen, dim=1)


class Glimpse(nn.Module):
    """A crop around a chosen cell, encoded by two convolutions (Mnih et al. 2014, section 3.1)."""

    def __init__(self, planes: int, side: int) -> None:
        """Encode crops of `side` x `side` pixels of pictures with `planes` planes."""
        super().__init__()
        self.side = side
        self.fine = nn.Conv2d(planes, 16, 4, stride=2, padding=1)
        self.coarse = nn.Conv2d(16, 32, 4, stride=2, padding=1)
        self.tell = nn.Linear(32 * (side // 4) ** 2, GLIMPSE_WIDTH)

    def forward(self, pictures: Tensor, option: Tensor, grid: int) -> Tensor:
        """[N, GLIMPSE_WIDTH] from pictures [N, planes, S, S] in [-1, 1] and cells int64 [N] of a grid."""
        x = functional.relu(self.fine(crop(pictures, option, grid, self.side)))
        return functional.relu(self.tell(functional.relu(self.coarse(x)).flatten(1)))


def crop(pictures: Tensor, option: Tensor, grid: int, side: int) -> Tensor:
    """Pictures [N, planes, S, S] around the middles of cells int64 [N] of a grid: [N, planes, side, side].

    Pixels outside the picture are 0.
    """
    count, planes, size = pictures.shape[:3]
    line = torch.arange(side, device=pictures.device) - side // 2
    top, left = (((2 * cell + 1) * size) // (2 * grid) for cell in (option // grid, option % grid))
    rows, columns = top[:, None] + line, left[:, None] + line
    inside = ((rows >= 0) & (rows < size))[:, :, None] & ((columns >= 0) & (columns < size))[:, None, :]
    places = rows.clamp(0, size - 1)[:, :, None] * size + columns.clamp(0, size - 1)[:, None, :]
    # Channels last, as the pictures lie in memory: nothing but the crop is copied.
    flat = pictures.permute(0, 2, 3, 1).reshape(count, size * size, planes)
    cut = flat.gather(1, places.view(count, -1, 1).expand(-1, -1, planes)).view(count, side, side, planes)
    return (cut * inside[..., None]).permute(0, 3, 1, 2)


def reduce_pictures(pictures: Tensor) -> list[Tensor]:
    """Means of pictures [N, planes, S, S] over the cells of grids of `LOCAL_FEATURE_SIDES`, each of the one before."""
    reduced = []
    for side in LOCAL_FEATURE_SIDES:
        planes, cell = pictures.shape[1], pictures.shape[-1] // side
        # A convolution: twenty times faster than `avg_pool2d` for few planes that lie last in memory.
        mean = pictures.new_full((planes, 1, cell, cell), 1.0 / cell**2)
        pictures = functional.conv2d(pictures, mean, stride=cell, groups=planes)
        reduced.append(pictures)
    return reduced


def draw(places: list[Tensor], size: int) -> Tensor:
    """All locations drawn as planes: float32 [N, 3 * len(places), size, size], channels last in memory."""
    planes = torch.cat([location_planes(place, size) for place in places], dim=1)
    return planes.contiguous(memory_format=torch.channels_last)
