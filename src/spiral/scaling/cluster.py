"""A Ray cluster: an existing one, or one on this machine."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spiral.errors import InputError

_CONNECT_SECONDS = 10.0
_STARTS = 3
_SLOW = "timed out during startup"
"""What Ray says of a node that took longer than it waits."""
INSTALL = "pip install 'spiral-painter[ray]'"


def require_ray(what: str) -> None:
    """Make sure that Ray is installed; call it before anything imports Ray.

    Raises:
        InputError: it is not installed.
    """
    if importlib.util.find_spec("ray") is None:
        raise InputError(f"{what} needs Ray, which is not installed: {INSTALL}")
    if "ray" not in sys.modules and Path.home().joinpath(".ray", "auth_token").is_file():
        # If this token exists, `ray start` requires it, but clients send it only if this is set before the import.
        os.environ.setdefault("RAY_AUTH_MODE", "token")


@contextlib.contextmanager
def connected(address: str | None, processes: int) -> Iterator[None]:
    """Connect to a cluster within the context.

    Args:
        address: `auto`, `HOST:PORT` or `ray://HOST:PORT`; None starts a cluster on this machine, which ends with it.
        processes: how many run at a time; a cluster on this machine has room for them, however few processors.

    Raises:
        InputError: no cluster.
    """
    require_ray("running beside other processes")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if address not in (None, "auto"):
            # Ray itself would retry for minutes.
            host, _, port = address.removeprefix("ray://").rpartition(":")
            socket.create_connection((host, int(port)), _CONNECT_SECONDS).close()
        if address is None:
            _start_here(ray, num_cpus=processes, include_dashboard=False, **quiet)
        else:
            ray.init(address=address, **quiet)
    except Exception as error:  # a node that starts slowly raises a bare Exception
        where, why = address or "this machine", (str(error).strip() or type(error).__name__).splitlines()[0]
        remedy = "try again when the machine is less busy" if _SLOW in why else "`ray start --head` starts one"
        raise InputError(f"no Ray cluster at {where}: {why}; {remedy}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _start_here(ray: Any, **options: Any) -> None:
    """Start a cluster on this machine, again if it was too slow: Ray gives its node 30 seconds, whatever the load."""
    for attempt in range(1, _STARTS + 1):
        try:
            ray.init(address="local", **options)
            return
        except Exception as error:
            ray.shutdown()
            if _SLOW not in str(error) or attempt == _STARTS:
                raise
