"""Videos where ffmpeg is missing, wrong or failing: one line that names it and says how to get it."""

from pathlib import Path

import numpy as np
import pytest

from spiral.cli import main
from spiral.errors import InputError
from spiral.exports.animation import write_video

pytest.importorskip("imageio_ffmpeg")

FRAMES = [np.full((16, 16, 3), shade, np.uint8) for shade in (0, 100)]


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def refused(path: Path) -> str:
    with pytest.raises(InputError, match="ffmpeg") as error:
        write_video(path / "film.mp4", FRAMES)
    assert "\n" not in str(error.value) and not (path / "film.mp4").exists()
    assert [one.name for one in path.iterdir() if one.name.startswith(".")] == []
    return str(error.value)


def test_without_ffmpeg_the_error_says_how_to_get_it(tmp_path, monkeypatch):
    def none() -> str:
        raise RuntimeError("No ffmpeg exe could be found.\nInstall ffmpeg on your system.")

    monkeypatch.setattr("imageio_ffmpeg.get_ffmpeg_exe", none)
    assert "there is no ffmpeg" in refused(tmp_path) and "imageio-ffmpeg" in refused(tmp_path)


def test_a_wrong_variable_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/nonexistent/ffmpeg")
    said = refused(tmp_path)
    assert "/nonexistent/ffmpeg: No such file" in said and "unset the variable IMAGEIO_FFMPEG_EXE" in said


_LISTS = 'case "$*" in *-encoders*) printf "Encoders:\\n ------\\n V..... libx264 H.264\\n"; exit 0; esac; '


@pytest.mark.parametrize(
    "text", ["exit 1", "exit 0", "echo ffmpeg; exit 0", f"{_LISTS} exit 1", f"{_LISTS} cat >/dev/null"]
)
def test_an_ffmpeg_that_fails_is_named(tmp_path, monkeypatch, text):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(script(tmp_path / "ffmpeg", text)))
    said = refused(tmp_path)
    assert "unset the variable IMAGEIO_FFMPEG_EXE" in said and "index out of range" not in said


def test_the_command_ends_in_one_line(tmp_path, monkeypatch, capsys, an_agent):
    program = an_agent().reconstruct(np.zeros((1, 16, 16, 3), np.uint8)).programs[0]
    program.save(tmp_path / "p.json")
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/nonexistent/ffmpeg")
    assert main(["render", str(tmp_path / "p.json"), "--out", str(tmp_path / "x.mp4")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
