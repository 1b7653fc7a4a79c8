"""Commands that measure: evaluate, bench, report."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import tyro

from spiral.commands.output import console, show_figures
from spiral.errors import InputError
from spiral.presets import preset

Positional = tyro.conf.Positional


@dataclass(frozen=True)
class Evaluate:
    """Measure an agent: the errors of its reconstructions, or the quality of its generated pictures."""

    data: str
    """A data set: `mnist-sample`, `glyphs`, a folder, an .npz file, hf:NAME. Generated pictures are compared with as
    many of its held-out pictures, at most 10,000."""
    checkpoint: str | None = None
    """A shipped agent, an agent's folder, a run's folder, or hf:OWNER/NAME; when left out mnist-reconstruct, or
    mnist-reconstruct-vector if libmypaint is missing."""
    split: str | None = None
    """train or test, where the data set has them; all when left out (mnist-sample, glyphs and OMNIGLOT,
    and always for generating agents: test)."""
    limit: int | None = None
    """Largest number of pictures, evenly spread over the data set."""
    seed: int = 0
    """Seed of the brush, and of sampling."""
    commands: tuple[int, ...] = ()
    """Measure a redrawing agent after each of these numbers of commands, as 5 20 200; it paints the largest."""
    candidates: int = 1
    """Commands that a redrawing agent proposes at a time, of which the best is painted; with 1 there is no search."""
    moves: int = 0
    """With N candidates: how often the best of them is changed a little before it is painted, in N - 1 ways each time.
    Helps with photographs and faces, not with digits, whose strokes it makes greedy."""
    evaluations: int = 0
    """Refine what a redrawing agent has painted by so many executions of each program, without an agent's proposals;
    programs keep their length, and --commands measures beginnings of the refined ones."""
    temperature: float | None = None
    """Temperature of sampling, 0 for the most probable commands; the agent's own when left out."""
    json: bool = False
    """Print one JSON object on stdout."""

    def __call__(self) -> None:
        """Run it."""
        from spiral.agent import load_agent
        from spiral.datasets import default_split, load
        from spiral.evaluation import summary

        split = self.split or default_split(self.data)
        if split not in (None, "train", "test"):
            raise InputError(f"--split must be train or test, got {split!r}")
        if self.limit is not None and self.limit < 1:
            raise InputError(f"--limit must be at least 1, got {self.limit}")
        agent = load_agent(self.checkpoint)
        if agent.conditional:
            data = load(self.data, agent.size, agent.channels, split).evenly_spaced(self.limit)
            if any(not 1 <= count <= 100_000 for count in self.commands):
                raise InputError(f"--commands must be 1 to 100000 each, got {self.commands}")
            if not 1 <= self.candidates <= 1024:
                raise InputError(f"--candidates must be 1 to 1024, got {self.candidates}")
            figures = summary.evaluate_reconstruction(
                agent,
                data,
                self.seed,
                self.temperature,
                self.commands,
                self.candidates,
                self.moves,
                self.evaluations,
            )
        else:
            # Real pictures are compared with other real pictures, so those must come from the other split.
            split, rest = ("train", "test") if split == "train" else ("test", "train")
            data, other = (load(self.data, agent.size, agent.channels, part) for part in (split, rest))
            count = min(len(data), len(other), self.limit or summary.MAX_IMAGES)
            figures = summary.evaluate_generation(
                agent, data.evenly_spaced(count), other.evenly_spaced(count), self.seed, self.temperature
            )
        show_figures(figures, self.json)


@dataclass(frozen=True)
class Bench:
    """Measure engines and the training loop beside plain C and a plain loop, or painters beside one another."""

    preset: str = "mnist-reconstruct"
    """Whose loop is measured."""
    repeats: int = 5
    """How often every rate is measured, in turns."""
    seconds: float = 6.0
    """Length of one measurement of a loop."""
    threads: int = 0
    """Of the loop; 0 for all processors."""
    brush: str = "classic/dry_brush"
    """Brush of the engines' strokes."""
    compile: bool = False
    """Compile the policy, as runs of twenty minutes and more do."""
    device: str | None = None
    """Measure the loop on this device instead (auto, cpu, cuda or cuda:N): engines, sizes and numbers of canvases."""
    batches: tuple[int, ...] = (64, 512, 2048)
    """Canvases there."""
    engines: tuple[str, ...] = ("mypaint", "vector", "scene")
    """Engines there."""
    sizes: tuple[str, ...] = ("laptop", "paper")
    """Sizes of the networks there."""
    painters: bool = False
    """Measure how near paintings come to photographs of scikit-image and scikit-learn instead, and in what time."""
    strokes: tuple[int, ...] = (100, 500)
    """Of the painters."""
    effort: int = 2
    """Of the painters; see `spiral paint`."""
    primitive: Path | None = None
    """The program of fogleman/primitive, to paint beside it as many rotated ellipses."""
    sheet: Path | None = None
    """With --painters: a .png of all paintings beside their photographs."""
    json: bool = False
    """Print one JSON object on stdout."""

    def __call__(self) -> None:
        """Run it."""
        if self.painters:
            return self._painters()
        if self.device is not None:
            return self._on_device(self.device)
        from spiral.benchmarks.report import measure, show

        if self.repeats < 1 or not 0 < self.seconds < 1e6:
            raise InputError("--repeats must be at least 1 and --seconds more than 0")
        chosen = preset(self.preset)
        if not chosen.redraws or chosen.learning.adversarial_loss != "wgan-gp":
            raise InputError(f"the reference loop is for reconstruction by WGAN-GP, which {self.preset} is not")
        chosen = replace(chosen, run=replace(chosen.run, compile="on" if self.compile else "off"))
        figures = measure(chosen, self.threads, self.repeats, self.seconds, self.brush)
        if self.json:
            print(json.dumps(figures))
        else:
            show(figures, console)

    def _on_device(self, device: str) -> None:
        from spiral.benchmarks.device import measure_on_device, show_on_device
        from spiral.engines import known, missing

        if not 0 < self.seconds < 1e6:
            raise InputError("--seconds must be more than 0")
        for engine in self.engines:
            if engine in known() and (reason := missing(engine)) is not None:
                console.print(f"{engine} is left out: {reason}")
        rows = []
        for row in measure_on_device(
            device, self.batches, self.engines, self.sizes, self.threads, self.seconds, self.compile
        ):
            rows.append(row)
            waits = "" if row.card_waits is None else f", the card waits {row.card_waits:.1%}"
            rate = f"{row.commands_per_second:,.0f} commands/s{waits}, {row.megabytes:,.0f} MB"
            console.print(f"{row.engine} {row.size} {row.canvases}: {rate}", soft_wrap=True)
        if self.json:
            print(json.dumps({"device": device, "loops": [asdict(row) for row in rows]}))
        else:
            show_on_device(rows, device, console)

    def _painters(self) -> None:
        from rich.table import Table

        from spiral.agent import PHOTOS, load_agent
        from spiral.benchmarks.painters import measure_painters

        agents = [load_agent(name) for name in (PHOTOS, f"{PHOTOS}-vector")]

        def report(row: dict[str, object]) -> None:
            console.print(" ".join(f"{name} {value}" for name, value in row.items()))

        rows = measure_painters(agents, self.strokes, self.effort, self.primitive, report, self.sheet)
        if self.json:
            print(json.dumps({"effort": self.effort, "paintings": rows}))
            return
        table = Table("picture", "strokes", "painter", "mse at 128x128", "seconds of one core")
        for row in rows:
            table.add_row(
                row["picture"], str(row["strokes"]), row["painter"], f"{row['mse']:.4f}", f"{row['seconds']:.1f}"
            )
        console.print(table)


@dataclass(frozen=True)
class Report:
    """Draw curves and sheets of runs and searches: one SVG a plot, and index.html with all."""

    runs: Positional[tuple[Path, ...]]
    """Folders of runs or searches; a folder that holds several is one figure."""
    out: Path
    """Folder for the plots and the page."""

    def __call__(self) -> None:
        """Run it."""
        from spiral.evaluation.report import write_report

        if not self.runs:
            raise InputError("name at least one run's folder")
        for path in write_report(self.runs, self.out):
            console.print(f"wrote {path}")
