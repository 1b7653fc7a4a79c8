"""Hindsight: the canvas that was painted had been the target (in neither paper; off by default).

Whatever commands an agent paints, their canvas is a picture for which they are an exact answer (hindsight experience
replay, Andrychowicz et al. 2017).
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from spiral.learning.trajectory import Trajectory
from spiral.specification import Location, Specification


def hindsight(episode: Trajectory) -> Trajectory:
    """The same commands, with the canvas after the last of them as the target."""
    return replace(episode, before=replace(episode.before, targets=episode.canvases[-1]))


def informative(episode: Trajectory, specification: Specification) -> Tensor:
    """Which commands can be read off the last canvas: bool [T, B].

    These are the commands that changed the canvas, and jumps of the pen to where the next such command begins.
    """
    changed = ~episode.idle()
    places = [i for i, choice in enumerate(specification.choices) if isinstance(choice, Location)]
    chose = torch.stack([episode.effective[..., i] for i in places]).any(0)
    following = torch.cat([changed[1:], torch.zeros_like(changed[:1])])
    return changed | (chose & following)
