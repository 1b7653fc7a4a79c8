"""The command that writes programs for agents to learn from: those of another agent, or found by search."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from spiral.commands.output import console, progress_bar
from spiral.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from spiral.agent import Agent
    from spiral.engines.strokes import StrokeSettings
    from spiral.painting.best_of_n import ProposalSearch
    from spiral.painting.dataset_aggregation import Turns
    from spiral.settings import Preset

    Found = dict[str, npt.NDArray]
    """The arrays `images`, `programs` and, where not all commands are to be imitated, `taught`."""

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
    turns: tuple[int, int] | None = None
    """Agent and search write programs together: the agent so many commands in a row, the search so many, and so on.
    Those of the search alone are to be imitated (dataset aggregation)."""
    strokes: int = 40_000
    """In a search, how many random strokes are compared at every step; 0 with --turns: the search moves the command
    that the agent would write."""
    moves: int = 4
    """In a search, how often the best stroke is moved in seven ways at every step."""
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
        from spiral.io.files import make_folder, write_atomically
        from spiral.painting.dataset_aggregation import Turns
        from spiral.presets import preset

        self._check()
        turns = None if self.turns is None else Turns(*self.turns)
        if self.preset is not None:
            found, author = self._by_search(preset(self.preset)), "a search"
        else:
            agent = load_agent(self.checkpoint)
            if turns is None:
                found, author = self._by_agent(agent), agent.name
            else:
                found, author = self._in_turns(agent, turns), f"{agent.name} and a search in turns"
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **{**found, "programs": found["programs"].astype(np.int16)})
        make_folder(self.out.parent)
        write_atomically(self.out, buffer.getvalue())
        console.print(f"wrote {len(found['programs'])} programs of {author} to {self.out}")

    def _check(self) -> None:
        if self.evaluations < 0:
            raise InputError(f"--evaluations must be at least 0, got {self.evaluations}")
        if self.commands is not None and self.commands < 1:
            raise InputError(f"--commands must be at least 1, got {self.commands}")
        if self.preset is not None and (self.checkpoint is not None or self.evaluations or self.turns):
            raise InputError("programs are an agent's or found by search: leave out --preset, or the other options")
        if self.strokes == 0 and self.preset is not None:
            raise InputError("--strokes 0 moves an agent's commands: use --turns with --checkpoint instead of --preset")
        if self.strokes == 0 and self.turns is not None and self.moves < 1:
            raise InputError("--strokes 0 moves the agent's own command: give --moves 1 or more")
        if self.turns is not None and self.evaluations:
            raise InputError("with --turns programs are improved as they are written: leave out --evaluations")

    def _by_agent(self, agent: Agent) -> Found:
        import numpy as np

        from spiral.painting.refining import refine

        images, programs = self._images(agent.size, agent.channels), []
        for start, targets in self._batches(images, _BATCH):
            painted = agent.reconstruct(targets, self.seed + start, commands=self.commands).programs
            if self.evaluations:
                painted = refine(painted, targets, self.evaluations, self.seed + start, shorten=False).programs
            programs += [program.array() for program in painted]
        return {"images": images, "programs": np.stack(programs)}

    def _by_search(self, chosen: Preset) -> Found:
        import numpy as np

        from spiral.painting.matching_pursuit import BATCH, paint_atoms, pursue

        canvas, length = _strokes_of(chosen), self.commands or chosen.learning.episode_length
        images, programs = self._images(chosen.data.size, canvas.channels), []
        atoms = paint_atoms(chosen.engine, canvas, chosen.data.size, self.strokes, self.seed)
        for start, targets in self._batches(images, BATCH):
            search = _search(chosen, len(targets))
            programs += list(pursue(atoms, search, targets, length, self.seed + start, self.moves).swapaxes(0, 1))
        return {"images": images, "programs": np.stack(programs)}

    def _in_turns(self, agent: Agent, turns: Turns) -> Found:
        import numpy as np

        from spiral.learning import machine
        from spiral.painting.dataset_aggregation import take_turns
        from spiral.painting.matching_pursuit import BATCH, paint_atoms

        if not agent.conditional:
            raise InputError(f"{agent.name} redraws nothing; choose another --checkpoint")
        chosen = agent.preset
        canvas, episode = _strokes_of(chosen), chosen.learning.episode_length
        length, temperature = self.commands or episode, chosen.usual_temperature
        images, programs, taught = self._images(chosen.data.size, canvas.channels), [], []
        atoms = paint_atoms(chosen.engine, canvas, chosen.data.size, self.strokes, self.seed) if self.strokes else None
        for start, targets in self._batches(images, BATCH):
            search, seed = _search(chosen, len(targets)), self.seed + start
            with machine.seeded(seed, agent.device):
                found, searched = take_turns(
                    agent.policy, atoms, search, targets, length, episode, turns, seed, self.moves, temperature
                )
            programs += list(found.swapaxes(0, 1))
            taught += [searched] * len(targets)
        return {"images": images, "programs": np.stack(programs), "taught": np.stack(taught)}

    def _images(self, size: int, channels: int) -> npt.NDArray[np.uint8]:
        from spiral.datasets import load

        if self.split not in (None, "train", "test"):
            raise InputError(f"--split must be train or test, got {self.split!r}")
        if self.limit is not None and self.limit < 1:
            raise InputError(f"--limit must be at least 1, got {self.limit}")
        return load(self.data, size, channels, self.split).evenly_spaced(self.limit).images

    def _batches(self, images: npt.NDArray[np.uint8], size: int) -> Iterator[tuple[int, npt.NDArray[np.uint8]]]:
        """Rows of pictures, with the number of the first; a bar shows how many are done."""
        with progress_bar(self.out.name, len(images)) as report:
            for start in range(0, len(images), size):
                yield start, images[start : start + size]
                report(min(start + size, len(images)))


def _strokes_of(preset: Preset) -> StrokeSettings:
    """The settings of a preset's canvases.

    Raises:
        InputError: it does not paint strokes.
    """
    from spiral.engines.strokes import StrokeSettings

    if not isinstance(preset.canvas, StrokeSettings):
        raise InputError(f"{preset.name} does not paint strokes; choose another --preset or --checkpoint")
    return preset.canvas


def _search(preset: Preset, canvases: int) -> ProposalSearch:
    """So many blank canvases, and forks of them to try strokes on."""
    from spiral.engines import make
    from spiral.painting.best_of_n import ProposalSearch
    from spiral.painting.matching_pursuit import CANDIDATES

    return ProposalSearch(make(preset.engine, canvases, preset.canvas.to_json()), CANDIDATES)
