"""Acting: the policy paints a batch of canvases, command by command (SPIRAL section 3.1).

An episode may be longer than an unroll: `reset_episodes` blanks the canvases, `unroll` paints T commands and returns
the state of the episodes, from which the next `unroll` continues (IMPALA's unrolls). `rollout` paints whole episodes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spiral.engines import Engine
from spiral.learning.canvases import Canvases, canvases_of, upload
from spiral.learning.trajectory import OF_EPISODES, Episodes, Trajectory, active
from spiral.models.policy import Observation, Policy, State

Decided = tuple[Tensor, Tensor, Tensor, Tensor, State]
"""Commands int64 [B, K], effective choices bool [B, K], log probability and value float32 [B], the next state."""
Decide = Callable[[Observation, State, float, Tensor | None], Decided]
"""See `decide`, without the policy."""


def decide(policy: Policy, seen: Observation, state: State, temperature: float, lots: Tensor | None) -> Decided:
    """Everything that is decided about one command of B canvases; see `Policy.act`."""
    commands, log_probability, value, state = policy.act(seen, state, temperature, lots)
    return commands, active(policy.specification, commands), log_probability, value, state


def reset_episodes(
    policy: Policy,
    engine: Engine | Canvases,
    targets: Tensor | None,
    seeds: npt.NDArray[np.int64],
    noise: Tensor | None = None,
    over: npt.NDArray[np.bool_] | None = None,
    running: Episodes | None = None,
    noise_scale: float = 1.0,
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
        noise_scale: deviation of the noise that is drawn, at least 0; without effect where `noise` is given.
    """
    device, batch = policy.squeeze.weight.device, engine.batch
    canvases = canvases_of(engine, policy.size, device)
    canvases.reset(seeds, over)
    targets = policy.draw_cluster_means(batch) if targets is None else targets
    if noise is None and policy.settings.noise:
        noise = noise_scale * torch.randn(batch, policy.settings.noise, device=device)
    choices = len(canvases.specification.choices)
    fresh = Episodes(
        targets=targets,
        noise=noise,
        previous=torch.zeros(batch, choices, dtype=torch.int64, device=device),
        effective=torch.zeros(batch, choices, dtype=torch.bool, device=device),
        state=policy.initial_state(batch),
        elapsed=torch.zeros(batch, dtype=torch.int64, device=device),
        blank=_picture(canvases, int(np.argmax(over)) if over is not None else 0, device)
        if running is None
        else running.blank,
    )
    if over is None or running is None:
        return fresh
    ended = upload(torch.from_numpy(over), device)

    def mixed(new: Tensor | None, old: Tensor | None) -> Tensor | None:
        if new is None or old is None:
            return None
        return torch.where(ended.view(-1, *[1] * (new.ndim - 1)), new, old)

    return replace(
        fresh,
        **{name: mixed(getattr(fresh, name), getattr(running, name)) for name in OF_EPISODES},
        state=tuple(mixed(new, old) for new, old in zip(fresh.state, running.state, strict=True)),
    )


def _picture(canvases: Canvases, row: int, device: torch.device) -> Tensor:
    """One canvas as it is: uint8 [S, S, C]."""
    pictures = torch.empty(_shape(canvases, 1), dtype=torch.uint8, device=device)
    canvases.show(pictures[0])
    return pictures[0, row].clone()


def _shape(canvases: Canvases, count: int) -> tuple[int, int, int, int, int]:
    return (count, canvases.batch, canvases.size, canvases.size, canvases.channels)


def unroll(
    policy: Policy,
    engine: Engine | Canvases,
    episodes: Episodes,
    steps: int,
    length: int,
    temperature: float = 1.0,
    decider: Decide | None = None,
) -> tuple[Trajectory, Episodes]:
    """Paint `steps` commands on every canvas of the engine.

    The parts of the canvases take turns: while the engine paints on one, the policy decides on the next. Random numbers
    are drawn for all canvases at once, so that the parts change nothing.

    Args:
        policy: in evaluation or training mode (it has no dropout or batch statistics).
        engine: B canvases, on which `episodes` have been painted so far.
        episodes: their state.
        steps: T.
        length: commands in an episode; the policy observes any command beyond it as the last one.
        temperature: of sampling; 0 paints the most probable commands.
        decider: `decide` with this policy, for example as a CUDA graph.
    """
    device = policy.squeeze.weight.device
    canvases = canvases_of(engine, policy.size, device)
    batch, choices = canvases.batch, len(canvases.specification.choices)
    decider = decider or functools.partial(decide, policy)
    pictures = torch.empty(_shape(canvases, steps + 1), dtype=torch.uint8, device=device)
    commands = torch.zeros(steps, batch, choices, dtype=torch.int64, device=device)
    effective = torch.zeros(steps, batch, choices, dtype=torch.bool, device=device)
    log_probability, values = torch.zeros(2, steps, batch, device=device)
    progress = (episodes.elapsed + torch.arange(steps + 1, device=device)[:, None]).float() / length
    progress = progress.clamp_max((length - 1) / length)
    lots = torch.rand(steps, choices, batch, device=device) if temperature else None
    states = [_rows(episodes.state, rows) for rows in canvases.rows]

    def seen(step: int, rows: slice) -> Observation:
        return Observation(
            canvas=pictures[step, rows],
            target=None if episodes.targets is None else episodes.targets[rows],
            previous=commands[step - 1, rows] if step else episodes.previous[rows],
            effective=effective[step - 1, rows] if step else episodes.effective[rows],
            progress=progress[step, rows],
            noise=None if episodes.noise is None else episodes.noise[rows],
        )

    canvases.show(pictures[0])
    with torch.no_grad():
        for step in range(steps):
            for index, (part, rows) in enumerate(zip(canvases.parts, canvases.rows, strict=True)):
                canvases.wait(part)
                lot = None if lots is None else lots[step, :, rows]
                decided = decider(seen(step, rows), states[index], temperature, lot)
                commands[step, rows], effective[step, rows] = decided[:2]
                log_probability[step, rows], values[step, rows], states[index] = decided[2:]
                part.paint(commands[step, rows], pictures[step + 1, rows])
        for part in canvases.parts:
            canvases.wait(part)
        hidden, cell = (torch.cat(part) for part in zip(*states, strict=True))
        elapsed, state = episodes.elapsed + steps, (hidden, cell)
        terminated, bootstrap_value = elapsed >= length, torch.zeros(batch, device=device)
        if steps < length:  # else every episode is over
            following = policy.bootstrap_value(seen(steps, slice(0, batch)), state)
            bootstrap_value = torch.where(terminated, 0.0, following)
    trajectory = Trajectory(
        before=episodes,
        canvases=pictures,
        commands=commands,
        effective=effective,
        progress=progress[:steps],
        log_probability=log_probability,
        values=values,
        terminated=terminated,
        bootstrap_value=bootstrap_value,
    )
    return trajectory, replace(episodes, previous=commands[-1], effective=effective[-1], state=state, elapsed=elapsed)


def _rows(state: State, rows: slice) -> State:
    return state[0][rows], state[1][rows]


def rollout(
    policy: Policy,
    engine: Engine | Canvases,
    targets: Tensor | None,
    steps: int,
    seeds: npt.NDArray[np.int64],
    temperature: float = 1.0,
    noise: Tensor | None = None,
    noise_scale: float = 1.0,
) -> Trajectory:
    """Paint whole episodes of `steps` commands on every canvas of the engine; see `reset_episodes` and `unroll`."""
    episodes = reset_episodes(policy, engine, targets, seeds, noise, noise_scale=noise_scale)
    return unroll(policy, engine, episodes, steps, steps, temperature)[0]


def unroll_programs(
    engine: Engine | Canvases, episodes: Episodes, commands: npt.NDArray[np.int64], length: int
) -> tuple[Trajectory, Episodes]:
    """Execute T commands int64 [T, B, K] on every canvas: `unroll` for a policy that would have written them.

    Log probabilities and values are 0. `length` is that of an episode. Canvases whose engine has a thread of its own
    are still being painted when this returns: `Canvases.finish` them before their pictures are read.
    """
    device, (steps, batch) = episodes.previous.device, commands.shape[:2]
    canvases = canvases_of(engine, len(episodes.blank), device)
    pictures = torch.empty(_shape(canvases, steps + 1), dtype=torch.uint8, device=device)
    canvases.show(pictures[0])
    on_host = torch.from_numpy(commands)
    for step, command in enumerate(on_host):
        for part, rows in zip(canvases.parts, canvases.rows, strict=True):
            part.paint(command[rows], pictures[step + 1, rows])
    if canvases is not engine:
        canvases.finish()
    zeros, written = torch.zeros(steps, batch, device=device), upload(on_host, device)
    effective = active(canvases.specification, written)
    elapsed = episodes.elapsed + steps
    trajectory = Trajectory(
        before=episodes,
        canvases=pictures,
        commands=written,
        effective=effective,
        progress=(episodes.elapsed + torch.arange(steps, device=device)[:, None]).float() / length,
        log_probability=zeros,
        values=zeros,
        terminated=elapsed >= length,
        bootstrap_value=zeros[0],
    )
    return trajectory, replace(episodes, previous=written[-1], effective=effective[-1], elapsed=elapsed)
