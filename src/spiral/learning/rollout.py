"""Acting: the policy paints a batch of canvases, command by command (SPIRAL section 3.1).

An episode may be longer than what is learned from at a time: `begin` blanks the canvases, `go_on` paints an unroll of
T commands and says where the episodes then stand, and the next `go_on` takes them up there (IMPALA's unrolls). Short
episodes are one unroll: `collect`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spiral.engines import Engine, observe
from spiral.models.policy import Observation, Policy, State
from spiral.program import Specification

_OF_EPISODES = ("targets", "noise", "previous", "effective", "done")
_OF_COMMANDS = ("canvases", "commands", "effective", "progress", "log_probability")
_OF_ENDS = ("ended", "following")


@dataclass(frozen=True)
class Episodes:
    """B episodes as far as they have got, beside the engine's canvases.

    Attributes:
        targets: uint8 [B, S, S, C], or None.
        noise: float32 [B, noise], or None.
        previous: int64 [B, K], the last command, zeros at the start.
        effective: bool [B, K], which of its choices had an effect, False at the start.
        state: the core's state, float32 [B, hidden] twice.
        done: int64 [B], commands so far.
        blank: uint8 [S, S, C], a canvas before the first command.
    """

    targets: Tensor | None
    noise: Tensor | None
    previous: Tensor
    effective: Tensor
    state: State
    done: Tensor
    blank: Tensor


@dataclass(frozen=True)
class Trajectory:
    """T commands in each of B episodes; time comes first.

    Attributes:
        before: the episodes before the first of these commands.
        canvases: uint8 [T + 1, B, S, S, C], before the first command and after every one.
        commands: int64 [T, B, K].
        effective: bool [T, B, K], which choices of the commands had an effect.
        progress: float32 [T, B], the share of the episode that was over before each command, in [0, 1).
        log_probability: float32 [T, B], of the commands by the policy that painted them, nats.
        ended: bool [B], whose episode was over after the last command.
        following: float32 [B], the value of what comes after the last command, 0 where the episode ended.
    """

    before: Episodes
    canvases: Tensor
    commands: Tensor
    effective: Tensor
    progress: Tensor
    log_probability: Tensor
    ended: Tensor
    following: Tensor

    @property
    def steps(self) -> int:
        """T."""
        return self.commands.shape[0]

    @property
    def batch(self) -> int:
        """B."""
        return self.commands.shape[1]

    @property
    def targets(self) -> Tensor | None:
        """uint8 [B, S, S, C], or None."""
        return self.before.targets

    @property
    def index(self) -> Tensor:
        """The place of each command in its episode, 0 for the first: int64 [T, B]."""
        return self.before.done + torch.arange(self.steps, device=self.before.done.device)[:, None]

    def observations(self) -> Observation:
        """What the policy saw at all T steps, as one batch of N = T * B, time first."""
        steps, noise = self.steps, self.before.noise
        previous = torch.cat([self.before.previous[None], self.commands[:-1]])
        effective = torch.cat([self.before.effective[None], self.effective[:-1]])
        return Observation(
            canvas=self.canvases[:-1].flatten(0, 1),
            target=None if self.targets is None else self.targets.repeat(steps, 1, 1, 1),
            previous=previous.flatten(0, 1),
            effective=effective.flatten(0, 1),
            progress=self.progress.flatten(),
            noise=None if noise is None else noise.repeat(steps, 1),
        )

    def next_observation(self, length: int) -> Observation:
        """What the policy sees after the last command of the unroll, N = B; `length` is that of an episode."""
        progress = (self.before.done + self.steps).float() / length
        return Observation(
            canvas=self.canvases[-1],
            target=self.targets,
            previous=self.commands[-1],
            effective=self.effective[-1],
            progress=progress.clamp_max((length - 1) / length),
            noise=self.before.noise,
        )

    def share(self, rank: int, ranks: int) -> Trajectory:
        """Every `ranks`-th canvas, beginning with `rank`: one learner's share of the batch."""

        def cut(value: Tensor | None, axis: int) -> Tensor | None:
            return None if value is None else value[(slice(None),) * axis + (slice(rank, None, ranks),)]

        before = {name: cut(getattr(self.before, name), 0) for name in _OF_EPISODES}
        state = tuple(cut(part, 0) for part in self.before.state)
        return replace(
            self,
            before=replace(self.before, **before, state=state),
            **{name: cut(getattr(self, name), 1) for name in _OF_COMMANDS},
            **{name: cut(getattr(self, name), 0) for name in _OF_ENDS},
        )

    def blank(self) -> Tensor:
        """Whose canvas is blank after the last command: bool [B]."""
        return (self.canvases[-1] == self.before.blank.to(self.canvases.device)).flatten(1).all(1)

    def idle(self) -> Tensor:
        """Which commands left the canvas as it was: bool [T, B]."""
        return (self.canvases[1:] == self.canvases[:-1]).flatten(2).all(2)

    def starts(self, specification: Specification) -> Tensor:
        """Which commands begin a new continuous sequence of strokes: bool [T, B]; see `stroke_starts`."""
        return stroke_starts(specification, self.effective, self.before.effective)


def side_by_side(parts: Sequence[Trajectory]) -> Trajectory:
    """Trajectories of as many commands on other canvases, as one batch."""

    def joined(values: Sequence[Tensor | None], axis: int) -> Tensor | None:
        found = [value for value in values if value is not None]
        return torch.cat(found, dim=axis) if found else None

    if len(parts) == 1:
        return parts[0]
    first, starts = parts[0], [part.before for part in parts]
    before = {name: joined([getattr(start, name) for start in starts], 0) for name in _OF_EPISODES}
    state = tuple(joined(values, 0) for values in zip(*(start.state for start in starts), strict=True))
    return replace(
        first,
        before=replace(first.before, **before, state=state),
        **{name: joined([getattr(part, name) for part in parts], 1) for name in _OF_COMMANDS},
        **{name: joined([getattr(part, name) for part in parts], 0) for name in _OF_ENDS},
    )


def begin(
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
        policy: says what an episode needs.
        engine: B canvases.
        targets: uint8 [B, S, S, C] on the policy's device, or None; a policy with prototypes then draws some.
        seeds: int64 [B], for the engine's randomness.
        noise: float32 [B, noise]; drawn anew when None and the policy wants some.
        over: bool [B], which episodes of `running` to begin anew while the others go on; all when None.
        running: the episodes that are under way.
    """
    device, batch = policy.squeeze.weight.device, engine.batch
    which = None if over is None else over.cpu().numpy()
    engine.reset(seeds, which)
    targets = policy.draw_prototypes(batch) if targets is None else targets
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
        done=torch.zeros(batch, dtype=torch.int64, device=device),
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
        **{name: mixed(getattr(fresh, name), getattr(running, name)) for name in _OF_EPISODES},
        state=tuple(mixed(new, old) for new, old in zip(fresh.state, running.state, strict=True)),
    )


def go_on(
    policy: Policy, engine: Engine, episodes: Episodes, steps: int, length: int, temperature: float = 1.0
) -> tuple[Trajectory, Episodes]:
    """Paint `steps` commands on every canvas of the engine.

    Args:
        policy: in evaluation or training mode alike (it has no dropout or batch statistics).
        engine: B canvases, on which `episodes` have been painted so far.
        episodes: where they stand.
        steps: T.
        length: commands in an episode; beyond it the policy goes on as if it were always the last one.
        temperature: of sampling; 0 paints the most probable commands.
    """
    device = policy.squeeze.weight.device
    batch, choices = engine.batch, len(engine.specification.choices)
    size, channels = policy.size, engine.shape[2]
    canvases = torch.empty(steps + 1, batch, size, size, channels, dtype=torch.uint8)
    commands = torch.zeros(steps, batch, choices, dtype=torch.int64, device=device)
    effective = torch.zeros(steps, batch, choices, dtype=torch.bool, device=device)
    log_probability = torch.zeros(steps, batch, device=device)
    progress = (episodes.done + torch.arange(steps, device=device)[:, None]).float() / length
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
            commands[step], log_probability[step], state = policy.act(observation, state, temperature)
            chosen = commands[step].cpu().numpy()
            effective[step] = torch.from_numpy(engine.specification.active(chosen)).to(device)
            previous, worked = commands[step], effective[step]
            engine.step(chosen)
            observe(engine.canvases(), size, out=pixels[step + 1])
        done = episodes.done + steps
        ended, following = done >= length, torch.zeros(batch, device=device)
        if not bool(ended.all()):
            following = torch.where(ended, 0.0, policy.foresee(seen(steps, done.float() / length), state))
    trajectory = Trajectory(
        before=episodes,
        canvases=canvases.to(device),
        commands=commands,
        effective=effective,
        progress=progress,
        log_probability=log_probability,
        ended=ended,
        following=following,
    )
    return trajectory, replace(episodes, previous=previous, effective=worked, state=state, done=done)


def collect(
    policy: Policy,
    engine: Engine,
    targets: Tensor | None,
    steps: int,
    seeds: npt.NDArray[np.int64],
    temperature: float = 1.0,
    noise: Tensor | None = None,
) -> Trajectory:
    """Paint whole episodes of `steps` commands on every canvas of the engine; see `begin` and `go_on`."""
    return go_on(policy, engine, begin(policy, engine, targets, seeds, noise), steps, steps, temperature)[0]


def stroke_starts(specification: Specification, effective: Tensor, before: Tensor | None = None) -> Tensor:
    """Which commands begin a new continuous sequence of strokes: bool [T, B] from bool [T, B, K].

    A visible command is one whose choices all have an effect; it begins a sequence when the command before it was not
    visible. Specifications without conditional choices have one sequence, which the first command begins. A compound
    stroke is a sequence of its own, since adding its points is not visible. `before` is that of the command before the
    first one, bool [B, K]; none when None.
    """
    visible = effective.all(-1)
    first = torch.zeros_like(visible[:1]) if before is None else before.all(-1)[None]
    return visible & ~torch.cat([first, visible[:-1]])


def episode_figures(episode: Trajectory, specification: Specification) -> dict[str, float]:
    """Whether the agent still paints: ink left on the canvas, strokes, sequences of strokes (collapse shows here)."""
    changed = (episode.canvases[-1] != episode.before.blank.to(episode.canvases.device)).float()
    return {
        "ink": float(changed.mean()),
        "strokes": float(episode.effective.all(-1).float().sum(0).mean()),
        "starts": float(episode.starts(specification).float().sum(0).mean()),
        "blank": float(episode.blank().float().mean()),
    }
