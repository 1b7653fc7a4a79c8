"""How cost grows: commands/s and memory over batch, canvas, observation, episode length and threads.

    python benchmarks/scaling.py [--seconds 5] [--out docs]

One process for each setting, so that memory is its own; everything else is the preset's. Writes `scaling.png` and
prints the tables of docs/performance.md.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib
import tyro

from spiral.benchmarks.loop import measure_phases
from spiral.benchmarks.report import PHASES
from spiral.presets import preset

matplotlib.use("agg")
from matplotlib import pyplot

PRESET = "mnist-reconstruct"
AXES: dict[str, tuple[int, ...]] = {
    "batch": (8, 16, 32, 64, 128, 256),
    "canvas": (32, 64, 128, 256),
    "observation": (32, 64, 128),
    "steps": (5, 8, 20, 50, 100),
    "threads": (1, 2),
}


@dataclass(frozen=True)
class One:
    """Measure one setting and print it as JSON."""

    axis: str
    value: int
    seconds: float

    def __call__(self) -> None:
        chosen = preset(PRESET)
        learning, strokes, data = chosen.learning, chosen.strokes, chosen.data
        if self.axis in ("batch", "steps"):
            learning = replace(learning, **{self.axis: self.value})
        if self.axis == "canvas":
            strokes = replace(strokes, size=self.value)
        if self.axis == "observation":
            strokes, data = replace(strokes, size=max(strokes.size, self.value)), replace(data, size=self.value)
        run = replace(chosen.run, compile="off")
        chosen = replace(chosen, learning=learning, strokes=strokes, data=data, run=run)
        threads = self.value if self.axis == "threads" else 0
        figures = measure_phases(chosen, threads, self.seconds)
        milliseconds = sum(figures[name]["milliseconds"] for name in PHASES)
        rate = 1000 * learning.batch * learning.steps / milliseconds
        kept = {"rate": rate, "megabytes": figures["peak_megabytes"], "engine": figures["engine_share"]}
        print(json.dumps(kept))


@dataclass(frozen=True)
class Study:
    """Measure every setting, draw the plot and print the tables."""

    seconds: float = 5.0
    out: Path = Path("docs")

    def __call__(self) -> None:
        figure, axes = pyplot.subplots(1, len(AXES), figsize=(15, 3.2), layout="constrained")
        for (axis, values), plot in zip(AXES.items(), axes, strict=True):
            rows = [measure(axis, value, self.seconds) for value in values]
            print(f"\n| {axis} | commands/s | waiting for the engine | memory, MB |\n| --- | --- | --- | --- |")
            for value, row in zip(values, rows, strict=True):
                print(f"| {value} | {row['rate']:,.0f} | {row['engine']:.1%} | {row['megabytes']:,.0f} |", flush=True)
            plot.plot(values, [row["rate"] for row in rows], "o-", color="black")
            plot.set(xlabel=axis, ylim=(0, None), xticks=values)
            plot.set_xscale("log", base=2)
            plot.set_xticks(values, map(str, values))
            memory = plot.twinx()
            memory.plot(values, [row["megabytes"] for row in rows], "s--", color="tab:red", markersize=4)
            memory.set(ylim=(0, None))
            memory.tick_params(colors="tab:red")
        axes[0].set_ylabel("commands/s (black)   memory, MB (red)")
        figure.savefig(self.out / "scaling.png", dpi=80)


def measure(axis: str, value: int, seconds: float) -> dict[str, float]:
    command = [sys.executable, __file__, "one", "--axis", axis, "--value", str(value), "--seconds", str(seconds)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    if sys.argv[1:2] == ["one"]:
        tyro.cli(One, args=sys.argv[2:])()
    else:
        tyro.cli(Study)()
