r"""Who does what in a distributed run: gives work, takes results (SPIRAL section 3.4).

    actors --unrolls--> policy learners --weights--> actors
       \--unrolls--> discriminator learner --weights--> policy learners, which score with them

The driver sees references and small notes only; unrolls and weights go from process to process. Back-pressure: an actor
gets work only while few unrolls of its policy are under way. Nothing is counted but what a policy learner has learned
from, and that is counted by the learner itself, together with its weights.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import ray
from ray.exceptions import ObjectLostError, RayActorError, RayTaskError

from spiral.errors import InputError
from spiral.learning.checkpoint import Tensors
from spiral.learning.learner import Evaluation, merge_states
from spiral.learning.policy_learner import MetricsCallback
from spiral.scaling.calls import Calls, Reference, gone, told
from spiral.scaling.parts import Learned, Painted, gathered
from spiral.scaling.seats import Batch, LearnerSeat, Seat
from spiral.scaling.settings import AHEAD, ClusterSettings
from spiral.scaling.staff import Staff
from spiral.scaling.wire import to_tensors
from spiral.settings import Preset


class Crew:
    """All processes of a run, and what they are at.

    Attributes:
        staff: who they are.
        painted: number of commands painted so far.
        dropped: those of them that were too old to learn from.
    """

    def __init__(
        self,
        preset: Preset,
        settings: ClusterSettings,
        state: Callable[[], dict[str, Tensors]],
        say: Callable[[str], None],
        frames: int | None,
        compiled: bool,
    ) -> None:
        """Ask Ray for everybody.

        Args:
            preset: the experiment.
            settings: how it is spread.
            state: reads the state of all learners from the newest checkpoint; see `learner.merge_states`.
            say: tells people something.
            frames: number of commands after which nothing more is to be learned.
            compiled: whether policies are compiled.

        Raises:
            InputError: settings that do not go together.
        """
        learning = preset.learning
        if settings.actors < learning.population:
            raise InputError(f"{learning.population} policies need at least as many actors, not {settings.actors}")
        self._unrolls, self._frames, self._progress = settings.unrolls(learning.batch_size), frames, 0.0
        self._max_age, self._scored = settings.max_age, learning.reward != "l2"
        self._batch_commands = learning.unroll_length * learning.batch_size
        self._calls = Calls()
        self.staff = Staff(preset, settings, state, say, compiled, self._calls)
        self.painted = self.dropped = self._vanished = self._learning = self._turns = 0
        self._reports: list[dict[str, float]] = []
        self._under_way = [0] * learning.population
        painting = [sum(1 for seat in self.staff.actors if seat.member == m) for m in range(learning.population)]
        self._most = [settings.most_under_way(many, self._unrolls) for many in painting]

    @property
    def commands(self) -> int:
        """Learned from so far, by all policies."""
        return sum(seat.last.commands for seat in self.staff.policies)

    @property
    def lost(self) -> int:
        """Number of commands that were painted, or learned from, in vain: gone with a process or a node."""
        return self._vanished + self.staff.forgotten

    def work(self, progress: float, seconds: float) -> list[dict[str, float]]:
        """Give work to everybody who is free, and wait until something has come back, at most so many seconds.

        Args:
            progress: the share of the budget used up, for the schedules.
            seconds: to wait.

        Returns:
            Figures of the steps that policies' learners have taken meanwhile.

        Raises:
            InputError: a process cannot do its work with these settings, or where it is.
            TrainingError: a learner has found no place in the cluster.
        """
        self._progress = progress
        self._dispatch()
        self._calls.wait(seconds)
        self.staff.remind()
        reports, self._reports = self._reports, []
        return reports

    def finish(self, seconds: float = 60.0) -> None:
        """Wait until the learners are through with what they are at; no policy learns anything new."""
        self._frames = 0
        until = time.monotonic() + seconds
        while any(seat.busy for seat in self.staff.learners) and time.monotonic() < until:
            self._calls.wait(1.0)

    def evaluate(self, metrics_callback: MetricsCallback | None) -> Evaluation | None:
        """Let every policy paint the held-out pictures; None where one is not there just now.

        Raises:
            InputError: the pictures are not there where it runs.
            TrainingError: it failed in another way.
        """
        found = self._everybody(self.staff.policies, lambda seat: seat.handle.evaluate.remote(metrics_callback))
        return None if found is None else gathered(found)

    def state(self) -> dict[str, Tensors] | None:
        """The state of all learners, to be saved; None where one is not there just now.

        Raises:
            TrainingError: a process failed.
        """
        states = self._everybody(self.staff.learners, lambda seat: seat.handle.state.remote())
        return None if states is None else merge_states(*to_tensors((states[:-1], states[-1])))

    def _everybody(self, seats: list[LearnerSeat], call: Callable[[Seat], Reference]) -> list[Any] | None:
        if any(seat.place is None for seat in seats):
            return None
        found, asked = [], [(seat, seat.handle, call(seat)) for seat in seats]
        for seat, handle, reference in asked:
            try:
                found.append(ray.get(reference))
            except RayActorError as error:
                # What it was at comes back as a failure, and it is replaced then; of an idle one nothing comes back.
                if handle is seat.handle and not seat.busy:
                    self.staff.replace(seat, error)
            except ObjectLostError:
                continue
            except RayTaskError as error:
                if not gone(error):
                    raise told(error) from error
        return found if len(found) == len(seats) else None

    def _dispatch(self) -> None:
        judge = self.staff.discriminator
        if judge.free and judge.waiting:
            self._judge(judge, judge.waiting.popleft())
        for seat in self.staff.policies:
            while seat.free and judge.weights is not None and seat.waiting and self._room():
                batch = seat.waiting.popleft()
                if seat.version - batch.version <= self._max_age:
                    self._learn(seat, batch)
                else:
                    self.dropped += self._batch_commands
                    self._seen(batch)
        while waiting := [seat for seat in self.staff.actors if self._may_paint(seat)]:
            seat = min(waiting, key=lambda seat: (seat.calls, seat.turn))
            self._paint(seat, self.staff.policies[seat.member])

    def _may_paint(self, seat: Seat) -> bool:
        return (
            seat.place is not None
            and seat.calls < AHEAD
            and self.staff.policies[seat.member].weights is not None
            and self._under_way[seat.member] < self._most[seat.member]
        )

    def _room(self) -> bool:
        """Whether one more batch may be learned from within the budget."""
        return self._frames is None or self.commands + self._learning * self._batch_commands < self._frames

    def _paint(self, seat: Seat, policy: LearnerSeat) -> None:
        seat.calls += 1
        seat.turn = self._turns = self._turns + 1
        self._under_way[seat.member] += 1
        handle = seat.handle
        unroll, painted = handle.paint.options(num_returns=2).remote(policy.weights, policy.version)

        def done(note: Painted) -> None:
            if handle is seat.handle:
                seat.calls -= 1
                seat.fruitless = 0
            self.painted += self._batch_commands // self._unrolls
            self._gather(policy, unroll, note)

        def failed(error: Any) -> None:
            self._under_way[seat.member] -= 1
            if handle is not seat.handle:
                return  # another call to the same process has told already
            if gone(error):
                seat.calls -= 1
                self.staff.ask_for_weights(policy)
            else:
                self.staff.replace(seat, error)

        self._calls.expect(painted, done, failed)

    def _gather(self, policy: LearnerSeat, unroll: Reference, note: Painted) -> None:
        """Put an unroll to those that came before it, until they make a batch."""
        batch = policy.gathering or Batch(policy.member, readers=2 if self._scored else 1)
        batch.unrolls.append(unroll)
        batch.painted.append(note)
        if len(batch.unrolls) < self._unrolls:
            policy.gathering = batch
            return
        policy.gathering = None
        policy.waiting.append(batch)
        if self._scored:
            self.staff.discriminator.waiting.append(batch)

    def _learn(self, seat: LearnerSeat, batch: Batch) -> None:
        seat.busy = True
        self._learning += 1
        age, scorer, handle = seat.version - batch.version, self.staff.discriminator.weights, seat.handle
        learn = handle.learn.options(num_returns=2)
        weights, learned = learn.remote(scorer, self._progress, *batch.unrolls)

        def done(note: Learned) -> None:
            self._learning -= 1
            if handle is not seat.handle:
                seat.waiting.appendleft(batch)  # what that process learned went with it
                return
            seat.publish(weights, note)
            self._seen(batch)
            self._reports.append(self._figures(seat, batch, age))

        def failed(error: Any) -> None:
            self._learning -= 1
            self._vanished += self._batch_commands * gone(error)
            self._give_back(seat, handle, batch, error)
            if gone(error):
                self.staff.ask_for_weights(self.staff.discriminator)

        self._calls.expect(learned, done, failed)

    def _judge(self, seat: LearnerSeat, batch: Batch) -> None:
        seat.busy, handle = True, seat.handle
        weights, learned = handle.learn.options(num_returns=2).remote(*batch.unrolls)

        def done(note: Learned) -> None:
            if handle is seat.handle:
                seat.publish(weights, note)
            self._seen(batch)

        self._calls.expect(learned, done, lambda error: self._give_back(seat, handle, batch, error))

    def _seen(self, batch: Batch) -> None:
        """One of the learners is through with a batch; when both are there is room for other unrolls."""
        batch.readers -= 1
        if not batch.readers:
            self._under_way[batch.member] -= len(batch.unrolls)

    def _give_back(self, seat: LearnerSeat, handle: Any, batch: Batch, error: Any) -> None:
        """A learner did not get through a batch: the next one shall, unless the batch itself is gone."""
        if gone(error):
            seat.busy = seat.busy and handle is not seat.handle
            self._seen(batch)
            return
        seat.waiting.appendleft(batch)
        if handle is seat.handle:
            self.staff.replace(seat, error)

    def _figures(self, seat: LearnerSeat, batch: Batch, age: int) -> dict[str, float]:
        """What everybody had to do with a step, for the log."""
        painted, judge = batch.painted, self.staff.discriminator
        names = painted[0].figures
        means = {name: statistics.fmean(note.figures[name] for note in painted) for name in names}
        return {
            **seat.last.figures,
            **judge.last.figures,
            **means,
            "cluster/age": age,
            "cluster/waiting": len(seat.waiting),
            "cluster/actors": sum(1 for actor in self.staff.actors if actor.place is not None),
            "cluster/dropped": self.dropped,
            "cluster/lost": self.lost,
            "actor/seconds": statistics.fmean(note.seconds for note in painted),
            "actor/idle": statistics.fmean(note.waited / (note.waited + note.seconds) for note in painted),
            "policy_learner/seconds": seat.last.seconds,
            "discriminator_learner/seconds": judge.last.seconds,
        }
