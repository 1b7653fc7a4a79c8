r"""Who does what in a distributed run: gives work, takes results, replaces the dead (SPIRAL section 3.4).

    actors --unrolls--> policy learners --weights--> actors
       \--unrolls--> discriminator learner --weights--> policy learners, which score with them

The driver sees references and small notes only; unrolls and weights go from process to process. Everything that is
under way is in `Crew.calls`, and whatever comes of it, a value or a death, goes to the one function given with it.
Back-pressure: an actor gets work only while few unrolls of its policy are under way. Nothing is counted but what a
policy learner has learned from, and that is counted by the learner itself, together with its weights.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import ray
import torch
from ray.exceptions import GetTimeoutError, ObjectLostError, RayActorError, RayTaskError

from spiral.errors import InputError, TrainingError
from spiral.learning.checkpoint import Tensors
from spiral.learning.learner import Evaluation, join, part
from spiral.learning.policy_learner import Watch
from spiral.scaling.group import hire_group
from spiral.scaling.parts import Actor, DiscriminatorPart, Painted, PolicyPart, gathered
from spiral.scaling.seats import LearnerSeat, Reference, Seat, Unroll
from spiral.scaling.settings import ClusterSettings
from spiral.scaling.wire import flatten, to_arrays, to_tensors, unflatten
from spiral.settings import Preset

Say = Callable[[str], None]
Outcome = Callable[[Any], None]
_AHEAD = 2
_FETCH_SECONDS = 20.0
_REMIND_SECONDS = 30.0


class Crew:
    """All processes of a run.

    Attributes:
        painted, dropped, lost: numbers of commands: painted so far; painted but too old to learn from; painted but gone
            with a process or a node, or learned but gone with a learner.
    """

    def __init__(
        self,
        preset: Preset,
        settings: ClusterSettings,
        state: Callable[[], dict[str, Tensors]],
        say: Say,
        frames: int | None,
        compiled: bool,
    ) -> None:
        """Ask Ray for everybody.

        Args:
            preset: the experiment.
            settings: how it is spread.
            state: reads the state of all learners from the newest checkpoint; see `learner.join`.
            say: tells people something.
            frames: number of commands after which nothing more is to be learned.
            compiled: whether policies are compiled.
        """
        self.preset, self.settings, self._state, self._say = preset, settings, state, say
        self._frames, self._compiled = frames, compiled
        self.calls: dict[Reference, tuple[Outcome, Outcome]] = {}
        self.painted = self.dropped = self.lost = 0
        self._reports: list[dict[str, float]] = []
        self._under_way = [0] * preset.learning.policies
        self._learning = 0
        self._asked: dict[str, float] = {}
        self._threads = preset.run.threads or 1
        self._gpus = 1.0 if ray.cluster_resources().get("GPU", 0) else 0.0
        members = range(preset.learning.policies)
        names = ["policy learner"] if len(members) == 1 else [f"policy learner {member + 1}" for member in members]
        self.policies = [LearnerSeat(name, member) for member, name in enumerate(names)]
        self.discriminator = LearnerSeat("discriminator learner")
        self.actors = [Seat(f"actor {n + 1}", n % len(members)) for n in range(settings.actors)]
        begun = state()
        for seat in self.policies:
            self._hire_policy(seat, part(begun, seat.member))
        self._hire_discriminator(begun)
        for seat in self.actors:
            self._hire_actor(seat)

    @property
    def seats(self) -> list[Seat]:
        """Everybody."""
        return [*self.policies, self.discriminator, *self.actors]

    @property
    def commands(self) -> int:
        """Learned from so far, by all policies."""
        return sum(seat.last.commands for seat in self.policies)

    # Work

    def dispatch(self) -> None:
        """Give work to everybody who is free, as far as there is any."""
        if (judge := self.discriminator).free and judge.waiting:
            self._judge(judge, judge.waiting.popleft())
        for seat in self.policies:
            while seat.free and seat.waiting and self._room():
                unroll = seat.waiting.popleft()
                if seat.version - unroll.painted.version > self.settings.max_age:
                    self.dropped += self.unroll_commands
                    self._seen(unroll)
                elif self.discriminator.weights is not None:
                    self._learn(seat, unroll)
                else:
                    seat.waiting.appendleft(unroll)
                    break
        for seat in self.actors:
            policy = self.policies[seat.member]
            mine = sum(1 for other in self.actors if other.member == seat.member)
            # A second call, sent ahead, spares an actor the way to the driver and back between two unrolls.
            while (
                seat.place is not None
                and seat.calls < _AHEAD
                and policy.weights is not None
                and self._under_way[seat.member] < mine + self.settings.queue
            ):
                self._paint(seat, policy)

    @property
    def unroll_commands(self) -> int:
        """Commands in an unroll."""
        return self.preset.learning.steps * self.preset.learning.batch

    def _room(self) -> bool:
        """Whether one more unroll may be learned from within the budget."""
        return self._frames is None or self.commands + self._learning * self.unroll_commands < self._frames

    def _paint(self, seat: Seat, policy: LearnerSeat) -> None:
        seat.calls += 1
        self._under_way[seat.member] += 1
        handle = seat.handle
        trajectory, painted = handle.paint.options(num_returns=2).remote(policy.weights, policy.version)

        def done(note: Painted) -> None:
            if handle is seat.handle:
                seat.calls -= 1
            self.painted += self.unroll_commands
            unroll = Unroll(trajectory, note, seat.member, 1 if self.preset.learning.reward == "l2" else 2)
            self.policies[seat.member].waiting.append(unroll)
            if unroll.steps > 1:
                self.discriminator.waiting.append(unroll)

        def failed(error: Any) -> None:
            self._under_way[seat.member] -= 1
            if handle is not seat.handle:
                return  # another call to the same process has told already
            if _gone(error):
                seat.calls -= 1
            else:
                self._replace(seat, error)

        self.calls[painted] = done, failed

    def _learn(self, seat: LearnerSeat, unroll: Unroll) -> None:
        seat.busy = True
        self._learning += 1
        age, spent = seat.version - unroll.painted.version, self._spent
        arguments = unroll.trajectory, self.discriminator.weights, spent
        weights, learned = seat.handle.learn.options(num_returns=2).remote(*arguments)

        def done(note: Any) -> None:
            self._published(seat, weights, note)
            self._learning -= 1
            self._seen(unroll)
            self._reports.append(self._figures(seat, unroll, age))

        def failed(error: Any) -> None:
            self._learning -= 1
            self._give_back(seat, unroll, error)

        self.calls[learned] = done, failed

    def _judge(self, seat: LearnerSeat, unroll: Unroll) -> None:
        seat.busy = True
        weights, learned = seat.handle.learn.options(num_returns=2).remote(unroll.trajectory)

        def done(note: Any) -> None:
            self._published(seat, weights, note)
            self._seen(unroll)

        self.calls[learned] = done, lambda error: self._give_back(seat, unroll, error)

    def _published(self, seat: LearnerSeat, weights: Reference, note: Any) -> None:
        seat.weights, seat.last, seat.busy = weights, note, False
        seat.version += 1
        seat.working += note.seconds

    def _seen(self, unroll: Unroll) -> None:
        """One of the learners is through with an unroll; when both are there is room for another one."""
        unroll.steps -= 1
        if not unroll.steps:
            self._under_way[unroll.member] -= 1

    def _give_back(self, seat: LearnerSeat, unroll: Unroll, error: Any) -> None:
        """A learner did not get through an unroll: the next one shall, unless the unroll itself is gone."""
        if _gone(error):
            seat.busy = False
            self.lost += self.unroll_commands if seat is not self.discriminator else 0
            self._seen(unroll)
            return
        seat.waiting.appendleft(unroll)
        self._replace(seat, error)

    def _figures(self, seat: LearnerSeat, unroll: Unroll, age: int) -> dict[str, float]:
        painted = unroll.painted
        alive = sum(1 for actor in self.actors if actor.place is not None)
        return {
            **seat.last.figures,
            **self.discriminator.last.figures,
            **painted.figures,
            "cluster/age": age,
            "cluster/waiting": len(seat.waiting),
            "cluster/actors": alive,
            "cluster/dropped": self.dropped,
            "cluster/lost": self.lost,
            "actor/seconds": painted.seconds,
            "actor/idle": painted.waited / max(painted.waited + painted.seconds, 1e-9),
            "policy_learner/seconds": seat.last.seconds,
            "discriminator_learner/seconds": self.discriminator.last.seconds,
        }

    # Results

    def collect(self, spent: float, seconds: float) -> Iterator[dict[str, float]]:
        """Wait until something has come back, at most so many seconds; yields the figures of steps of the policies.

        Raises:
            InputError: a process cannot do its work with these settings, or where it is.
            TrainingError: a learner has found no place in the cluster.
        """
        self._spent = spent
        self.dispatch()
        if self.calls:
            ready, _ = ray.wait(list(self.calls), num_returns=1, timeout=seconds)
            for reference in ready:
                self._take(reference)
        else:
            time.sleep(seconds)
        self._remind()
        reports, self._reports = self._reports, []
        yield from reports

    def _take(self, reference: Reference) -> None:
        done, failed = self.calls.pop(reference)
        try:
            value = ray.get(reference)
        except (RayActorError, ObjectLostError) as error:
            failed(error)
        except RayTaskError as error:
            if not _gone(error):
                raise _told(error) from error
            failed(error)
        else:
            done(value)

    def finish(self, seconds: float = 60.0) -> None:
        """Wait until the learners are through with what they are at; nothing new is begun."""
        self._frames = 0
        until = time.monotonic() + seconds
        while any(seat.busy for seat in [*self.policies, self.discriminator]) and time.monotonic() < until:
            for reference in ray.wait(list(self.calls), num_returns=1, timeout=1.0)[0]:
                self._take(reference)

    def evaluate(self, watch: Watch | None) -> Evaluation | None:
        """Let every policy paint the held-out pictures; None where one is not there just now."""
        found = self._everybody(self.policies, lambda seat: seat.handle.evaluate.remote(watch))
        return None if found is None else gathered(found)

    def state(self) -> dict[str, Tensors] | None:
        """The state of all learners, to be saved; None where one is not there just now."""
        learners = [*self.policies, self.discriminator]
        states = self._everybody(learners, lambda seat: seat.handle.state.remote())
        return None if states is None else join(*to_tensors((states[:-1], states[-1])))

    def _everybody(self, seats: list[LearnerSeat], call: Callable[[Seat], Reference]) -> list[Any] | None:
        if any(seat.place is None for seat in seats):
            return None
        try:
            return ray.get([call(seat) for seat in seats])
        except RayActorError:
            return None  # what that process was at comes back as a failure, and it is replaced then
        except RayTaskError as error:
            raise _told(error) from error

    # Hiring

    def _hire(self, seat: Seat, handle: Any, *arguments: Any) -> None:
        """Give the seat to a new process; it counts as ready when it has begun."""
        seat.handle, seat.place, seat.busy, seat.calls = handle, None, False, 0
        self._asked[seat.name] = time.monotonic()
        wants_weights = isinstance(seat, LearnerSeat) and seat.weights is None
        begun = handle.begin.remote(*arguments)

        def ready(place: Any) -> None:
            seat.place = place
            self._asked.pop(seat.name, None)
            if isinstance(seat, LearnerSeat) and wants_weights:
                seat.weights = handle.weights.remote()
            if seat.losses:
                self._say(f"{seat.name} is there again, on {place.host}")

        self.calls[begun] = ready, lambda error: self._replace(seat, error)

    def _hire_actor(self, seat: Seat) -> None:
        handle = ray.remote(Actor).options(num_cpus=1, num_gpus=0).remote()
        seed = self.preset.run.seed + 1000 * (1 + self.actors.index(seat)) + 1_000_000 * seat.losses
        self._hire(seat, handle, self.preset, seed, self._threads, self._compiled)

    def _hire_policy(self, seat: LearnerSeat, state: dict[str, Tensors]) -> None:
        counts = {name: int(count) for name, count in state["counts"].items()}
        seat.last = replace(seat.last, **counts)
        arguments = self.preset, to_arrays(state), self._threads, self._compiled
        if self.settings.learners > 1:
            handle = hire_group(self.settings.learners, self._gpus)
        else:
            handle = ray.remote(PolicyPart).options(num_cpus=1, num_gpus=self._gpus).remote()
        self._hire(seat, handle, *arguments)

    def _hire_discriminator(self, state: dict[str, Tensors]) -> None:
        mine = {name: state[name] for name in ("discriminator", "discriminator_optimizer", "replay")}
        several = ray.cluster_resources().get("GPU", 0) > self.settings.learners * len(self.policies)
        gpus = self._gpus if several else 0.0
        handle = ray.remote(DiscriminatorPart).options(num_cpus=1, num_gpus=gpus).remote()
        self._hire(self.discriminator, handle, self.preset, to_arrays(mine), self._threads)

    def _replace(self, seat: Seat, error: Any) -> None:
        """Somebody died, or was not to be reached: hire another one."""
        if seat.place is not None or not seat.losses:
            self._say(f"{seat.name} was lost ({type(error).__name__}); another one takes its place")
        seat.losses += 1
        with contextlib.suppress(Exception):
            ray.kill(seat.handle)
        if not isinstance(seat, LearnerSeat):
            self._hire_actor(seat)
            return
        # What a learner published is not lost with it, unless its node went, too. The rest of its state is that of the
        # checkpoint, which is a little older: moments, averages, the replay buffer.
        state = dict(self._state())
        if seat is self.discriminator:
            state["discriminator"], _ = _fetch(seat.weights, state["discriminator"])
            seat.weights = ray.put(flatten(state["discriminator"]))
            self._hire_discriminator(state)
            return
        before, mine = seat.last, dict(part(state, seat.member))
        mine["policy"], published = _fetch(seat.weights, mine["policy"])
        if published:
            counts = {"updates": torch.tensor(before.updates), "commands": torch.tensor(before.commands)}
            mine["counts"] = counts
        seat.weights = ray.put(flatten(mine["policy"]))
        self._hire_policy(seat, mine)
        self.lost += before.commands - seat.last.commands

    def _remind(self) -> None:
        """Say who still waits for a place, and give up when it is a learner and it has waited for too long."""
        now = time.monotonic()
        for seat in self.seats:
            asked = self._asked.get(seat.name)
            if asked is None or now - asked < _REMIND_SECONDS:
                continue
            if isinstance(seat, LearnerSeat) and now - asked > self.settings.patience:
                needs = f"1 processor{' and 1 GPU' if self._gpus else ''}"
                raise TrainingError(
                    f"{seat.name} found no place in the cluster in {self.settings.patience:.0f} s: it needs {needs}; "
                    "join a node (`ray start --address ...`) and go on with --resume"
                )
            if isinstance(seat, LearnerSeat) or all(actor.place is None for actor in self.actors):
                self._say(f"{seat.name} waits for a place in the cluster")
                self._asked[seat.name] = now if not isinstance(seat, LearnerSeat) else asked


def _fetch(reference: Reference, otherwise: Tensors) -> tuple[Tensors, bool]:
    """The weights that a learner published last, or others when they are gone, and whether they were there."""
    if reference is None:
        return otherwise, False
    try:
        weights: Any = ray.get(reference, timeout=_FETCH_SECONDS)
    except (RayActorError, ObjectLostError, RayTaskError, GetTimeoutError):
        return otherwise, False
    return {name: tensor.clone() for name, tensor in unflatten(weights, otherwise).items()}, True


def _gone(error: Any) -> bool:
    """Whether a call failed because what it was given is no more, not because its process died."""
    return isinstance(error, ObjectLostError) or isinstance(getattr(error, "cause", None), ObjectLostError)


def _told(error: Any) -> Exception:
    """A remote error as if it had happened here: wrong input stays wrong input."""
    cause = error.cause if isinstance(error, RayTaskError) else error
    if isinstance(cause, (InputError, TrainingError)):
        return type(cause)(str(cause))
    return TrainingError(f"a process of the run failed: {cause!r}")
