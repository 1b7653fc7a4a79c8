"""Figures stay where they are computed until they are read, and keep their rounds."""

import torch

from spiral.learning.figures import PendingFigures, to_numbers


def test_tensors_and_numbers_become_numbers():
    figures = {"a": torch.tensor(2, dtype=torch.int64), "b": 0.5, "c": torch.tensor(0.25, dtype=torch.bfloat16)}
    assert to_numbers(figures) == {"a": 2.0, "b": 0.5, "c": 0.25}
    assert to_numbers({}) == {}


def test_rounds_are_read_together_and_apart():
    pending = PendingFigures(every=2)
    pending.add(64, {"loss": torch.tensor(1.0)}, 0.1)
    assert not pending.due()
    pending.add(128, {"loss": torch.tensor(3.0), "ink": torch.tensor(float("nan"))}, 0.2)
    assert pending.due()
    first, second = pending.read()
    assert first == (64, {"loss": 1.0}, 0.1)
    assert second[0] == 128 and second[1]["loss"] == 3.0 and second[1]["ink"] != second[1]["ink"]
    assert pending.read() == [] and not pending.due()
