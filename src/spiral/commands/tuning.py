"""The command that trains a population."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spiral.commands.experiments import parse_experiment
from spiral.commands.output import console
from spiral.scaling.cluster import require_ray
from spiral.scaling.settings import PopulationSettings


@dataclass(frozen=True)
class OutputOptions:
    """A population's folder."""

    out: Path | None = None
    """The population's folder; runs/PRESET-population when left out."""
    resume: bool = False
    """Continue the population in that folder."""


def tune_command(arguments: Sequence[str]) -> None:
    """`spiral tune PRESET ...`."""
    parsed = parse_experiment("tune", arguments, population=PopulationSettings(), output=OutputOptions())
    if parsed is None:
        return
    chosen, (population, output) = parsed
    require_ray("spiral tune")
    from spiral.evaluation.population_plots import plot_schedules
    from spiral.evaluation.summary import generation_metrics
    from spiral.io.files import write_atomically
    from spiral.scaling.population import train_population

    out = output.out or Path("runs") / f"{chosen.name}-population"
    rows = train_population(chosen, population, out, output.resume, generation_metrics)
    write_atomically(out / "schedules.svg", plot_schedules(rows))
    last = sorted(row["score"] for row in rows if row["commands"] >= population.frames)
    console.print(
        f"best score {last[0]:.3f}, median {last[len(last) // 2]:.3f} of {len(last)}; the best member's agent is in "
        f"{out / 'agent'}, the schedules are in {out / 'schedules.svg'}"
    )
