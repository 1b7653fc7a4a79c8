"""Acting: the policy paints a batch of canvases, command by command (SPIRAL section 3.1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spiral.engines import Engine, observe
from spiral.models.policy import Observation, Policy
from spiral.program import Specification


@dataclass(frozen=True)
class Trajectory:
    """B episodes of T commands; time comes first.

    Attributes:
        canvases: uint8 [T + 1, B, S, S, C], before the first command and after every one.
        commands: int64 [T, B, K].
        effective: bool [T, B, K], which choices of the commands had an effect.
        targets: uint8 [B, S, S, C], or None.
        noise: float32 [B, noise], or None.
    """

    canvases: Tensor
    commands: Tensor
    effective: Tensor
    targets: Tensor | None
    noise: Tensor | None

    @property
    def steps(self) -> int:
        """T."""
        return self.commands.shape[0]

    @property
    def batch(self) -> int:
        """B."""
        return self.commands.shape[1]

    def observations(self) -> Observation:
        """What the policy saw at all T steps, as one batch of N = T * B, time first."""
        steps, batch = self.steps, self.batch
        previous = torch.cat([torch.zeros_like(self.commands[:1]), self.commands[:-1]])
        effective = torch.cat([torch.zeros_like(self.effective[:1]), self.effective[:-1]])
        progress = torch.arange(steps, device=self.commands.device).float() / steps
        return Observation(
            canvas=self.canvases[:-1].flatten(0, 1),
            target=None if self.targets is None else self.targets.repeat(steps, 1, 1, 1),
            previous=previous.flatten(0, 1),
            effective=effective.flatten(0, 1),
            progress=progress.repeat_interleave(batch),
            noise=None if self.noise is None else self.noise.repeat(steps, 1),
        )


def collect(
    policy: Policy,
    engine: Engine,
    targets: Tensor | None,
    steps: int,
    seeds: npt.NDArray[np.int64],
    temperature: float = 1.0,
    noise: Tensor | None = None,
) -> Trajectory:
    """Paint `steps` commands on every canvas of the engine.

    Args:
        policy: in evaluation or training mode alike (it has no dropout or batch statistics).
        engine: B canvases, which are reset.
        targets: uint8 [B, S, S, C] on the policy's device, or None; a policy with prototypes then draws some.
        steps: T.
        seeds: int64 [B], for the engine's randomness.
        temperature: of sampling; 0 paints the most probable commands.
        noise: float32 [B, noise]; drawn anew when None and the policy wants some.
    """
    device = policy.squeeze.weight.device
    batch, choices = engine.batch, len(engine.specification.choices)
    size, channels = policy.size, engine.shape[2]
    targets = policy.draw_prototypes(batch) if targets is None else targets
    if noise is None and policy.settings.noise:
        noise = torch.randn(batch, policy.settings.noise, device=device)
    canvases = torch.empty(steps + 1, batch, size, size, channels, dtype=torch.uint8)
    commands = torch.zeros(steps + 1, batch, choices, dtype=torch.int64, device=device)
    effective = torch.zeros(steps + 1, batch, choices, dtype=torch.bool, device=device)
    pixels = canvases.numpy()
    engine.reset(seeds)
    observe(engine.canvases(), size, out=pixels[0])
    state = policy.initial_state(batch)
    with torch.no_grad():
        for step in range(steps):
            seen = Observation(
                canvas=canvases[step].to(device, non_blocking=True),
                target=targets,
                previous=commands[step],
                effective=effective[step],
                progress=torch.full((batch,), step / steps, device=device),
                noise=noise,
            )
            commands[step + 1], state = policy.act(seen, state, temperature)
            chosen = commands[step + 1].cpu().numpy()
            effective[step + 1] = torch.from_numpy(engine.specification.active(chosen)).to(device)
            engine.step(chosen)
            observe(engine.canvases(), size, out=pixels[step + 1])
    return Trajectory(canvases.to(device), commands[1:], effective[1:], targets, noise)


def stroke_starts(specification: Specification, effective: Tensor) -> Tensor:
    """Which commands begin a new continuous sequence of strokes: bool [T, B] from bool [T, B, K].

    A visible command is one whose choices all have an effect; it begins a sequence when the command before it was not
    visible. Specifications without conditional choices have one sequence, which the first command begins. A compound
    stroke is a sequence of its own, since adding its points is not visible.
    """
    visible = effective.all(-1)
    before = torch.cat([torch.zeros_like(visible[:1]), visible[:-1]])
    return visible & ~before
