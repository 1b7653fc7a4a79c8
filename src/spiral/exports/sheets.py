"""Contact sheets: many small pictures on one, in aligned rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

_GAP = 2
_COLUMNS = 16
_PAPER, _TEXT = 235, (40, 40, 40)


def contact_sheet(
    rows: Sequence[npt.NDArray[np.uint8]],
    scale: int = 1,
    labels: Sequence[str] = (),
    columns: int = _COLUMNS,
) -> npt.NDArray[np.uint8]:
    """Rows of pictures with their n-th pictures aligned; long rows are folded together.

    Args:
        rows: each uint8 [N, H, W, C], all of one N; sizes and C may differ from row to row.
        scale: whole factor by which the largest pictures are enlarged; smaller ones are enlarged to match.
        labels: a word for each row, written to its left.
        columns: pictures in a line before it is folded.

    Returns:
        uint8 [height, width, 3].

    Raises:
        ValueError: rows of different lengths, or not one label per row.
    """
    if len({len(row) for row in rows}) != 1 or (labels and len(labels) != len(rows)):
        raise ValueError("rows must have the same number of pictures, and labels one word each")
    count = len(rows[0])
    high, wide = (scale * max(row.shape[axis] for row in rows) for axis in (1, 2))
    font = ImageFont.load_default(size=max(10, min(high // 5, 24)))
    indent = max((int(font.getlength(label)) for label in labels), default=0) + (3 * _GAP if labels else 0)
    lines = -(-count // columns)
    width = indent + min(count, columns) * (wide + _GAP) + _GAP
    band = len(rows) * (high + _GAP) + 2 * _GAP
    sheet = Image.new("RGB", (width, lines * band), (_PAPER,) * 3)
    draw = ImageDraw.Draw(sheet)
    for index in range(count):
        line, column = divmod(index, columns)
        for position, row in enumerate(rows):
            top = line * band + position * (high + _GAP) + _GAP
            picture = Image.fromarray(row[index].squeeze(-1) if row.shape[3] == 1 else row[index]).convert("RGB")
            left = indent + column * (wide + _GAP) + _GAP
            sheet.paste(picture.resize((wide, high), Image.Resampling.NEAREST), (left, top))
            if labels and column == 0:
                draw.text((_GAP, top + high // 2), labels[position], _TEXT, font, anchor="lm")
    return np.asarray(sheet)
