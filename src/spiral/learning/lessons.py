"""Lessons that the engine gives for nothing: a program and the picture it paints (in neither paper; off by default).

Whatever a program is, its canvas is a picture for which that program is an exact answer. `hindsight` learns from the
programs that the agent itself has painted as if their canvases had been the targets (hindsight experience replay,
Andrychowicz et al. 2017). `Lessons` learns from programs drawn from the engine's prior, as the sleep phase of
wake-sleep does (Hinton et al. 1995). Neither looks at a label of the data, nor at a picture of it. With
`learning.lesson_programs` the programs come from a file instead: those that a redrawing agent wrote for real pictures,
as in the wake phase. An agent that invents so learns what such programs are like; its noise in a lesson is a code of
the picture (`spiral.datasets.codes.normal_codes`), and later there is no picture: noise alone is distributed alike.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spiral.datasets.archives import load_npz
from spiral.datasets.codes import normal_codes
from spiral.engines import make
from spiral.errors import InputError
from spiral.learning.rollout import replay
from spiral.learning.trajectory import Trajectory
from spiral.models.policy import Decision, Policy
from spiral.settings import Preset
from spiral.specification import Location, Specification


def hindsight(episode: Trajectory) -> Trajectory:
    """The same commands, with the canvas after the last of them as the target."""
    return replace(episode, before=replace(episode.before, targets=episode.canvases[-1]))


def telling(episode: Trajectory, specification: Specification) -> Tensor:
    """Which commands the last canvas tells something of: bool [T, B].

    Those that changed the canvas, and those without a visible effect that chose where the next one begins.
    """
    changed = ~episode.idle()
    places = [i for i, choice in enumerate(specification.choices) if isinstance(choice, Location)]
    chose = episode.effective[..., places].any(-1)
    following = torch.cat([changed[1:], torch.zeros_like(changed[:1])])
    return changed | (chose & following)


def imitation_loss(decision: Decision, which: Tensor | None = None) -> Tensor:
    """-log pi(commands), nats a command: the mean over N = T * B commands, or those of `which`, bool [T, B]."""
    if which is None:
        return -decision.log_probability.mean()
    weight = which.flatten().float()
    return -(decision.log_probability * weight).sum() / weight.sum().clamp_min(1.0)


class Lessons:
    """Random programs, or those of a file, and what they paint: `learning.lessons` for each of the minibatches."""

    def __init__(self, preset: Preset) -> None:
        """Canvases of their own, on as many threads as the networks have.

        Raises:
            InputError: the engine is not here, or the file of programs does not fit.
        """
        self.preset = preset
        count = preset.learning.lessons * preset.learning.num_minibatches
        self.engine = make(preset.engine, count, preset.canvas.to_json(), torch.get_num_threads())
        path = preset.learning.lesson_programs
        self.programs = self.codes = None
        if path:
            images, self.programs = read_programs(Path(path), self.engine.specification, preset.learning.episode_length)
            if preset.policy.noise:
                self.codes = torch.from_numpy(normal_codes(images, preset.policy.noise))

    def draw(self, policy: Policy) -> Trajectory:
        """Programs of an episode's length and their pictures as targets, T and B as drawn."""
        seed = int(torch.randint(2**31, ()))
        length, generator = self.preset.learning.episode_length, np.random.default_rng(seed)
        noise = None
        if self.programs is None:
            commands = self.preset.canvas.sample_programs(generator, length, self.engine.batch)
        else:
            rows = generator.integers(len(self.programs), size=self.engine.batch)
            commands = np.ascontiguousarray(self.programs[rows].swapaxes(0, 1))
            noise = None if self.codes is None else self.codes[rows].to(policy.squeeze.weight.device)
        seeds = generator.integers(2**31, size=self.engine.batch)
        return hindsight(replay(policy, self.engine, commands, seeds, noise))


def read_programs(
    path: Path, specification: Specification, length: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Pictures uint8 [N, S, S, C] and programs int64 [N, T, K] of an `.npz` with the arrays `images` and `programs`.

    Raises:
        InputError: it cannot be read, or holds commands of another specification or programs of another length.
    """
    images = load_npz(path).images
    try:
        with np.load(path, allow_pickle=False) as archive:
            programs = specification.check(archive["programs"])
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path} holds no programs for --learning.lesson-programs: {error}") from error
    if programs.ndim != 3 or programs.shape[:2] != (len(images), length):
        raise InputError(f"{path} must hold {len(images)} programs of {length} commands, got {list(programs.shape)}")
    return images, programs
