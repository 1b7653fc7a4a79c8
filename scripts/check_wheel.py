"""Check that an installed release wheel paints by itself; ends with an error otherwise.

It needs only the wheel and its dependencies; run it with the Python of that installation.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from importlib.metadata import files, version
from pathlib import Path

import numpy as np
from PIL import Image

from spiral.datasets import load
from spiral.engines import missing, mypaint
from spiral.io.images import write_png

LIBRARIES = {"libmypaint", "libjson-c"}
LICENCES = {"LICENSE", "NOTICE", "libmypaint.txt", "json-c.txt", "nanobind.txt", "mypaint-brushes.txt"}
BRUSHES = 196
"""Brushes in mypaint-brushes 2.0."""


def check_contents() -> None:
    """Check the libraries, their licences and the brushes."""
    names = [Path(str(file)) for file in files("spiral-painter") or ()]
    libraries = [name for name in names if re.search(r"\.(so|dylib)(\.|$)", name.name) and "_mypaint" not in name.name]
    found = {re.split(r"[-.]\d|-[0-9a-f]{8}|\.", library.name)[0] for library in libraries}
    assert found == LIBRARIES, f"libraries in the wheel: {sorted(map(str, libraries))}"
    licences = {name.name for name in names if "licenses" in name.parts}
    assert licences >= LICENCES, f"licences that are not in the wheel: {LICENCES - licences}"
    brushes = list(mypaint.OWN_BRUSHES.rglob("*.myb"))
    assert len(brushes) == BRUSHES, f"{len(brushes)} brushes in {mypaint.OWN_BRUSHES}"


def check_painting(folder: Path) -> None:
    """Redraw a held-out digit with libmypaint and the wheel's own brushes."""
    assert missing("mypaint") is None, missing("mypaint")
    target = load("mnist-sample", 64, 1, "test").images[0]
    write_png(folder / "digit.png", target)
    spiral = Path(sys.executable).with_name("spiral")
    command = [spiral, "paint", folder / "digit.png", "--checkpoint", "mnist-reconstruct", "--out", folder / "painted"]
    subprocess.run(command, check=True, env={**os.environ, "SPIRAL_BRUSHES": str(mypaint.OWN_BRUSHES)})
    with Image.open(folder / "painted/digit.png") as picture:
        painted = np.asarray(picture.convert("L").resize((64, 64)), float) / 255
    wanted = target[..., 0] / 255
    error, blank = np.mean((painted - wanted) ** 2), np.mean(wanted**2)
    assert painted.max() > 0.5, "the picture is blank"
    assert error < 0.25 * blank, f"mean squared error {error:.4f}, that of a blank canvas {blank:.4f}"
    print(f"spiral {version('spiral-painter')}: mean squared error {error:.4f}, that of a blank canvas {blank:.4f}")


if __name__ == "__main__":
    check_contents()
    with tempfile.TemporaryDirectory() as temporary:
        check_painting(Path(temporary))
