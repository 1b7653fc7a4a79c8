"""The command that breeds a population."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spiral.commands.experiments import parse
from spiral.commands.output import console
from spiral.scaling.cluster import require_ray


@dataclass(frozen=True)
class Breeding:
    """Population based training of a preset's policy rate and entropy cost, by Ray Tune."""

    population: int = 8
    """Members that learn side by side."""
    frames: int = 1_000_000
    """Commands that each member paints and learns from."""
    intervals: int = 20
    """How often the members are compared."""
    exploit: bool = True
    """The worst quarter goes on from the best one's networks; without it this is a random search."""
    rates: tuple[float, float] = (1e-5, 3e-4)
    """Smallest and largest policy rate to begin with; drawn log-uniformly."""
    entropy_costs: tuple[float, float] = (2e-3, 1e-1)
    """The same for the entropy cost."""
    at_once: int = 0
    """Members that learn at a time while the others wait; one for each processor when 0."""
    address: str | None = None
    """Of a Ray cluster: auto, HOST:PORT or ray://HOST:PORT; one is started on this machine when left out."""
    out: Path | None = None
    """The population's folder; runs/PRESET-population when left out."""
    resume: bool = False
    """Go on with the population in that folder."""


def tune_command(arguments: Sequence[str]) -> None:
    """`spiral tune PRESET ...`."""
    parsed = parse("tune", arguments, breeding=Breeding())
    if parsed is None:
        return
    chosen, (breeding,) = parsed
    require_ray("spiral tune")
    from spiral.evaluation.schedules import plot_schedules
    from spiral.evaluation.summary import watch
    from spiral.files import write_atomically
    from spiral.scaling.population import PopulationSettings, breed

    settings = PopulationSettings(
        members=breeding.population,
        frames=breeding.frames,
        intervals=breeding.intervals,
        exploit=breeding.exploit,
        rates=breeding.rates,
        entropy_costs=breeding.entropy_costs,
        at_once=breeding.at_once,
        address=breeding.address,
    )
    out = breeding.out or Path("runs") / f"{chosen.name}-population"
    rows = breed(chosen, settings, out, breeding.resume, watch)
    write_atomically(out / "schedules.svg", plot_schedules(rows))
    last = sorted(row["score"] for row in rows if row["commands"] >= settings.frames)
    console.print(
        f"best score {last[0]:.3f}, median {last[len(last) // 2]:.3f} of {len(last)}; the best member's agent is in "
        f"{out / 'agent'}, the schedules are in {out / 'schedules.svg'}"
    )
