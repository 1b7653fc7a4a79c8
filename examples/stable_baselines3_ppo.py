"""Stable-Baselines3's PPO learns to redraw digits on our Gymnasium environment, `spiral/Paint-v0`.

    pip install 'spiral-painter[examples]'
    python examples/stable_baselines3_ppo.py --out ppo.png

A stroke's reward is how much closer to the target it brought the canvas. Held-out digits are painted by random
commands, by the agent before training and by the agent after it. `--json` prints the figures as one object on stdout.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
import tyro
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.preprocessing import get_flattened_obs_dim
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

import spiral  # noqa: F401  (registers the environments)
from spiral.exports.sheets import contact_sheet
from spiral.io.images import write_png

NAME, STEPS = "spiral/Paint-v0", 6
# With ten pressures an agent can begin faintly. Where it could only paint fully or not at all, it learned not to paint.
STROKES = {"size": 32, "grid": 8, "choices": ("end", "control", "pressure"), "radii": (2.0,), "radii_at": 32}
PAINT: dict[str, Any] = {
    "engine": "vector", "settings": {**STROKES, "ground": (0.0,) * 3, "ink": (1.0,) * 3},
    "data": "mnist-sample", "reward": "l2", "steps": STEPS, "size": 16,
}  # fmt: skip


@dataclass(frozen=True)
class Options:
    """Train PPO on digits; paint held-out ones before and after."""

    commands: int = 150_000
    """Strokes to learn from."""
    seed: int = 0
    pictures: int = 500
    """Held-out pictures to paint, drawn from 1,000."""
    out: Path | None = None
    """PNG of targets and paintings."""
    json: bool = False
    """Print the figures as one JSON object on stdout."""


class Flat(BaseFeaturesExtractor):
    """All that is observed as one vector: Stable-Baselines3's own network for pictures needs 36 pixels or more."""

    def __init__(self, observation_space: gymnasium.Space[Any]) -> None:
        """Sized for the space."""
        super().__init__(observation_space, get_flattened_obs_dim(observation_space))

    def forward(self, seen: dict[str, torch.Tensor]) -> torch.Tensor:
        """Join what Stable-Baselines3 prepared: pictures 0 to 1; the command before, whose end is the pen, one-hot."""
        return torch.cat([part.flatten(1) for part in seen.values()], dim=1)


def make_agent(seed: int) -> PPO:
    """An agent that has learned nothing, over 16 canvases."""
    return PPO(
        "MultiInputPolicy", make_vec_env(NAME, n_envs=16, seed=seed, env_kwargs=PAINT), seed=seed, device="cpu",
        n_steps=16 * STEPS, batch_size=256, n_epochs=4, learning_rate=1e-3, gamma=1.0, ent_coef=0.01,
        policy_kwargs={"features_extractor_class": Flat, "net_arch": [256, 256]},
    )  # fmt: skip


def paint(choose: Callable[[dict[str, Any]], Any], canvases: Any) -> tuple[dict[str, Any], Any]:
    """One episode on every canvas of a vector environment, always of the same targets.

    Returns:
        what is seen at the end, and the sum of rewards, float [B].
    """
    seen, _ = canvases.reset(seed=0)
    total = np.zeros(canvases.num_envs)
    for _ in range(STEPS):
        seen, rewards, *_ = canvases.step(choose(seen))
        total += rewards
    return seen, total


def main(options: Options) -> dict[str, float]:
    """Train, paint and tell.

    Returns:
        mean rewards of held-out pictures, beside the mean distance of a blank canvas, which is the most to be won.
    """
    agent = make_agent(options.seed)
    canvases = gymnasium.make_vec(
        NAME, num_envs=options.pictures, vectorization_mode="vector_entry_point", split="test", **PAINT
    )
    canvases.action_space.seed(options.seed)

    def painted() -> tuple[dict[str, Any], Any]:
        return paint(lambda seen: agent.predict(seen, deterministic=True)[0], canvases)

    _, random = paint(lambda _: canvases.action_space.sample(), canvases)
    first, before = last, after = painted()
    print(f"mean reward: random {random.mean():.2f}, untrained {before.mean():.2f}", file=sys.stderr)
    began = time.perf_counter()
    for _ in range(10):
        agent.learn(options.commands // 10, reset_num_timesteps=False)
        last, after = painted()
        print(f"after {agent.num_timesteps:,} commands: {after.mean():.2f}", file=sys.stderr)
    figures = {
        "random": random.mean(),
        "before": before.mean(),
        "after": after.mean(),
        "blank": np.linalg.norm(last["target"] / 255.0, axis=(1, 2)).mean(),
        "better_than_blank": (after > 0).mean(),
        "commands": agent.num_timesteps,
        "seconds": time.perf_counter() - began,
    }
    figures = {name: round(float(value), 3) for name, value in figures.items()}
    if options.out is not None:
        rows = [last["target"][:32], first["canvas"][:32], last["canvas"][:32]]
        write_png(options.out, contact_sheet(rows, 3, ["target", "before", "after"]))
    if options.json:
        print(json.dumps(figures))
    return figures


if __name__ == "__main__":
    main(tyro.cli(Options))
