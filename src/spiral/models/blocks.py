"""Building blocks that the policy and the discriminator share (SPIRAL appendix B)."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional


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
