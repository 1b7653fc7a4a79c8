"""Settings that change over a run; `progress` is the share of the budget that is used up."""

from __future__ import annotations


def linear(start: float, end: float, progress: float) -> float:
    """From `start` to `end` in equal steps; `end` beyond a progress of 1."""
    return start + (end - start) * min(progress, 1.0)


def geometric(start: float, end: float, progress: float) -> float:
    """From `start` to `end` in equal ratios; `end` beyond a progress of 1, and 0 throughout for a start of 0."""
    return start * (end / start) ** min(progress, 1.0) if start > 0 else 0.0
