"""The command that searches: the Metropolis-Hastings baseline."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tyro

from spiral.baselines.greedy import greedy
from spiral.baselines.metropolis_hastings import SearchSettings, search
from spiral.commands.output import Failures, output_names, progress_bar, show_figures, write_paintings
from spiral.datasets.base import Dataset
from spiral.errors import InputError
from spiral.io.files import make_folder, write_atomically
from spiral.presets import preset

Positional = tyro.conf.Positional
RECORD = "search.json"


@dataclass(frozen=True)
class Search:
    """Search for the programs of pictures, without an agent: writes NAME.png, NAME.program.json and search.json."""

    images: Positional[tuple[Path, ...]]
    """Picture files."""
    out: Path
    """Folder for the results."""
    evaluations: int = 2000
    """Renderings a picture."""
    data: str | None = None
    """A data set instead of picture files: `mnist-sample` (its held-out digits), a folder, an .npz file."""
    limit: int | None = None
    """Largest number of pictures of the data set, evenly spread."""
    preset: str = "mnist-reconstruct"
    """Whose engine, commands and picture size are searched."""
    greedy: int = 0
    """Use a greedy painter instead of Metropolis-Hastings: it keeps the best of so many random commands, again and
    again until the evaluations are used up."""
    seed: int = 0
    """Seed of the search and of the brush."""
    settings: tyro.conf.OmitArgPrefixes[SearchSettings] = field(default_factory=SearchSettings)
    """The search's own settings."""
    json: bool = False
    """Print one JSON object on stdout."""

    def __call__(self) -> None:
        """Run it."""
        from spiral.evaluation.metrics import reconstruction_figures

        if self.greedy < 0 or self.greedy > self.evaluations:
            raise InputError(f"--greedy must be 0 to the number of evaluations, got {self.greedy}")

        chosen = preset(self.preset)
        failures = Failures(len(self.images))
        names, data = self._pictures(chosen.data.size, chosen.canvas.channels, failures)
        pictures = data.images
        make_folder(self.out)
        strokes = chosen.canvas.to_json()
        with progress_bar("searching", self.evaluations) as count:

            def report(done: int, errors: npt.NDArray[np.float64]) -> None:
                count(done, f"squared error a picture {errors.mean():.2f}")

            if self.greedy:
                commands = self.evaluations // self.greedy
                found = greedy(chosen.engine, strokes, pictures, commands, self.greedy, self.seed, report=report)
            else:
                found = search(
                    chosen.engine, strokes, pictures, self.evaluations, self.settings, self.seed, report=report
                )
        write_paintings(self.out, names, zip(found.programs, found.canvases, strict=True))
        figures = reconstruction_figures(chosen.engine, chosen.canvas, data, found.programs, found.observed)
        figures |= {
            "blank_l2": figures["blank_mse"] * pictures[0].size,
            "evaluations": int(found.evaluations[-1]),
            "accepted": found.accepted,
            "seconds": found.seconds,
            "engine_share": found.engine_seconds / found.seconds,
            "programs_per_second": len(pictures) / found.seconds,
        }
        curve = [
            {"evaluations": int(done), "l2": float(errors.mean())}
            for done, errors in zip(found.evaluations, found.errors, strict=True)
        ]
        how: dict[str, Any] = {"greedy": self.greedy} if self.greedy else {"settings": asdict(self.settings)}
        record = {**figures, "preset": self.preset, "seed": self.seed, **how}
        text = json.dumps({**record, "curve": curve}, indent=1)
        write_atomically(self.out / RECORD, text.encode())
        show_figures({**figures, "curve": curve} if self.json else figures, self.json)
        failures.tell()

    def _pictures(self, size: int, channels: int, failures: Failures) -> tuple[list[str], Dataset]:
        from spiral.datasets import default_split, fit_image, load

        if (self.data is None) == (not self.images):
            raise InputError("name pictures to search for, or a data set with --data")
        if self.limit is not None and self.limit < 1:
            raise InputError(f"--limit must be at least 1, got {self.limit}")
        if self.data is None:
            images: dict[str, npt.NDArray[np.uint8]] = {}
            for name, path in zip(output_names(self.images, self.out), self.images, strict=True):
                with failures.collected(path):
                    images[name] = fit_image(path, size, channels)
            return list(images), Dataset("files", np.stack(list(images.values())))
        data = load(self.data, size, channels, default_split(self.data)).evenly_spaced(self.limit)
        return [f"{index:04d}" for index in range(len(data))], data
