"""The networks that a preset asks for."""

from __future__ import annotations

import torch

from spiral.models.discriminator import Discriminator
from spiral.models.policy import Policy
from spiral.settings import Preset


def make_policy(preset: Preset, device: torch.device | str = "cpu") -> Policy:
    """A policy with random weights.

    Raises:
        InputError: sizes that do not go together.
    """
    policy = Policy(preset.canvas.specification(), preset.data.size, preset.canvas.channels, preset.policy)
    return policy.to(device=device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def make_discriminator(preset: Preset, device: torch.device | str = "cpu") -> Discriminator:
    """A discriminator with random weights, of pairs where the policy sees a target.

    Raises:
        InputError: sizes that do not go together.
    """
    size, channels = preset.data.size, preset.canvas.channels
    discriminator = Discriminator(size, channels, preset.policy.sees_target, preset.discriminator)
    return discriminator.to(device=device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
