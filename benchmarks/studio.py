"""The studio under load: visitors who paint, edit, download and generate at once, without a pause.

    python benchmarks/studio.py --visitors 20 --seconds 60

prints durations of requests, the number that failed, and the server's memory, as a table, or as JSON with --json.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import tyro
from gradio_client import Client, handle_file
from PIL import Image
from rich.console import Console
from rich.table import Table

from spiral.agent import default
from spiral.datasets import load

OWN, AS_IT_IS = "the agent's own", "as it is"
console = Console(stderr=True)


def main(visitors: int = 20, seconds: float = 60.0, json_output: bool = False) -> None:
    """Serve a studio and visit it.

    Args:
        visitors: how many.
        seconds: for which they begin requests.
        json_output: print one JSON object on stdout.
    """
    took: dict[str, list[float]] = defaultdict(list)
    failed: list[str] = []
    memory: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [sys.executable, "-m", "spiral.cli", "studio", "--runs", folder], stderr=subprocess.PIPE, text=True
        )
        try:
            found = re.search(r"http://\S+", server.stderr.readline() if server.stderr else "")
            assert found, "the studio did not start"
            pictures = _pictures(Path(folder))
            end = time.monotonic() + seconds
            threads = [
                threading.Thread(target=_visit, args=(found[0], pictures[number % len(pictures)], end, took, failed))
                for number in range(visitors)
            ]
            for thread in threads:
                thread.start()
            watched = psutil.Process(server.pid)
            while any(thread.is_alive() for thread in threads):
                memory.append(watched.memory_info().rss / 2**20)
                time.sleep(0.5)
        finally:
            server.terminate()
            server.wait()
    quarter = len(memory) // 4
    figures = {
        "visitors": visitors,
        "seconds": seconds,
        "failed": len(failed),
        "why": sorted(set(failed))[:5],
        "memory_mib": {
            "second quarter": round(float(np.median(memory[quarter : 2 * quarter])), 1),
            "last quarter": round(float(np.median(memory[-quarter:])), 1),
            "largest": round(max(memory), 1),
        },
        "requests": {name: _summary(times) for name, times in took.items()},
    }
    if json_output:
        print(json.dumps(figures))
        return
    table = Table("request", "count", "median s", "95 % s", "longest s")
    for name, one in figures["requests"].items():
        table.add_row(name, str(one["count"]), *(f"{one[key]:.2f}" for key in ("median", "p95", "longest")))
    console.print(table)
    console.print(f"{len(failed)} failed {figures['why']}; memory {figures['memory_mib']} MiB")


def _visit(address: str, picture: Path, end: float, took: dict[str, list[float]], failed: list[str]) -> None:
    try:
        client = Client(address, verbose=False)
    except Exception as error:
        failed.append(f"connect: {error}")
        return
    requests: dict[str, Callable[[], object]] = {
        "upload": lambda: client.predict(handle_file(picture), api_name="/picture"),
        "paint": lambda: client.predict("", False, default(), 12, OWN, OWN, 0, api_name="/paint"),
        "edit": lambda: client.predict("1", "reverse", "#ff0000", "", AS_IT_IS, api_name="/edit"),
        "png": lambda: client.predict(512, api_name="/write_png"),
        "svg": lambda: client.predict(512, api_name="/write_svg"),
        "invent 16": lambda: client.predict("mnist-generate", 16, 0, 1.0, api_name="/invent"),
    }
    while time.monotonic() < end:
        for name, request in requests.items():
            began = time.perf_counter()
            try:
                request()
                took[name].append(time.perf_counter() - began)
            except Exception as error:
                failed.append(f"{name}: {error}")


def _pictures(folder: Path) -> list[Path]:
    paths = []
    for index, pixels in enumerate(load("mnist-sample", 128, 1, "test").images[:20]):
        paths.append(folder / f"digit-{index}.png")
        Image.fromarray(pixels[..., 0]).save(paths[-1])
    return paths


def _summary(times: list[float]) -> dict[str, float]:
    return {
        "count": len(times),
        "median": float(np.median(times)),
        "p95": float(np.percentile(times, 95)),
        "longest": max(times),
    }


if __name__ == "__main__":
    tyro.cli(main)
