"""The two things on the page that Gradio does not have: a pad to draw on, and a player that shows a painting."""

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

from spiral.images import to_image
from spiral.studio.performance import Performance

_COLUMNS = 10


def pad() -> gr.HTML:
    """White on black, by mouse, finger or pen; its value is a PNG as a data URL."""
    return _element("pad", "")


def player() -> gr.HTML:
    """A slider and a play button over a painting's commands; its value is what `played` makes."""
    return _element("player", "")


def played(performance: Performance) -> str:
    """A performance as the player wants it: JSON with all frames on one sheet, ten in a row."""
    height, width = performance.frames[0].shape[:2]
    values = {
        "sheet": _data_url(_sheet(performance.frames)),
        "frames": len(performance.frames),
        "steps": performance.steps,
        "columns": _COLUMNS,
        "width": width,
        "height": height,
        "lines": performance.lines,
        "numbers": performance.numbers,
        "errors": None if performance.errors is None else np.round(performance.errors, 5).tolist(),
        "scores": None if performance.scores is None else np.round(performance.scores.astype(float), 5).tolist(),
    }
    return json.dumps(values)


def _element(name: str, value: str) -> gr.HTML:
    front = resources.files("spiral.studio") / "front"
    html, css, script = ((front / f"{name}.{ending}").read_text() for ending in ("html", "css", "js"))
    return gr.HTML(value, html_template=html, css_template=css, js_on_load=script, elem_id=name, padding=False)


def _sheet(frames: Sequence[npt.NDArray[np.uint8]]) -> Image.Image:
    height, width, channels = frames[0].shape
    rows = math.ceil(len(frames) / _COLUMNS)
    sheet = np.zeros((rows * height, min(_COLUMNS, len(frames)) * width, channels), np.uint8)
    for index, frame in enumerate(frames):
        row, column = divmod(index, _COLUMNS)
        sheet[row * height : (row + 1) * height, column * width : (column + 1) * width] = frame
    return to_image(sheet)


def _data_url(picture: Image.Image) -> str:
    """Grey pictures without loss, colour ones as JPEG, which is a tenth of the size."""
    stream = io.BytesIO()
    kind = "png" if picture.mode == "L" else "jpeg"
    picture.save(stream, format=kind, quality=88)
    return f"data:image/{kind};base64,{base64.b64encode(stream.getvalue()).decode()}"
