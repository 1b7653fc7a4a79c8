"""Search over the whole canvas: a bank of marks, each tried at every place at once.

A mark's coverage is the same at every place, so the sums of `closed_form` at all places are correlations, computed by
the fast Fourier transform. Large marks are correlated on coarser grids.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from spiral.painting.marks import SIDE, SIZE, Coverage, Floats, Marks, shrink

_FINE = 2.2
_COARSENESS = ((12.0, 4), (_FINE, 2), (0.0, 1))
"""(least radius, pixels a search cell) on a canvas of `SIDE` pixels."""
_LENGTHS = (0.0, 2.0, 5.0, 10.0, 20.0)
"""In radii."""
_LONGEST = 0.75
_ANGLES = 10
_BENDS = (0.0, 0.3, -0.3)
"""How far the control point lies beside the straight line, in lengths."""
_BLOCK = 4
"""Side, in search cells, of the squares of which the best place is kept."""
_EVERY = 2
"""Every second size is in the bank."""
_FASTEST = (32, 36, 40, 48, 54, 64, 72, 80, 96, 108, 128, 144, 160, 192, 216, 256, 288, 320, 384, 432, 512)


@dataclass(frozen=True)
class Template:
    """Marks of one size.

    Attributes:
        step: pixels a search cell.
        side: n, cells of the search grid, padding included.
        marks: int64 [T, 8], relative to their middle, in grid cells.
        spectra: complex64 [T, 2, n, n // 2 + 1], of coverage and of squared coverage, conjugate.
        bounds: int64 [T, 4], first and last row, first and last column of allowed middles.
        weight: float32 [T, m, m], the sum of weighted squared coverage at each place of the unpadded grid.
    """

    step: int
    side: int
    marks: Marks
    spectra: torch.Tensor
    bounds: npt.NDArray[np.int64]
    weight: torch.Tensor


def shapes(coverage: Coverage, radius: float, size: int) -> Marks:
    """Marks of one size, relative to their middle: int64 [T, 8] in pixels."""
    side = coverage.settings.size
    rows, full = [], coverage.settings.pressures - 1
    pressures = (full, full // 2) if radius >= _FINE * side / SIDE else (full,)
    for length in _LENGTHS:
        span = length * radius
        if span > _LONGEST * side or (0 < span < 2):
            continue
        for angle in range(_ANGLES if span else 1):
            for bend in _BENDS if length >= 4 else (0.0,):
                for pressure in pressures:
                    direction = np.pi * angle / _ANGLES
                    along = np.array([np.cos(direction), np.sin(direction)]) * span / 2
                    # The curve passes midway between its control point and the line.
                    beside = np.array([-along[1], along[0]]) * bend * 4
                    points = np.round(np.concatenate([-along - beside / 4, beside * 0.75, along - beside / 4]))
                    rows.append([*points.astype(int), size, pressure])
    return np.array(rows, np.int64)


class Bank:
    """Marks of many sizes, lengths, directions and bends. A size is rendered when it is first searched."""

    def __init__(self, coverage: Coverage, weights: Floats) -> None:
        """Make a bank without marks.

        Args:
            coverage: renders marks.
            weights: float32 [S, S], of the pixels.
        """
        self.coverage, self.weights, self.side = coverage, weights, coverage.settings.size
        self._templates: dict[int, Template] = {}

    def _step(self, radius: float) -> int:
        """Pixels a search cell for marks of a radius."""
        unit = self.side / SIDE
        return next(round(coarseness * unit) or 1 for least, coarseness in _COARSENESS if radius >= least * unit)

    def _template(self, marks: Marks, step: int) -> Template:
        coverage, side = self.coverage, self.side
        reach = coverage.reach[marks[:, SIZE]]
        n = next(f for f in _FASTEST if f >= side // step + reach.max() / step)
        spectra = torch.zeros((len(marks), 2, n, n // 2 + 1), dtype=torch.complex64)
        weight = torch.zeros((len(marks), side // step, side // step))
        small = np.zeros((1, n, n), np.float32)
        small[0, : side // step, : side // step] = shrink(self.weights[None], step)[0]
        spectrum = torch.fft.rfft2(torch.from_numpy(small))
        cells = side // step
        for rows, seen in self._rendered(marks, reach, step):
            half = seen.shape[1] // 2
            # The middle comes to the origin; what is left of it wraps around.
            places = (np.arange(2 * half) - half) % n
            whole = np.zeros((len(seen), n, n), np.float32)
            whole[:, places[:, None], places[None]] = seen
            both = torch.from_numpy(np.stack([whole, np.square(whole)], 1))
            spectra[rows] = torch.fft.rfft2(both).conj()
            weight[rows] = torch.fft.irfft2(spectra[rows][:, 1] * spectrum, s=(n, n))[:, :cells, :cells]
        xs, ys = marks[:, 0:SIZE:2], marks[:, 1:SIZE:2]
        bounds = np.stack([-ys.min(1), side - 1 - ys.max(1), -xs.min(1), side - 1 - xs.max(1)], 1)
        bounds = np.stack(
            [-(-bounds[:, 0] // step), bounds[:, 1] // step, -(-bounds[:, 2] // step), bounds[:, 3] // step], 1
        )
        return Template(step, n, marks, spectra, bounds, weight)

    def _rendered(
        self, marks: Marks, reach: npt.NDArray[np.float64], step: int
    ) -> Iterator[tuple[torch.Tensor, Floats]]:
        """Rows of marks, and their coverage float32 [R, m, m] in search cells around their middle."""
        needed = np.abs(marks[:, :SIZE]).max(1) + reach
        for wide in (32, 64, 128, 256, 512, 1024):
            fits = np.flatnonzero((needed <= wide // 2) & (needed > (wide // 4 if wide > 32 else 0)))
            for start in range(0, len(fits), 64):
                rows = fits[start : start + 64]
                # A grid of at most 256 cells: on wide canvases a cell is two pixels.
                grid = min(wide, 256)
                moved = marks[rows]
                moved[:, :SIZE] = np.clip((moved[:, :SIZE] + wide // 2) * grid // wide, 0, grid - 1)
                seen = self.coverage.render(moved, wide, grid)
                side = min(2 * self.side, wide)
                edge = (wide - side) // 2
                yield torch.from_numpy(rows), shrink(seen[:, edge : edge + side, edge : edge + side], step)

    def search(
        self,
        first: Floats,
        second: Floats,
        generator: np.random.Generator,
        share: float,
        radii: tuple[float, float],
        only: Floats | None = None,
    ) -> tuple[Marks, npt.NDArray[np.float64]]:
        """The best mark at each of many places: int64 [N, 8] in cells, and its estimated gains float64 [N], best first.

        Args:
            first: float32 [C + 1, S, S] of `closed_form.fields`.
            second: float32 [C + 2, S, S].
            generator: chooses marks of the bank.
            share: of the bank that is tried.
            radii: smallest and largest in pixels.
            only: the colour of all marks, float32 [C]; each mark's best colour when None.
        """
        own = self.coverage.radii
        found, gains = [], []
        spectra: dict[tuple[int, int], tuple[torch.Tensor, torch.Tensor]] = {}
        for size in range(0, len(own), _EVERY):
            if not radii[0] <= own[size] <= radii[1]:
                continue
            if size not in self._templates:
                marks = shapes(self.coverage, own[size], size)
                self._templates[size] = self._template(marks, self._step(own[size]))
            template = self._templates[size]
            chosen = np.flatnonzero(generator.random(len(template.marks)) < share)
            if not len(chosen):
                continue
            key = template.step, template.side
            if key not in spectra:
                spectra[key] = _spectra(shrink(first, key[0]), key[1]), _spectra(shrink(second[:-1], key[0]), key[1])
            marks, some = self._try(template, chosen, *spectra[key], only)
            found.append(marks)
            gains.append(some)
        if not found:
            return np.zeros((0, 8), np.int64), np.zeros(0)
        marks, gain = np.concatenate(found), np.concatenate(gains)
        order = np.argsort(-gain, kind="stable")
        return marks[order], gain[order]

    def _try(
        self,
        template: Template,
        chosen: npt.NDArray[np.int64],
        once: torch.Tensor,
        twice: torch.Tensor,
        only: Floats | None,
    ) -> tuple[Marks, npt.NDArray[np.float64]]:
        step, n = template.step, template.side
        half = self.side // step
        best = torch.full((half, half), -torch.inf)
        which = torch.zeros((half, half), dtype=torch.int64)
        for start in range(0, len(chosen), 32):
            rows = torch.from_numpy(chosen[start : start + 32])
            spectra = template.spectra[rows]
            sums = torch.fft.irfft2(spectra[:, :1] * once + spectra[:, 1:] * twice, s=(n, n))[..., :half, :half]
            both, f, d = sums[:, :-1], sums[:, -1], template.weight[rows]
            if only is None:
                colours = (both / d.clamp_min(1e-6)[:, None]).clamp(0.0, 1.0)
            else:
                colours = torch.from_numpy(only)[:, None, None]
            gain = (colours * (2 * both - colours * d[:, None])).sum(1) - f
            for row, (top, bottom, left, right) in enumerate(template.bounds[chosen[start : start + 32]].tolist()):
                gain[row, :top], gain[row, bottom + 1 :] = -torch.inf, -torch.inf
                gain[row, :, :left], gain[row, :, right + 1 :] = -torch.inf, -torch.inf
            most, row = gain.max(0)
            better = most > best
            best = torch.where(better, most, best)
            which = torch.where(better, rows[row], which)
        gains, places = torch.nn.functional.max_pool2d(best[None, None], _BLOCK, return_indices=True)
        gain, place = gains.flatten().numpy(), places.flatten().numpy()
        kept = gain > 0
        gain, place = gain[kept].astype(np.float64) * step**2, place[kept]
        marks = template.marks[which.flatten().numpy()[place]].copy()
        y, x = np.divmod(place, half)
        marks[:, 0:SIZE:2] = np.round((marks[:, 0:SIZE:2] + x[:, None] * step) * self.coverage.cells)
        marks[:, 1:SIZE:2] = np.round((marks[:, 1:SIZE:2] + y[:, None] * step) * self.coverage.cells)
        marks[:, :SIZE] = np.clip(marks[:, :SIZE], 0, self.coverage.settings.grid - 1)
        return marks, gain


def _spectra(pictures: Floats, side: int) -> torch.Tensor:
    padded = np.zeros((len(pictures), side, side), np.float32)
    padded[:, : pictures.shape[1], : pictures.shape[2]] = pictures
    return torch.fft.rfft2(torch.from_numpy(padded))
