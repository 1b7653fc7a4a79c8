"""Commands per second of the whole loop on a device, by engine, size and number of canvases (`spiral bench --device`).

The laptop's and the paper's sizes are those of the presets. All learn by reinforcement alone, as in the paper: without
lessons. Batches are learned from in minibatches of at most `_COMMANDS` commands, which bounds the memory.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from rich.console import Console
from rich.table import Table

from spiral.benchmarks.loop import Loop, count_flops, peak_megabytes
from spiral.engines import missing
from spiral.errors import InputError
from spiral.learning import machine
from spiral.presets import PRESETS
from spiral.settings import Preset

_COMMANDS = 16_384
_WARM_UP = 3
_SCENES = "scenes:1024"


@dataclass(frozen=True)
class Measured:
    """One measurement.

    Attributes:
        engine: its name.
        size: `laptop` or `paper`.
        canvases: painted at a time.
        commands_per_second: of the whole loop.
        rounds: behind it.
        paint_share: share of the time in which the host paints, judging and learning being the rest; on a GPU work is
            only handed over there, and the phase includes what the host waits for.
        card_waits: share of the time in which the GPU waits for pictures from the engine; None on a processor.
        megabytes: peak memory of the GPU, or of the process.
    """

    engine: str
    size: str
    canvases: int
    commands_per_second: float
    rounds: int
    paint_share: float
    card_waits: float | None
    megabytes: float


SIZES: dict[str, dict[str, Preset]] = {
    "laptop": {
        "mypaint": PRESETS["mnist-reconstruct"],
        "vector": PRESETS["mnist-reconstruct-vector"],
        "scene": PRESETS["scene-reconstruct-rl"],
    },
    "paper": {
        "mypaint": PRESETS["mnist-reconstruct-paper"],
        "vector": replace(PRESETS["mnist-reconstruct-paper"], engine="vector"),
        "scene": PRESETS["scene-reconstruct-paper"],
    },
}


def measured_preset(size: str, engine: str, canvases: int, device: str) -> Preset:
    """What is measured.

    Raises:
        InputError: no such size or engine.
    """
    if size not in SIZES:
        raise InputError(f"--sizes must be among {', '.join(SIZES)}, got {size!r}")
    if engine not in SIZES[size]:
        raise InputError(f"--engines must be among {', '.join(SIZES[size])}, got {engine!r}")
    preset = SIZES[size][engine]
    data = replace(preset.data, source=_SCENES) if engine == "scene" else preset.data
    least = -(-canvases * preset.learning.unroll_length // _COMMANDS)
    minibatches = min(canvases, max(preset.learning.num_minibatches, least))
    learning = replace(preset.learning, batch_size=canvases, num_minibatches=minibatches, lessons=0)
    return replace(preset, data=data, learning=learning, run=replace(preset.run, device=device, compile="off"))


def measure_on_device(
    device: str,
    canvases: Sequence[int],
    engines: Sequence[str],
    sizes: Sequence[str],
    threads: int,
    seconds: float,
    compiled: bool = False,
) -> Iterator[Measured]:
    """Measure every combination whose engine works here, one after the other.

    Args:
        device: as in `--run.device`.
        canvases: numbers of canvases.
        engines: names of engines.
        sizes: of networks, among `SIZES`.
        threads: of engines and networks on processors; 0 for all.
        seconds: at least, for each, after a warm-up of a few rounds.
        compiled: whether the policy is compiled.

    Raises:
        InputError: no such device, size or engine, or a number of canvases that is too small.
    """
    place = machine.choose_device(device)
    if any(not 1 <= count <= 65_536 for count in canvases):
        raise InputError(f"--batches must be 1 to 65536 each, got {tuple(canvases)}")
    chosen = [(s, e, n, measured_preset(s, e, n, device)) for s in sizes for e in engines for n in canvases]
    for size, engine, count, preset in chosen:
        if missing(engine) is None:
            run = replace(preset.run, compile="on" if compiled else "off")
            yield _measure(size, replace(preset, run=run), count, place, threads, seconds)


def _measure(size: str, preset: Preset, count: int, device: torch.device, threads: int, seconds: float) -> Measured:
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    loop = Loop(preset, threads)
    for _ in range(_WARM_UP):
        loop.round()
    loop.clock.seconds.clear()
    canvases = loop.actors[0].canvases
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        canvases.waits = []
    commands, rounds, began = 0, 0, time.perf_counter()
    while time.perf_counter() - began < seconds or not rounds:
        commands += loop.round()
        rounds += 1
        if device.type == "cuda":  # else the host would only hand over work
            torch.cuda.synchronize(device)
    passed, spent = time.perf_counter() - began, loop.clock.seconds
    waits = canvases.waits
    return Measured(
        engine=preset.engine,
        size=size,
        canvases=count,
        commands_per_second=commands / passed,
        rounds=rounds,
        paint_share=spent["paint"] / sum(spent[name] for name in ("paint", "judge", "learn")),
        card_waits=None if waits is None else sum(a.elapsed_time(b) for a, b in waits) / 1000.0 / passed,
        megabytes=peak_megabytes(device),
    )


def flops_of_a_command(preset: Preset) -> dict[str, float]:
    """Floating point operations that one command costs in each phase of the loop, counted in one round."""
    preset = replace(preset, run=replace(preset.run, device="cpu", compile="off", pipeline="off"))
    learning = preset.learning
    counted = count_flops(Loop(preset, 1))
    return {name: count / (learning.batch_size * learning.unroll_length) for name, count in counted.items()}


def show_on_device(rows: Sequence[Measured], name: str, console: Console) -> None:
    """Print measurements as a table."""
    table = Table("engine", "size", "canvases", "commands/s", "card waits", "memory, MB", title=name)
    for row in rows:
        waits = "" if row.card_waits is None else f"{row.card_waits:.1%}"
        cells = (f"{row.canvases:,}", f"{row.commands_per_second:,.0f}", waits, f"{row.megabytes:,.0f}")
        table.add_row(row.engine, row.size, *cells)
    console.print(table)
