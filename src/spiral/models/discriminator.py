"""The discriminator: tells finished canvases from real images; its score is the reward (SPIRAL section 3.2, 3.3)."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from spiral.errors import InputError, require_within
from spiral.models.blocks import pictures_to_planes

_LAST_SIDE = 4
_HALVES = 4


@dataclass(frozen=True)
class DiscriminatorSettings:
    """Sizes of the discriminator.

    Attributes:
        channels: of the first convolution; every further one doubles them, up to eight times.
        spectral: spectral normalisation of every layer (SPIRAL++ section 2.1).
        minibatch_stddev: samples whose standard deviation becomes one more channel before the last layer (Karras et al.
            2018), against collapse in unconditional generation; 0 for none.
        complement: judge one half of a picture beside the other half of its target, instead of the whole picture beside
            the whole target (SPIRAL++). Training uses a random half, scoring the mean over all four.
    """

    channels: int = 64
    spectral: bool = False
    minibatch_stddev: int = 0
    complement: bool = False

    def __post_init__(self) -> None:
        """Check the sizes.

        Raises:
            InputError: a size is out of range.
        """
        require_within("discriminator", self, channels=(1, 4096), minibatch_stddev=(0, 4096))


class Discriminator(nn.Module):
    """DCGAN-like: 4x4 convolutions of stride 2 down to 4x4, then a linear score; no batch normalisation."""

    def __init__(self, size: int, channels: int, conditional: bool, settings: DiscriminatorSettings) -> None:
        """A discriminator of size x size x channels pictures, or of pairs of them when `conditional`.

        Raises:
            InputError: the size is not 4 times a power of two.
        """
        super().__init__()
        downs = int(math.log2(size // _LAST_SIDE)) if size >= _LAST_SIDE else 0
        if _LAST_SIDE * 2**downs != size or downs < 1:
            raise InputError(f"the observation size must be {_LAST_SIDE} times a power of two, got {size}")
        self.conditional, self.minibatch_stddev = conditional, settings.minibatch_stddev
        if settings.complement and not conditional:
            raise InputError("a complement discriminator needs a target: leave out --discriminator.complement")
        self.complement = settings.complement
        self.register_buffer("halves", _halves(size), persistent=False)
        widths = [channels * (1 + conditional)] + [settings.channels * min(2**i, 8) for i in range(downs)]
        normalise = spectral_norm if settings.spectral else lambda layer: layer
        self.convolutions = nn.ModuleList(
            normalise(nn.Conv2d(before, after, 4, stride=2, padding=1)) for before, after in itertools.pairwise(widths)
        )
        self.score = normalise(nn.Linear((widths[-1] + (settings.minibatch_stddev > 0)) * _LAST_SIDE**2, 1))

    def forward(self, pictures: Tensor, targets: Tensor | None, half: int | None = None) -> Tensor:
        """Scores, float32 [N]; higher means more real.

        Args:
            pictures: float32 [N, C, S, S] in [-1, 1].
            targets: likewise when conditional, else None. The real pair is (target, target), eq. 6.
            half: which half of the pictures a complement discriminator sees, 0 to 3; at random for each when None.
        """
        if self.complement and targets is not None:
            halves: Tensor = self.halves  # pyright: ignore[reportAssignmentType]
            if half is None:
                kept = halves[torch.randint(len(halves), (len(pictures),), device=halves.device)]
            else:
                kept = halves[half : half + 1]
            pictures, targets = pictures * kept, targets * (1.0 - kept)
        x = torch.cat([pictures, targets], dim=1) if targets is not None else pictures
        x = x.contiguous(memory_format=torch.channels_last)
        for convolution in self.convolutions:
            x = functional.leaky_relu(convolution(x), 0.2)
        if self.minibatch_stddev:
            x = torch.cat([x, _deviation(x, self.minibatch_stddev)], dim=1)
        # Scores have full precision: rewards are differences of scores.
        with torch.autocast(x.device.type, enabled=False):
            return self.score(x.flatten(1).float())[:, 0]

    def score_images(self, pictures: Tensor, targets: Tensor | None = None) -> Tensor:
        """Scores, float32 [N], of uint8 [N, S, S, C] pictures, without gradient."""
        with torch.no_grad():
            planes = pictures_to_planes(pictures)
            conditions = pictures_to_planes(targets) if self.conditional and targets is not None else None
            if not self.complement:
                return self(planes, conditions)
            return torch.stack([self(planes, conditions, half) for half in range(_HALVES)]).mean(0)


def _halves(size: int) -> Tensor:
    """Masks of the left, right, upper and lower half: float32 [4, 1, size, size]."""
    left = torch.zeros(size, size)
    left[:, : size // 2] = 1.0
    return torch.stack([left, 1.0 - left, left.T, 1.0 - left.T])[:, None]


def _deviation(x: Tensor, size: int) -> Tensor:
    """Mean standard deviation of features in groups of up to `size` samples: [N, 1, H, W], one value per group."""
    count = len(x)
    size = math.gcd(count, size)
    grouped = x.float().reshape(count // size, size, -1)
    spread = (grouped.var(1, correction=0) + 1e-8).sqrt().mean(1)
    return spread.repeat_interleave(size)[:, None, None, None].expand(-1, 1, *x.shape[2:]).to(x.dtype)
