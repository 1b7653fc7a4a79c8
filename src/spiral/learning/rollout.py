"""Acting: the policy paints a batch of canvases, command by command (SPIRAL section 3.1).

An episode may be longer than an unroll: `reset_episodes` blanks the canvases, `unroll` paints T commands and returns
the state of the episodes, from which the next `unroll` continues (IMPALA's unrolls). `rollout` paints whole episodes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spiral.engines import Engine, observe
from spiral.learning.trajectory import OF_EPISODES, Episodes, Trajectory
from spiral.models.policy import Observation, Policy


def reset_episodes(
    policy: Policy,
    engine: Engine,
    targets: Tensor | None,
    seeds: npt.NDArray[np.int64],
    noise: Tensor | None = None,
    over: Tensor | None = None,
    running: Episodes | None = None,
) -> Episodes:
    """Begin episodes on blank canvases.

    Args:
        policy: the policy that will paint.
        engine: B canvases.
        targets: uint8 [B, S, S, C] on the policy's device, or None; a policy with cluster means then draws some.
        seeds: int64 [B], for the engine's randomness.
        noise: float32 [B, noise]; drawn when None and the policy uses noise.
        over: bool [B], which episodes of `running` to reset while the others continue; all when None.
        running: the current episodes.
    """
    device, batch = policy.squeeze.weight.device, engine.batch
    which = None if over is None else over.cpu().numpy()
    engine.reset(seeds, which)
    targets = policy.draw_cluster_means(batch) if targets is None else targets
    if noise is None and policy.settings.noise:
        noise = torch.randn(batch, policy.settings.noise, device=device)
    first = int(np.argmax(which)) if which is not None else 0
    blank = torch.from_numpy(observe(engine.canvases()[first : first + 1], policy.size)[0])
    choices = len(engine.specification.choices)
    fresh = Episodes(
        targets=targets,
        noise=noise,
        previous=torch.zeros(batch, choices, dtype=torch.int64, device=device),
        effective=torch.zeros(batch, choices, dtype=torch.bool, device=device),
        state=policy.initial_state(batch),
        elapsed=torch.zeros(batch, dtype=torch.int64, device=device),
        blank=blank,
    )
    if over is None or running is None:
        return fresh

    def mixed(new: Tensor | None, old: Tensor | None) -> Tensor | None:
        if new is None or old is None:
            return None
        return torch.where(over.view(-1, *[1] * (new.ndim - 1)), new, old)

    return replace(
        fresh,
        **{name: mixed(getattr(fresh, name), getattr(running, name)) for name in OF_EPISODES},
        state=tuple(mixed(new, old) for new, old in zip(fresh.state, running.state, strict=True)),
    )


def unroll(
    policy: Policy, engine: Engine, episodes: Episodes, steps: int, length: int, temperature: float = 1.0
) -> tuple[Trajectory, Episodes]:
    """Paint `steps` commands on every canvas of the engine.

    Args:
        policy: in evaluation or training mode (it has no dropout or batch statistics).
        engine: B canvases, on which `episodes` have been painted so far.
        episodes: their state.
        steps: T.
        length: commands in an episode; the policy observes any command beyond it as the last one.
        temperature: of sampling; 0 paints the most probable commands.
    """
    device = policy.squeeze.weight.device
    batch, choices = engine.batch, len(engine.specification.choices)
    size, channels = policy.size, engine.shape[2]
    canvases = torch.empty(steps + 1, batch, size, size, channels, dtype=torch.uint8)
    commands = torch.zeros(steps, batch, choices, dtype=torch.int64, device=device)
    effective = torch.zeros(steps, batch, choices, dtype=torch.bool, device=device)
    log_probability, values = torch.zeros(2, steps, batch, device=device)
    progress = (episodes.elapsed + torch.arange(steps, device=device)[:, None]).float() / length
    progress = progress.clamp_max((length - 1) / length)
    pixels, state = canvases.numpy(), episodes.state
    observe(engine.canvases(), size, out=pixels[0])
    previous, worked = episodes.previous, episodes.effective

    def seen(step: int, over: Tensor) -> Observation:
        canvas = canvases[step].to(device, non_blocking=True)
        return Observation(canvas, episodes.targets, previous, worked, over, episodes.noise)

    with torch.no_grad():
        for step in range(steps):
            observation = seen(step, progress[step])
            commands[step], log_probability[step], values[step], state = policy.act(observation, state, temperature)
            chosen = commands[step].cpu().numpy()
            effective[step] = torch.from_numpy(engine.specification.active(chosen)).to(device)
            previous, worked = commands[step], effective[step]
            engine.step(chosen)
            observe(engine.canvases(), size, out=pixels[step + 1])
        elapsed = episodes.elapsed + steps
        terminated, bootstrap_value = elapsed >= length, torch.zeros(batch, device=device)
        if not bool(terminated.all()):
            bootstrap_value = torch.where(
                terminated, 0.0, policy.bootstrap_value(seen(steps, elapsed.float() / length), state)
            )
    trajectory = Trajectory(
        before=episodes,
        canvases=canvases.to(device),
        commands=commands,
        effective=effective,
        progress=progress,
        log_probability=log_probability,
        values=values,
        terminated=terminated,
        bootstrap_value=bootstrap_value,
    )
    return trajectory, replace(episodes, previous=previous, effective=worked, state=state, elapsed=elapsed)


def rollout(
    policy: Policy,
    engine: Engine,
    targets: Tensor | None,
    steps: int,
    seeds: npt.NDArray[np.int64],
    temperature: float = 1.0,
    noise: Tensor | None = None,
) -> Trajectory:
    """Paint whole episodes of `steps` commands on every canvas of the engine; see `reset_episodes` and `unroll`."""
    return unroll(policy, engine, reset_episodes(policy, engine, targets, seeds, noise), steps, steps, temperature)[0]


def unroll_programs(
    engine: Engine, episodes: Episodes, commands: npt.NDArray[np.int64], length: int
) -> tuple[Trajectory, Episodes]:
    """Execute T commands int64 [T, B, K] on every canvas: `unroll` for a policy that would have written them.

    Log probabilities and values are 0. `length` is that of an episode.
    """
    device, (steps, batch) = episodes.previous.device, commands.shape[:2]
    size = len(episodes.blank)
    canvases = torch.empty(steps + 1, batch, size, size, engine.shape[2], dtype=torch.uint8)
    pixels = canvases.numpy()
    observe(engine.canvases(), size, out=pixels[0])
    for step, command in enumerate(commands):
        engine.step(command)
        observe(engine.canvases(), size, out=pixels[step + 1])
    zeros = torch.zeros(steps, batch, device=device)
    written = torch.from_numpy(commands).to(device)
    effective = torch.from_numpy(engine.specification.active(commands)).to(device)
    elapsed = episodes.elapsed + steps
    trajectory = Trajectory(
        before=episodes,
        canvases=canvases.to(device),
        commands=written,
        effective=effective,
        progress=(episodes.elapsed + torch.arange(steps, device=device)[:, None]).float() / length,
        log_probability=zeros,
        values=zeros,
        terminated=elapsed >= length,
        bootstrap_value=zeros[0],
    )
    return trajectory, replace(episodes, previous=written[-1], effective=effective[-1], elapsed=elapsed)
