"""Commands that list presets and engines, and draw scenes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from spiral.commands.output import console
from spiral.errors import InputError
from spiral.io.files import make_folder
from spiral.presets import PRESETS


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
        console.print(table)


@dataclass(frozen=True)
class Engines:
    """List the engines, and how to install missing ones."""

    brushes: Path | None = None
    """A PNG to write with a chart of all brushes that work here."""
    json: bool = False
    """Print one JSON object on stdout."""

    def __call__(self) -> None:
        """Run it."""
        from spiral.engines import known, missing
        from spiral.engines.base import remedy

        if self.brushes is not None:
            self._chart(self.brushes)
        engines = known()
        reasons = {name: missing(name) for name in engines}
        if self.json:
            print(json.dumps({name: {"works": reason is None, "missing": reason} for name, reason in reasons.items()}))
            return
        table = Table("engine", "what it is", "here")
        for name, registration in engines.items():
            state = "works" if reasons[name] is None else remedy(reasons[name] or "", registration.install)
            table.add_row(name, registration.summary, state)
        console.print(table)

    def _chart(self, path: Path) -> None:
        from spiral.engines import mypaint
        from spiral.exports.brushes import brush_chart
        from spiral.io.images import write_png

        chart, broken = brush_chart(mypaint.brush_names())
        make_folder(path.parent)
        write_png(path, chart)
        console.print(f"wrote {path}" + (f"; brushes that do not work here: {', '.join(broken)}" if broken else ""))


@dataclass(frozen=True)
class Scenes:
    """Draw random scenes with their programs: writes FILE.npz and, beside it, FILE.json."""

    out: Path
    """The .npz file to write."""
    count: int = 1000
    """How many."""
    seed: int = 0
    """Another seed draws other scenes."""
    size: int = 64
    """Side of the pictures in pixels."""

    def __call__(self) -> None:
        """Run it."""
        from spiral.datasets.base import Dataset
        from spiral.datasets.scenes import MAXIMUM, draw_scenes, save_scenes
        from spiral.engines.objects import SceneSettings

        if self.out.suffix != ".npz":
            raise InputError(f"--out must end with .npz, got {self.out}")
        if not 1 <= self.count <= MAXIMUM or not 0 <= self.seed < 2**63:
            raise InputError(f"--count must be 1 to {MAXIMUM} and --seed 0 to 2**63 - 1")
        settings = SceneSettings(size=self.size)
        images, programs = draw_scenes(self.count, self.seed, settings=settings)
        make_folder(self.out.parent)
        save_scenes(self.out, Dataset(str(self.out), images, programs=programs), settings)
        console.print(f"wrote {self.out} and {self.out.with_suffix('.json')}")
