"""Lessons: programs with the pictures that the engine paints of them (in neither paper; off by default).

A program is an exact answer for its own picture. The policy learns to tell programs drawn from the engine's prior from
their pictures, as the sleep phase of wake-sleep does (Hinton et al. 1995). No label and no picture of the data is used.

The prior knows nothing of the data. With `learning.lesson_perturbed` a share of the programs are what the agent has
just painted, changed at random (`perturb`): lessons that look more and more like the data.

With `learning.lesson_programs` the programs come from a file instead: those that a redrawing agent wrote for real
pictures. A policy with a target learns to write them for the same pictures: if they were refined by search, it learns
to find at once what the search has found (expert iteration, Anthony et al. 2017). If agent and search wrote them in
turns, only the search's commands are imitated (`spiral.painting.dataset_aggregation`). A policy without a target learns
to write such programs. Its noise in a lesson is the code of the picture (`spiral.datasets.codes.normal_codes`), which
is distributed as noise is, so that noise alone suffices later.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spiral.datasets.codes import normal_codes
from spiral.datasets.numpy_files import load_numpy
from spiral.errors import InputError
from spiral.learning import machine
from spiral.learning.canvases import make_canvases, upload
from spiral.learning.hindsight import hindsight
from spiral.learning.rollout import reset_episodes, unroll_programs
from spiral.learning.trajectory import Episodes, Trajectory
from spiral.models.policy import Policy
from spiral.settings import Preset
from spiral.specification import Location, Specification

_CHANGED = 0.35
"""Share of a program's commands that `perturb` changes."""
_MOVED = 0.08
"""Deviation of a changed location, by axis, as a share of the grid."""
_REDRAWN = 0.3
"""Share of a changed command's categories that are drawn anew."""


class Lessons:
    """Random programs, or those of a file, and what they paint: `learning.lessons` for each of the minibatches."""

    def __init__(self, preset: Preset, device: torch.device | None = None) -> None:
        """Make canvases for them; the engine gets as many threads as the networks have.

        Args:
            preset: the experiment.
            device: where the learner is; the processor when None.

        Raises:
            InputError: the engine is not here, or the file of programs does not fit.
        """
        self.preset = preset
        count = preset.learning.lessons * preset.learning.num_minibatches
        threads, settings, size = torch.get_num_threads(), preset.canvas.to_json(), preset.data.size
        device = device or torch.device("cpu")
        pipelined, graphs = (machine.on(setting, device) for setting in (preset.run.pipeline, preset.run.graphs))
        self.canvases = make_canvases(
            preset.engine, count, settings, threads, size, device, ahead=pipelined, graphs=graphs
        )
        # Those that are perturbed are changed from what the policy has painted last.
        self._ahead = pipelined and not preset.learning.lesson_perturbed
        self._next: Trajectory | None = None
        path = preset.learning.lesson_programs
        self.programs: Programs | None = None
        self.codes: Tensor | None = None
        self.pictures: Tensor | None = None
        if path:
            specification, length = self.canvases.specification, preset.learning.episode_length
            self.programs = read_programs(Path(path), specification, length)
            images = self.programs.images
            if preset.redraws:
                self.pictures = torch.from_numpy(_pictures(path, images, preset.data.size, self.canvases.channels))
            if preset.policy.noise:
                self.codes = torch.from_numpy(normal_codes(images, preset.policy.noise))
        self.running: npt.NDArray[np.int64] | None = None
        self.taught: npt.NDArray[np.bool_] | None = None
        self.episodes: Episodes | None = None
        self.elapsed = np.zeros(count, np.int64)
        # The first programs are of different lengths, so that canvases are at different unrolls ever after.
        self.unrolls_left = 1 + np.arange(count) % preset.learning.unrolls_per_episode

    def draw(self, policy: Policy, painted: Tensor | None = None) -> Trajectory:
        """The next T commands in each of B programs, with the pictures after the last of them as targets.

        Programs of a file have the file's pictures as targets. Where episodes have several unrolls, programs go on from
        draw to draw, and each canvas is at another unroll. With `run.pipeline` the engine paints those of the next draw
        while the policy learns from these.

        Args:
            policy: the learner.
            painted: int64 [T, M, K], what it has painted last, to be perturbed.
        """
        lessons, self._next = self._next or self._begin(policy, painted), None
        self.canvases.finish()
        if self._ahead:
            self._next = self._begin(policy, None)
        return lessons if self.pictures is not None else hindsight(lessons)

    def _begin(self, policy: Policy, painted: Tensor | None) -> Trajectory:
        """Draw programs and begin to paint them."""
        learning, batch, device = self.preset.learning, self.canvases.batch, policy.squeeze.weight.device
        generator = np.random.default_rng(int(torch.randint(2**31, ()).numpy()))
        programs, taught, noise, targets = self._programs(generator)
        if painted is not None and (count := round(learning.lesson_perturbed * batch)):
            mine = painted[:, torch.randint(painted.shape[1], (count,), device=painted.device)].cpu().numpy()
            programs[:, :count] = perturb(mine, self.canvases.specification, generator)
        over = self.unrolls_left == 0
        self.running = programs if self.running is None else np.where(over[:, None], programs, self.running)
        self.taught = taught if self.taught is None or taught is None else np.where(over, taught, self.taught)
        self.unrolls_left = np.where(over, learning.unrolls_per_episode, self.unrolls_left)
        if targets is None:
            targets = torch.zeros(batch, policy.size, policy.size, self.canvases.channels, dtype=torch.uint8)
        targets = upload(targets, device)
        seeds = generator.integers(2**31, size=batch)
        noise = None if noise is None else upload(noise, device)
        fresh = None if self.episodes is None else over
        self.elapsed[over] = 0
        episodes = reset_episodes(policy, self.canvases, targets, seeds, noise, fresh, self.episodes)
        places = self.elapsed + np.arange(learning.unroll_length)[:, None]
        commands = _at(self.running, places)
        lessons, self.episodes = unroll_programs(self.canvases, episodes, commands, learning.episode_length)
        if self.taught is not None:
            lessons = replace(lessons, taught=upload(torch.from_numpy(_at(self.taught, places)), device))
        self.unrolls_left = self.unrolls_left - 1
        self.elapsed += learning.unroll_length
        return lessons

    def _programs(
        self, generator: np.random.Generator
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_] | None, Tensor | None, Tensor | None]:
        """Whole programs int64 [length, B, K], and which of their commands are to be imitated, bool [length, B].

        With programs from a file also the codes of their pictures, float32 [B, noise], and the pictures, uint8
        [B, S, S, C], where the policy has such inputs.
        """
        if self.programs is None:
            length = self.preset.learning.episode_length
            return self.preset.canvas.sample_programs(generator, length, self.canvases.batch), None, None, None
        rows = generator.integers(len(self.programs.commands), size=self.canvases.batch)
        taught = None if self.programs.taught is None else self.programs.taught[rows].T
        codes, pictures = (None if each is None else each[rows] for each in (self.codes, self.pictures))
        if codes is not None and (share := self.preset.learning.lesson_noise):
            codes = math.sqrt(1.0 - share**2) * codes + share * torch.randn_like(codes)
        return np.ascontiguousarray(self.programs.commands[rows].swapaxes(0, 1)), taught, codes, pictures


def _at(rows: npt.NDArray, places: npt.NDArray[np.int64]) -> npt.NDArray:
    """[T, B, ...] of rows [length, B, ...], those at places int64 [T, B]."""
    return np.take_along_axis(rows, places.reshape(*places.shape, *(1,) * (rows.ndim - 2)), axis=0)


def perturb(
    commands: npt.NDArray[np.int64], specification: Specification, generator: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Programs int64 [T, B, K] with about a third of their commands changed: locations moved, categories drawn anew."""
    commands, changed = commands.copy(), generator.random(commands.shape[:2]) < _CHANGED
    for position, choice in enumerate(specification.choices):
        old = commands[..., position]
        if isinstance(choice, Location):
            moves = np.rint(generator.normal(0.0, _MOVED * choice.grid, (2, *old.shape))).astype(np.int64)
            new, which = choice.shifted(old, moves), changed
        else:
            new, which = generator.integers(choice.size, size=old.shape), generator.random(old.shape) < _REDRAWN
        commands[..., position] = np.where(which & changed, new, old)
    return commands


def _pictures(path: str, images: npt.NDArray[np.uint8], size: int, channels: int) -> npt.NDArray[np.uint8]:
    """The pictures of a file of programs, if they are as the policy sees its targets.

    Raises:
        InputError: they are not.
    """
    if images.shape[1:] != (size, size, channels):
        raise InputError(f"{path} must hold pictures of {[size, size, channels]}, got {list(images.shape[1:])}")
    return images


@dataclass(frozen=True)
class Programs:
    """Programs of T commands for N pictures.

    Attributes:
        images: uint8 [N, S, S, C].
        commands: int64 [N, T, K].
        taught: bool [N, T], which commands are to be imitated; all when None.
    """

    images: npt.NDArray[np.uint8]
    commands: npt.NDArray[np.int64]
    taught: npt.NDArray[np.bool_] | None


def read_programs(path: Path, specification: Specification, length: int) -> Programs:
    """The programs of an `.npz` with the arrays `images`, `programs` and, if not all is to be imitated, `taught`.

    Raises:
        InputError: it cannot be read, or holds commands of another specification or programs of another length.
    """
    images = load_numpy(path, None).images
    try:
        with np.load(path, allow_pickle=False) as archive:
            programs = specification.check(archive["programs"])
            taught = archive.get("taught")
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path} holds no programs for --learning.lesson-programs: {error}") from error
    if programs.ndim != 3 or programs.shape[:2] != (len(images), length):
        raise InputError(f"{path} must hold {len(images)} programs of {length} commands, got {list(programs.shape)}")
    if taught is not None and (taught.dtype != bool or taught.shape != programs.shape[:2] or not taught.any()):
        raise InputError(
            f"`taught` in {path} must be truth values {list(programs.shape[:2])}, some of them true, "
            f"got {taught.dtype} {list(taught.shape)}"
        )
    return Programs(images, programs, taught)
