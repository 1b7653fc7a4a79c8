"""Run a numbered job on a machine with a GPU and without a network, within a limit of time.

    python3 packed/run.py JOB --seconds 600 --out results [--resume RESULTS-OF-THE-LAST] [--dry-run]

Jobs: 1 tests and measurements, 2 digits at the paper's size, 3 scenes, 4 faces, 5 digits from noise. Everything is
timed and told in OUT/log.txt, line by line as it happens. What fails is told, too, and what does not depend on it goes
on. A training job leaves agent.tar, metrics.jsonl, sheet.png and curves in OUT, and begins with the agent in --resume.
This file needs nothing but Python's own library; scripts/gpu/pack.py makes the folder that it lies in.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jobs import BENCH, DRY_BENCH, JOBS, Job, training

HERE = Path(__file__).resolve().parent
FILE_LIMIT = 16 * 2**20
"""Bytes of a file that comes back."""
TEST_SECONDS, ENDING_SECONDS = 180.0, 25.0
"""The most that the tests before a training job may take, and what is kept for writing the results."""


class Log:
    """OUT/log.txt: a line an event, with the seconds since the beginning, on the disk at once."""

    def __init__(self, out: Path) -> None:
        """Open it."""
        out.mkdir(parents=True, exist_ok=True)
        self._file = (out / "log.txt").open("a")
        self._began = time.monotonic()

    def __call__(self, text: str) -> None:
        """Tell something."""
        for line in text.rstrip().splitlines() or [""]:
            told = f"{time.monotonic() - self._began:8.1f} {line}"
            print(told, flush=True)
            self._file.write(told + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())


@dataclass(frozen=True)
class Workplace:
    """Where a job runs.

    Attributes:
        log: told everything.
        work: scratch folder: sources, packages, runs.
        out: the results.
        deadline: on the monotonic clock.
        environment: of every process.
    """

    log: Log
    work: Path
    out: Path
    deadline: float
    environment: dict[str, str]

    @property
    def left(self) -> float:
        """Seconds left."""
        return self.deadline - time.monotonic()

    def run(self, name: str, command: Sequence[str | Path], most: float | None = None, keep: str = "") -> bool:
        """Run a process and log what it says; one that takes too long is ended. Returns whether it succeeded.

        Args:
            name: of the stage.
            command: arguments.
            most: seconds; what is left of the time when None or more.
            keep: a file in `out` for what it prints on stdout.
        """
        limit = max(1.0, min(self.left, most if most is not None else self.left))
        self.log(f"{name}: begins, at most {limit:.0f} s: {' '.join(map(str, command))[:400]}")
        began = time.monotonic()
        with contextlib.ExitStack() as opened:
            kept = opened.enter_context((self.out / keep).open("w")) if keep else None
            process = subprocess.Popen(
                [str(part) for part in command],
                stdout=kept or subprocess.PIPE,
                stderr=subprocess.PIPE if keep else subprocess.STDOUT,
                text=True,
                errors="replace",
                cwd=self.work,
                env=self.environment,
                start_new_session=True,
            )
        teller = threading.Thread(target=self._tell, args=(process,), daemon=True)
        teller.start()
        try:
            process.wait(max(0.1, began + limit - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._end(process)
            teller.join(5.0)
            self.log(f"{name}: ended after {limit:.0f} s")
            return False
        teller.join(5.0)
        code = process.returncode
        self.log(f"{name}: {'done' if code == 0 else f'FAILED with status {code}'} in {time.monotonic() - began:.1f} s")
        return code == 0

    def _tell(self, process: subprocess.Popen[str]) -> None:
        """Log what a process says, while it runs."""
        for line in process.stdout or process.stderr or ():
            if line.strip():
                self.log(line)

    def _end(self, process: subprocess.Popen[str]) -> None:
        """End a process and those it started: first as Ctrl-C does, then for good."""
        for how, patience in ((signal.SIGINT, 5.0), (signal.SIGKILL, 5.0)):
            try:
                os.killpg(process.pid, how)
                process.wait(patience)
                return
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue


def environment(work: Path, dry: bool) -> dict[str, str]:
    """The environment of every process: packages, brushes, libraries, OpenGL by EGL."""
    result = dict(os.environ)
    native = work / "debian" / "native"
    lib = next((native / "lib").glob("*-linux-gnu"))
    result |= {
        "PYTHONPATH": str(work / "site"),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PATH": f"{work / 'site' / 'bin'}{os.pathsep}{result.get('PATH', '')}",
        "SPIRAL_BRUSHES": str(native / "brushes"),
        "PKG_CONFIG": str(work / "pkg-config"),
        "PKG_CONFIG_LIBDIR": str(lib / "pkgconfig"),
        # An RPATH of the old kind also holds for the libraries that libmypaint needs itself.
        "LDFLAGS": f"-Wl,-rpath,{lib} -Wl,--disable-new-dtags -Wl,-rpath-link,{lib}",
        "MUJOCO_GL": "egl",
        "PYOPENGL_PLATFORM": "egl",
        "XDG_CACHE_HOME": str(work / "cache"),
        "SETUPTOOLS_SCM_PRETEND_VERSION": "0.0.0",
        "OMP_NUM_THREADS": "1",  # of libmypaint: there are as many threads as processors already
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # those of the machine are for another pytest
        "PIP_NO_INDEX": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    result.pop("PIP_CONSTRAINT", None)
    vendor = Path("/usr/local/nvidia/share/glvnd/egl_vendor.d/10_nvidia.json")
    if vendor.is_file() and not dry:
        result.setdefault("__EGL_VENDOR_LIBRARY_FILENAMES", str(vendor))
    known = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True).stdout
    if "libEGL.so.1" not in known:
        loaders = next((work / "debian" / "opengl" / "lib").glob("*-linux-gnu"))
        result["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, (result.get("LD_LIBRARY_PATH"), str(loaders))))
    return result


def unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive into a folder."""
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")


def install(place: Workplace) -> bool:
    """Unpack the sources, install the wheels, build the package; returns whether it can be used."""
    work, site = place.work, place.work / "site"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-compile", "--target", site]
    native = work / "debian" / "native"
    lib = next((native / "lib").glob("*-linux-gnu"))
    wrapper = work / "pkg-config"
    wrapper.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH={lib} exec {native / "bin" / "pkgconf"} "$@"\n')
    wrapper.chmod(0o755)
    unpack(HERE / "source.tar.xz", work / "source")
    wheels = sorted((HERE / "wheels").glob("*.whl"))
    if wheels and not place.run("wheels", [*pip, *wheels], 120):
        return False
    for tool in (site / "bin").glob("*") if (site / "bin").is_dir() else ():
        tool.chmod(0o755)
    if not place.run("build", [*pip, "--no-build-isolation", work / "source"], 240):
        return False
    code = (
        "from spiral.engines import missing; print({n: missing(n) or 'works' for n in ('mypaint', 'vector', 'scene')})"
    )
    place.run("engines", [sys.executable, "-c", code], 120)
    return True


def describe(place: Workplace) -> None:
    """Log the machine."""
    code = (
        "import sys, torch; print(sys.version); print('torch', torch.__version__, 'cuda', torch.version.cuda); "
        "print(*(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())) or ['no GPU'])"
    )
    place.run("machine", [sys.executable, "-c", code], 60)
    place.log(f"machine: {os.cpu_count()} processors, {os.uname().release}")


def test(place: Workplace, dry: bool, most: float) -> bool:
    """Run the tests marked `gpu`; without a GPU they are skipped."""
    tests = place.work / "source" / "tests"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-m",
        "gpu",
        "-p",
        "pytest_timeout",
        "-p",
        "no:cacheprovider",
        "--timeout",
        "120",
        "-rf",
    ]
    chosen = [tests / "engines" / "test_on_device.py", tests / "learning" / "test_on_gpu.py"]
    return place.run("tests", [*command, "--rootdir", place.work / "source", *chosen], None if dry else most)


def data_for(job: Job, dry: bool) -> str | None:
    """The source of a job's pictures, or None where the folder holds none."""
    if dry:
        return job.dry_data
    for name in job.data:
        if (HERE / "data" / name).exists():
            return str(HERE / "data" / name)
        if name == "mnist-sample" or name.startswith("scenes"):
            return name
    return None


def measure(place: Workplace, dry: bool) -> bool:
    """Job 1: commands per second."""
    bench = BENCH.format(device="cpu" if dry else "cuda").split() + (DRY_BENCH.split() if dry else [])
    return place.run("bench", [sys.executable, "-m", "spiral", *bench], keep="bench.json")


def train(place: Workplace, job: Job, dry: bool, resume: Path | None) -> bool:
    """Jobs 2 to 5: train, then write the agent, its metrics, sheet and curves."""
    if (source := data_for(job, dry)) is None:
        place.log(f"no data for this job: pack them, --data FOLDER; looked for {', '.join(job.data)}")
        return False
    run, start = place.work / "run", None
    if resume is not None and (packed := resume / "agent.tar").is_file():
        shutil.rmtree(place.work / "start", ignore_errors=True)
        unpack(packed, place.work / "start")
        start = place.work / "start" / "agent"
        place.log(f"going on from {packed}")
    command: list[str | Path] = [sys.executable, "-m", "spiral", *training(job, source, dry, start is not None)]
    command += ["--out", run, *(["--start", start] if start is not None else [])]
    if not dry:
        command += ["--minutes", f"{max(0.2, (place.left - ENDING_SECONDS - job.loading) / 60.0):.2f}"]
    trained = place.run("train", command, place.left - ENDING_SECONDS)
    return collect(place, run) and trained


def collect(place: Workplace, run: Path) -> bool:
    """Put what a run has left so far into the results."""
    out, found = place.out, (run / "agent").is_dir()
    if found:
        with tarfile.open(out / "agent.tar", "w") as archive:
            archive.add(run / "agent", "agent")
    if (run / "metrics.jsonl").is_file():
        shutil.copy(run / "metrics.jsonl", out / "metrics.jsonl")
    if sheets := sorted((run / "sheets").glob("*.png")):
        shutil.copy(sheets[-1], out / "sheet.png")
    shutil.rmtree(place.work / "report", ignore_errors=True)
    told = place.run("report", [sys.executable, "-m", "spiral", "report", run, "--out", place.work / "report"])
    for name in ("error", "frechet", "entropy"):
        if plots := sorted((place.work / "report").glob(f"*{name}*.svg")):
            shutil.copy(plots[0], out / f"{name}.svg")
    for path in sorted(out.iterdir()):
        if path.is_file() and path.stat().st_size > FILE_LIMIT:
            place.log(f"{path.name} has {path.stat().st_size / 2**20:.1f} MiB, more than comes back")
    return found and told


def main() -> int:
    """Run a job; returns 0 if every stage succeeded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job", type=int, choices=(1, *JOBS))
    parser.add_argument("--seconds", type=float, required=True, help="limit of time for everything")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--resume", type=Path, help="results of an earlier run of this job, to go on from")
    parser.add_argument("--work", type=Path, help="scratch folder, kept and used again; /tmp/spiral-gpu when left out")
    parser.add_argument("--no-tests", action="store_true", help="train at once")
    parser.add_argument("--dry-run", action="store_true", help="tiny sizes on the processor")
    given = parser.parse_args()
    deadline = time.monotonic() + given.seconds
    out, work = given.out.resolve(), (given.work or Path("/tmp/spiral-gpu")).resolve()
    log = Log(out)
    work.mkdir(parents=True, exist_ok=True)
    if not (work / "debian").exists():
        unpack(HERE / "debian.tar.xz", work / "debian")
    place = Workplace(log, work, out, deadline, environment(work, given.dry_run))
    manifest = json.loads((HERE / "manifest.json").read_text())
    title = JOBS[given.job].title if given.job in JOBS else "tests and measurements"
    log(f"job {given.job}: {title}; {given.seconds:.0f} s; version {manifest['version']}")
    describe(place)
    shutil.rmtree(work / "run", ignore_errors=True)
    installed = work / f".installed-{manifest['commit']}"
    if not installed.exists():
        shutil.rmtree(work / "site", ignore_errors=True)
        shutil.rmtree(work / "source", ignore_errors=True)
        if not install(place):
            return 1
        installed.touch()
    good = given.no_tests or test(place, given.dry_run, TEST_SECONDS if given.job != 1 else 300.0)
    if given.job == 1:
        good = measure(place, given.dry_run) and good
    else:
        good = train(place, JOBS[given.job], given.dry_run, given.resume) and good
    log(f"job {given.job}: {'everything succeeded' if good else 'NOT everything succeeded'}, {place.left:.0f} s left")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
