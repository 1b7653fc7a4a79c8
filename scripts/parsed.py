"""Draw two pictures of docs/results-pictures.md.

    python scripts/parsed.py FOLDER     # with OMNIGLOT's archives

docs/out-of-set.png: characters and digits, redrawn by each other's agents. docs/parsed.png: characters and line
drawings, redrawn by the characters' agent.
"""

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

import spiral
from spiral.datasets import load
from spiral.exports.sheets import contact_sheet
from spiral.io.images import write_png
from spiral.painting.editing import coloured_by_time

DOCS = Path(__file__).parents[1] / "docs"
LARGE = 256
OVERSAMPLED = 8
PEN = 4.5  # in the drawings' hundredths
Strokes = list[list[tuple[float, float]]]


def arc(x: float, y: float, radius: float, start: float = 0, end: float = 360) -> list[tuple[float, float]]:
    """Points of an arc, in degrees, clockwise from the right."""
    angles = np.radians(np.linspace(start, end, 49))
    return list(zip(x + radius * np.cos(angles), y + radius * np.sin(angles), strict=True))


DRAWINGS: dict[str, Strokes] = {
    "house": [[(22, 85), (22, 48), (50, 20), (78, 48), (78, 85), (22, 85)], [(42, 85), (42, 62), (58, 62), (58, 85)]],
    "fish": [[*arc(45, 62, 30, 218, 322)], [*arc(45, 25, 30, 38, 142)], [(68, 43), (86, 30), (86, 57), (68, 43)]],
    "face": [arc(50, 50, 32), arc(38, 42, 3), arc(62, 42, 3), arc(50, 52, 17, 25, 155)],
    "boat": [[(15, 65), (85, 65), (72, 82), (28, 82), (15, 65)], [(50, 65), (50, 15), (78, 56), (50, 56)]],
    "star": [[(50, 14), (72, 82), (14, 40), (86, 40), (28, 82), (50, 14)]],
    "arrow": [[(15, 50), (85, 50)], [(60, 25), (85, 50), (60, 75)]],
    "cup": [[(25, 30), (30, 80), (62, 80), (67, 30), (25, 30)], arc(66, 52, 14, -75, 90)],
    "umbrella": [[*arc(50, 50, 36, 180, 360), (14, 50)], [(50, 50), (50, 78), *arc(42, 78, 8, 0, 180)]],
}


def drawing(strokes: Strokes, size: int) -> npt.NDArray[np.uint8]:
    """White lines on black, uint8 [size, size, 1]."""
    side = size * OVERSAMPLED
    picture = Image.new("L", (side, side))
    draw = ImageDraw.Draw(picture)
    for points in strokes:
        placed = [(x * side / 100, y * side / 100) for x, y in points]
        draw.line(placed, 255, round(PEN * side / 100), joint="curve")
    return np.asarray(picture.resize((size, size), Image.Resampling.BOX))[..., None]


def main(folder: str) -> None:
    writer, digits_agent = spiral.load("omniglot-reconstruct"), spiral.load("mnist-reconstruct")
    size = writer.size
    characters = load(folder, size, 1, "test").evenly_spaced(16).images
    digits = load("mnist-sample", size, 1, "test").evenly_spaced(16).images
    rows = [
        characters,
        digits_agent.reconstruct(characters).canvases,
        digits,
        writer.reconstruct(digits).canvases,
    ]
    names = ["characters", "by digits' agent", "digits", "by characters' agent"]
    write_png(DOCS / "out-of-set.png", contact_sheet(rows, labels=names))
    drawings = np.stack([drawing(strokes, size) for strokes in DRAWINGS.values()])
    shown = np.concatenate([characters[: len(DRAWINGS)], drawings])
    strokes = [coloured_by_time(program).render(LARGE) for program in writer.reconstruct(shown).programs]
    sheet = contact_sheet([shown, np.stack(strokes)], columns=len(DRAWINGS))
    write_png(DOCS / "parsed.png", sheet)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python scripts/parsed.py FOLDER")
    main(sys.argv[1])
