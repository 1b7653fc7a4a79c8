"""The command that writes programs for agents to learn from: those of another agent, or found by search."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from spiral.commands.output import console, progress_bar
from spiral.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_BATCH = 256


@dataclass(frozen=True)
class Lessons:
    """Redraw a data set, by an agent or by search, for agents to learn from: `--learning.lesson-programs`."""

    out: Path
    """The `.npz` to write: `images` as the agent sees them, and `programs`."""
    data: str
    """A data set: `mnist-sample`, `glyphs`, a folder, an .npz file, hf:NAME."""
    checkpoint: str | None = None
    """A shipped agent, an agent's folder, a run's folder, or hf:OWNER/NAME; mnist-reconstruct, or where libmypaint is
    missing mnist-reconstruct-vector, when left out."""
    preset: str | None = None
    """Instead of an agent: search for programs of this experiment's commands, which must name where strokes start."""
    strokes: int = 40_000
    """With a preset, how many random strokes are compared at every step."""
    moves: int = 4
    """With a preset, how often the best stroke is moved in eight ways at every step."""
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

        from spiral.io.files import make_folder, write_atomically

        if self.evaluations < 0:
            raise InputError(f"--evaluations must be at least 0, got {self.evaluations}")
        if self.commands is not None and self.commands < 1:
            raise InputError(f"--commands must be at least 1, got {self.commands}")
        if self.preset is not None and (self.checkpoint is not None or self.evaluations):
            raise InputError("programs are an agent's or found by search: leave out --preset, or the other options")
        images, programs, author = self._by_agent() if self.preset is None else self._by_search(self.preset)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, images=images, programs=programs.astype(np.int16))
        make_folder(self.out.parent)
        write_atomically(self.out, buffer.getvalue())
        console.print(f"wrote {len(programs)} programs of {author} to {self.out}")

    def _images(self, size: int, channels: int) -> npt.NDArray[np.uint8]:
        from spiral.datasets import load

        if self.split not in (None, "train", "test"):
            raise InputError(f"--split must be train or test, got {self.split!r}")
        if self.limit is not None and self.limit < 1:
            raise InputError(f"--limit must be at least 1, got {self.limit}")
        return load(self.data, size, channels, self.split).evenly_spaced(self.limit).images

    def _by_agent(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], str]:
        import numpy as np

        from spiral.agent import load_agent
        from spiral.painting.refining import refine

        agent = load_agent(self.checkpoint)
        images = self._images(agent.size, agent.channels)
        programs = []
        with progress_bar(self.out.name, len(images)) as report:
            for start in range(0, len(images), _BATCH):
                targets = images[start : start + _BATCH]
                painted = agent.reconstruct(targets, self.seed + start, commands=self.commands).programs
                if self.evaluations:
                    painted = refine(painted, targets, self.evaluations, self.seed + start, shorten=False).programs
                programs += [program.array() for program in painted]
                report(len(programs))
        return images, np.stack(programs), agent.name

    def _by_search(self, name: str) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], str]:
        import numpy as np

        from spiral.engines import make
        from spiral.engines.strokes import StrokeSettings
        from spiral.painting.best_of_n import ProposalSearch
        from spiral.painting.matching_pursuit import BATCH, CANDIDATES, paint_atoms, pursue
        from spiral.presets import preset

        chosen = preset(name)
        if not isinstance(chosen.canvas, StrokeSettings):
            raise InputError(f"{name} does not paint strokes; choose another --preset")
        size, length = chosen.data.size, self.commands or chosen.learning.episode_length
        images = self._images(size, chosen.canvas.channels)
        atoms = paint_atoms(chosen.engine, chosen.canvas, size, self.strokes, self.seed)
        programs = []
        with progress_bar(self.out.name, len(images)) as report:
            for start in range(0, len(images), BATCH):
                targets = images[start : start + BATCH]
                engine = make(chosen.engine, len(targets), chosen.canvas.to_json())
                search = ProposalSearch(engine, CANDIDATES)
                programs += list(pursue(atoms, search, targets, length, self.seed + start, self.moves).swapaxes(0, 1))
                report(len(programs))
        return images, np.stack(programs), "a search"
