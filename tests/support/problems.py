"""Problems that a tiny agent solves in seconds, for tests of training."""

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from spiral.engines.strokes import StrokeSettings
from spiral.models.discriminator import DiscriminatorSettings
from spiral.models.policy_settings import PolicySettings
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
            skip_connections=True, sees_target=learning.pop("sees_target", True), noise=learning.pop("noise", 0),
            cluster_means=learning.pop("cluster_means", 0),
        ),
        discriminator=DiscriminatorSettings(
            channels=16,
            spectral=learning.get("adversarial_loss") == "gan",
            complement=learning.pop("complement", False),
        ),
        learning=LearningSettings(
            **{
                "batch_size": 64, "unroll_length": 1, "policy_learning_rate": 1e-3,
                "discriminator_learning_rate": 1e-3, "entropy_coef": 0.1, "entropy_coef_end": 0.01,
                "warmup_updates": 10, "ema_decay": 0.9, **learning,
            }
        ),
        run=RunSettings(threads=1, evaluate_seconds=1e9, checkpoint_seconds=1e9),
    )  # fmt: skip


def rows(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
