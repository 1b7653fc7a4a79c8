"""The processes of a distributed run, each a few of the trainer's own functions (SPIRAL section 3.4).

They are plain classes; `supervisor` makes Ray actors of them. Constructing one does nothing: what can go wrong goes
wrong in `setup`, whose error Ray then hands to the driver instead of taking it for a crash.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from typing import Any

import ray
import torch
from ray.util import get_node_ip_address
from torch import distributed

from spiral.datasets import load
from spiral.engines import make
from spiral.learning import machine
from spiral.learning.checkpoint import Tensors
from spiral.learning.ddp import use_ddp
from spiral.learning.discriminator_learner import DiscriminatorLearner
from spiral.learning.learner import Evaluation, combine_evaluations
from spiral.learning.networks import make_discriminator, make_policy
from spiral.learning.policy_learner import MetricsCallback, PolicyLearner
from spiral.learning.trainer import load_real_images, make_actor
from spiral.learning.trajectory import Trajectory, concatenate, episode_figures
from spiral.scaling.serialization import Weights, flatten, to_arrays, to_tensors, unflatten
from spiral.settings import Preset


@dataclass(frozen=True)
class Placement:
    """Where a process runs.

    Attributes:
        pid: its number there.
        host: the address of the machine.
        node: Ray's name of it.
        device: what its networks compute on.
    """

    pid: int
    host: str
    node: str
    device: str


@dataclass(frozen=True)
class UnrollReport:
    """What an actor says of an unroll.

    Attributes:
        version: number of policy updates behind the weights it was painted with.
        seconds: that painting took.
        waited: seconds that the actor had nothing to do before.
        figures: of the episodes; see `episode_figures`.
    """

    version: int
    seconds: float
    waited: float
    figures: dict[str, float]


@dataclass(frozen=True)
class StepReport:
    """What a learner says of a step.

    Attributes:
        seconds: that it took.
        figures: for the log.
        updates: of the network so far.
        commands: learned from so far; 0 for the discriminator.
    """

    seconds: float
    figures: dict[str, float]
    updates: int = 0
    commands: int = 0


def _prepare_process(preset: Preset, threads: int, seed: int) -> Preset:
    """Make this process ready; a process without a GPU of its own computes on its processor."""
    machine.keep_memory()
    machine.use_threads(threads)
    torch.manual_seed(seed)
    return preset if ray.get_gpu_ids() else replace(preset, run=replace(preset.run, device="cpu"))


def _placement(device: torch.device) -> Placement:
    return Placement(os.getpid(), get_node_ip_address(), ray.get_runtime_context().get_node_id(), str(device))


class ActorProcess:
    """Paints unrolls with a copy of the policy."""

    def setup(
        self, preset: Preset, seed: int, threads: int, compiled: bool, canvases: int | None = None, first: int = 0
    ) -> Placement:
        """Get ready, always on the processor: with so small batches a GPU would mostly wait.

        Raises:
            InputError: the engine or the pictures are not here.
        """
        preset = _prepare_process(preset, threads, seed)
        device = torch.device("cpu")
        self.preset, self.policy, self.version = preset, make_policy(preset), -1
        self.actor = make_actor(preset, self.policy, load_real_images(preset, device), threads, canvases, first)
        if compiled:
            machine.compile_policy(self.policy)
        self.idle_since = time.perf_counter()
        return _placement(device)

    def unroll(self, weights: Weights, version: int) -> tuple[Trajectory, UnrollReport]:
        """An unroll of T commands on all canvases, as arrays, by the policy of these weights."""
        began = time.perf_counter()
        if version != self.version:
            self.policy.load_state_dict(unflatten(weights, self.policy.state_dict()))
            self.version = version
        with machine.mixed_precision(torch.device("cpu"), self.preset.run.precision):
            trajectory = self.actor.unroll()
        figures = episode_figures(trajectory, self.policy.specification)
        waited, self.idle_since = began - self.idle_since, time.perf_counter()
        return to_arrays(trajectory), UnrollReport(version, self.idle_since - began, waited, figures)


class PolicyLearnerProcess:
    """The policy learner, with the last published discriminator as its scorer."""

    def setup(self, preset: Preset, state: dict[str, Tensors], threads: int, compiled: bool) -> Placement:
        """Go on from a state; see `PolicyLearner.state`.

        Raises:
            InputError: it does not fit, or there is no such device.
        """
        self.preset = _prepare_process(preset, threads, preset.run.seed)
        self.device = machine.choose_device(self.preset.run.device)
        self.learner = PolicyLearner(self.preset, self.device)
        self.learner.restore(to_tensors(state))
        self.rank, self.ranks = 0, 1
        if distributed.is_available() and distributed.is_initialized():
            self.rank, self.ranks = distributed.get_rank(), distributed.get_world_size()
            use_ddp(self.learner)
        self.scorer = make_discriminator(self.preset, self.device)
        self.gallery: Any = None
        if compiled:
            machine.compile_policy(self.learner.policy)
        return _placement(self.device)

    def weights(self) -> Weights:
        """What actors paint with."""
        return flatten(self.learner.policy.state_dict())

    def learn(self, scorer: Weights, progress: float, *unrolls: Trajectory) -> tuple[Weights, StepReport]:
        """Score a batch of unrolls and learn from it; `progress` is the share of the budget used up."""
        began = time.perf_counter()
        self.scorer.load_state_dict(unflatten(scorer, self.scorer.state_dict()))
        episode = concatenate([to_tensors(unroll, self.device) for unroll in unrolls]).share(self.rank, self.ranks)
        rewards = self.learner.rewards(episode, self.scorer, progress)
        figures = self.learner.learn(episode, rewards, progress)
        learned = StepReport(time.perf_counter() - began, figures, self.learner.updates, self.learner.commands)
        return self.weights(), learned

    def evaluate(self, metrics_callback: MetricsCallback | None) -> Any:
        """See `PolicyLearner.evaluate`; as arrays."""
        if self.gallery is None:
            data, canvas = self.preset.data, self.preset.canvas
            unseen = load(data.source, data.size, canvas.channels, "test").evenly_spaced(data.held_out)
            engine = make(self.preset.engine, len(unseen), canvas.to_json(), torch.get_num_threads())
            self.gallery = engine, unseen
        engine, unseen = self.gallery
        return to_arrays(self.learner.evaluate(engine, unseen, metrics_callback))

    def state(self) -> dict[str, Tensors]:
        """See `PolicyLearner.state`; as arrays."""
        return to_arrays(self.learner.state())


class DiscriminatorLearnerProcess:
    """The discriminator learner and its replay buffer."""

    def setup(self, preset: Preset, state: dict[str, Tensors], threads: int) -> Placement:
        """Go on from a state; see `DiscriminatorLearner.state`.

        Raises:
            InputError: the pictures are not here.
        """
        preset = _prepare_process(preset, threads, preset.run.seed + 1)
        self.device = machine.choose_device(preset.run.device)
        self.learner = DiscriminatorLearner(preset, self.device)
        self.learner.restore(to_tensors(state))
        self.real = load_real_images(preset, self.device)
        return _placement(self.device)

    def weights(self) -> Weights:
        """What canvases are scored with."""
        return flatten(self.learner.network.state_dict())

    def learn(self, progress: float, *unrolls: Trajectory) -> tuple[Weights, StepReport]:
        """Put finished canvases into the replay buffer and learn; `progress` is the share of the budget used up."""
        began = time.perf_counter()
        episode = concatenate([to_tensors(unroll, self.device) for unroll in unrolls])
        figures = self.learner.learn(episode, self.real, progress)
        return self.weights(), StepReport(time.perf_counter() - began, figures)

    def state(self) -> dict[str, Tensors]:
        """See `DiscriminatorLearner.state`; as arrays."""
        return to_arrays(self.learner.state())


def merge_evaluations(evaluations: list[Any]) -> Evaluation:
    """Several policies' evaluations as one, of tensors again."""
    return combine_evaluations([to_tensors(one) for one in evaluations])
