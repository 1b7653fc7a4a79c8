"""Put a trained agent into the package with a record of its training.

    python scripts/ship.py --name NAME --runs RUN [RUN ...] --commands "spiral train ..." ["spiral train ..." ...]

The last run's agent is shipped; the runs before it are those it started from (for an agent shipped earlier, a copy of
its folder, whose metrics are its whole curve).
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import numpy.typing as npt
import tyro

from spiral.agent import Agent, load_agent
from spiral.datasets import fit_image, load
from spiral.evaluation import summary
from spiral.evaluation.report import read_rows
from spiral.exports.sheets import contact_sheet
from spiral.io.images import write_png
from spiral.learning.checkpoint import CONFIG
from spiral.learning.run_log import METRICS
from spiral.settings import Preset

matplotlib.use("agg")
from matplotlib import pyplot, ticker

AGENTS = Path("src/spiral/agents")
KEPT = ("commands", "seconds", "mse", "blank_mse")
SHEET, MEASURED = 64, 1000
INVENTED, COLUMNS = 100, 20
"""Pictures on the sheet of an agent that invents them, and how many are in a row."""


@dataclass(frozen=True)
class Ship:
    name: str
    runs: tuple[Path, ...]
    commands: tuple[str, ...]
    """The commands that made the runs, in order."""
    temperature: float | None = None
    """Of sampling, instead of that in its run's preset."""
    noise_scale: float | None = None
    """Deviation of the noise of an agent that invents, likewise."""
    paintings_alone: bool = False
    """The sheet shows no held-out pictures, for data that may not be passed on, but a portrait in the public domain."""

    def __call__(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix=f".{self.name}.", dir=AGENTS)) / self.name
        shutil.copytree(self.runs[-1] / "agent", folder)
        config = json.loads((folder / CONFIG).read_text())
        redraws = Preset.from_json(config["preset"]).redraws
        of_sampling = {
            "redraw_temperature" if redraws else "temperature": self.temperature,
            "noise_scale": self.noise_scale,
        }
        config["preset"] |= {name: value for name, value in of_sampling.items() if value is not None}
        (folder / CONFIG).write_text(json.dumps(config, indent=1))
        curve, commands, seconds = [], 0, 0.0
        rows: list[dict[str, float]] = []
        for run in self.runs:
            rows = read_rows(run)
            for row in rows:
                shifted = {**row, "commands": row["commands"] + commands, "seconds": row["seconds"] + seconds}
                kept = {key: value for key, value in shifted.items() if key in KEPT or key.startswith("held_out/")}
                if len(kept) > 2:
                    curve.append(kept)
            commands, seconds = curve[-1]["commands"], curve[-1]["seconds"]
        entropy = next((row["policy/entropy"] for row in reversed(rows) if "policy/entropy" in row), None)
        entropic = "" if entropy is None else f"\n| entropy of a command at the end | {entropy:.2f} nats |"
        (folder / METRICS).write_text("".join(json.dumps(row) + "\n" for row in curve))
        draw(curve, folder / "curve.png")
        agent = load_agent(str(folder))
        source = agent.preset.data.source
        count, table = measure(agent, folder / "sheet.png", self.paintings_alone)
        lines = "\n".join(f"| {name} | {value} |" for name, value in table.items())
        made = "\n    ".join(self.commands)
        tempered = f"\n| temperature of sampling | {agent.preset.usual_temperature:g} |"
        if agent.preset.noise_scale != 1.0:
            tempered += f"\n| deviation of the noise | {agent.preset.noise_scale:g} |"
        text = f"""# {self.name}

Made by

    {made}

on a machine with two processor cores: {commands:,} commands painted in {seconds / 60:.0f} minutes.

| {count:,} held-out pictures of {source} | |
| --- | --- |
{lines}
| commands a picture | {agent.preset.learning.episode_length} |{entropic}{tempered}

`metrics.jsonl` and `curve.png`: figures over the whole training. `sheet.png`: {caption(agent, self.paintings_alone)}
"""
        (folder / "README.md").write_text(text)
        # Only a complete folder replaces the existing agent.
        shutil.rmtree(AGENTS / self.name, ignore_errors=True)
        folder.rename(AGENTS / self.name)
        folder.parent.rmdir()
        print(text)


def measure(agent: Agent, sheet: Path, paintings_alone: bool) -> tuple[int, dict[str, str]]:
    """Number of pictures and figures for the table; draws the sheet."""
    preset = agent.preset
    data = load(preset.data.source, agent.size, agent.channels, "test").evenly_spaced(MEASURED)
    if agent.conditional:
        shown = data.evenly_spaced(SHEET).images
        painted = agent.reconstruct(shown).observed
        if paintings_alone:
            person = portrait(agent.size)
            beside = np.concatenate([person, agent.reconstruct(person).observed, painted])
            write_png(sheet, contact_sheet([beside[:SHEET]], 2))
        else:
            write_png(sheet, contact_sheet([shown, painted], 2))
        figures = summary.evaluate_reconstruction(agent, data)
        names = {
            "mse": "mse",
            "ratio": "of a blank canvas's",
            "l2": "squared error a picture (l2)",
            "psnr": "peak signal-to-noise ratio, dB",
            "ssim": "structural similarity",
            "accuracy": "recognised by the digit classifier",
            "real_accuracy": "the same of the real pictures",
            "recall": "objects found, within a cell",
            "precision": "objects built that are there",
            "cell": "cell right, of those found",
            "type": "type right",
            "size": "size right",
            "colour": "colour right",
            "strokes": "visible strokes a picture" if agent.preset.engine != "scene" else "objects added or changed",
        }
    else:
        write_png(sheet, contact_sheet([agent.generate(INVENTED).observed], 2, columns=COLUMNS))
        other = load(preset.data.source, agent.size, agent.channels, "train").evenly_spaced(len(data))
        figures = summary.evaluate_generation(agent, data, other)
        names = {name: name.replace("_", " ") for name in figures if name not in ("images", "programs_per_second")}
    return len(data), {words: f"{figures[name]:.4g}" for name, words in names.items() if figures.get(name) is not None}


def portrait(size: int) -> npt.NDArray[np.uint8]:
    """NASA's portrait of Eileen Collins, in the public domain: uint8 [1, size, size, 3]."""
    from skimage.data import astronaut

    return fit_image(astronaut()[:230, 108:338], size, 3)[None]


def caption(agent: Agent, paintings_alone: bool) -> str:
    if agent.conditional and paintings_alone:
        return (
            "a portrait in the public domain (NASA) and its painting, then paintings of held-out pictures, evenly "
            "spread, without the pictures, which may not be passed on."
        )
    if agent.conditional:
        return f"{SHEET} held-out pictures, evenly spread, targets above paintings, none left out."
    return f"the first {INVENTED} pictures of seed 0, none left out."


def draw(curve: list[dict[str, float]], path: Path) -> None:
    figure, axes = pyplot.subplots(figsize=(6, 3.5), layout="constrained")
    minutes = [row["seconds"] / 60 for row in curve]
    if "mse" in curve[-1]:
        axes.plot(minutes, [row["mse"] / row["blank_mse"] for row in curve], color="black")
        axes.set(ylabel="mse / mse of a blank canvas", yscale="log", ylim=(None, 1.05))
        axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
        axes.yaxis.set_minor_formatter(ticker.NullFormatter())
    else:
        digits = "held_out/class_entropy" in curve[-1]
        quantity = "held_out/class_entropy" if digits else "held_out/frechet"
        axes.plot(minutes, [row[quantity] for row in curve], color="black")
        axes.set(ylabel="entropy of predicted classes, nats" if digits else "Fréchet distance", ylim=(0, None))
    axes.set(xlabel="minutes of training")
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    tyro.cli(Ship)()
