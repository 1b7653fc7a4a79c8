"""The command that has an agent write programs for others to learn from."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from spiral.commands.output import console, progress_bar
from spiral.errors import InputError

_BATCH = 256


@dataclass(frozen=True)
class Lessons:
    """Have an agent redraw a data set, for others to learn from its programs: `--learning.lesson-programs`."""

    out: Path
    """The `.npz` to write: `images` as the agent sees them, and `programs`."""
    data: str
    """A data set: `mnist-sample`, `glyphs`, a folder, an .npz file, hf:NAME."""
    checkpoint: str | None = None
    """A shipped agent, an agent's folder, a run's folder, or hf:OWNER/NAME; mnist-reconstruct, or where libmypaint is
    missing mnist-reconstruct-vector, when left out."""
    split: str | None = "train"
    """train or test."""
    limit: int | None = None
    """At most so many pictures, spread evenly over the data set."""
    commands: int | None = None
    """Length of the programs; that of the agent's episodes when left out."""
    evaluations: int = 0
    """Refine each program by so many executions, as `spiral refine` does; programs keep their length."""
    seed: int = 0
    """Seed of the brush, and of what is tried."""

    def __call__(self) -> None:
        """Run it."""
        import numpy as np

        from spiral.agent import load_agent
        from spiral.datasets import load
        from spiral.io.files import make_folder, write_atomically
        from spiral.painting.refining import refine

        if self.split not in (None, "train", "test"):
            raise InputError(f"--split must be train or test, got {self.split!r}")
        if self.limit is not None and self.limit < 1:
            raise InputError(f"--limit must be at least 1, got {self.limit}")
        if self.evaluations < 0:
            raise InputError(f"--evaluations must be at least 0, got {self.evaluations}")
        agent = load_agent(self.checkpoint)
        images = load(self.data, agent.size, agent.channels, self.split).evenly_spaced(self.limit).images
        programs = []
        with progress_bar(self.out.name, len(images)) as report:
            for start in range(0, len(images), _BATCH):
                targets = images[start : start + _BATCH]
                painted = agent.reconstruct(targets, self.seed + start, commands=self.commands).programs
                if self.evaluations:
                    painted = refine(painted, targets, self.evaluations, self.seed + start, shorten=False).programs
                programs += [program.array() for program in painted]
                report(len(programs))
        buffer = io.BytesIO()
        np.savez_compressed(buffer, images=images, programs=np.stack(programs).astype(np.int16))
        make_folder(self.out.parent)
        write_atomically(self.out, buffer.getvalue())
        console.print(f"wrote {len(programs)} programs of {agent.name} to {self.out}")
