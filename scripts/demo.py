"""`make demo`: paint real digits with the shipped agent, then train a fresh one for three minutes and show the gain."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console

from spiral.datasets import fit_image, load
from spiral.engines import missing
from spiral.exports.animation import write_gif
from spiral.exports.sheets import contact_sheet
from spiral.io.images import write_png
from spiral.learning.run_log import METRICS
from spiral.program import Program

OUT = Path("demo")
DIGITS = 16
MINUTES = os.environ.get("SPIRAL_DEMO_MINUTES", "3")
SIZE = 64
LEARNED = 0.8
"""A new agent must reduce the error below this share of the initial one, and of a blank canvas's."""

console = Console(stderr=True)


def spiral(*arguments: str) -> None:
    """Show and run the installed command."""
    console.print(f"[bold]$ spiral {' '.join(arguments)}")
    command = str(Path(sys.executable).with_name("spiral"))
    if status := subprocess.run([command, *arguments], check=False).returncode:
        sys.exit(status)


def paint(agent: str) -> None:
    """Paint held-out digits; write the sheet and the animation."""
    digits = load("mnist-sample", SIZE, 1, "test").images[:DIGITS]
    targets = OUT / "targets"
    targets.mkdir(parents=True)
    for index, digit in enumerate(digits):
        write_png(targets / f"{index:02d}.png", digit)
    files = sorted(targets.glob("*.png"))
    paintings = OUT / "paintings"
    spiral("paint", *map(str, files), "--checkpoint", agent, "--out", str(paintings))
    painted = np.stack([fit_image(paintings / path.name, SIZE, 1) for path in files])
    write_png(OUT / "digits.png", contact_sheet([digits, painted], 2, ["target", "painted"], columns=8))
    programs = [Program.load(paintings / f"{path.stem}.program.json") for path in files]
    films = np.stack([[frame.copy() for frame in program.process()] for program in programs])
    frames = [contact_sheet([digits, now], 2, ["target", "painted"], columns=8) for now in films.swapaxes(0, 1)]
    write_gif(OUT / "strokes.gif", np.stack(frames), milliseconds=400, last=2000)
    console.print(f"{OUT}/digits.png, {OUT}/strokes.gif and the programs in {paintings} are ready to look at")


def learn(preset: str) -> bool:
    """Train a new agent; write the sheet before/after and return whether it has learned."""
    run = OUT / "run"
    # Lessons for the whole run: in three minutes, an agent paid by the score from the second on left canvases blank.
    # Nothing asks for a score then, so the discriminator need not learn.
    lessons = ("--learning.lesson-pretraining", "1", "--learning.discriminator-updates", "0")
    spiral("train", preset, "--minutes", MINUTES, "--out", str(run), "--run.evaluate-seconds", "20", *lessons)
    rows = [json.loads(line) for line in (run / METRICS).read_text().splitlines()]
    errors = [row["mse"] / row["blank_mse"] for row in rows if "mse" in row]
    sheets = [np.asarray(Image.open(path).convert("RGB")) for path in sorted((run / "sheets").glob("*.png"))]
    write_png(OUT / "learning.png", contact_sheet([sheets[0][None], sheets[-1][None]], labels=["before", "after"]))
    console.print(
        f"error on held-out digits, as a share of a blank canvas's: {errors[0]:.3f} before, "
        f"{errors[-1]:.3f} after {MINUTES} minutes ({OUT}/learning.png)"
    )
    return errors[-1] < LEARNED * min(errors[0], 1.0)


def main() -> None:
    """Run the demo."""
    name = "mnist-reconstruct"
    if (reason := missing("mypaint")) is not None:
        name = "mnist-reconstruct-vector"
        console.print(f"libmypaint cannot be used here ({reason}): the demo uses the vector engine and its agent")
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    paint(name)
    if not learn(name):
        sys.exit("the fresh agent has not learned")


if __name__ == "__main__":
    main()
