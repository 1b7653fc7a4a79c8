"""Outlines of strokes as tensors: the polygons that Agg fills for a quadratic curve with round caps and joins.

Agg halves a curve until each part is nearly flat, keeps the middle of every part, and walks around that polyline at the
distance of the radius: a cap at each end, at every corner an arc outside and a mitre inside. Its tolerances are so wide
(up to a quarter of a pixel) that pictures are the same only if corners are. So these are its rules (Anti-Grain Geometry
2.4: `curve3_div`, `vcgen_stroke`, `math_stroke`), for all strokes of a batch at once and without a shape that depends
on them: what one stroke does not need repeats its last corner. All is float64, as in Agg.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_FLAT = 0.25
"""The square of the distance in pixels at which a part is flat."""
_COLLINEAR = 1e-30
_SAME = 1e-14
_ARC = 0.125
_INNER_LIMIT = 1.01


def levels_for(size: int) -> int:
    """How often a curve on a canvas of `size` pixels is halved at most; each time it is four times as flat."""
    return math.ceil(math.log(2 * size, 4)) + 1


def arc_points(radius: float) -> int:
    """The most corners between the ends of a cap or a join of this radius."""
    return int(math.pi / (2.0 * math.acos(radius / (radius + _ARC))))


def polylines(start: Tensor, control: Tensor, end: Tensor, levels: int) -> tuple[Tensor, Tensor]:
    """The polylines of quadratic curves.

    Args:
        start: float64 [N, 2], (x, y) in pixels.
        control: likewise.
        end: likewise.
        levels: see `levels_for`.

    Returns:
        Points float64 [N, V, 2], and how many of them each curve has, int64 [N]; the rest repeat the last.
    """
    parts = torch.stack([start, control, end], dim=1)[:, None]  # [N, parts of this level, 3, 2]
    going = torch.ones_like(start[:, :1], dtype=torch.bool)  # which are parts of curves that are not flat yet
    found: list[tuple[Tensor, Tensor]] = []
    for level in range(levels + 1):
        first, second, third = parts.unbind(2)
        left, right = (first + second) / 2, (second + third) / 2
        middle = (left + right) / 2
        point, kept, ends = _flatness(first, second, third, middle)
        if level == levels:
            ends, kept = torch.ones_like(ends), kept | ~ends
        # Each is put where its middle is among the parts of the last level.
        spread = 2 ** (levels - level)
        found.append((point.repeat_interleave(spread, 1), _first_of(going & ends & kept, spread)))
        going = (going & ~ends).repeat_interleave(2, 1)
        halves = [torch.stack([first, left, middle], dim=2), torch.stack([middle, right, third], dim=2)]
        parts = torch.stack(halves, dim=2).flatten(1, 2)
    shown = torch.stack([kept for _, kept in found])
    inner = (torch.stack([point for point, _ in found]) * shown[..., None]).sum(0)
    always = torch.ones_like(going[:, :1])
    points = torch.cat([start[:, None], inner, end[:, None]], dim=1)
    points, _ = _packed(points, torch.cat([always, shown.any(0), always], dim=1))
    # Agg leaves out a point that is where the one before it is.
    apart = (points[:, 1:] - points[:, :-1]).norm(dim=-1) > _SAME
    return _packed(points, torch.cat([always, apart], dim=1))


def _flatness(first: Tensor, second: Tensor, third: Tensor, middle: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What Agg does with parts of curves: the point it keeps, whether it keeps one, whether it halves no further."""
    chord = third - first
    across = ((second - third)[..., 0] * chord[..., 1] - (second - third)[..., 1] * chord[..., 0]).abs()
    length = chord.square().sum(-1)
    regular = across > _COLLINEAR
    along = ((second - first) * chord).sum(-1) / torch.where(length == 0, 1.0, length)
    between = ~regular & (length > 0) & (along > 0) & (along < 1)
    beyond = torch.where(
        (length == 0) | (along <= 0), (second - first).square().sum(-1), (second - third).square().sum(-1)
    )
    flat = torch.where(regular, across.square() <= _FLAT * length, between | (beyond < _FLAT))
    return torch.where(regular[..., None], middle, second), ~between, flat


def _first_of(mask: Tensor, spread: int) -> Tensor:
    """A mask [N, parts] over `spread` times as many places, true at the first place of each."""
    result = torch.zeros(*mask.shape, spread, dtype=torch.bool, device=mask.device)
    result[..., 0] = mask
    return result.flatten(1)


def _packed(points: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """The valid points of each row first, in their order; the rest repeat the last one."""
    order = (~valid).to(torch.uint8).argsort(dim=1, stable=True)
    count = valid.sum(1)
    place = torch.arange(points.shape[1], device=points.device)
    order = order.gather(1, torch.minimum(place, count[:, None] - 1))
    return points.gather(1, order[..., None].expand(-1, -1, 2)), count


def outlines(points: Tensor, count: Tensor, radius: Tensor, arc: int) -> Tensor:
    """The closed polygons around polylines: float64 [N, E, 2], some corners repeated.

    Args:
        points: float64 [N, V, 2].
        count: int64 [N], at least 2.
        radius: float64 [N], pixels.
        arc: the most corners inside a cap or join; see `arc_points`.
    """
    inner = torch.arange(1, points.shape[1] - 1, device=points.device)
    used = inner < count[:, None] - 1
    last = points.gather(1, (count - 1)[:, None, None].expand(-1, 1, 2))
    before = points.gather(1, (count - 2)[:, None, None].expand(-1, 1, 2))
    previous, here, following = points[:, :-2], points[:, 1:-1], points[:, 2:]
    there, shown_there = _joins(previous, here, following, radius[:, None], arc)
    back, shown_back = _joins(following, here, previous, radius[:, None], arc)
    caps = [_caps(points[:, :1], points[:, 1:2], radius[:, None], arc), _caps(last, before, radius[:, None], arc)]
    corners = [caps[0][0], there, caps[1][0], back.flip(1)]
    shown = [
        caps[0][1],
        shown_there & used[..., None],
        caps[1][1],
        (shown_back & used[..., None]).flip(1),
    ]
    polygon = torch.cat([part.flatten(1, 2) for part in corners], dim=1)
    valid = torch.cat([part.flatten(1) for part in shown], dim=1)
    place = torch.arange(valid.shape[1], device=valid.device).expand_as(valid)
    source = torch.where(valid, place, 0).cummax(1).values  # the first corner of all is always there
    return polygon.gather(1, source[..., None].expand(-1, -1, 2))


def _normals(start: Tensor, end: Tensor, radius: Tensor) -> tuple[Tensor, Tensor]:
    """The offset of a line's right side, float64 [N, M, 2], and the line's length."""
    line = end - start
    length = line.norm(dim=-1)
    unit = line / length.clamp_min(_SAME)[..., None]
    return radius[..., None] * torch.stack([unit[..., 1], -unit[..., 0]], dim=-1), length


def _arc_corners(centre: Tensor, begin: Tensor, turn: Tensor, radius: Tensor, steps: Tensor, arc: int) -> Tensor:
    """The corners inside arcs of `steps` corners from the angle `begin` on: float64 [N, M, arc, 2]."""
    number = torch.arange(1, arc + 1, device=centre.device)
    angle = begin[..., None] + turn[..., None] * number / (steps + 1)[..., None]
    around = torch.stack([angle.cos(), angle.sin()], dim=-1)
    return centre[..., None, :] + radius[..., None, None] * around


def _step(radius: Tensor) -> Tensor:
    return 2.0 * torch.acos(radius / (radius + _ARC))


def _caps(end: Tensor, inwards: Tensor, radius: Tensor, arc: int) -> tuple[Tensor, Tensor]:
    """Round caps at ends [N, 1, 2]: corners [N, 1, arc + 2, 2] and which of them there are."""
    offset, _ = _normals(end, inwards, radius)
    steps = (math.pi / _step(radius)).floor()
    begin = torch.atan2(-offset[..., 1], -offset[..., 0])
    around = _arc_corners(end, begin, torch.full_like(begin, math.pi), radius, steps, arc)
    corners = torch.cat([(end - offset)[..., None, :], around, (end + offset)[..., None, :]], dim=-2)
    return corners, _shown(steps, arc)


def _shown(steps: Tensor, arc: int) -> Tensor:
    """The first and last corner, and `steps` of those between."""
    inside = torch.arange(arc, device=steps.device) < steps[..., None]
    ends = (
        torch.ones_like(inside[..., :1]) if arc else torch.ones(*steps.shape, 1, dtype=torch.bool, device=steps.device)
    )
    return torch.cat([ends, inside, ends], dim=-1)


def _joins(previous: Tensor, here: Tensor, following: Tensor, radius: Tensor, arc: int) -> tuple[Tensor, Tensor]:
    """Joins on the right side of corners [N, M, 2]: corners [N, M, arc + 2, 2] and which of them there are."""
    first, length = _normals(previous, here, radius)
    second, next_length = _normals(here, following, radius)
    turning = (following - here)[..., 0] * (here - previous)[..., 1] - (following - here)[..., 1] * (here - previous)[
        ..., 0
    ]
    inside = turning > 0
    crossing, crosses = _intersection(previous + first, here + first, here + second, following + second)
    single = torch.where(crosses[..., None], crossing, here + first)
    # Inside, the mitre is cut where it is longer than the shorter line; on a straight line it is where that goes on.
    limit = torch.minimum(length, next_length).clamp_min(radius * _INNER_LIMIT)
    short = (crossing - here).norm(dim=-1) <= limit
    on = ((here - previous) * (following - here)).sum(-1) > 0
    mitred = torch.where(crosses, short, on)
    # Outside, a corner that is hardly one is a single point, too.
    bevel = ((first + second) / 2).norm(dim=-1)
    blunt = radius - bevel < radius / 1024
    begin, turn = torch.atan2(first[..., 1], first[..., 0]), torch.atan2(second[..., 1], second[..., 0])
    turn = turn - begin
    turn = torch.where(turn < 0, turn + 2 * math.pi, turn)
    steps = (turn / _step(radius)).floor()
    around = _arc_corners(here, begin, turn, radius, steps, arc)
    one = torch.where(inside, mitred, blunt)
    steps = torch.where(inside | one, 0.0, steps)
    start = torch.where(one[..., None], single, here + first)
    corners = torch.cat([start[..., None, :], around, (here + second)[..., None, :]], dim=-2)
    shown = _shown(steps, arc)
    return corners, torch.cat([shown[..., :-1], shown[..., -1:] & ~one[..., None]], dim=-1)


def _intersection(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
    """Where the lines through a and b and through c and d cross, and whether they do."""
    number = (a - c)[..., 1] * (d - c)[..., 0] - (a - c)[..., 0] * (d - c)[..., 1]
    below = (b - a)[..., 0] * (d - c)[..., 1] - (b - a)[..., 1] * (d - c)[..., 0]
    crosses = below.abs() >= _COLLINEAR
    share = number / torch.where(crosses, below, 1.0)
    return a + share[..., None] * (b - a), crosses
