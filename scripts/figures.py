"""Draw the figure of docs/how.md: a digit's canvases, the discriminator's score of each, and the rewards."""

import io
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

import spiral
from spiral.datasets import load
from spiral.engines import observe
from spiral.io.files import write_atomically

mpl.use("Agg")
import matplotlib.pyplot as plt

OUT = Path(__file__).parents[1] / "docs" / "assets" / "scores.svg"
DIGIT = 1  # of the held-out ones


def main() -> None:
    agent = spiral.load("mnist-reconstruct-vector")
    target = load("mnist-sample", agent.size, agent.channels, "test").images[DIGIT]
    canvases = np.stack([canvas.copy() for canvas in agent.paint(target).process()])
    seen = observe(canvases, agent.size)
    scores = agent.score(seen, np.repeat(target[None], len(seen), axis=0))
    figure = plt.figure(figsize=(10, 3.6), layout="constrained")
    halves: Any = figure.subfigures(2, 1, height_ratios=(1, 2))
    above, below = halves
    for axes, picture, name in zip(
        above.subplots(1, len(canvases) + 1), [*canvases, target], [*range(len(canvases)), "target"], strict=True
    ):
        axes.imshow(picture[..., 0], cmap="gray", vmin=0, vmax=255)
        axes.set_title(str(name), fontsize=8)
        axes.axis("off")
    left, right = below.subplots(1, 2)
    left.plot(scores, "o-", color="#37474f")
    left.set(xlabel="commands painted, t", ylabel="score of the canvas", title="D(canvas | target)")
    right.bar(np.arange(1, len(scores)), np.diff(scores), color="#d84315")
    right.set(xlabel="command t", ylabel="reward", title="temporal credit: how much the command raised the score")
    for axes in (left, right):
        axes.title.set_fontsize(9)
        axes.spines[["top", "right"]].set_visible(False)
    mpl.rcParams["svg.hashsalt"] = "spiral"
    memory = io.BytesIO()
    figure.savefig(memory, format="svg", metadata={"Date": None})
    write_atomically(OUT, memory.getvalue())


if __name__ == "__main__":
    main()
