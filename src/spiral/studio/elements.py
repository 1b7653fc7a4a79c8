"""Elements that Gradio lacks: a pad to draw on, a player for paintings, and pictures inside the response.

Gradio's own gallery writes pictures to files named by their content, and the browser fetches each of them: sixteen
requests instead of one, and of two visitors with the same picture, one may read it while it is being written.
"""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Sequence
from importlib import resources

import gradio as gr
import numpy as np
import numpy.typing as npt
from PIL import Image

from spiral.io.images import to_image
from spiral.studio.playback import Playback

_COLUMNS = 10


def pad() -> gr.HTML:
    """A pad, white on black, for mouse, finger or pen; its value is a PNG as a data URL."""
    return _element("pad", "pad")


def player() -> gr.HTML:
    """A slider and a play button over a painting's commands; its value is from `player_data`."""
    return _element("player", "player")


def pictures(name: str, least: int) -> gr.HTML:
    """Pictures side by side, at least `least` pixels wide each; its value is from `picture_data`.

    The event `choose` has the `index` of the clicked one.
    """
    return _element("pictures", name, f".pictures {{ --least: {least}px; }}")


def picture_data(shown: Sequence[tuple[npt.NDArray[np.uint8], str]]) -> str:
    """Pictures uint8 [H, W, C] with their captions, for the element."""
    return json.dumps([{"source": _data_url(to_image(pixels)), "caption": caption} for pixels, caption in shown])


def player_data(playback: Playback) -> str:
    """A playback for the player: JSON with all frames on one sheet, ten in a row."""
    height, width = playback.frames[0].shape[:2]
    values = {
        "sheet": _data_url(_sheet(playback.frames)),
        "frames": len(playback.frames),
        "steps": playback.steps,
        "columns": _COLUMNS,
        "width": width,
        "height": height,
        "lines": playback.lines,
        "numbers": playback.numbers,
        "errors": None if playback.errors is None else np.round(playback.errors, 5).tolist(),
        "scores": None if playback.scores is None else np.round(playback.scores.astype(float), 5).tolist(),
    }
    return json.dumps(values)


def _element(kind: str, name: str, style: str = "") -> gr.HTML:
    front = resources.files("spiral.studio") / "front"
    html, css, script = ((front / f"{kind}.{ending}").read_text() for ending in ("html", "css", "js"))
    return gr.HTML("", html_template=html, css_template=style + css, js_on_load=script, elem_id=name, padding=False)


def _sheet(frames: Sequence[npt.NDArray[np.uint8]]) -> Image.Image:
    height, width, channels = frames[0].shape
    rows = math.ceil(len(frames) / _COLUMNS)
    sheet = np.zeros((rows * height, min(_COLUMNS, len(frames)) * width, channels), np.uint8)
    for index, frame in enumerate(frames):
        row, column = divmod(index, _COLUMNS)
        sheet[row * height : (row + 1) * height, column * width : (column + 1) * width] = frame
    return to_image(sheet)


def _data_url(picture: Image.Image) -> str:
    """Grey pictures as PNG, colour ones as JPEG, which is a tenth of the size."""
    stream = io.BytesIO()
    kind = "png" if picture.mode == "L" else "jpeg"
    picture.save(stream, format=kind, quality=88)
    return f"data:image/{kind};base64,{base64.b64encode(stream.getvalue()).decode()}"
