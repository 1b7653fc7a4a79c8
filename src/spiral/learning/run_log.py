"""The log of a run: a live line, `metrics.jsonl`, TensorBoard, sheets of held-out paintings."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBar
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from spiral.errors import InputError
from spiral.exports.sheets import contact_sheet
from spiral.io.files import make_folder, write_atomically
from spiral.learning.run_checkpoints import METRICS
from spiral.settings import Preset

_LOG_SECONDS = 10.0
_SHEET_PICTURES = 32


class RunLog:
    """Measures, shows and records one run; a context manager inside which the clock runs."""

    def __init__(self, out: Path, preset: Preset, seconds: float, metrics: TextIO) -> None:
        """Use `RunLog.start`."""
        self._out, self._metrics, self._before = out, metrics, seconds
        self._began = time.perf_counter()
        self._writer = SummaryWriter(str(out / "tensorboard"))
        self._phases: dict[str, float] = {}
        self._sums: dict[str, float] = {}
        self._count = 0
        self._last_log, self._last_commands = self._began, -1
        self._due: dict[str, float] = {}
        self._measured = ""
        self._hook = threading.excepthook
        # Plain lines in a notebook, too: rich would ask for widgets there, and the kernel claims to be a terminal.
        self._console = Console(
            file=sys.stderr,
            force_jupyter=False,
            force_terminal=sys.stderr.isatty(),
            markup=False,  # names of folders may look like it
            emoji=False,
        )
        self._bar = ProgressBar(
            TextColumn("{task.description}", style="bold", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}", markup=False),
            console=self._console,
            refresh_per_second=2,
        )
        self._task = self._bar.add_task(preset.name, total=1.0, figures="")

    @classmethod
    def start(cls, out: Path, preset: Preset, resume: bool, seconds: float) -> RunLog:
        """Open a run's folder.

        Args:
            out: the folder; made when missing.
            preset: for the live line.
            resume: continue an existing `metrics.jsonl`; a new run must not find one.
            seconds: training time of the checkpoint; later rows are dropped, since their commands will be painted
                again.

        Raises:
            InputError: the folder cannot be written, or holds a run already.
        """
        make_folder(out)
        path = out / METRICS
        if path.exists() and not resume:
            raise InputError(f"{out} holds a run already; add --resume to continue it, or choose another --out")
        try:
            if path.exists():
                rows = [line for line in path.read_text().splitlines() if _seconds(line) <= seconds]
                write_atomically(path, "".join(row + "\n" for row in rows).encode())
            return cls(out, preset, seconds, path.open("a"))
        except OSError as error:
            raise InputError(f"cannot write {path}: {error.strerror or error}") from error

    def __enter__(self) -> RunLog:
        """Start the live line."""
        threading.excepthook = self._quiet_writer
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the live line and close the files."""
        self._bar.stop()
        threading.excepthook = self._hook
        with contextlib.suppress(InputError) if error else contextlib.nullcontext(), self._told():
            self._metrics.close()
        with contextlib.suppress(InputError) if error else contextlib.nullcontext(), self._told():
            self._writer.close()

    def _quiet_writer(self, failure: threading.ExceptHookArgs) -> None:
        """Keep TensorBoard's thread from printing a traceback: its failure is raised at the next row."""
        if "Writer" not in type(failure.thread).__name__:
            self._hook(failure)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Turn a failure to write into an error of one line; TensorBoard raises nearly every kind of exception."""
        try:
            yield
        except InputError:
            raise
        except Exception as error:
            reason = getattr(error, "strerror", None) or " ".join(str(error).split())
            raise InputError(
                f"cannot write the log of the run in {self._out}: {reason}; when it can be written again, continue "
                "with --resume"
            ) from error

    @property
    def seconds(self) -> float:
        """Seconds of training, including those before a resumption."""
        return self._before + time.perf_counter() - self._began

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count the time inside towards the phase `name`."""
        start = time.perf_counter()
        yield
        self._phases[name] = self._phases.get(name, 0.0) + time.perf_counter() - start

    def say(self, text: str) -> None:
        """Print a message above the live line."""
        self._console.print(text, soft_wrap=True)

    def due(self, name: str, period: float) -> bool:
        """Whether `period` seconds have passed since this was last true for `name`, or since the clock started."""
        now = time.perf_counter()
        if now - self._due.setdefault(name, self._began) < period:
            return False
        self._due[name] = now
        return True

    def rewind(self, commands: int) -> None:
        """Drop the rows beyond `commands`: a learner was lost, and will learn from these commands again."""
        self._metrics.flush()
        path = self._out / METRICS
        rows = [line for line in path.read_text().splitlines() if json.loads(line)["commands"] <= commands]
        self._metrics.close()
        write_atomically(path, "".join(row + "\n" for row in rows).encode())
        self._metrics, self._last_commands = path.open("a"), commands
        self._sums, self._count = {}, 0

    def step(self, commands: int, figures: dict[str, float], progress: float) -> None:
        """Add one training step's figures, and write their means every ten seconds."""
        for name, value in figures.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._count += 1
        now = time.perf_counter()
        if self._last_commands < 0:
            self._last_commands = commands
        if now - self._last_log < _LOG_SECONDS:
            return
        rate = (commands - self._last_commands) / (now - self._last_log)
        means = {name: value / self._count for name, value in self._sums.items()}
        total = sum(self._phases.values())
        shares = {f"share/{name}": value / total for name, value in self._phases.items()}
        self._write(commands, {"commands_per_second": rate, **means, **shares})
        entropy = means.get("policy/entropy", float("nan"))
        losses = f"losses {means.get('policy/policy_loss', 0):+.2f} {means.get('discriminator/loss', 0):+.2f}"
        text = f"{commands:,} commands  {rate:,.0f}/s  entropy {entropy:.1f}  {losses}"
        self._bar.update(self._task, completed=min(progress, 1.0), figures=f"{self._measured}{text}")
        self._sums, self._phases, self._count = {}, {}, 0
        self._last_log, self._last_commands = now, commands

    def evaluated(
        self, commands: int, figures: dict[str, float], canvases: Sequence[Tensor], targets: Tensor | None
    ) -> None:
        """Record an evaluation: figures, and a sheet of each policy's canvases uint8 [N, S, S, C] under the targets."""
        self._write(commands, figures)
        if "mse" in figures:
            error = figures["mse"] / figures["blank_mse"]
            self._measured = f"error {error:.3f}  "
            self._console.print(
                f"{self.seconds / 60:6.1f} min  {commands:>11,} commands  error {figures['mse']:.4f}"
                f"  ({error:.3f} of a blank canvas)"
            )
        elif self._seen(figures):
            if "held_out/frechet" in figures:
                self._measured = f"Fréchet {figures['held_out/frechet']:.1f}  "
            self._console.print(f"{self.seconds / 60:6.1f} min  {commands:>11,} commands  {self._seen(figures)}")
        rows = [*([] if targets is None else [targets]), *canvases]
        sheet = contact_sheet([row[:_SHEET_PICTURES].cpu().numpy() for row in rows], scale=2)
        with self._told():
            self._writer.add_image("held out", sheet, commands, dataformats="HWC")
        folder = make_folder(self._out / "sheets")
        write_atomically(folder / f"{commands:012d}.png", lambda path: Image.fromarray(sheet).save(path))

    @staticmethod
    def _seen(figures: dict[str, float]) -> str:
        names = {"class_entropy": "entropy of classes", "confidence": "confidence", "frechet": "Fréchet distance"}
        told = {words: figures.get(f"held_out/{name}") for name, words in names.items()}
        return ", ".join(f"{words} {value:.3f}" for words, value in told.items() if value is not None)

    def _write(self, commands: int, figures: dict[str, float]) -> None:
        row: dict[str, Any] = {"commands": commands, "seconds": round(self.seconds, 2)}
        row |= {name: round(value, 6) for name, value in figures.items()}
        with self._told():
            self._metrics.write(json.dumps(row) + "\n")
            self._metrics.flush()
            for name, value in figures.items():
                if np.isfinite(value):
                    self._writer.add_scalar(name, value, commands)


def _seconds(line: str) -> float:
    """The time of a row; a last line cut off by a crash has none and is dropped."""
    try:
        return float(json.loads(line)["seconds"])
    except (ValueError, KeyError, TypeError):
        return float("inf")
