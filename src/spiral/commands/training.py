"""The command that trains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

from spiral.commands.output import console
from spiral.errors import InputError
from spiral.presets import PRESETS, preset
from spiral.settings import Preset


@dataclass(frozen=True)
class Bounds:
    """Where a run writes and when it ends."""

    out: Path | None = None
    """The run's folder; runs/PRESET when left out."""
    minutes: float | None = None
    """Length of the run in minutes."""
    frames: int | None = None
    """Length of the run in commands painted; makes a run repeatable to the last bit."""
    resume: bool = False
    """Go on from the run's last checkpoint."""
    start: str | None = None
    """Begin with the networks of this agent instead of random ones."""


def train_command(arguments: Sequence[str]) -> None:
    """`spiral train PRESET ...`: the preset's own values are the defaults of the typed flags."""
    if not arguments or arguments[0].startswith("-"):
        if arguments and arguments[0] in ("-h", "--help"):
            print(f"usage: spiral train PRESET [OPTIONS]; presets: {', '.join(PRESETS)}")
            print("`spiral train PRESET --help` lists its options.")
            return
        raise InputError(f"name a preset to train: {', '.join(PRESETS)}")
    base = preset(arguments[0])
    chosen, bounds = _parse_train(base, arguments[1:])
    from spiral.agent import find
    from spiral.evaluation.summary import watch
    from spiral.learning.trainer import Budget, train

    if bounds.minutes is not None and not bounds.minutes > 0:
        raise InputError(f"--minutes must be more than 0, got {bounds.minutes}")
    if bounds.frames is not None and bounds.frames < 1:
        raise InputError(f"--frames must be at least 1, got {bounds.frames}")
    minutes = bounds.minutes if bounds.minutes or bounds.frames else chosen.run.minutes
    out = bounds.out or Path("runs") / base.name
    start = find(bounds.start) if bounds.start else None
    agent = train(chosen, out, Budget(minutes, bounds.frames), bounds.resume, start, watch)
    console.print(f"the agent is in {agent}; metrics, sheets and checkpoints are beside it")


def _parse_train(base: Preset, arguments: Sequence[str]) -> tuple[Preset, Bounds]:
    @dataclass(frozen=True)
    class Training:
        bounds: Annotated[Bounds, tyro.conf.arg(name="")]
        preset: Annotated[Preset, tyro.conf.arg(name="")]

    result = tyro.cli(
        Training,
        args=list(arguments),
        default=Training(Bounds(), base),
        prog=f"spiral train {base.name}",
        description=base.summary,
    )
    return replace(result.preset, name=base.name, summary=base.summary), result.bounds
