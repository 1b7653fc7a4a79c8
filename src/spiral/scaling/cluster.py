"""A Ray cluster: one that is there, or one of this machine's own."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from spiral.errors import InputError

INSTALL = "pip install 'spiral-painter[ray]'"


def require_ray(what: str) -> None:
    """Make sure that Ray is installed.

    Raises:
        InputError: it is not; says how to get it.
    """
    if importlib.util.find_spec("ray") is None:
        raise InputError(f"{what} needs Ray, which is not installed: {INSTALL}")


@contextlib.contextmanager
def connected(address: str | None, processes: int) -> Iterator[None]:
    """Be connected to a cluster inside.

    Args:
        address: `auto`, `HOST:PORT` or `ray://HOST:PORT`; None starts a cluster on this machine, which ends with it.
        processes: how many shall run at a time; a cluster of our own has room for them, however few processors.

    Raises:
        InputError: no cluster there.
    """
    require_ray("running beside other processes")
    if Path.home().joinpath(".ray", "auth_token").is_file():
        # `ray start` asks everybody for this token once it is there, but shows it only when told to.
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if address is None:
            ray.init(address="local", num_cpus=processes, include_dashboard=False, **quiet)
        else:
            ray.init(address=address, **quiet)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        where, why = address or "this machine", str(error).splitlines()[0]
        raise InputError(f"no Ray cluster at {where}: {why}; `ray start --head` starts one") from error
    try:
        yield
    finally:
        ray.shutdown()
