"""Problems that a tiny agent solves in seconds, for the tests of whatever trains."""

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from spiral.engines.strokes import StrokeSettings
from spiral.models.discriminator import DiscriminatorSettings
from spiral.models.policy import PolicySettings
from spiral.settings import DataSettings, LearningSettings, Preset, RunSettings

BLACK, WHITE = (0.0,) * 3, (1.0,) * 3


def line_pictures(path: Path) -> Path:
    """White lines from the upper left corner to anywhere: a problem that a tiny agent solves in seconds."""
    images = []
    for x, y in np.random.default_rng(0).integers(2, 15, (400, 2)).tolist():
        picture = Image.new("L", (16, 16))
        ImageDraw.Draw(picture).line([(0, 0), (x, y)], fill=255, width=3)
        images.append(np.asarray(picture))
    np.savez(path, images=np.array(images, np.uint8))
    return path


def tiny(data: Path, **learning) -> Preset:
    return Preset(
        name="tiny",
        summary="lines",
        engine="vector",
        canvas=StrokeSettings(
            size=16, grid=8, radii=(1.5,), radii_at=16, choices=("end",), ground=BLACK, ink=WHITE
        ),
        data=DataSettings(source=str(data), size=16, held_out=40),
        policy=PolicySettings(
            channels=8, core_channels=16, residual_blocks=1, hidden=64, location_channels=8, location_blocks=1,
            spatial=True, sees_target=learning.pop("sees_target", True), noise=learning.pop("noise", 0),
            prototypes=learning.pop("prototypes", 0),
        ),
        discriminator=DiscriminatorSettings(
            channels=16, spectral=learning.get("loss") == "gan", complement=learning.pop("complement", False)
        ),
        learning=LearningSettings(
            **{
                "batch": 64, "steps": 1, "policy_rate": 1e-3, "discriminator_rate": 1e-3, "entropy_cost": 0.1,
                "entropy_cost_end": 0.01, "warm_up": 10, "average": 0.9, **learning,
            }
        ),
        run=RunSettings(threads=1, evaluate_seconds=1e9, checkpoint_seconds=1e9),
    )  # fmt: skip


def rows(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
