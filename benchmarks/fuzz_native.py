"""Random input for the native extension, valid and invalid; used by sanitize.sh under the sanitizers."""

from __future__ import annotations

import importlib.util
import sys

import numpy as np

spec = importlib.util.spec_from_file_location("spiral.engines._mypaint", sys.argv[1])
assert spec is not None and spec.loader is not None
native = importlib.util.module_from_spec(spec)
spec.loader.exec_module(native)
sys.modules["spiral.engines._mypaint"] = native

import spiral.engines  # noqa: E402

spiral.engines._mypaint = native  # pyright: ignore[reportAttributeAccessIssue]

from spiral.engines import make  # noqa: E402
from spiral.engines.mypaint import read_brush  # noqa: E402

BRUSHES = ("classic/dry_brush", "classic/pen", "classic/charcoal", "deevad/liner", "classic/smudge")
SIZES = (8, 9, 63, 64, 65, 130, 200)


def valid(generator: np.random.Generator) -> int:
    """Programs of random commands on canvases of odd sizes."""
    count = 0
    for size in SIZES:
        for brush in BRUSHES:
            channels = int(generator.choice([1, 3]))
            radii = (0.3, 2.0, 40.0)
            settings = {"size": size, "brush": brush, "radii": radii, "channels": channels}
            engine = make("mypaint", 3, settings, threads=int(generator.integers(1, 4)))
            for _ in range(6):
                engine.step(engine.specification.random(generator, (3,)), generator.random(3) < 0.7)
                engine.reset(generator.integers(2**40, size=3), generator.random(3) < 0.3)
                count += 3
    return count


def invalid(generator: np.random.Generator) -> tuple[int, int]:
    """Pass arrays of random shapes, types and values to the native class; returns how many it took and refused."""
    taken = refused = 0
    canvases = native.Canvases(2, 33, 1, read_brush("classic/pen"), [0.0, 0.0, 0.0])
    values = (0.0, 1.0, 0.5, 60.0, -60.0, 1e9, -1e9, float("nan"), float("inf"), 1e-30)

    def array(shape: tuple[int, ...], kind: type) -> np.ndarray:
        shape = tuple(max(0, side + int(generator.choice([0] * 12 + [-1, 1]))) for side in shape)
        if kind is np.uint8:
            return generator.integers(0, 2, shape).astype(np.uint8)
        chosen = values if generator.random() < 0.3 else values[:3]
        return generator.choice(chosen, shape).astype(kind if generator.random() < 0.95 else np.float64)

    for _ in range(3000):
        f, u = np.float32, np.uint8
        arguments = [array((2,), u), array((2,), u), array((2, 2), f), bool(generator.integers(2)), array((2, 2), f)]
        arguments += [array((2,), f), array((2,), f), array((2, 3), f), array((2, 33, 33, 1), u)]
        arguments[8] = np.zeros_like(arguments[8])
        try:
            canvases.stroke(*arguments, int(generator.integers(-2, 5)))
            taken += 1
        except (ValueError, TypeError):
            refused += 1
    for batch, size, channels in ((0, 8, 1), (1, 0, 1), (1, 99999, 1), (1, 8, 2), (-1, 8, 1)):
        try:
            native.Canvases(batch, size, channels, "{}", [0.0, 0.0, 0.0])
            raise AssertionError("a wrong size was taken")
        except ValueError:
            refused += 1
    return taken, refused


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    print(f"{valid(rng)} strokes on canvases of {SIZES}, {len(BRUSHES)} brushes")
    print("wrong input: {} calls taken, {} refused; the sanitizers found nothing".format(*invalid(rng)))
