"""The command `spiral`. Machine-readable output goes to stdout under `--json`, everything for people to stderr.

Wrong input ends with exit status 2 and one line that says what and why.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.table import Table

from spiral.errors import InputError, TrainingError
from spiral.files import make_folder
from spiral.presets import PRESETS, Preset, preset
from spiral.program import Program

Positional = tyro.conf.Positional
_console = Console(stderr=True, soft_wrap=True)


@dataclass(frozen=True)
class Paint:
    """Redraw pictures: writes NAME.png and NAME.program.json for each."""

    images: Positional[tuple[Path, ...]]
    """Picture files."""
    out: Path
    """Folder for the results."""
    checkpoint: str | None = None
    """A shipped agent, an agent's folder, or a run's folder; mnist-reconstruct, or where libmypaint is missing
    mnist-reconstruct-vector, when left out."""
    seed: int = 0
    """Seed of the brush and of sampling."""
    temperature: float = 0.0
    """0 paints the most probable commands, 1 samples as in training."""

    def __call__(self) -> None:
        """Run it."""
        import numpy as np

        from spiral.agent import load_agent
        from spiral.datasets import read_image

        if not self.images:
            raise InputError("name at least one picture to paint")
        names = [path.stem for path in self.images]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise InputError(f"two pictures are both called {twice[0]!r}; paint them into different folders")
        agent = load_agent(self.checkpoint)
        pictures = np.stack([read_image(path, agent.size, agent.channels) for path in self.images])
        paintings = agent.paint(pictures, self.seed, self.temperature)
        _write_paintings(self.out, names, paintings.programs, paintings.canvases)


@dataclass(frozen=True)
class Sample:
    """Invent pictures: writes 0000.png and 0000.program.json and so on."""

    out: Path
    """Folder for the results."""
    count: int = 16
    """How many."""
    checkpoint: str = "mnist-generate"
    """A shipped agent, an agent's folder, or a run's folder."""
    seed: int = 0
    """Seed of everything random."""
    temperature: float = 1.0
    """Below 1 the agent is more cautious, above 1 wilder."""

    def __call__(self) -> None:
        """Run it."""
        from spiral.agent import load_agent

        if not 1 <= self.count <= 100_000:
            raise InputError(f"--count must be 1 to 100000, got {self.count}")
        paintings = load_agent(self.checkpoint).sample(self.count, self.seed, self.temperature)
        names = [f"{index:04d}" for index in range(self.count)]
        _write_paintings(self.out, names, paintings.programs, paintings.canvases)


@dataclass(frozen=True)
class Render:
    """Execute a program and write the picture; the format follows from the file's ending."""

    program: Positional[Path]
    """A program's JSON file."""
    out: Path
    """The picture to write: .png, or .gif for the painting process."""
    size: int | None = None
    """Side of the picture in pixels; brushes scale with it."""

    def __call__(self) -> None:
        """Run it."""
        from spiral.engines import render
        from spiral.exports.animation import write_gif
        from spiral.exports.pictures import write_png

        loaded = Program.load(self.program)
        ending = self.out.suffix.lower()
        if ending not in (".png", ".gif"):
            raise InputError(f"cannot write {self.out}: the ending must be .png or .gif")
        make_folder(self.out.parent)
        try:
            picture = render(loaded, self.size, every_step=ending == ".gif")
        except InputError as error:
            raise InputError(f"{self.program}: {error}") from error
        if ending == ".gif":
            write_gif(self.out, picture)
        else:
            write_png(self.out, picture)
        _console.print(f"wrote {self.out}")


@dataclass(frozen=True)
class Evaluate:
    """Measure an agent on pictures it is to redraw."""

    data: str
    """A data set: `mnist-sample`, a folder, an .npz file, hf:NAME."""
    checkpoint: str | None = None
    """A shipped agent, an agent's folder, or a run's folder; mnist-reconstruct, or where libmypaint is missing
    mnist-reconstruct-vector, when left out."""
    split: str | None = None
    """train or test, where the data set has them; all when left out (mnist-sample: test)."""
    limit: int | None = None
    """At most so many pictures."""
    seed: int = 0
    """Seed of the brush."""
    json: bool = False
    """Print one JSON object on stdout."""

    def __call__(self) -> None:
        """Run it."""
        from spiral.agent import load_agent
        from spiral.datasets import BUILT_IN, load
        from spiral.evaluation.metrics import recognition, reconstruction

        split = self.split or ("test" if self.data in BUILT_IN else None)
        if split not in (None, "train", "test"):
            raise InputError(f"--split must be train or test, got {split!r}")
        if self.limit is not None and self.limit < 1:
            raise InputError(f"--limit must be at least 1, got {self.limit}")
        agent = load_agent(self.checkpoint)
        data = load(self.data, agent.size, agent.channels, split)
        data = data.part(slice(self.limit))
        began = time.perf_counter()
        paintings = agent.paint(data.images, self.seed)
        seconds = time.perf_counter() - began
        ground = tuple(agent.preset.strokes.ground)
        figures: dict[str, Any] = asdict(reconstruction(data.images, paintings.observed, ground))
        figures["ratio"] = figures["mse"] / figures["blank_mse"] if figures["blank_mse"] else None
        figures |= recognition(data, paintings.observed)
        figures["programs_per_second"] = len(data) / seconds
        _report(figures, self.json)


@dataclass(frozen=True)
class Presets:
    """List the experiments and the trained agents in this package."""

    json: bool = False
    """Print one JSON object on stdout."""

    def __call__(self) -> None:
        """Run it."""
        from spiral.agent import shipped

        listed = {name: value.summary for name, value in PRESETS.items()}
        if self.json:
            print(json.dumps({"presets": listed, "agents": shipped()}))
            return
        table = Table("preset", "what it is", "trained agent here")
        for name, summary in listed.items():
            table.add_row(name, summary, "yes" if name in shipped() else "")
        for name in shipped():
            if name not in listed:
                table.add_row("", "", name)
        _console.print(table)


@dataclass(frozen=True)
class Engines:
    """List the engines, what is missing here and how to get it."""

    json: bool = False
    """Print one JSON object on stdout."""

    def __call__(self) -> None:
        """Run it."""
        from spiral.engines import ENGINES, missing

        reasons = {name: missing(name) for name in ENGINES}
        if self.json:
            print(json.dumps({name: {"works": reason is None, "missing": reason} for name, reason in reasons.items()}))
            return
        table = Table("engine", "what it is", "here")
        for name, registration in ENGINES.items():
            state = "works" if reasons[name] is None else f"{reasons[name]}; to get it: {registration.install}"
            table.add_row(name, registration.summary, state)
        _console.print(table)


@dataclass(frozen=True)
class Bench:
    """Measure engines and the training loop, beside plain C and a plain loop."""

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
    json: bool = False
    """Print one JSON object on stdout."""

    def __call__(self) -> None:
        """Run it."""
        from spiral.benchmarks.report import measure, show

        if self.repeats < 1 or not 0 < self.seconds < 1e6:
            raise InputError("--repeats must be at least 1 and --seconds more than 0")
        chosen = preset(self.preset)
        if not chosen.policy.sees_target or chosen.learning.loss != "wgan-gp":
            raise InputError(f"the reference loop is for reconstruction by WGAN-GP, which {self.preset} is not")
        chosen = replace(chosen, run=replace(chosen.run, compile="on" if self.compile else "off"))
        figures = measure(chosen, self.threads, self.repeats, self.seconds, self.brush)
        if self.json:
            print(json.dumps(figures))
        else:
            show(figures, _console)


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


def _train(arguments: Sequence[str]) -> None:
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
    from spiral.learning.trainer import Budget, train

    if bounds.minutes is not None and not bounds.minutes > 0:
        raise InputError(f"--minutes must be more than 0, got {bounds.minutes}")
    if bounds.frames is not None and bounds.frames < 1:
        raise InputError(f"--frames must be at least 1, got {bounds.frames}")
    minutes = bounds.minutes if bounds.minutes or bounds.frames else chosen.run.minutes
    out = bounds.out or Path("runs") / base.name
    start = find(bounds.start) if bounds.start else None
    agent = train(chosen, out, Budget(minutes, bounds.frames), bounds.resume, start)
    _console.print(f"the agent is in {agent}; metrics, sheets and checkpoints are beside it")


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


_COMMANDS: dict[str, Any] = {
    "paint": Paint,
    "sample": Sample,
    "render": Render,
    "evaluate": Evaluate,
    "bench": Bench,
    "presets": Presets,
    "engines": Engines,
}


def _write_paintings(out: Path, names: Sequence[str], programs: Sequence[Program], canvases: Any) -> None:
    from spiral.exports.pictures import write_png

    make_folder(out)
    for name, program, canvas in zip(names, programs, canvases, strict=True):
        program.save(out / f"{name}.program.json")
        write_png(out / f"{name}.png", canvas)
    _console.print(f"wrote {len(names)} pictures and programs to {out}")


def _report(figures: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(figures))
        return
    table = Table("figure", "value")
    for name, value in figures.items():
        table.add_row(name, f"{value:.4f}" if isinstance(value, float) else str(value))
    _console.print(table)


def _usage() -> str:
    lines = ["usage: spiral COMMAND ...", "", "  train     train an agent: spiral train PRESET"]
    lines += [f"  {name:9} {(command.__doc__ or '').splitlines()[0]}" for name, command in _COMMANDS.items()]
    return "\n".join([*lines, "", "`spiral COMMAND --help` tells more."])


def _dispatch(arguments: Sequence[str]) -> None:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_usage())
    elif arguments[0] == "--version":
        from spiral import __version__

        print(f"spiral {__version__}")
    elif arguments[0] == "train":
        _train(arguments[1:])
    elif arguments[0] in _COMMANDS:
        command: Callable[[], None] = tyro.cli(
            _COMMANDS[arguments[0]], args=list(arguments[1:]), prog=f"spiral {arguments[0]}"
        )
        command()
    else:
        raise InputError(f"unknown command {arguments[0]!r}; there are: train, {', '.join(_COMMANDS)}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status and prints no traceback for wrong input."""
    try:
        _dispatch(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
        return 0
    except (InputError, TrainingError) as error:
        print(f"spiral: {' '.join(str(error).split())}", file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1
    except KeyboardInterrupt:
        print("spiral: stopped; `--resume` goes on from the last checkpoint", file=sys.stderr)
        return 130
    except BrokenPipeError:
        with contextlib.suppress(OSError):
            os.close(sys.stdout.fileno())
        return 1


def run() -> None:
    """The entry point of the installed command."""
    sys.exit(main())


if __name__ == "__main__":
    run()
