"""The benefit of population based training: the same members with and without copying the best.

    python benchmarks/population.py [--members 8] [--frames 40960] [--intervals 16] [--repeats 3] [--json]

It uses the tests' smallest problem, white lines, with rates and entropy costs drawn from 1e-4..3e-3 and 2e-3..1e-1.
Both begin with the same networks and settings; copies of a member that is behind add a few intervals.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from problems import line_pictures, tiny

from spiral.scaling.population import train_population
from spiral.scaling.settings import PopulationSettings


def scores(folder: Path, settings: PopulationSettings, seed: int) -> list[float]:
    """The final scores of all members, best first."""
    preset = tiny(line_pictures(folder / "lines.npz"), steps=2)
    preset = replace(preset, run=replace(preset.run, seed=seed))
    rows = train_population(preset, settings, folder / f"{settings.exploit}-{seed}", False)
    return sorted(row["score"] for row in rows if row["commands"] >= settings.frames)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--members", type=int, default=8)
    parser.add_argument("--frames", type=int, default=40_960)
    parser.add_argument("--intervals", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    settings = PopulationSettings(
        arguments.members, arguments.frames, arguments.intervals, rates=(1e-4, 3e-3), entropy_coefs=(2e-3, 1e-1)
    )
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(arguments.repeats):
            row = {}
            for exploit in (True, False):
                own = scores(Path(folder), replace(settings, exploit=exploit), seed)
                row["population" if exploit else "alone"] = {
                    "best": own[0], "median": statistics.median(own), "worst": own[-1]
                }  # fmt: skip
            found.append(row)
    if arguments.json:
        print(json.dumps(found))
        return
    print("| repeat | with takeovers: best, median, worst | each alone: best, median, worst |\n| --- | --- | --- |")
    for seed, row in enumerate(found):
        cells = [", ".join(f"{value:.3f}" for value in row[kind].values()) for kind in ("population", "alone")]
        print(f"| {seed} | {cells[0]} | {cells[1]} |")


if __name__ == "__main__":
    main()
