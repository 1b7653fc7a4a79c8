"""Futures of Ray calls, with callbacks for their values and for their failures."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import ray
from ray.exceptions import ObjectLostError, RayActorError, RayTaskError

from spiral.errors import InputError, TrainingError

ObjectRef = Any
"""A Ray object reference."""
Callback = Callable[[Any], None]


class Futures:
    """Calls to Ray actors; each ends in exactly one of its two callbacks."""

    def __init__(self) -> None:
        """None."""
        self._pending: dict[ObjectRef, tuple[Callback, Callback]] = {}

    def add_callbacks(self, reference: ObjectRef, done: Callback, failed: Callback) -> None:
        """Call `done` with the value, or `failed` with the error if a process or an object is lost."""
        self._pending[reference] = done, failed

    def wait(self, seconds: float) -> None:
        """Wait until a call has returned, at most so long.

        Raises:
            InputError: a process was given wrong input.
            TrainingError: it failed in another way.
        """
        if not self._pending:
            time.sleep(seconds)
            return
        for reference in ray.wait(list(self._pending), num_returns=1, timeout=seconds)[0]:
            done, failed = self._pending.pop(reference)
            try:
                value = ray.get(reference)
            except (RayActorError, ObjectLostError) as error:
                failed(error)
            except RayTaskError as error:
                if not object_lost(error):
                    raise unwrapped(error) from error
                failed(error)
            else:
                done(value)


def object_lost(error: Any) -> bool:
    """Whether a call failed because an argument was lost, not because its process died."""
    return isinstance(error, ObjectLostError) or isinstance(getattr(error, "cause", None), ObjectLostError)


def unwrapped(error: RayTaskError) -> Exception:
    """A remote error as a local one: an `InputError` stays an `InputError`."""
    cause: Any = error.cause
    if isinstance(cause, (InputError, TrainingError)):
        return type(cause)(str(cause))
    return TrainingError(f"a process of the run failed: {cause!r}")
