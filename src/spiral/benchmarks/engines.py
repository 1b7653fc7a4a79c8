"""Strokes per second of the engines, the `mypaint` engine beside a plain C loop over libmypaint.

All of them paint the same strokes on 256 canvases of 64x64, interleaved, so that other load on the machine affects all
alike. The plain loop only paints; the engine also checks its commands and returns every canvas as uint8 pixels.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spiral.engines import make, missing
from spiral.engines.base import stroke_engines
from spiral.engines.mypaint import read_brush
from spiral.engines.strokes import StrokeSettings, decode

BATCH, SIZE = 256, 64
WARM_UP = 3
"""Warm-up commands per canvas: memory is touched for the first time, threads are started."""
Rates = dict[str, list[float]]


def measure_engines(folder: Path, repeats: int = 7, strokes: int = 30, brush: str = "classic/dry_brush") -> Rates:
    """Strokes per second, one value per repeat, by name: `plain_c`, and `ENGINE_N_threads` for every engine here.

    Args:
        folder: an empty folder for the plain loop; without libmypaint, a C compiler or pkg-config there is none.
        repeats: how often everything is measured, in turns.
        strokes: on every canvas in one repeat.
        brush: the paper's by default.
    """
    settings = StrokeSettings(
        size=SIZE, brush=brush, radii=(1.0, 2.0, 4.0), ground=(0.0, 0.0, 0.0), ink=(1.0, 1.0, 1.0)
    )
    commands = settings.specification().random(np.random.default_rng(0), (WARM_UP + strokes, BATCH))
    commands[..., 0] = 1
    usable = [name for name in stroke_engines() if missing(name) is None]
    plain = build_plain(folder, settings, commands) if "mypaint" in usable and can_build_plain() else None
    rates: Rates = {}
    for _ in range(repeats):
        if plain is not None:
            rates.setdefault("plain_c", []).append(run_plain(plain))
        for name in usable:
            for threads in (1, 2):
                rates.setdefault(f"{name}_{threads}_threads", []).append(run_engine(name, settings, commands, threads))
    return rates


def can_build_plain() -> bool:
    """Whether the C loop can be compiled here: the libmypaint inside a wheel has no headers."""
    if not all(map(shutil.which, ("cc", "pkg-config"))):
        return False
    return subprocess.run(["pkg-config", "--exists", "libmypaint"], check=False).returncode == 0


def build_plain(folder: Path, settings: StrokeSettings, commands: npt.NDArray[np.int64]) -> list[str]:
    """Compile the C loop and write the strokes it is to paint, int64 [T, B, K]; returns the command that runs it."""
    program = folder / "plain_loop"
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "libmypaint"], check=True, capture_output=True, text=True
    ).stdout.split()
    with resources.as_file(resources.files("spiral.benchmarks") / "plain_loop.c") as source:
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
    return [
        str(program),
        *(str(folder / name) for name in ("brush.myb", "strokes.bin")),
        *map(str, (BATCH, SIZE, WARM_UP * BATCH)),
    ]


def run_plain(command: list[str]) -> float:
    """Strokes per second of the C loop, on one thread."""
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stderr)


def run_engine(name: str, settings: StrokeSettings, commands: npt.NDArray[np.int64], threads: int) -> float:
    """Strokes per second of an engine on commands int64 [T, B, K]."""
    engine = make(name, BATCH, settings.to_json(), threads)
    for now in commands[:WARM_UP]:
        engine.step(now)
    begin = time.perf_counter()
    for now in commands[WARM_UP:]:
        engine.step(now)
    return (len(commands) - WARM_UP) * BATCH / (time.perf_counter() - begin)
