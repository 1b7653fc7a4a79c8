"""The machine's capabilities: device, precision, threads, memory."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import torch

from spiral.errors import InputError
from spiral.models.policy import Policy

_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1


def choose_device(name: str) -> torch.device:
    """The device called `auto`, `cpu`, `cuda` or `cuda:N`.

    Raises:
        InputError: no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"unknown device {name!r}; use auto, cpu, cuda or cuda:N") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError(f"device {name!r} is not here; use --run.device auto")
    return device


def mixed_precision(device: torch.device, precision: str) -> contextlib.AbstractContextManager[object]:
    """A context in which networks compute in bfloat16, or an empty one.

    With `auto`, bfloat16 is used where the hardware multiplies it. Measured on 2 cores with AMX, convolutions ran 2 to
    17 times as fast as in float32; without such units bfloat16 is emulated and slower.
    """
    if precision == "auto":
        precision = "bfloat16" if _multiplies_bfloat16(device) else "float32"
    # A CUDA graph must convert the weights of its own time, not have read those that a cache held when it was recorded.
    return torch.autocast(
        device.type, torch.bfloat16, enabled=precision == "bfloat16", cache_enabled=device.type != "cuda"
    )


def on(setting: str, device: torch.device) -> bool:
    """Whether a setting `on`, `off` or `auto` is on; `auto` is so on a GPU."""
    return setting == "on" or (setting == "auto" and device.type == "cuda")


@contextlib.contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed random numbers within the context, and restore their state after it."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def _multiplies_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    try:
        with open("/proc/cpuinfo") as stream:
            flags = stream.read()
            return "amx_bf16" in flags or "avx512_bf16" in flags
    except OSError:
        return False


def prepare(device: torch.device) -> None:
    """Make a GPU the current one, and set what pays off where the shapes of tensors stay the same."""
    if device.type == "cuda":
        if device.index is not None:
            torch.cuda.set_device(device)
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def use_threads(count: int) -> int:
    """Let torch compute with `count` threads, all processors when 0; returns the number."""
    count = count or processors()
    torch.set_num_threads(count)
    return count


def keep_memory() -> None:
    """Have glibc keep freed memory instead of returning it at once.

    Every training step frees and allocates the same tens of megabytes; by default glibc returns them to the kernel
    each time. Keeping them made the whole loop 5 to 8 % faster on 2 cores. It has no effect outside Linux.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            libc = ctypes.CDLL(None)
            libc.mallopt(_MMAP_THRESHOLD, 2**31 - 1)
            libc.mallopt(_TRIM_THRESHOLD, 2**31 - 1)


def cannot_compile() -> str | None:
    """Why `torch.compile` cannot work here, in one line, or None when it can."""
    if not any(shutil.which(name) for name in (os.environ.get("CXX", "g++"), "g++", "clang++")):
        return "no C++ compiler found (Debian: apt install g++)"
    if not (Path(sysconfig.get_path("include")) / "Python.h").is_file():
        return "no headers for this Python found (Debian: apt install python3-dev)"
    return None


def compile_policy(policy: Policy) -> None:
    """Compile `act` and `evaluate` of a policy at their first call.

    Measured on 2 cores at the laptop size: acting takes 8.2 instead of 13.0 ms for 64 canvases, a learning pass over
    512 commands 103 instead of 128 ms. Compiling takes 95 seconds, and 5 once torch has it in its cache.

    Raises:
        InputError: it cannot work here.
    """
    if (reason := cannot_compile()) is not None:
        raise InputError(f"--run.compile on: {reason}")
    # torch's default is a folder in /tmp, which a restart deletes.
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(home / "spiral" / "compiled"))
    policy.act = torch.compile(policy.act, dynamic=False)
    policy.evaluate = torch.compile(policy.evaluate, dynamic=False)
