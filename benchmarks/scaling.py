"""Growth of cost: commands/s and memory over batch, canvas, observation, episode length and threads.

    python benchmarks/scaling.py [--seconds 5] [--out docs]

Each setting runs in a process of its own, to measure its memory; all else is the preset's. Writes `scaling.json` and
`scaling.png` and prints the tables of docs/performance.md.
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
    "batch_size": (8, 16, 32, 64, 128, 256),
    "canvas": (32, 64, 128, 256),
    "observation": (32, 64, 128),
    "unroll_length": (5, 8, 20, 50, 100),
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
        learning, strokes, data = chosen.learning, chosen.canvas, chosen.data
        if self.axis in ("batch_size", "unroll_length"):
            learning = replace(learning, **{self.axis: self.value})
        if self.axis == "canvas":
            strokes = replace(strokes, size=self.value)
        if self.axis == "observation":
            strokes, data = replace(strokes, size=max(strokes.size, self.value)), replace(data, size=self.value)
        run = replace(chosen.run, compile="off")
        chosen = replace(chosen, learning=learning, canvas=strokes, data=data, run=run)
        threads = self.value if self.axis == "threads" else 0
        figures = measure_phases(chosen, threads, self.seconds)
        milliseconds = sum(figures[name]["milliseconds"] for name in PHASES)
        rate = 1000 * learning.batch_size * learning.unroll_length / milliseconds
        kept = {"rate": rate, "megabytes": figures["peak_megabytes"], "engine": figures["engine_share"]}
        print(json.dumps(kept))


@dataclass(frozen=True)
class Study:
    """Measure every setting, print the tables, write `scaling.json` and draw it."""

    seconds: float = 5.0
    out: Path = Path("docs")
    redraw: bool = False
    """Only draw the existing `scaling.json`."""

    def __call__(self) -> None:
        record = self.out / "scaling.json"
        if not self.redraw:
            record.write_text(json.dumps({axis: self.rows(axis) for axis in AXES}, indent=1))
        draw(json.loads(record.read_text()), self.out / "scaling.png")

    def rows(self, axis: str) -> list[dict[str, float]]:
        print(f"\n| {axis} | commands/s | waiting for the engine | memory, MB |\n| --- | --- | --- | --- |")
        rows = []
        for value in AXES[axis]:
            row = measure(axis, value, self.seconds)
            rows.append({"value": value, **row})
            print(f"| {value} | {row['rate']:,.0f} | {row['engine']:.1%} | {row['megabytes']:,.0f} |", flush=True)
        return rows


def draw(found: dict[str, list[dict[str, float]]], path: Path) -> None:
    figure, axes = pyplot.subplots(1, len(found), figsize=(15, 3.2), layout="constrained")
    for (axis, rows), plot in zip(found.items(), axes, strict=True):
        values = [int(row["value"]) for row in rows]
        memory = plot.twinx()
        for place, name, style in ((plot, "rate", "o-k"), (memory, "megabytes", "s--r")):
            place.plot(values, [row[name] for row in rows], style, markersize=4)
            place.set_ylim(0, 1.08 * max(row[name] for row in rows))
        memory.tick_params(colors="red")
        plot.set_xscale("log", base=2)
        plot.set_xticks(values, map(str, values))
        plot.set_xlabel(axis)
    axes[0].set_ylabel("commands/s, and MB (red)")
    figure.savefig(path, dpi=80)


def measure(axis: str, value: int, seconds: float) -> dict[str, float]:
    command = [sys.executable, __file__, "one", "--axis", axis, "--value", str(value), "--seconds", str(seconds)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    if sys.argv[1:2] == ["one"]:
        tyro.cli(One, args=sys.argv[2:])()
    else:
        tyro.cli(Study)()
