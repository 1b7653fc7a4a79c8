"""The paper's plots from runs' own records: error over training, over a search's evaluations, over a painting.

`spiral report RUN... --out DIR` writes one SVG per plot and `index.html` with all of them; surfaces of the discs
(`spiral.evaluation.discs`) are a plot, too. A folder that holds runs is one figure, named like the folder; runs whose
names differ only in a seed at the end (`l2-seed0`, `l2-seed1`) are one curve: the median, with the range of the seeds
as a band.
"""

from __future__ import annotations

import base64
import html
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spiral.errors import InputError
from spiral.evaluation.discs import SURFACES, plot_surfaces
from spiral.io.files import make_folder, read_bytes, write_atomically

METRICS, SEARCH, EVALUATION, SHEETS = "metrics.jsonl", "search.json", "evaluation.json", "sheets"
_RECORDS = (METRICS, SEARCH, EVALUATION)
_LIMIT = 256 * 2**20
_SEED = re.compile(r"[-_]seed\d+$")
_POINTS = 200
_LARGEST = 2**63
_COLOURS = ("#0b5fa5", "#c8501e", "#2e8540", "#7b3fa0", "#8a6d1d", "#b0245c", "#1f7a8c", "#555555")
_LINES = ("-", "--", ":")
_HEIGHT, _WIDTH = 3.6, 6.0
_FEW = 6
"""Bands are drawn for up to so many curves; more would hide each other."""


@dataclass(frozen=True)
class Curve:
    """A quantity over commands or evaluations.

    Attributes:
        x: float64 [P], rising.
        y: float64 [P].
    """

    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Record:
    """The record of a run or a search.

    Attributes:
        name: its folder's name.
        curves: by the quantity's name: `error` (mse / blank_mse on held-out pictures) over commands in training,
            `search` (the same over evaluations), `process` (the same over the commands of a painting), `entropy`,
            `blank`, `class_entropy`, `frechet` over commands in training.
        seconds: its length.
        sheet: the PNG of its last contact sheet, or None.
    """

    name: str
    curves: dict[str, Curve]
    seconds: float
    sheet: bytes | None


PLOTS: dict[str, tuple[str, str]] = {
    "error": ("commands painted in training", "mse / mse of a blank canvas"),
    "search": ("renderings a picture", "mse / mse of a blank canvas"),
    "process": ("commands of a painting", "mse / mse of a blank canvas"),
    "class_entropy": ("commands painted in training", "entropy of predicted classes, nats"),
    "frechet": ("commands painted in training", "Fréchet distance to real pictures"),
    "entropy": ("commands painted in training", "entropy of a command, nats"),
    "blank": ("commands painted in training", "share of canvases left blank"),
}
"""Every quantity that is plotted, with the axes' labels; the order of the page."""
FIELDS = {
    "class_entropy": "held_out/class_entropy",
    "frechet": "held_out/frechet",
    "entropy": "policy/entropy",
    "blank": "blank",
}
"""Quantities by the name they have in `metrics.jsonl`; `error` is the ratio of two of its fields."""


def read_record(folder: Path) -> Record:
    """Read a run's `metrics.jsonl`, a search's `search.json` or an `evaluation.json`.

    The last is the output of `spiral evaluate --json --commands ...`; it may accompany a run's.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    process = _read_process(folder) if (folder / EVALUATION).is_file() else {}
    if (folder / METRICS).is_file():
        run = _read_run(folder)
        return replace(run, curves=run.curves | process)
    if process:
        return Record(folder.name, process, 0.0, None)
    if (folder / SEARCH).is_file():
        return _read_search(folder)
    raise InputError(f"{folder} holds neither {METRICS}, {SEARCH} nor {EVALUATION}")


def read_rows(folder: Path) -> list[dict[str, float]]:
    """The rows of a run's `metrics.jsonl`, numbers only; a line cut off by a crash is left out.

    Raises:
        InputError: the file cannot be read.
    """
    rows: list[dict[str, float]] = []
    for line in read_bytes(folder / METRICS, _LIMIT).decode(errors="replace").splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            numbers = {name: value for name, value in row.items() if isinstance(value, int | float)}
            rows.append({name: value for name, value in numbers.items() if not abs(value) > _LARGEST})
    return [row for row in rows if "commands" in row]


def _read_run(folder: Path) -> Record:
    rows = read_rows(folder)
    curves = {name: _curve(rows, field) for name, field in FIELDS.items()}
    measured = [
        {**row, "error": row["mse"] / row["blank_mse"]} for row in rows if "mse" in row and row.get("blank_mse")
    ]
    curves["error"] = _curve(measured, "error")
    sheets = sorted((folder / SHEETS).glob("*.png"))
    return Record(
        name=folder.name,
        curves={name: curve for name, curve in curves.items() if len(curve.x) > 1},
        seconds=float(rows[-1].get("seconds", 0.0)) if rows else 0.0,
        sheet=read_bytes(sheets[-1], _LIMIT) if sheets else None,
    )


def _curve(rows: Sequence[dict[str, Any]], field: str) -> Curve:
    points = [(row["commands"], row[field]) for row in rows if isinstance(row.get(field), int | float)]
    array = np.array(points, np.float64).reshape(-1, 2)
    return Curve(array[:, 0], array[:, 1])


def _read_search(folder: Path) -> Record:
    try:
        found = json.loads(read_bytes(folder / SEARCH, _LIMIT))
        points = [(point["evaluations"], point["l2"] / found["blank_l2"]) for point in found["curve"]]
        if not points:
            raise ValueError("its curve is empty")
        array = np.array(points, np.float64).reshape(-1, 2)
        return Record(folder.name, {"search": Curve(array[:, 0], array[:, 1])}, float(found["seconds"]), None)
    except (ValueError, KeyError, TypeError, ZeroDivisionError) as error:
        raise InputError(f"{folder / SEARCH} is not a search's record: {error}") from error


def _read_process(folder: Path) -> dict[str, Curve]:
    try:
        found = json.loads(read_bytes(folder / EVALUATION, _LIMIT))
        points = [(0.0, 1.0), *((row["commands"], row["mse"] / found["blank_mse"]) for row in found["after"])]
        array = np.array(points, np.float64).reshape(-1, 2)
        return {"process": Curve(array[:, 0], array[:, 1])}
    except (ValueError, KeyError, TypeError, ZeroDivisionError) as error:
        raise InputError(f"{folder / EVALUATION} is not what `spiral evaluate --json` prints: {error}") from error


def figures(paths: Sequence[Path]) -> dict[str, list[Record]]:
    """Records by figure: those named directly are the figure `runs`, each folder of runs is another.

    A run without evaluations has no curves.

    Raises:
        InputError: a path holds no run.
    """
    result: dict[str, list[Record]] = {}
    for path in map(Path.resolve, paths):
        if any((path / name).is_file() for name in _RECORDS):
            result.setdefault("runs", []).append(read_record(path))
            continue
        inner = sorted({file.parent for name in _RECORDS for file in path.rglob(name)})
        if not inner and not any(path.rglob(SURFACES)):
            raise InputError(f"{path} holds no run: none of {', '.join(_RECORDS)} in it or below it")
        for parent in dict.fromkeys(folder.parent for folder in inner):
            records = [read_record(folder) for folder in inner if folder.parent == parent]
            title, count = parent.name, 2
            while title in result:  # another figure of this name
                title, count = f"{parent.name}-{count}", count + 1
            result[title] = records
    return result


def grouped(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Records by name without the seed at its end."""
    result: dict[str, list[Record]] = {}
    for record in records:
        result.setdefault(_SEED.sub("", record.name), []).append(record)
    return result


def across(curves: Sequence[Curve]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Several seeds' curves on common points, up to where the shortest ends: x float64 [P], y float64 [seeds, P]."""
    begin, end = max(curve.x[0] for curve in curves), min(curve.x[-1] for curve in curves)
    x = curves[0].x if len(curves) == 1 else np.linspace(begin, end, _POINTS)
    return x, np.stack([np.interp(x, curve.x, curve.y) for curve in curves])


def write_report(paths: Sequence[Path], out: Path) -> list[Path]:
    """Write `FIGURE-QUANTITY.svg` for every plot and `index.html` with plots, tables and contact sheets.

    Raises:
        InputError: a path holds no run, or the folder cannot be written.
    """
    found = figures(paths)
    make_folder(out)
    written: list[Path] = []
    sections: list[str] = []
    for title, records in found.items():
        parts = [f"<h2>{html.escape(title)}</h2>"]
        for quantity in PLOTS:
            if svg := draw(quantity, records):
                path = out / f"{title}-{quantity.replace('_', '-')}.svg"
                write_atomically(path, svg)
                written.append(path)
                parts.append(f"<figure>{svg[svg.index(b'<svg') :].decode()}</figure>")
        parts.append(_table(records))
        parts += [
            f'<figure><img alt="contact sheet" src="data:image/png;base64,{base64.b64encode(record.sheet).decode()}">'
            f"<figcaption>{html.escape(record.name)}</figcaption></figure>"
            for record in records
            if record.sheet
        ]
        sections.append("\n".join(parts))
    for file in sorted(file for path in paths for file in path.resolve().rglob(SURFACES)):
        svg, title = plot_surfaces(file), file.parent.name
        write_atomically(out / f"{title}.svg", svg)
        written.append(out / f"{title}.svg")
        sections.append(f"<h2>{html.escape(title)}</h2><figure>{svg[svg.index(b'<svg') :].decode()}</figure>")
    page = out / "index.html"
    write_atomically(page, _PAGE.replace("CONTENT", "\n".join(sections)).encode())
    return [*written, page]


def draw(quantity: str, records: Sequence[Record]) -> bytes | None:
    """One plot as SVG, or None if no record has the quantity. The same records give the same bytes."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    groups = {
        label: [record.curves[quantity] for record in group if quantity in record.curves]
        for label, group in grouped(records).items()
    }
    groups = {label: curves for label, curves in groups.items() if curves}
    if not groups:
        return None
    crowded = len(groups) > _FEW
    figure = Figure(figsize=(_WIDTH * (1.4 if crowded else 1.0), _HEIGHT), layout="constrained")
    axes = figure.subplots()
    for index, (colour, (label, curves)) in enumerate(zip(_cycle(len(groups)), groups.items(), strict=True)):
        x, y = across(curves)
        note = f"{label} ({len(curves)} seeds)" if len(curves) > 1 else label
        note = note.replace("$", r"\$")  # a name, not a formula
        line = _LINES[index // len(_COLOURS) % len(_LINES)]
        axes.plot(x, np.median(y, axis=0), color=colour, label=note, linewidth=1.6, linestyle=line)
        if len(curves) > 1 and not crowded:
            axes.fill_between(x, y.min(0), y.max(0), color=colour, alpha=0.18, linewidth=0)
    if quantity == "search":
        axes.set_xscale("log")
        for colour, record in zip(_cycle(len(records)), records, strict=True):
            if "error" in record.curves:
                final = float(record.curves["error"].y[-1])
                axes.axhline(final, color=colour, linestyle="--", linewidth=1.2, label=f"{record.name}, one program")
    if quantity in ("error", "search"):
        axes.set_ylim(0.0, min(1.3, 1.05 * max(1.0, *axes.get_ylim())))
    axes.set_xlabel(PLOTS[quantity][0])
    axes.set_ylabel(PLOTS[quantity][1])
    axes.grid(alpha=0.3)
    beside = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)} if crowded else {}
    axes.legend(frameon=False, fontsize="small", **beside)
    stream = io.BytesIO()
    # Without date and with fixed identifiers the same runs give the same file.
    with rc_context({"svg.hashsalt": quantity}):
        FigureCanvasSVG(figure).print_svg(stream, metadata={"Date": None})
    return stream.getvalue()


def _cycle(count: int) -> list[str]:
    return [_COLOURS[index % len(_COLOURS)] for index in range(count)]


def _table(records: Sequence[Record]) -> str:
    lines = [
        "<table><tr><th>curve</th><th>seeds</th><th>minutes</th><th>last values, median (smallest to largest)</th></tr>"
    ]
    for label, group in grouped(records).items():
        cells = []
        for quantity in PLOTS:
            last = [float(record.curves[quantity].y[-1]) for record in group if quantity in record.curves]
            if last:
                spread = f" ({min(last):.3f} to {max(last):.3f})" if len(last) > 1 else ""
                cells.append(f"{quantity.replace('_', ' ')} {np.median(last):.3f}{spread}")
        minutes = np.median([record.seconds for record in group]) / 60
        columns = (html.escape(label), str(len(group)), f"{minutes:.1f}", "; ".join(cells))
        lines.append(f"<tr>{''.join(f'<td>{cell}</td>' for cell in columns)}</tr>")
    return "\n".join([*lines, "</table>"])


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>SPIRAL: runs</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
figure { margin: 1rem 0; } figure svg, figure img { max-width: 100%; height: auto; image-rendering: auto; }
table { border-collapse: collapse; } td, th { padding: .3rem .8rem; border-bottom: 1px solid #ddd; text-align: left; }
</style></head><body><h1>Runs</h1>
CONTENT
</body></html>
"""
