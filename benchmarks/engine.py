"""Strokes per second of the engines, the `mypaint` engine beside a plain C loop over libmypaint.

    python benchmarks/engine.py [--json] [--repeats 5] [--brush classic/dry_brush]

All of them paint the same strokes on 64 canvases of 64x64, interleaved, so that whatever else the machine does hits
all alike. The plain loop only paints; the engine also checks its commands and delivers every canvas as uint8 pixels.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tyro
from rich.console import Console
from rich.table import Table

from spiral.engines import make, missing
from spiral.engines.mypaint import read_brush
from spiral.engines.strokes import StrokeSettings, decode
from spiral.errors import InputError

BATCH, SIZE = 64, 64


@dataclass(frozen=True)
class Bench:
    repeats: int = 7
    strokes: int = 60
    """Strokes on every canvas in one repeat."""
    brush: str = "classic/dry_brush"
    json: bool = False

    def __call__(self) -> None:
        settings = StrokeSettings(
            size=SIZE, brush=self.brush, radii=(1.0, 2.0, 4.0), ground=(0.0, 0.0, 0.0), ink=(1.0, 1.0, 1.0)
        )
        commands = settings.specification().random(np.random.default_rng(0), (self.strokes, BATCH))
        commands[..., 0] = 1
        rates: dict[str, list[float]] = {}
        with tempfile.TemporaryDirectory() as folder:
            plain = build_plain(Path(folder), settings, commands) if missing("mypaint") is None else None
            for _ in range(self.repeats):
                if plain is not None:
                    rates.setdefault("plain_c", []).append(run_plain(plain))
                    for threads in (1, 2):
                        rate = run_engine("mypaint", settings, commands, threads)
                        rates.setdefault(f"mypaint_{threads}_threads", []).append(rate)
                rates.setdefault("vector", []).append(run_engine("vector", settings, commands, 1))
        report(rates, self.brush, self.json)


def build_plain(folder: Path, settings: StrokeSettings, commands: npt.NDArray[np.int64]) -> list[str]:
    """Compile the C loop and write the strokes it is to paint; returns the command that runs it."""
    source, program = Path(__file__).with_name("plain_loop.c"), folder / "plain_loop"
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "libmypaint"], check=True, capture_output=True, text=True
    ).stdout.split()
    subprocess.run(["cc", "-O3", str(source), "-o", str(program), *flags, "-lm"], check=True)
    (folder / "brush.myb").write_text(read_brush(settings.brush))
    records, pens, pressures = [], np.zeros((BATCH, 2), np.float32), None
    for now in commands:
        strokes = decode(settings, now)
        before = strokes.pressure if pressures is None else pressures
        columns = [pens, strokes.control, strokes.end, strokes.radius[:, None], before[:, None]]
        records.append(np.concatenate([*columns, strokes.pressure[:, None], np.arange(BATCH)[:, None]], axis=1))
        pens, pressures = strokes.end, strokes.pressure
    np.concatenate(records).astype(np.float32).tofile(folder / "strokes.bin")
    return [str(program), str(folder / "brush.myb"), str(folder / "strokes.bin"), str(BATCH), str(SIZE)]


def run_plain(command: list[str]) -> float:
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stderr)


def run_engine(name: str, settings: StrokeSettings, commands: npt.NDArray[np.int64], threads: int) -> float:
    engine = make(name, BATCH, settings.to_json(), threads)
    begin = time.perf_counter()
    for now in commands:
        engine.step(now)
    return commands.shape[0] * BATCH / (time.perf_counter() - begin)


def report(rates: dict[str, list[float]], brush: str, as_json: bool) -> None:
    figures: dict[str, object] = {"brush": brush}
    for name, values in rates.items():
        figures[name] = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    for threads in (1, 2):
        pairs = zip(rates.get(f"mypaint_{threads}_threads", []), rates.get("plain_c", []), strict=True)
        ratios = [ours / plain for ours, plain in pairs]
        name = f"engine_ratio_{threads}_thread{'s' if threads > 1 else ''}"
        figures[name] = statistics.median(ratios) if ratios else None
    if as_json:
        print(json.dumps(figures))
        return
    table = Table("what", "strokes/s (median)", "min", "max", title=f"{BATCH} canvases of {SIZE}x{SIZE}, {brush}")
    for name, values in rates.items():
        table.add_row(name, *(f"{value:,.0f}" for value in (statistics.median(values), min(values), max(values))))
    console = Console()
    console.print(table)
    for threads in ("1_thread", "2_threads"):
        console.print(f"mypaint over plain C, {threads}: {figures[f'engine_ratio_{threads}']}")


if __name__ == "__main__":
    try:
        tyro.cli(Bench)()
    except InputError as error:
        raise SystemExit(f"bench: {error}") from error
