"""How much of each pixel polygons cover: Agg's rasterizer in whole numbers, for a batch of polygons at once.

Every edge is cut at the rows of pixels, and every cut at their columns, on Agg's grid of 256ths (Anti-Grain Geometry
2.4: `rasterizer_cells_aa`). What a cut edge covers is the pixels behind it in its row, and a part of its own.
"""

from __future__ import annotations

import torch
from torch import Tensor

SUBPIXELS = 256
"""Agg's grid is so fine."""


def cover(polygons: Tensor, size: int, cuts: int) -> Tensor:
    """How much closed polygons cover of each pixel: int64 [N, size, size], 0 to 256 where an outline runs round once.

    Args:
        polygons: int64 [N, E, 2], corners (x, y) in 256ths of a pixel.
        size: side of the canvases.
        cuts: the most pixels that the edges of a polygon touch, all added up.
    """
    count = len(polygons)
    x0, y0 = polygons.unbind(2)
    x1, y1 = polygons.roll(-1, dims=1).unbind(2)
    limit = size * SUBPIXELS
    upper, lower = torch.minimum(y0, y1).clamp(0, limit), torch.maximum(y0, y1).clamp(0, limit)
    row, (x0, y0, x1, y1, upper, lower), there = _cut(upper, lower, cuts, (x0, y0, x1, y1, upper, lower))
    top, bottom = torch.maximum(row * SUBPIXELS, upper), torch.minimum((row + 1) * SUBPIXELS, lower)
    begin, end = torch.where(y1 > y0, top, bottom), torch.where(y1 > y0, bottom, top)
    xs = [_along(y, y0, x0, y1, x1) for y in (begin, end)]
    ys = [y - row * SUBPIXELS for y in (begin, end)]
    # From left to right: the same cut whichever way it runs, apart from its sign.
    right = xs[1] >= xs[0]
    left_x, right_x = torch.minimum(*xs), torch.maximum(*xs)
    left_y, right_y = torch.where(right, ys[0], ys[1]), torch.where(right, ys[1], ys[0])
    sign = torch.where(right, 1, -1) * there
    # A vertical cut, or a part of none, touches one pixel.
    past = torch.maximum(right_x, left_x + 1)
    of_cut = (left_x, left_y, right_x, right_y, sign, row)
    column, (left_x, left_y, right_x, right_y, sign, row), there = _cut(left_x, past, cuts, of_cut)
    left, right = torch.maximum(column * SUBPIXELS, left_x), torch.minimum((column + 1) * SUBPIXELS, right_x)
    enters = torch.where(left == left_x, left_y, _along(left, left_x, left_y, right_x, right_y))
    leaves = torch.where(right == right_x, right_y, _along(right, left_x, left_y, right_x, right_y))
    height = sign * there * (leaves - enters)
    area = height * (left + right - 2 * column * SUBPIXELS)
    # What is to the left of the canvas covers all of its row, what is to the right of it nothing.
    width = size + 2
    place = row.clamp(0, size - 1) * width + (column + 1).clamp(0, width - 1)
    heights, areas = torch.zeros(2, count, size * width, dtype=torch.int64, device=polygons.device)
    heights.scatter_add_(1, place, height)
    areas.scatter_add_(1, place, area)
    behind = heights.view(count, size, width).cumsum(2) * (2 * SUBPIXELS)
    return ((behind - areas.view(count, size, width)) >> 9)[..., 1:-1].abs()


def _cut(low: Tensor, high: Tensor, most: int, values: tuple[Tensor, ...]) -> tuple[Tensor, list[Tensor], Tensor]:
    """Cut ranges from `low` to `high` [N, E], in 256ths, at whole pixels.

    Returns:
        The pixel of each piece [N, most], the values of the range that it is of, and which pieces there are.
    """
    first = low.div(SUBPIXELS, rounding_mode="floor")
    pieces = torch.where(high > low, -((-high).div(SUBPIXELS, rounding_mode="floor")) - first, 0)
    ends = pieces.cumsum(1)
    number = torch.arange(most, device=low.device).expand(len(low), -1).contiguous()
    source = torch.searchsorted(ends, number, right=True).clamp_max(low.shape[1] - 1)
    pixel = (first - ends + pieces).gather(1, source) + number
    return pixel, [value.gather(1, source) for value in values], number < ends[:, -1:]


def _along(at: Tensor, start: Tensor, start_value: Tensor, end: Tensor, end_value: Tensor) -> Tensor:
    """The value at a place along a line, rounded down, as Agg's rasterizer has it."""
    length = torch.where(end == start, 1, end - start)
    return start_value + ((at - start) * (end_value - start_value)).div(length, rounding_mode="floor")
