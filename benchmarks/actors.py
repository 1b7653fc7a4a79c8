"""Speed of Ray actors, compared with the acting of the one-machine loop.

    python benchmarks/actors.py [PRESET] [--actors 1 2] [--seconds 10] [--repeats 5] [--json]

Each actor paints with one thread and gets new weights for every unroll, as in a run; a sink reads its unrolls. There is
no learning: this is the rate that actors could reach with fast enough learners. The loop's own acting is measured in
this process with one thread, in turns with the actors, so that other load on the machine affects both.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from typing import Any

import ray

from spiral.learning import machine
from spiral.learning.trainer import set_up
from spiral.presets import preset
from spiral.scaling.actors_and_learners import ActorProcess
from spiral.scaling.cluster import connected
from spiral.scaling.serialization import flatten


class Sink:
    """Receives unrolls, as a learner does."""

    def take(self, trajectory: Any) -> int:
        return int(trajectory.commands.size)


def acting_rate(actor: Any, mixed: Any, commands: int, seconds: float) -> float:
    """Commands per second of the loop's own actor."""
    began, painted = time.perf_counter(), 0
    while (passed := time.perf_counter() - began) < seconds:
        with mixed():
            actor.unroll()
        painted += commands
    return painted / passed


def actors_rate(actors: list[Any], sink: Any, weights: Any, commands: int, seconds: float) -> float:
    """Commands per second of all actors together."""
    version = int(time.time() * 1000)

    def ask(actor: Any) -> tuple[Any, Any]:
        nonlocal version
        version += 1
        return actor.unroll.options(num_returns=2).remote(ray.put(weights), version)

    # Two calls ahead, as in a run whose learners wait for unrolls.
    calls = {note: (actor, trajectory) for actor in actors * 2 for trajectory, note in [ask(actor)]}
    began, painted = time.perf_counter(), 0
    while (passed := time.perf_counter() - began) < seconds:
        for note in ray.wait(list(calls), num_returns=1)[0]:
            actor, trajectory = calls.pop(note)
            sink.take.remote(trajectory)
            painted += commands
            trajectory, note = ask(actor)
            calls[note] = actor, trajectory
    ray.get(list(calls))
    return painted / passed


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("preset", nargs="?", default="mnist-reconstruct")
    parser.add_argument("--actors", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    chosen = preset(arguments.preset)
    machine.use_threads(1)
    learner, (actor,), _ = set_up(chosen, 1)
    policy, commands = learner.policies[0], chosen.learning.unroll_length * chosen.learning.batch_size
    weights = flatten(policy.policy.state_dict())
    rates: dict[str, list[float]] = {"loop": [], **{str(count): [] for count in arguments.actors}}
    with connected(None, max(arguments.actors) + 1):
        team = [ray.remote(ActorProcess).options(num_cpus=1).remote() for _ in range(max(arguments.actors))]
        ray.get([actor.setup.remote(chosen, seed, 1, False) for seed, actor in enumerate(team)])
        sink = ray.remote(Sink).options(num_cpus=0).remote()
        acting_rate(actor, policy.mixed, commands, 1.0)
        actors_rate(team, sink, weights, commands, 2.0)
        for _ in range(arguments.repeats):
            rates["loop"].append(acting_rate(actor, policy.mixed, commands, arguments.seconds))
            for count in arguments.actors:
                rates[str(count)].append(actors_rate(team[:count], sink, weights, commands, arguments.seconds))
    megabytes = weights.nbytes / 2**20
    result = {
        "commands_per_second": {name: statistics.median(found) for name, found in rates.items()},
        "efficiency": {
            name: statistics.median(mine / (int(name) * loop) for mine, loop in zip(found, rates["loop"], strict=True))
            for name, found in rates.items()
            if name != "loop"
        },
        "spread": {name: [min(found), max(found)] for name, found in rates.items()},
        "weights_megabytes": megabytes,
    }
    if arguments.json:
        print(json.dumps(result))
        return
    for name, found in rates.items():
        who = "the loop's acting" if name == "loop" else f"{name} actor{'s' if name != '1' else ''}"
        beside = "" if name == "loop" else f"  {result['efficiency'][name]:.3f} of the loop's rate each"
        print(f"{who:18} {statistics.median(found):8,.0f} ({min(found):,.0f} to {max(found):,.0f}) commands/s{beside}")


if __name__ == "__main__":
    main()
