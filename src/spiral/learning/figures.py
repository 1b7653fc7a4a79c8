"""Figures for the log: tensors where they are computed, numbers when they are read."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from spiral.learning.trajectory import Trajectory
from spiral.specification import Specification


def episode_figures(episode: Trajectory, specification: Specification) -> dict[str, Tensor]:
    """Figures in which collapse shows: ink left on the canvas, strokes, sequences of strokes; scalars."""
    changed = (episode.canvases[-1] != episode.before.blank.to(episode.canvases.device)).float()
    return {
        "ink": changed.mean(),
        "strokes": episode.effective.all(-1).float().sum(0).mean(),
        "starts": episode.starts(specification).float().sum(0).mean(),
        "blank": episode.blank().float().mean(),
    }


def to_numbers(figures: Mapping[str, Tensor | float]) -> dict[str, float]:
    """Figures as numbers: the device is waited for once, not once a figure."""
    tensors = {name: value.detach().float() for name, value in figures.items() if isinstance(value, Tensor)}
    read = torch.stack(list(tensors.values())).cpu().tolist() if tensors else []
    numbers = dict(zip(tensors, read, strict=True))
    return {name: numbers[name] if name in numbers else float(value) for name, value in figures.items()}


class PendingFigures:
    """Figures of several rounds that are not read yet, so that a GPU is not waited for in every round."""

    def __init__(self, every: int) -> None:
        """Be due after `every` rounds."""
        self._every = every
        self._rounds: list[tuple[int, dict[str, Tensor], float]] = []

    def add(self, commands: int, figures: dict[str, Tensor], progress: float) -> None:
        """Add a round: its commands so far, its figures, scalars, and the share of the budget used up."""
        self._rounds.append((commands, figures, progress))

    def due(self) -> bool:
        """Whether it is time to read them."""
        return len(self._rounds) >= self._every

    def read(self) -> list[tuple[int, dict[str, float], float]]:
        """All rounds since the last time, as numbers."""
        rounds, self._rounds = self._rounds, []
        named = {f"{i}.{name}": v for i, (_, figures, _) in enumerate(rounds) for name, v in figures.items()}
        numbers = to_numbers(named)
        return [
            (commands, {name: numbers[f"{index}.{name}"] for name in figures}, progress)
            for index, (commands, figures, progress) in enumerate(rounds)
        ]
