"""Shared fixtures."""

import pytest
import torch
from problems import line_pictures

from spiral.agent import Agent
from spiral.engines.strokes import CHOICES, StrokeSettings
from spiral.models.discriminator import Discriminator, DiscriminatorSettings
from spiral.models.policy import Policy, PolicySettings
from spiral.settings import DataSettings, LearningSettings, Preset


def tiny_agent(choices=CHOICES, channels=3, **strokes) -> Agent:
    torch.manual_seed(0)
    settings = StrokeSettings(
        size=32, grid=16, choices=choices, radii=(1.0, 4.0), radii_at=32, levels=5, channels=channels, **strokes
    )
    preset = Preset(
        name="tiny", summary="", engine="vector", canvas=settings, data=DataSettings(size=16),
        policy=PolicySettings(channels=4, core_channels=4, hidden=16, residual_blocks=0, location_blocks=0),
        discriminator=DiscriminatorSettings(4), learning=LearningSettings(unroll_length=6),
    )  # fmt: skip
    policy = Policy(settings.specification(), 16, channels, preset.policy)
    return Agent(preset, policy, Discriminator(16, channels, True, preset.discriminator), "tiny")


@pytest.fixture
def lines(tmp_path):
    """A data set of lines."""
    return line_pictures(tmp_path / "lines.npz")


@pytest.fixture(scope="session")
def an_agent():
    """Makes an agent that has learned nothing."""
    return tiny_agent
