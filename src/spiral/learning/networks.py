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
    return policy_of(preset).to(device=device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def make_discriminator(preset: Preset, device: torch.device | str = "cpu") -> Discriminator:
    """A discriminator with random weights, of pairs where the policy sees a target.

    Raises:
        InputError: sizes that do not go together.
    """
    return discriminator_of(preset).to(device=device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def policy_of(preset: Preset) -> Policy:
    """The policy as it is built, wherever torch builds at the moment: see `make_policy`."""
    return Policy(preset.canvas.specification(), preset.data.size, preset.canvas.channels, preset.policy)


def discriminator_of(preset: Preset) -> Discriminator:
    """The discriminator likewise: see `make_discriminator`."""
    size, channels = preset.data.size, preset.canvas.channels
    return Discriminator(size, channels, preset.policy.sees_target, preset.discriminator)
