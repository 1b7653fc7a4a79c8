"""Trajectories: T commands in each of B episodes, as the learners see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from spiral.models.policy import Observation, State
from spiral.specification import Specification, When

OF_EPISODES = ("targets", "noise", "previous", "effective", "elapsed")
"""Fields of `Episodes` whose first axis is B."""
_OF_COMMANDS = ("canvases", "commands", "effective", "progress", "log_probability", "values", "taught")
_OF_ENDS = ("terminated", "bootstrap_value")


@dataclass(frozen=True)
class Episodes:
    """The state of B episodes, apart from the engine's canvases.

    Attributes:
        targets: uint8 [B, S, S, C], or None.
        noise: float32 [B, noise], or None.
        previous: int64 [B, K], the last command, zeros at the start.
        effective: bool [B, K], which of its choices had an effect, False at the start.
        state: the core's state, float32 [B, hidden] twice.
        elapsed: int64 [B], commands so far.
        blank: uint8 [S, S, C], a canvas before the first command.
    """

    targets: Tensor | None
    noise: Tensor | None
    previous: Tensor
    effective: Tensor
    state: State
    elapsed: Tensor
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
        values: float32 [T, B], its value estimate before each command.
        terminated: bool [B], which episodes are over after the last command.
        bootstrap_value: float32 [B], the value of the state after the last command, 0 if terminated.
        taught: bool [T, B], in lessons, which commands are to be imitated; all when None.
    """

    before: Episodes
    canvases: Tensor
    commands: Tensor
    effective: Tensor
    progress: Tensor
    log_probability: Tensor
    values: Tensor
    terminated: Tensor
    bootstrap_value: Tensor
    taught: Tensor | None = None

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
        return self.before.elapsed + torch.arange(self.steps, device=self.before.elapsed.device)[:, None]

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
        progress = (self.before.elapsed + self.steps).float() / length
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
        return self.rows(torch.arange(rank, self.batch, ranks, device=self.commands.device))

    def rows(self, rows: Tensor) -> Trajectory:
        """The episodes of some canvases, int64 [N] in [0, B), as a batch of their own."""

        def cut(value: Tensor | None, axis: int) -> Tensor | None:
            return None if value is None else value.index_select(axis, rows)

        before = {name: cut(getattr(self.before, name), 0) for name in OF_EPISODES}
        state = tuple(cut(part, 0) for part in self.before.state)
        return replace(
            self,
            before=replace(self.before, **before, state=state),
            **{name: cut(getattr(self, name), 1) for name in _OF_COMMANDS},
            **{name: cut(getattr(self, name), 0) for name in _OF_ENDS},
        )

    def blank(self) -> Tensor:
        """Which canvases are blank after the last command: bool [B]."""
        return (self.canvases[-1] == self.before.blank.to(self.canvases.device)).flatten(1).all(1)

    def idle(self) -> Tensor:
        """Which commands left the canvas as it was: bool [T, B]."""
        return (self.canvases[1:] == self.canvases[:-1]).flatten(2).all(2)

    def starts(self, specification: Specification) -> Tensor:
        """Which commands begin a new continuous sequence of strokes: bool [T, B]; see `stroke_starts`."""
        before = self.before
        return stroke_starts(specification, self.effective, before.effective, self.commands, before.previous)


def concatenate(parts: Sequence[Trajectory]) -> Trajectory:
    """Join trajectories of equal length on different canvases into one."""

    def joined(values: Sequence[Tensor | None], axis: int) -> Tensor | None:
        found = [value for value in values if value is not None]
        return torch.cat(found, dim=axis) if found else None

    if len(parts) == 1:
        return parts[0]
    first, starts = parts[0], [part.before for part in parts]
    before = {name: joined([getattr(start, name) for start in starts], 0) for name in OF_EPISODES}
    state = tuple(joined(values, 0) for values in zip(*(start.state for start in starts), strict=True))
    return replace(
        first,
        before=replace(first.before, **before, state=state),
        **{name: joined([getattr(part, name) for part in parts], 1) for name in _OF_COMMANDS},
        **{name: joined([getattr(part, name) for part in parts], 0) for name in _OF_ENDS},
    )


def stroke_starts(
    specification: Specification,
    effective: Tensor,
    before: Tensor | None = None,
    commands: Tensor | None = None,
    previous: Tensor | None = None,
) -> Tensor:
    """Which commands begin a new continuous sequence of strokes: bool [T, B] from bool [T, B, K].

    A visible command is one whose choices all have an effect; it begins a sequence when the command before it was not
    visible. Specifications without conditional choices have one sequence, which the first command begins. A compound
    stroke is a sequence of its own, since adding its points is not visible. Where strokes name their own start, one
    that does not start at the last one's end begins a sequence, too.

    Args:
        specification: of the commands.
        effective: which of their choices had an effect.
        before: that of the last command before them, bool [B, K], or None.
        commands: int64 [T, B, K]; only where strokes name their start.
        previous: the last command before them, int64 [B, K], likewise.
    """
    visible = effective.all(-1)
    first = torch.zeros_like(visible[:1]) if before is None else before.all(-1)[None]
    starts = visible & ~torch.cat([first, visible[:-1]])
    start, end = specification.index("start"), specification.index("end")
    if start is not None and end is not None and commands is not None and previous is not None:
        ends = torch.cat([previous[None], commands[:-1]])[..., end]
        starts |= visible & (commands[..., start] != ends)
    return starts


def active(specification: Specification, commands: Tensor) -> Tensor:
    """`Specification.active` of a tensor: bool [..., K] for commands int64 [..., K]."""
    known: dict[When | None, Tensor] = {None: torch.ones_like(commands[..., 0], dtype=torch.bool)}
    columns: list[Tensor] = []
    for choice in specification.choices:
        if (when := choice.when) is not None and when not in known:
            cause = specification.names.index(when.choice)
            taken = torch.zeros_like(known[None])
            for option in when.options:
                taken = taken | (commands[..., cause] == option)
            known[when] = columns[cause] & taken
        columns.append(known[choice.when])
    return torch.stack(columns, dim=-1)
