"""Building blocks that the policy and the discriminator share (SPIRAL appendix B)."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional

_FINEST_OF_PYRAMID = 16
"""Side of the finest map that a pyramid refines: a finer one would cost more than everything else together."""


class ResidualBlock(nn.Module):
    """x + conv1x1(relu(conv3x3(relu(x)))) on [N, channels, H, W], as in the published agent."""

    def __init__(self, channels: int) -> None:
        """Both convolutions keep the number of channels."""
        super().__init__()
        self.wide = nn.Conv2d(channels, channels, 3, padding=1)
        self.narrow = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[N, channels, H, W] to the same shape."""
        return x + self.narrow(functional.relu(self.wide(functional.relu(x))))


def added_blocks(channels: int, count: int) -> nn.Sequential:
    """Residual blocks that change nothing until they have learned something, so that a network can grow by them."""
    blocks = [ResidualBlock(channels) for _ in range(count)]
    for block in blocks:
        zero(block.narrow)
    return nn.Sequential(*blocks)


def zero(layer: nn.Conv2d | nn.ConvTranspose2d) -> None:
    """Set a layer's weights and bias to 0."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


class FeaturePyramid(nn.Module):
    """Coarse maps flow back into finer ones (Lin et al. 2017), which else see only their surroundings.

    It changes nothing until it has learned something.
    """

    def __init__(self, channels: list[int], sides: list[int], blocks: int) -> None:
        """A pyramid over maps of these channels and sides, from fine to coarse, with residual blocks on each.

        Maps finer than `_FINEST_OF_PYRAMID` stay as they are.
        """
        super().__init__()
        self.first = next((level for level, side in enumerate(sides) if side <= _FINEST_OF_PYRAMID), len(sides))
        levels = range(self.first, len(sides) - 1)
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(channels[level + 1], channels[level], 4, stride=2, padding=1) for level in levels
        )
        self.blocks = nn.ModuleList(added_blocks(channels[level], blocks) for level in levels)
        for up in self.ups:
            zero(up)  # pyright: ignore[reportArgumentType]

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Maps [N, channels, side, side], none negative, to the same."""
        result = list(maps)
        for level in reversed(range(len(self.ups))):
            place = self.first + level
            merged = functional.relu(maps[place] + self.ups[level](result[place + 1]))
            result[place] = functional.relu(self.blocks[level](merged))
        return result


class ScaleHead(nn.Module):
    """Logits of options that lie on a scale: each is a weighted mean of a linear layer's outputs around it.

    A gradient for one option thus reaches its neighbours. The weights are Gaussian, an eighth of the scale wide; every
    row's squares add up to 1, so that initial logits spread as a linear layer's do.
    """

    kernel: Tensor

    def __init__(self, inputs: int, size: int) -> None:
        """From float32 [N, inputs] to logits of `size` options."""
        super().__init__()
        self.linear = nn.Linear(inputs, size)
        steps = torch.arange(size, dtype=torch.float32)
        width = max(size / 8.0, 0.5)
        kernel = torch.exp(-0.5 * ((steps[:, None] - steps[None, :]) / width).square())
        self.register_buffer("kernel", kernel / kernel.norm(dim=0, keepdim=True), persistent=False)

    def forward(self, z: Tensor) -> Tensor:
        """[N, inputs] to [N, size]."""
        return self.linear(z) @ self.kernel


def mlp(*sizes: int) -> nn.Sequential:
    """Linear layers of these sizes with ReLU between them, none after the last."""
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(sizes):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def coordinate_planes(size: int) -> Tensor:
    """Row and column of every pixel in [-1, 1]: float32 [1, 2, size, size]."""
    line = torch.linspace(-1.0, 1.0, size)
    rows, columns = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([rows, columns])[None]


def grid_positions(index: Tensor, grid: int) -> Tensor:
    """Row and column of grid cells in [-1, 1]: int64 [N] to float32 [N, 2]."""
    rows, columns = index // grid, index % grid
    return torch.stack([rows, columns], dim=-1).float() * (2.0 / max(grid - 1, 1)) - 1.0


LOCATION_PLANES = 3
_SPOT_WIDTH = 0.125


def location_planes(positions: Tensor, size: int) -> Tensor:
    """Planes that mark a location: every pixel's offset from it in rows and columns, and a soft spot.

    Args:
        positions: float32 [N, 2], row and column in [-1, 1].
        size: side of the planes in pixels.

    Returns:
        float32 [N, 3, size, size]; offsets in [-2, 2], the spot in [0, 1].
    """
    line = torch.linspace(-1.0, 1.0, size, device=positions.device)
    rows = (line - positions[:, 0:1])[:, :, None].expand(-1, size, size)
    columns = (line - positions[:, 1:2])[:, None, :].expand(-1, size, size)
    # The spot is an outer product, which saves an exponential per pixel.
    soft = torch.exp((line[None, :, None] - positions[:, None, :]).square() / (-2.0 * _SPOT_WIDTH**2))
    spot = soft[:, :, None, 0] * soft[:, None, :, 1]
    return torch.stack([rows, columns, spot], dim=1)


def pictures_to_planes(pictures: Tensor) -> Tensor:
    """uint8 [N, H, W, C] pictures to float32 [N, C, H, W] in [-1, 1] (channels last in memory)."""
    return pictures.permute(0, 3, 1, 2).float().mul_(2.0 / 255.0).sub_(1.0)
