"""Commands that list what there is: presets, engines."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from spiral.commands.output import console
from spiral.files import make_folder
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
    """List the engines, what is missing here and how to get it."""

    brushes: Path | None = None
    """A PNG to write with a chart of all brushes that work here."""
    json: bool = False
    """Print one JSON object on stdout."""

    def __call__(self) -> None:
        """Run it."""
        from spiral.engines import ENGINES, missing

        if self.brushes is not None:
            self._chart(self.brushes)
        reasons = {name: missing(name) for name in ENGINES}
        if self.json:
            print(json.dumps({name: {"works": reason is None, "missing": reason} for name, reason in reasons.items()}))
            return
        table = Table("engine", "what it is", "here")
        for name, registration in ENGINES.items():
            state = "works" if reasons[name] is None else f"{reasons[name]}; to get it: {registration.install}"
            table.add_row(name, registration.summary, state)
        console.print(table)

    def _chart(self, path: Path) -> None:
        from spiral.engines import mypaint
        from spiral.exports.brushes import brush_chart
        from spiral.exports.pictures import write_png

        chart, broken = brush_chart(mypaint.brush_names())
        make_folder(path.parent)
        write_png(path, chart)
        console.print(f"wrote {path}" + (f"; brushes that do not work here: {', '.join(broken)}" if broken else ""))
