"""Without Ray one machine works as before, and distributed runs name what to install."""

import subprocess
import sys

WITHOUT = """
import importlib.util, sys
class NoRay:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "ray":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, NoRay())
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "ray" else found(name, package)
from spiral.cli import main
sys.exit(main(sys.argv[1:]))
"""


def without_ray(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", WITHOUT, *arguments], capture_output=True, text=True, timeout=120)


def test_one_machine_needs_no_ray(lines, tmp_path):
    flags = ["--data.source", str(lines), "--data.held-out", "8", "--canvas.size", "32", "--learning.batch-size", "8"]
    out = tmp_path / "run"
    done = without_ray("train", "mnist-reconstruct-vector", "--frames", "64", "--out", str(out), *flags)
    assert done.returncode == 0, done.stderr
    assert (out / "agent" / "policy.safetensors").is_file()
    assert without_ray("presets").returncode == 0


def test_asking_for_more_names_what_to_install(tmp_path):
    for arguments in (("train", "mnist-reconstruct", "--actors", "2"), ("tune", "mnist-reconstruct")):
        done = without_ray(*arguments, "--out", str(tmp_path / "run"))
        assert done.returncode == 2 and not (tmp_path / "run").exists()
        assert done.stderr.count("\n") == 1 and "pip install 'spiral-painter[ray]'" in done.stderr


def test_wrong_clusters_are_refused_in_one_line(tmp_path):
    for flags, message in (
        (["--address", "auto"], "--actors"),
        (["--actors", "-1"], "cluster.actors"),
        (["--actors", "1", "--queue", "0"], "cluster.queue"),
        (["--actors", "1", "--canvases-per-actor", "0"], "cluster.canvases_per_actor"),
    ):
        command = [sys.executable, "-m", "spiral.cli", "train", "mnist-reconstruct", *flags]
        done = subprocess.run([*command, "--out", str(tmp_path / "run")], capture_output=True, text=True, timeout=60)
        assert done.returncode == 2 and message in done.stderr and done.stderr.count("\n") == 1
