"""What is under way in other processes, and what to do when it comes back, one way or the other."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import ray
from ray.exceptions import ObjectLostError, RayActorError, RayTaskError

from spiral.errors import InputError, TrainingError

Reference = Any
"""A Ray object reference."""
Outcome = Callable[[Any], None]


class Calls:
    """Calls to Ray actors; each ends in exactly one of the two functions given with it."""

    def __init__(self) -> None:
        """None."""
        self._under_way: dict[Reference, tuple[Outcome, Outcome]] = {}

    def expect(self, reference: Reference, done: Outcome, failed: Outcome) -> None:
        """Have `done` called with the value, or `failed` with the error when a process or an object is gone."""
        self._under_way[reference] = done, failed

    def wait(self, seconds: float) -> None:
        """Wait until a call has come back, at most so long.

        Raises:
            InputError: a process was handed wrong input.
            TrainingError: it failed in another way.
        """
        if not self._under_way:
            time.sleep(seconds)
            return
        for reference in ray.wait(list(self._under_way), num_returns=1, timeout=seconds)[0]:
            done, failed = self._under_way.pop(reference)
            try:
                value = ray.get(reference)
            except (RayActorError, ObjectLostError) as error:
                failed(error)
            except RayTaskError as error:
                if not gone(error):
                    raise told(error) from error
                failed(error)
            else:
                done(value)


def gone(error: Any) -> bool:
    """Whether a call failed because what it was given is no more, not because its process died."""
    return isinstance(error, ObjectLostError) or isinstance(getattr(error, "cause", None), ObjectLostError)


def told(error: RayTaskError) -> Exception:
    """A remote error as if it had happened here: wrong input stays wrong input."""
    cause: Any = error.cause
    if isinstance(cause, (InputError, TrainingError)):
        return type(cause)(str(cause))
    return TrainingError(f"a process of the run failed: {cause!r}")
