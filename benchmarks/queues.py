"""A simulation of a distributed run's queues, for clusters larger than those at hand.

    python benchmarks/queues.py --actor-seconds 0.93 --policy-seconds 0.06 --discriminator-seconds 0.03

Actors, learners, network and driver are served as by `spiral.scaling.coordinator`: an actor is asked for an unroll (two
ahead) while few enough are in flight; each batch of unrolls goes to both learners, oldest first; an unroll is painted
with the newest weights at its request. Times are means of gamma distributions with a deviation of a tenth. The results
depend on these times: measure them on the target machines.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Generator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import simpy

from spiral.scaling.settings import MAX_CALLS_IN_FLIGHT, ClusterSettings

DEVIATION = 0.1


@dataclass(frozen=True)
class Sizes:
    """Sizes and speeds of the run.

    Attributes:
        actors: processes that paint.
        actor_seconds: an unroll.
        unrolls: that make a learner's batch; more than one where --canvases-per-actor is less than the batch.
        policy_seconds: a step of the policy learner.
        discriminator_seconds: a step of the discriminator learner.
        driver_seconds: the driver's part of one call.
        unroll_bytes, weights_bytes: on the wire.
        bytes_per_second: of each learner's network interface, in either direction.
        per_node: actors on a machine, which fetch the weights once for all.
        commands: in a batch.
        queue, max_policy_lag: see `ClusterSettings`.
        seconds: simulated.
    """

    actors: int = 64
    actor_seconds: float = 0.93
    unrolls: int = 1
    policy_seconds: float = 0.06
    discriminator_seconds: float = 0.03
    driver_seconds: float = 0.001
    unroll_bytes: float = 6e6
    weights_bytes: float = 7.8e6
    bytes_per_second: float = 1.25e9
    per_node: int = 16
    commands: int = 1280
    queue: int = 1
    max_policy_lag: int = 64
    seconds: float = 300.0


@dataclass
class Counts:
    """What happened."""

    version: int = 0
    in_flight: int = 0
    ages: list[int] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    busy: dict[str, float] = field(default_factory=dict)


def simulate(sizes: Sizes, seed: int = 0) -> dict[str, float]:
    """Throughput, policy lag and load of each part."""
    generator, env, counts = np.random.default_rng(seed), simpy.Environment(), Counts()
    # Unrolls go to two learners and their weights come from one: the busier interface counts.
    driver, inbound, outbound = (simpy.Resource(env, 1) for _ in range(3))
    policy_inbox, discriminator_inbox = simpy.Store(env), simpy.Store(env)
    calls = [simpy.Store(env) for _ in range(sizes.actors)]
    asked = [0] * sizes.actors
    gathering: list[int] = []
    fetched = [-1] * sizes.actors
    settings = ClusterSettings(sizes.actors, queue=sizes.queue, max_policy_lag=sizes.max_policy_lag)
    most = settings.max_unrolls_in_flight(sizes.actors, sizes.unrolls)

    def served(name: str, resource: simpy.Resource, seconds: float) -> Generator[Any, Any, None]:
        with resource.request() as turn:
            yield turn
            yield env.timeout(seconds)
        counts.busy[name] = counts.busy.get(name, 0.0) + seconds

    def taking(mean: float) -> float:
        return float(generator.gamma(DEVIATION**-2, mean * DEVIATION**2))

    def dispatch() -> None:
        for place in sorted(range(sizes.actors), key=lambda place: asked[place]):
            while asked[place] < MAX_CALLS_IN_FLIGHT and counts.in_flight < most:
                asked[place] += 1
                counts.in_flight += 1
                calls[place].put(counts.version)

    def actor(place: int) -> Generator[Any, Any, None]:
        while True:
            version = yield calls[place].get()
            yield from served("driver", driver, sizes.driver_seconds)
            if fetched[place // sizes.per_node] < version:
                fetched[place // sizes.per_node] = version
                yield from served("network out", outbound, sizes.weights_bytes / sizes.bytes_per_second)
            seconds = taking(sizes.actor_seconds)
            yield env.timeout(seconds)
            counts.busy["actors"] = counts.busy.get("actors", 0.0) + seconds / sizes.actors
            asked[place] -= 1
            gathering.append(version)
            if len(gathering) == sizes.unrolls:
                batch = min(gathering), [0]
                gathering.clear()
                policy_inbox.put(batch)
                discriminator_inbox.put(batch)
            dispatch()

    def learner(name: str, inbox: simpy.Store, mean: float) -> Generator[Any, Any, None]:
        while True:
            version, seen = yield inbox.get()
            yield from served("driver", driver, sizes.driver_seconds)
            yield from served("network in", inbound, sizes.unrolls * sizes.unroll_bytes / sizes.bytes_per_second)
            seconds = taking(mean)
            yield env.timeout(seconds)
            counts.busy[name] = counts.busy.get(name, 0.0) + seconds
            if name == "policy learner":
                counts.ages.append(counts.version - version)
                counts.waiting.append(len(inbox.items))
                counts.version += 1
            seen[0] += 1
            counts.in_flight -= sizes.unrolls * (seen[0] == 2)
            dispatch()

    for place in range(sizes.actors):
        env.process(actor(place))
    env.process(learner("policy learner", policy_inbox, sizes.policy_seconds))
    env.process(learner("discriminator learner", discriminator_inbox, sizes.discriminator_seconds))
    dispatch()
    env.run(until=sizes.seconds)
    rate = counts.version * sizes.commands / sizes.seconds
    shares = {name: min(1.0, seconds / sizes.seconds) for name, seconds in counts.busy.items()}
    return {
        "commands_per_second": rate,
        "efficiency": rate * sizes.actor_seconds * sizes.unrolls / (sizes.actors * sizes.commands),
        "mean_lag": statistics.fmean(counts.ages) if counts.ages else float("nan"),
        "largest_lag": max(counts.ages, default=0),
        "mean_waiting": statistics.fmean(counts.waiting) if counts.waiting else 0.0,
        **{f"busy/{name}": share for name, share in shares.items()},
    }


def bottleneck(result: dict[str, float]) -> str:
    """The busiest part."""
    busy = {name.removeprefix("busy/"): share for name, share in result.items() if name.startswith("busy/")}
    return max(busy, key=lambda name: busy[name])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--actors", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 64])
    for name, value in asdict(Sizes()).items():
        if name != "actors":
            parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    parser.add_argument("--json", action="store_true")
    given = vars(parser.parse_args())
    as_json, numbers = given.pop("json"), given.pop("actors")
    base = Sizes(**given)
    results = {count: simulate(replace(base, actors=count)) for count in numbers}
    if as_json:
        print(json.dumps(results))
        return
    print("| actors | commands/s | efficiency | mean age | largest | busiest |\n| --- | --- | --- | --- | --- | --- |")
    for count, result in results.items():
        who = bottleneck(result)
        print(
            f"| {count} | {result['commands_per_second']:,.0f} | {result['efficiency']:.2f} "
            f"| {result['mean_lag']:.1f} | {result['largest_lag']} | {who} ({result[f'busy/{who}']:.0%}) |"
        )


if __name__ == "__main__":
    main()
