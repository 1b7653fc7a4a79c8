"""All measurements of `spiral bench` in one run, as one JSON object and as tables."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from spiral.benchmarks.engines import measure_engines
from spiral.benchmarks.loop import measure_loops, measure_phases
from spiral.engines import missing
from spiral.settings import Preset

PHASES = ("paint", "judge", "learn")


def measure(preset: Preset, threads: int, repeats: int, seconds: float, brush: str) -> dict[str, Any]:
    """Measure engines, loops and phases, in this order.

    Args:
        preset: whose loop is measured; its vector variant if libmypaint is missing.
        threads: of the loop; all processors when 0.
        repeats: how often every rate is measured, in turns with its reference.
        seconds: length of one measurement of a loop.
        brush: of the engines' strokes.

    Returns:
        JSON values; `engine_ratio_1_thread`, `engine_ratio_2_threads` (the `mypaint` engine over plain C on one
        thread, None without libmypaint) and `loop_ratio` (the whole loop over the reference loop) are medians of the
        ratios of neighbouring measurements. Every rate comes with its median, smallest and largest value.
    """
    if missing(preset.engine) is not None:
        preset = replace(preset, engine="vector")
    with tempfile.TemporaryDirectory() as folder:
        engines = measure_engines(Path(folder), repeats, brush=brush)
    loops = measure_loops(preset, threads, repeats, seconds)
    return {
        "preset": preset.name,
        "engine": preset.engine,
        "brush": brush,
        "compile": preset.run.compile == "on",
        "threads": threads or torch.get_num_threads(),
        "loop_ratio": ratio(loops, "loop", "reference_1_thread"),
        "loop_ratio_all_threads": ratio(loops, "loop", "reference_all_threads"),
        "engine_ratio_1_thread": ratio(engines, "mypaint_1_threads", "plain_c"),
        "engine_ratio_2_threads": ratio(engines, "mypaint_2_threads", "plain_c"),
        "loop_ratio_spread": spread(ratios(loops, "loop", "reference_1_thread")),
        "strokes_per_second": {name: spread(values) for name, values in engines.items()},
        "commands_per_second": {name: spread(values) for name, values in loops.items()},
        "phases": measure_phases(preset, threads, 2 * seconds),
    }


def ratios(rates: Mapping[str, Sequence[float]], name: str, over: str) -> list[float]:
    """Ratios of neighbouring measurements; empty if one of them is missing."""
    return [a / b for a, b in zip(rates.get(name, ()), rates.get(over, ()), strict=False)]


def ratio(rates: Mapping[str, Sequence[float]], name: str, over: str) -> float | None:
    """The median of `ratios`, or None where there is none."""
    found = ratios(rates, name, over)
    return statistics.median(found) if found else None


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, smallest and largest value."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def show(figures: Mapping[str, Any], console: Console) -> None:
    """Print them as tables."""
    for title, unit in (("strokes_per_second", "strokes/s"), ("commands_per_second", "commands/s")):
        table = Table(title.replace("_", " "), f"median {unit}", "min", "max")
        for name, values in figures[title].items():
            table.add_row(name.replace("_", " "), *(f"{values[key]:,.0f}" for key in ("median", "min", "max")))
        console.print(table)
    phases = figures["phases"]
    table = Table("phase", "ms a round", "share", "commands/s alone", "of the matrix product's rate")
    for name in PHASES:
        row = phases[name]
        cells = (f"{row['milliseconds']:.1f}", f"{row['share']:.0%}", f"{row['commands_per_second']:,.0f}")
        table.add_row(name, *cells, f"{row['of_matrix_rate']:.1%}")
    console.print(table)
    console.print(
        f"matrix product {phases['matrix_flops_per_second'] / 1e9:,.0f} GFLOP/s; waiting for the engine "
        f"{phases['engine_share']:.1%} of the loop; peak memory {phases['peak_megabytes']:,.0f} MB"
    )
    for name in ("engine_ratio_1_thread", "engine_ratio_2_threads", "loop_ratio", "loop_ratio_all_threads"):
        value = figures[name]
        console.print(f"{name.replace('_', ' ')}: {'not here' if value is None else f'{value:.3f}'}")
