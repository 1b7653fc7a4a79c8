"""The painting process as an animated GIF, as a video, or as a strip of moments."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from spiral.errors import InputError, cannot_import
from spiral.exports.sheets import contact_sheet
from spiral.io.files import write_atomically
from spiral.io.images import to_image, write_png

_VARIABLE = "IMAGEIO_FFMPEG_EXE"
_INSTALL = (
    "to get one: pip install --force-reinstall imageio-ffmpeg, or install your system's package ffmpeg; "
    "a .gif needs none"
)
_PATIENCE = 30.0
"""Seconds that ffmpeg may take to list its encoders."""

Played = TypeVar("Played")
Frames = Iterable[npt.NDArray[np.uint8]]
"""uint8 [H, W, C], at least one, of one shape; each is used before the next is requested."""


def evenly_spaced(count: int, limit: int) -> list[int]:
    """At most `limit` of the places 0 to `count` - 1, evenly spread, including the first and the last."""
    return np.unique(np.linspace(0, count - 1, min(limit, count)).round().astype(int)).tolist()


def sample_frames(frames: Frames, count: int, limit: int) -> Iterator[npt.NDArray[np.uint8]]:
    """At most `limit` of `count` frames, evenly spread from the first to the last, copied."""
    chosen = set(evenly_spaced(count, limit))
    return (frame.copy() for index, frame in enumerate(frames) if index in chosen)


def write_gif(path: Path, frames: Frames, milliseconds: int = 300, last: int = 1500) -> None:
    """Write frames as an endless GIF, atomically.

    Args:
        path: the file.
        frames: the process.
        milliseconds: how long a frame stays.
        last: how long the last one stays.

    Raises:
        InputError: the file cannot be written.
    """
    pictures: list[Image.Image] = [to_image(frame) for frame in frames]
    durations = [milliseconds] * (len(pictures) - 1) + [last]

    def save(temporary: Path) -> None:
        pictures[0].save(temporary, format="GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0)

    write_atomically(path, save)


def write_video(path: Path, frames: Frames, rate: int = 12, last: float = 1.5) -> None:
    """Write frames as an H.264 video; see `film_video`."""

    def play(add: Callable[[npt.NDArray[np.uint8]], None]) -> None:
        for frame in frames:
            add(frame)

    film_video(path, play, rate, last)


def film_video(
    path: Path, play: Callable[[Callable[[npt.NDArray[np.uint8]], None]], Played], rate: int = 12, last: float = 1.5
) -> Played:
    """Write an H.264 video that every browser plays, atomically, while its frames are made.

    Args:
        path: the file, ending in .mp4.
        play: gets a function to call with every frame, uint8 [H, W, C] of one shape; an odd side loses a pixel, as the
            format requires.
        rate: frames per second.
        last: seconds for which the last frame stays.

    Returns:
        What `play` returned.

    Raises:
        InputError: the file cannot be written, the extra `video` is not installed, or ffmpeg is missing or fails.
    """
    write_frames = _ffmpeg_writer()
    played: list[Played] = []

    def save(temporary: Path) -> None:
        writer: Any = None
        shown: npt.NDArray[np.uint8] | None = None

        def add(frame: npt.NDArray[np.uint8]) -> None:
            nonlocal writer, shown
            shown = _even(frame)
            with _ffmpeg_told():
                if writer is None:
                    sides = (shown.shape[1], shown.shape[0])
                    writer = write_frames(
                        str(temporary), sides, fps=rate, macro_block_size=1, quality=8, ffmpeg_log_level="error"
                    )
                    writer.send(None)
                writer.send(shown)

        try:
            played.append(play(add))
            for _ in range(round(last * rate)):
                add(shown)  # pyright: ignore[reportArgumentType]
        except BaseException:
            with contextlib.suppress(Exception):  # the first error is the one to tell
                writer.close()
            raise
        with _ffmpeg_told():
            writer.close()
            if not temporary.stat().st_size:
                raise RuntimeError("it wrote nothing")

    write_atomically(path, save)
    return played[0]


def _ffmpeg_writer() -> Callable[..., Any]:
    """imageio-ffmpeg's `write_frames`, after making sure that its ffmpeg runs.

    Raises:
        InputError: it is not installed or does not run.
    """
    try:
        from imageio_ffmpeg import get_ffmpeg_exe, write_frames
    except ImportError as error:
        raise cannot_import(error, "a video", "imageio_ffmpeg", "video") from error
    try:
        program = get_ffmpeg_exe()
    except Exception as error:
        raise InputError(f"there is no ffmpeg, which writes videos; {_remedy()}") from error
    try:
        encoders = subprocess.run(
            [program, "-hide_banner", "-encoders"], capture_output=True, check=True, timeout=_PATIENCE
        ).stdout
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        reason = getattr(error, "strerror", None) or f"{program} -encoders fails"
        raise InputError(f"ffmpeg, which writes videos, cannot be run: {program}: {reason}; {_remedy()}") from error
    if b"264" not in encoders:
        raise InputError(f"ffmpeg, which writes videos, has no encoder of H.264: {program}; {_remedy()}")
    return write_frames


def _remedy() -> str:
    """What to do about an ffmpeg that is missing or fails."""
    return f"unset the variable {_VARIABLE} or name another" if os.environ.get(_VARIABLE) else _INSTALL


@contextlib.contextmanager
def _ffmpeg_told() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # a broken pipe, or whatever reading its messages raises
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise InputError(f"ffmpeg failed to write the video: {reason}; {_remedy()}") from error


def _even(frame: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    even = frame[: frame.shape[0] // 2 * 2, : frame.shape[1] // 2 * 2]
    return np.ascontiguousarray(np.repeat(even, 3, axis=2) if even.shape[2] == 1 else even)


def write_strip(path: Path, frames: Frames) -> None:
    """Write frames side by side as a PNG, atomically.

    Raises:
        InputError: the file cannot be written.
    """
    shown = np.stack([frame.copy() for frame in frames])
    write_png(path, contact_sheet([shown], columns=len(shown)))
