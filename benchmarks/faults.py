"""Fault drill: kill -9 of each part of a distributed run, and its cost.

    python benchmarks/faults.py [PRESET] [--json] [further flags of `spiral train`]

Three raylets run on this machine: a head without work, one with the learners and an actor, and one with a second actor,
which joins during the run.
The run must survive each kill; the driver is restarted with --resume. Times are accurate to a second, the interval at
which a run writes its status.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ray.cluster_utils import Cluster

PATIENCE = 180.0
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled", "OMP_WAIT_POLICY": "passive"}


class Run:
    """`spiral train` on a cluster, watched through its `cluster.json`."""

    def __init__(self, address: str, preset: str, out: Path, flags: list[str]) -> None:
        self.out = out
        self.command = [sys.executable, "-m", "spiral.cli", "train", preset, "--actors", "2", "--address", address]
        self.command += ["--out", str(out), "--run.checkpoint-seconds", "10", "--run.evaluate-seconds", "60"]
        self.command += ["--minutes", "60", *flags]
        self.process = self.begin()

    def begin(self, *more: str) -> subprocess.Popen[bytes]:
        log = (self.out.parent / "driver.log").open("ab")
        return subprocess.Popen([*self.command, *more], stdout=log, stderr=log, env={**os.environ, **QUIET})

    def status(self) -> dict[str, Any]:
        try:
            return json.loads((self.out / "cluster.json").read_text())
        except (OSError, ValueError):
            return {"commands": 0, "lost": 0, "dropped": 0, "painted": 0, "processes": {}}

    def pid(self, name: str) -> int | None:
        return self.status()["processes"].get(name, {}).get("pid")

    def wait(self, true: Callable[[], bool], what: str) -> float:
        """Seconds until a condition is true."""
        began = time.monotonic()
        while not true():
            if self.process.poll() is not None:
                raise RuntimeError(f"the driver ended: {(self.out.parent / 'driver.log').read_text()[-2000:]}")
            if time.monotonic() - began > PATIENCE:
                raise RuntimeError(f"{what}: not within {PATIENCE:.0f} s; {self.status()}")
            time.sleep(0.1)
        return time.monotonic() - began

    def grow(self, by: int) -> float:
        """Seconds until so many more commands have been learned from."""
        before = self.status()["commands"]
        return self.wait(lambda: self.status()["commands"] >= before + by, "learning goes on")


def strike(
    run: Run, name: str, kill: Callable[[], None], join: Callable[[], None] | None = None, needed: bool = False
) -> dict[str, Any]:
    """Kill a process; returns seconds until learning resumes, until it is replaced, and commands lost.

    If a node must `join` to make room for the replacement, the second time counts from then on; if learning needs the
    process (`needed`), so does the first.
    """
    before, pid = run.status(), run.pid(name)
    kill()
    began = time.monotonic()
    if join is not None and needed:
        time.sleep(2.0)
        join()
        began = time.monotonic()
    # Unrolls in flight at the kill may still arrive: two more show that learning continues.
    run.wait(lambda: run.status()["commands"] not in range(before["commands"], before["commands"] + 1024), "goes on")
    learned = time.monotonic() - began
    if join is not None and not needed:
        join()
        began = time.monotonic()
    run.wait(lambda: run.pid(name) not in (None, pid), f"{name} is replaced")
    replaced = time.monotonic() - began
    run.grow(1024)
    after = run.status()
    return {"learned_again": learned, "replaced": replaced, "lost": after["lost"] - before["lost"]}


def drill(preset: str, flags: list[str]) -> dict[str, dict[str, Any]]:
    """All faults, one after the other, in the same run."""
    os.environ.update(QUIET)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    nodes = {cluster.add_node(num_cpus=3).node_id: 3}
    results: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        run = Run(str(cluster.address), preset, Path(folder) / "run", flags)
        try:
            run.wait(lambda: sum(run.pid(f"actor {n}") is not None for n in (1, 2)) == 1, "an actor is there")
            nodes[cluster.add_node(num_cpus=1).node_id] = 1
            run.wait(lambda: all(run.pid(f"actor {n}") for n in (1, 2)), "the other one joins")
            run.grow(4096)
            run.wait(lambda: len(list((run.out / "checkpoints").glob("0*"))) > 1, "a checkpoint")
            for name in ("actor 1", "discriminator learner", "policy learner"):
                results[name] = strike(run, name, lambda name=name: os.kill(run.pid(name) or 0, signal.SIGKILL))
            for what, room in (("raylet with an actor", 1), ("raylet with the learners", 3)):
                node = next(node for node in cluster.worker_nodes if nodes.get(node.node_id) == room)
                processes = run.status()["processes"]
                name = next(name for name in processes if processes[name].get("node") == node.node_id)
                raylet = node.all_processes["raylet"][0].process.pid

                def join(room: int = room) -> None:
                    cluster.add_node(num_cpus=room)

                results[what] = strike(run, name, lambda pid=raylet: os.kill(pid, signal.SIGKILL), join, room > 1)
            results["driver"] = _restart(run)
        finally:
            run.process.kill()
            run.process.wait()
            cluster.shutdown()
    return results


def _restart(run: Run) -> dict[str, Any]:
    before = run.status()
    run.process.kill()
    run.process.wait()
    (run.out / "cluster.json").unlink()
    kept = int(max(path.name for path in (run.out / "checkpoints").glob("0*")))
    began = time.monotonic()
    run.process = run.begin("--resume")
    run.wait(lambda: run.status()["commands"] > kept, "goes on from the checkpoint")
    return {
        "learned_again": time.monotonic() - began,
        "replaced": time.monotonic() - began,
        "lost": before["commands"] - kept,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("preset", nargs="?", default="mnist-reconstruct")
    parser.add_argument("--json", action="store_true")
    arguments, flags = parser.parse_known_args()
    results = drill(arguments.preset, flags)
    if arguments.json:
        print(json.dumps(results))
        return
    print("| kill -9 of | learning goes on after | replaced after | commands lost |\n| --- | --- | --- | --- |")
    for name, row in results.items():
        print(f"| {name} | {row['learned_again']:.1f} s | {row['replaced']:.1f} s | {row['lost']:,} |")


if __name__ == "__main__":
    main()
