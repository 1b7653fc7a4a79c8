"""The jobs for a machine with a GPU: their settings exist, and they run from the packed folder with nothing else."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tarfile
import venv
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from documents import ROOT

from spiral.commands.experiments import parse_experiment
from spiral.commands.training import RunOptions
from spiral.engines import missing
from spiral.scaling.settings import ClusterSettings

GPU = ROOT / "scripts" / "gpu"
sys.path.insert(0, str(GPU))


def script(name):
    specification = importlib.util.spec_from_file_location(f"gpu_{name}", GPU / f"{name}.py")
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module


jobs, pack, run = script("jobs"), script("pack"), script("run")


@pytest.mark.parametrize("number", jobs.JOBS)
@pytest.mark.parametrize("dry", [False, True])
@pytest.mark.parametrize("going_on", [False, True])
def test_every_setting_of_a_job_exists(number, dry, going_on):
    arguments = jobs.training(jobs.JOBS[number], "mnist-sample", dry, going_on)
    assert arguments[0] == "train"
    parsed = parse_experiment("train", arguments[1:], options=RunOptions(), cluster=ClusterSettings())
    assert parsed is not None
    preset, (options, _) = parsed
    assert preset.run.device == ("cpu" if dry else "cuda")
    assert preset.learning.batch_size == (4 if dry else 1024)
    assert (options.frames is not None) == dry


def test_packages_that_are_there_are_read_from_pips_list(tmp_path):
    listed = tmp_path / "there.txt"
    listed.write_text("# of the machine\ntorch==2.11.0+cu130\nPillow @ file:///x\n-e .\n\nrich>=13\n")
    assert pack.names_in(listed) == ["torch", "Pillow", "rich"]
    assert pack.names_in(None) == []


def test_a_stage_that_takes_too_long_is_ended_and_told(tmp_path):
    log = run.Log(tmp_path / "out")
    place = run.Workplace(log, tmp_path, tmp_path / "out", run.time.monotonic() + 60, dict(os.environ))
    assert not place.run("sleep", [sys.executable, "-c", "print('begun', flush=True); import time; time.sleep(60)"], 3)
    assert not place.run("wrong", [sys.executable, "-c", "import sys; sys.exit('no such thing')"])
    assert place.run("kept", [sys.executable, "-c", "print(7)"], keep="seven.txt")
    assert (tmp_path / "out" / "seven.txt").read_text() == "7\n"
    told = (tmp_path / "out" / "log.txt").read_text()
    for part in ("begun", "sleep: ended after 3 s", "no such thing", "wrong: FAILED with status 1", "kept: done"):
        assert part in told
    assert place.left < 60


def bare_python(folder: Path) -> Path:
    """A Python with nothing but PyTorch and NumPy, as on the machine."""
    venv.create(folder, with_pip=True)
    site = next(folder.glob("lib/python*/site-packages"))
    for name in (*pack.THERE.split(), "setuptools"):
        try:
            files = distribution(name).files or ()
        except PackageNotFoundError:
            continue
        for top in {file.parts[0] for file in files if file.parts[0] not in ("..", "__pycache__")}:
            there = Path(str(distribution(name).locate_file(top)))
            if name != "pip" and there.exists() and not (site / top).exists():
                (site / top).symlink_to(there)
    return folder / "bin" / "python"


def works(engine):
    """Whether an engine must work in the packed folder: scenes need a driver that can render."""
    return engine != "scene" or missing("scene") is None


HIDE = """set -e
for folder in /usr/share/mypaint-data /usr/include/libmypaint; do
  if [ -d $folder ]; then mount -t tmpfs none $folder; fi
done
for library in /usr/lib/*/libmypaint*.so*; do
  if [ -e $library ]; then mount --bind /dev/null $library; fi
done
exec "$@"
"""
"""Runs a command where there is no network and no libmypaint."""


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_all_jobs_run_from_the_packed_folder_where_nothing_else_is(tmp_path):
    for tool in ("unshare", "apt-get", "git", "cmake", "g++"):
        if shutil.which(tool) is None:
            pytest.skip(f"no {tool} here")
    if subprocess.run(["unshare", "-rnm", "true"], capture_output=True).returncode:
        pytest.skip("no namespaces for this user")
    packed, python = tmp_path / "packed", f"{sys.version_info.major}.{sys.version_info.minor}"
    done = subprocess.run([sys.executable, GPU / "pack.py", packed, "--python", python], capture_output=True, text=True)
    if "Could not fetch" in done.stderr or "Temporary failure" in done.stderr or "No matching" in done.stderr:
        pytest.skip("no package index within reach")
    assert done.returncode == 0, done.stderr[-2000:]
    manifest = json.loads((packed / "manifest.json").read_text())
    assert manifest["bytes"] < pack.LIMIT
    bare = bare_python(tmp_path / "bare")
    results = {}
    numbers = (1, 2, *((3,) if works("scene") else ()), 4, 5, 2)
    for number in numbers:
        out = tmp_path / f"results-{number}{'-again' if number in results else ''}"
        command = ["unshare", "-rnm", "sh", "-c", HIDE, "sh", bare, packed / "run.py", str(number)]
        command += ["--seconds", "1200", "--out", out, "--work", tmp_path / "work", "--dry-run"]
        command += [] if number == 1 else ["--no-tests"]
        command += ["--resume", results[number]] if number in results else []
        environment = {
            name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "SPIRAL_BRUSHES")
        }
        ended = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
        told = (out / "log.txt").read_text()
        assert ended.returncode == 0, told[-4000:] + ended.stderr[-2000:]
        assert f"job {number}: everything succeeded" in told
        results[number] = out
        if number == 1:
            rows = json.loads((out / "bench.json").read_text())["loops"]
            assert {row["engine"] for row in rows} == {name for name in ("mypaint", "vector", "scene") if works(name)}
            continue
        curve = "frechet.svg" if number == 5 else "error.svg"
        for name in ("agent.tar", "metrics.jsonl", "sheet.png", curve):
            assert 0 < (out / name).stat().st_size < run.FILE_LIMIT, name
        with tarfile.open(out / "agent.tar") as archive:
            assert "agent/policy.safetensors" in archive.getnames()
    assert "going on from" in (tmp_path / "results-2-again" / "log.txt").read_text()
    extension = next((tmp_path / "work" / "site").glob("spiral/engines/_mypaint*.so"))
    linked = subprocess.run(["ldd", extension], capture_output=True, text=True).stdout
    native = tmp_path / "work" / "debian" / "native"
    assert str(native) in next(line for line in linked.splitlines() if "libmypaint" in line)
    assert (native / "licences" / "libmypaint-1.5-1.txt").is_file()
