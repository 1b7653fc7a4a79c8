"""The networks that a preset asks for."""

from __future__ import annotations

import torch

from spiral.models.discriminator import Discriminator
from spiral.models.policy import Policy
from spiral.settings import Preset


def make_policy(preset: Preset, device: torch.device | str = "cpu") -> Policy:
    """A policy with random weights.

    Raises:
        InputError: incompatible sizes.
    """
    return policy_of(preset).to(device=device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def make_discriminator(preset: Preset, device: torch.device | str = "cpu") -> Discriminator:
    """A discriminator with random weights, of pairs if the policy sees a target.

    Raises:
        InputError: incompatible sizes.
    """
    return discriminator_of(preset).to(device=device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def policy_of(preset: Preset) -> Policy:
    """Build the policy on torch's current default device; see `make_policy`."""
    return Policy(preset.canvas.specification(), preset.data.size, preset.canvas.channels, preset.policy)


def discriminator_of(preset: Preset) -> Discriminator:
    """Build the discriminator likewise; see `make_discriminator`."""
    size, channels = preset.data.size, preset.canvas.channels
    return Discriminator(size, channels, preset.policy.sees_target, preset.discriminator)
