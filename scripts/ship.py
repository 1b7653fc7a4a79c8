"""Put a trained agent into the package with the record of how it was made.

    python scripts/ship.py --name NAME --runs RUN [RUN ...] --commands "spiral train ..." ["spiral train ..." ...]

The last run's agent is shipped; the runs before it are those it began from (of an agent shipped before, a copy of its
folder, whose metrics are the whole curve that led to it).
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import tyro

from spiral.agent import load_agent
from spiral.datasets import load
from spiral.evaluation.metrics import recognition, reconstruction
from spiral.exports.pictures import write_png
from spiral.exports.sheets import contact_sheet
from spiral.learning.progress import METRICS

matplotlib.use("agg")
from matplotlib import pyplot

AGENTS = Path("src/spiral/agents")
KEPT = ("commands", "seconds", "mse", "blank_mse", "held_out/ink", "held_out/strokes", "held_out/blank")
SHEET = 64


@dataclass(frozen=True)
class Ship:
    name: str
    runs: tuple[Path, ...]
    commands: tuple[str, ...]
    """The commands that made the runs, in order."""

    def __call__(self) -> None:
        folder = AGENTS / self.name
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.runs[-1] / "agent", folder)
        curve, commands, seconds = [], 0, 0.0
        rows: list[dict[str, float]] = []
        for run in self.runs:
            rows = [json.loads(line) for line in (run / METRICS).read_text().splitlines()]
            for row in rows:
                shifted = {**row, "commands": row["commands"] + commands, "seconds": row["seconds"] + seconds}
                if "mse" in row:
                    curve.append({key: shifted[key] for key in KEPT if key in shifted})
            commands, seconds = curve[-1]["commands"], curve[-1]["seconds"]
        entropy = next(row["policy/entropy"] for row in reversed(rows) if "policy/entropy" in row)
        (folder / METRICS).write_text("".join(json.dumps(row) + "\n" for row in curve))
        draw(curve, folder / "curve.png")
        agent = load_agent(str(folder))
        data = load("mnist-sample", agent.size, agent.channels, "test")
        painted = agent.paint(data.images).observed
        errors = reconstruction(data.images, painted, agent.preset.strokes.ground)
        seen = recognition(data, painted)
        write_png(folder / "sheet.png", contact_sheet([data.images[:SHEET], painted[:SHEET]], 2))
        ratio = errors.mse / errors.blank_mse
        text = f"""# {self.name}

Made by

    {(chr(10) + "    ").join(self.commands)}

on two processor cores: {commands:,} commands painted in {seconds / 60:.0f} minutes.

| on the 1,000 held-out digits of mnist-sample | |
| --- | --- |
| mse | {errors.mse:.5f} |
| of a blank canvas's | {ratio:.3f} |
| squared error a picture (l2) | {errors.l2:.2f} |
| recognised by the digit classifier | {seen["accuracy"]:.3f} (the real digits: {seen["real_accuracy"]:.3f}) |
| entropy of a command at the end | {entropy:.2f} nats |
| visible strokes a picture | {curve[-1]["held_out/strokes"]:.1f} of {agent.preset.learning.steps} commands |

`metrics.jsonl` and `curve.png`: error on held-out digits over the whole training. `sheet.png`: the first {SHEET}
held-out digits, targets above paintings, none left out.
"""
        (folder / "README.md").write_text(text)
        print(text)


def draw(curve: list[dict[str, float]], path: Path) -> None:
    figure, axes = pyplot.subplots(figsize=(6, 3.5), layout="constrained")
    axes.plot([row["seconds"] / 60 for row in curve], [row["mse"] / row["blank_mse"] for row in curve], color="black")
    axes.set(xlabel="minutes of training", ylabel="mse / mse of a blank canvas", ylim=(0, 1.05))
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    tyro.cli(Ship)()
