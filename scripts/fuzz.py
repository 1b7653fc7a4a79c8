"""Feed damaged files to everything that reads files: `python scripts/fuzz.py KIND --seconds 600 --seed 0`.

Small real files are made, damaged at random and given to the package's public functions in a process of its own.
Success, `InputError` and the other documented errors are fine. A crash, a traceback, a hang or too much memory is a
failure: its input and its reason are saved in a folder of their own, and the exit status is 1.

The same kind, seed and number give the same input: `--first NUMBER --count 1` tries one again. For libmypaint run it
with the sanitizers; CONTRIBUTING.md says how.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from fuzz_inputs import KINDS

from spiral.errors import InputError, TrainingError

SECONDS_EACH = 60
"""Processor seconds that one input may take; the largest pictures that are accepted need a tenth of it."""
BYTES_EACH = 4 * 2**30
"""Memory that one input may take; a picture of the largest size that is accepted needs less than half of it."""
_NOWHERE = -1.0
_UNIT = 1 if sys.platform == "darwin" else 1024
"""Of the memory that the system reports."""


@dataclass(frozen=True)
class Job:
    """What one process does: the inputs of a kind from `first` on, until `seconds` or `count` are reached."""

    kind: str
    seed: int
    first: int
    count: int
    seconds: float
    out: Path


def input_of(kind: str, seed: int, number: int, originals: Path, folder: Path) -> Path:
    """Write damaged input `number` into a folder and return its path."""
    return KINDS[kind].damage(random.Random(f"{kind}-{seed}-{number}"), originals, folder)


def work(job: Job, originals: Path, log: Path, place: Any, tally: Any) -> None:
    """Try inputs one after the other.

    Args:
        job: which ones.
        originals: the folder of the kind's undamaged files.
        log: a file that gets what libraries print about the present input.
        place: shared: the number of the present input, for the parent to know if this process dies, and the processor
            seconds used.
        tally: shared: counts of successes, refusals and failures.
    """
    warnings.simplefilter("ignore")
    told = os.dup(sys.stderr.fileno())
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), sys.stderr.fileno())
    attempt = KINDS[job.kind].prepare(originals)
    peak = _peak()
    for number in range(job.first, job.first + job.count):
        if time.process_time() > job.seconds:
            return
        place[0], place[1] = number, time.process_time()
        limit = int(time.process_time()) + SECONDS_EACH
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))
        limit_memory()
        os.truncate(log, 0)
        with tempfile.TemporaryDirectory() as folder:
            failed = tried(attempt, input_of(job.kind, job.seed, number, originals, Path(folder)), tally)
        if failed is None and _peak() - peak > BYTES_EACH:
            failed, peak = f"it took {(_peak() - peak) / 2**20:.0f} MiB", _peak()
        if failed is not None:
            tally[2] += 1
            os.write(told, save(job, number, originals, failed).encode())


def tried(attempt: Callable[[Path], object], path: Path, tally: Any) -> str | None:
    """Try one input; returns why it failed, or None, and counts a success or a refusal in `tally`."""
    try:
        attempt(path)
    except (InputError, TrainingError):
        tally[1] += 1
    except Exception:
        return traceback.format_exc()
    else:
        tally[0] += 1
    return None


def limit_memory() -> None:
    """Fail an input that takes too much memory when it asks for it, not when the machine has none left: on Linux."""
    account = Path("/proc/self/statm")
    if account.exists():
        used = int(account.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + BYTES_EACH, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT


def save(job: Job, number: int, originals: Path, reason: str) -> str:
    """Save an input that failed, with the reason; returns a line about it."""
    folder = job.out / f"{job.kind}-{job.seed}-{number}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    input_of(job.kind, job.seed, number, originals, folder)
    (folder / "failure.txt").write_text(reason, errors="replace")
    return f"{job.kind} {number}: {reason.strip().splitlines()[-1]}; saved in {folder}\n"


def fuzz(job: Job) -> tuple[int, int, int]:
    """Try inputs, in a new process after each one that ended its process.

    Returns:
        How many succeeded, were refused, and failed.
    """
    context = multiprocessing.get_context("spawn")
    place, tally = context.Array("d", [_NOWHERE, 0.0]), context.Array("q", 3)
    first, left = job.first, job.seconds
    with tempfile.TemporaryDirectory() as folder:
        originals, log = Path(folder) / "originals", Path(folder) / "log"
        originals.mkdir()
        log.touch()
        KINDS[job.kind].originals(originals)
        while left > 0 and first < job.first + job.count:
            part = replace(job, first=first, count=job.first + job.count - first, seconds=left)
            process = context.Process(target=work, args=(part, originals, log, place, tally))
            process.start()
            process.join()
            if process.exitcode == 0:
                break
            told, number = log.read_text(errors="replace"), int(place[0])
            if number < first:
                raise SystemExit(f"the process ended before the first input:\n{told}")
            tally[2] += 1
            print(save(job, number, originals, f"{told}\n{_death(process.exitcode)}"), end="", file=sys.stderr)
            first, left = number + 1, left - place[1]
    succeeded, refused, failed = tally[:]
    return succeeded, refused, failed


def _death(status: int | None) -> str:
    if status is None or status >= 0:  # such as 1 of the sanitizers
        return f"the process ended with status {status}"
    name = signal.Signals(-status).name
    if -status in (signal.SIGXCPU, signal.SIGKILL):
        return f"it took more than {SECONDS_EACH} processor seconds, or all memory ({name})"
    return f"the process died of {name}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; the exit status is 1 if anything failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("--seconds", type=float, default=600.0, help="processor seconds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--count", type=int, default=10**12, help="how many inputs at most")
    parser.add_argument("--out", type=Path, default=Path("fuzz-failures"), help="folder for inputs that failed")
    given = parser.parse_args(arguments)
    job = Job(given.kind, given.seed, given.first, given.count, given.seconds, given.out)
    succeeded, refused, failed = fuzz(job)
    print(f"{given.kind}: {succeeded} inputs were read, {refused} refused, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
