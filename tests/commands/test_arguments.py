"""Home folders and whole numbers as people write them."""

import subprocess
import sys

import pytest

from spiral.cli import main
from spiral.commands.arguments import read_as_meant


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (["paint", "~/a.png", "--out=~/x"], ["paint", "/home/me/a.png", "--out=/home/me/x"]),
        (["--out", "~"], ["--out", "/home/me"]),
        (["--data.source=photos:~/p"], ["--data.source=photos:/home/me/p"]),
        (["--data", "by-drawer:~/o"], ["--data", "by-drawer:/home/me/o"]),
        (["~nobody-of-that-name/x", "a~", "./~/x"], ["~nobody-of-that-name/x", "a~", "./~/x"]),
        (["--frames", "1e6", "--count=2.5e3"], ["--frames", "1000000", "--count=2500"]),
        (["--rate", "1e-4", "--rate=1.5e0", "--huge", "1e40"], ["--rate", "1e-4", "--rate=1.5e0", "--huge", "1e40"]),
        (["paint", "1e6"], ["paint", "1e6"]),
    ],
)
def test_arguments_are_read_as_meant(monkeypatch, given, read):
    monkeypatch.setenv("HOME", "/home/me")
    assert read_as_meant(given) == read


def test_no_folder_is_called_tilde(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert main(["render", "~/none.json", "--out=~/x.png"]) == 2
    assert str(tmp_path / "home" / "none.json") in capsys.readouterr().err
    assert main(["sample", "--checkpoint", "mnist-generate", "--count", "1e6", "--out=~/x"]) == 2
    assert "got 1000000" in capsys.readouterr().err
    assert not (tmp_path / "~").exists()


def test_the_package_can_be_run_as_a_module():
    done = subprocess.run([sys.executable, "-m", "spiral", "--version"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("spiral ")
