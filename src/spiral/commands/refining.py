"""The command that refines programs: refine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from spiral.commands.output import console, progress_bar, show_figures
from spiral.errors import InputError
from spiral.io.files import make_folder
from spiral.program import Program

Positional = tyro.conf.Positional
_WIDEST = 256
"""Pixels of the canvas, at most, on which changes are tried."""
_SEEN = 128


@dataclass(frozen=True)
class Refine:
    """Change a program, one command at a time, until its picture is nearer to a target."""

    program: Positional[Path]
    """A program's JSON file."""
    target: Path
    """The picture that the program paints."""
    out: Path | None = None
    """The refined program's file; NAME.refined.program.json beside the program when left out."""
    evaluations: int = 1000
    """How often the program is executed; more never makes it worse."""
    checkpoint: str | None = None
    """An agent that proposes commands: a shipped one, an agent's folder, a run's folder, or hf:OWNER/NAME; when left
    out, the shipped one that writes such programs, if there is one."""
    invert: bool = False
    """Invert the target first, as `spiral paint --invert` does."""
    seed: int = 0
    """Seed of the changes."""
    json: bool = False
    """Print one JSON object on stdout."""

    def __call__(self) -> None:
        """Run it."""
        from spiral.agent import load_agent, writer_of
        from spiral.datasets import fit_image
        from spiral.datasets.paper import fit_turned_over
        from spiral.engines import settings_of
        from spiral.painting.refining import refine

        given = Program.load(self.program)
        proposes = self.checkpoint or writer_of(given)
        agent = None if proposes is None else load_agent(proposes)
        settings = settings_of(given.engine, given.settings)
        full = settings.size
        size = max(side for side in range(1, min(full, _WIDEST) + 1) if full % side == 0)
        seen = max(side for side in range(1, min(size, _SEEN) + 1) if size % side == 0)
        seen = agent.size if agent is not None and size % agent.size == 0 else seen
        target = (fit_turned_over if self.invert else fit_image)(self.target, seen, settings.channels)
        with progress_bar("refining", self.evaluations) as count:

            def report(done: int, error: float) -> None:
                count(done, f"mean squared error {error / target.size:.5f}")

            small = given.with_settings(size=size)
            found = refine([small], target[None], self.evaluations, self.seed, agent, report)
        refined = found.programs[0].with_settings(size=full)
        figures: dict[str, Any] = {
            "mse_before": float(found.before[0]) / target.size,
            "mse": float(found.after[0]) / target.size,
            "commands_before": len(given.commands),
            "commands": len(refined.commands),
            "evaluations": self.evaluations,
            "proposed_by": None if agent is None else agent.name,
        }
        if size != full:
            errors = [_error(program, target) for program in (given, refined)]
            figures |= {"mse_before": errors[0], "mse": errors[1]}
            if errors[1] > errors[0]:
                refined = given
                figures |= {"mse": errors[0], "commands": len(given.commands)}
        out = self.out or self.program.with_name(f"{self.program.name.split('.')[0]}.refined.program.json")
        if out.is_dir():
            raise InputError(f"{out} is a folder; name a file")
        make_folder(out.parent)
        refined.save(out)
        show_figures(figures, self.json)
        console.print(f"wrote {out}")


def _error(program: Program, target: Any) -> float:
    """The mean squared error, values in [0, 1], of a program at its own size."""
    from spiral.engines import observe

    seen = observe(program.render()[None], len(target))[0]
    return float(np.square((seen.astype(np.float64) - target) / 255).mean())
