"""A trained agent: it writes the program that paints a given picture."""

from __future__ import annotations

import warnings
from copy import copy
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from spiral.datasets.paper import fit_turned_over
from spiral.datasets.pictures import BLACK, WHITE, Picture, fit_image
from spiral.engines import Engine, make, missing, observe, settings_of
from spiral.engines.strokes import StrokeSettings
from spiral.errors import InputError, require_number, require_seed
from spiral.exports.sheets import contact_sheet
from spiral.hub.downloads import HUB, download
from spiral.io.images import png_bytes, to_image
from spiral.learning import checkpoint, machine
from spiral.learning.networks import discriminator_of, make_discriminator, make_policy, policy_of
from spiral.learning.rollout import reset_episodes, unroll
from spiral.learning.trajectory import Episodes
from spiral.models.discriminator import Discriminator
from spiral.models.policy import Policy
from spiral.painting.best_of_n import MAXIMUM_CANDIDATES, ProposalSearch, paint_best_of_n
from spiral.program import MAXIMUM_COMMANDS, Program
from spiral.settings import Preset

DIGITS, PHOTOS = "mnist-reconstruct", "photos-reconstruct"
_BATCH = 256
_SMALL = 50_000_000
"""Number of weights that fits any machine."""
_SHOWN = 64
"""Paintings that a notebook shows."""


@dataclass(frozen=True)
class Paintings:
    """An agent's paintings of N pictures.

    Attributes:
        programs: N programs.
        canvases: uint8 [N, H, W, C] at the engine's own size.
        observed: uint8 [N, S, S, C] as the agent sees them.
        targets: uint8 [N, S, S, C], given or drawn from its cluster means; None without.
    """

    programs: list[Program]
    canvases: npt.NDArray[np.uint8]
    observed: npt.NDArray[np.uint8]
    targets: npt.NDArray[np.uint8] | None

    def sheet(self, scale: int = 1, columns: int = 16) -> npt.NDArray[np.uint8]:
        """All paintings on one picture uint8 [height, width, 3], targets above; see `contact_sheet`."""
        return contact_sheet([*([] if self.targets is None else [self.targets]), self.canvases], scale, columns=columns)

    def _repr_png_(self) -> bytes:
        """Show a sheet of the first paintings in a notebook."""
        first = (
            self.canvases[:_SHOWN],
            self.observed[:_SHOWN],
            None if self.targets is None else self.targets[:_SHOWN],
        )
        return png_bytes(to_image(Paintings(self.programs[:_SHOWN], *first).sheet(columns=8)))


class Agent:
    """A policy, the discriminator it was trained against, and their preset."""

    def __init__(self, preset: Preset, policy: Policy, discriminator: Discriminator, name: str) -> None:
        """Use `load_agent`."""
        self.preset, self.policy, self.discriminator, self.name = preset, policy.eval(), discriminator.eval(), name

    @property
    def conditional(self) -> bool:
        """Whether it redraws a target (reconstruction), not generates without one."""
        return self.preset.redraws

    @property
    def size(self) -> int:
        """Side S of the pictures it observes."""
        return self.preset.data.size

    @property
    def channels(self) -> int:
        """C of the pictures it observes."""
        return self.preset.canvas.channels

    @property
    def strokes(self) -> StrokeSettings:
        """Settings of its brush strokes.

        Raises:
            InputError: its commands are not strokes.
        """
        if not isinstance(self.preset.canvas, StrokeSettings):
            raise InputError(f"{self.name} does not paint with a brush, which this is for")
        return self.preset.canvas

    def paint(
        self,
        picture: Picture,
        seed: int = 0,
        temperature: float | None = None,
        candidates: int = 1,
        invert: bool = False,
    ) -> Program:
        """Redraw one picture: a file's path or content, a Pillow picture, or an array; see `reconstruct`.

        Arrays are [H, W], [H, W, C] or [C, H, W], of uint8, other integers, bool, or floats from 0 to 1.
        It may have any size and shape and is resized to the agent's square canvas; `spiral.paint` keeps its shape.
        Agents of digits and characters expect white on black: set `invert` for ink on paper, see `target`.
        """
        target = self.target(picture, invert)
        if self.looks_inverted(target):
            warnings.warn(f"dark and light seem to be the wrong way round for {self.name}: see `invert`", stacklevel=2)
        return self.reconstruct(target[None], seed, temperature, candidates=candidates).programs[0]

    def target(self, picture: Picture, invert: bool = False) -> npt.NDArray[np.uint8]:
        """A picture as the agent sees it, uint8 [S, S, C]; with `invert` by `spiral.datasets.paper.fit_turned_over`.

        Raises:
            InputError: it cannot be read.
        """
        fit = fit_turned_over if invert else fit_image
        return fit(picture, self.size, self.channels, self.ground(invert))

    def ground(self, invert: bool = False) -> int:
        """What transparent parts of a picture show, 0 or 255: the paper that it paints on, `invert` considered."""
        canvas = self.preset.canvas
        light = not isinstance(canvas, StrokeSettings) or sum(canvas.ground) >= 1.5
        return WHITE if light != invert else BLACK

    def looks_inverted(self, picture: npt.NDArray[np.uint8]) -> bool:
        """Whether a picture uint8 [S, S, 1] is dark on light where the agent paints light on dark, or the reverse."""
        canvas = self.preset.canvas
        if self.channels != 1 or not isinstance(canvas, StrokeSettings):
            return False
        border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
        return abs(float(np.median(border)) / 255.0 - canvas.ground[0]) > 0.5

    def sample(self, count: int = 1, seed: int = 0, temperature: float | None = None) -> list[Program]:
        """Generate `count` pictures; see `generate`."""
        return self.generate(count, seed, temperature).programs

    def reconstruct(
        self,
        pictures: npt.NDArray[np.uint8],
        seed: int = 0,
        temperature: float | None = None,
        threads: int | None = None,
        commands: int | None = None,
        candidates: int = 1,
        moves: int = 0,
    ) -> Paintings:
        """Redraw pictures uint8 [N, S, S, C]; the same seed gives the same programs.

        Args:
            pictures: the targets, at the agent's own size.
            seed: of the brush, and of sampling where `temperature` is not 0.
            temperature: 0 for the most probable commands, 1 as in training; the preset's when None.
            threads: of the engine; all processors when None.
            commands: how many; the length of an episode in training when None. Further commands continue as at the end
                of an episode.
            candidates: commands that the agent proposes at a time, sampled as in training, of which the best is
                painted; see `spiral.painting.best_of_n`. With 1 there is no search.
            moves: how often the best of several candidates is changed a little before it is painted, 0 to 1000. This
                helps where strokes cover one another, as in colour; digits come out worse, as strokes become greedy.

        Raises:
            InputError: pictures of another shape, a number out of range, candidates of compound strokes, moves of a
                single candidate, an agent without a target, or its engine is missing.
        """
        expected = (self.size, self.size, self.channels)
        if pictures.dtype != np.uint8 or pictures.shape[1:] != expected:
            raise InputError(f"{self.name} wants uint8 pictures {expected}, got {pictures.dtype} {pictures.shape[1:]}")
        if not self.conditional:
            raise InputError(f"{self.name} paints without a target; use `spiral sample`")
        if candidates > 1 and getattr(self.preset.canvas, "spline", False):
            raise InputError(f"{self.name} paints compound strokes, which cannot be tried one command at a time")
        if moves and candidates == 1:
            raise InputError("moves are changes of the best of several candidates; ask for candidates of 2 or more")
        return self._paint(len(pictures), pictures, seed, temperature, threads, commands, candidates, moves)

    def generate(
        self, count: int, seed: int = 0, temperature: float | None = None, threads: int | None = None
    ) -> Paintings:
        """Generate `count` pictures; see `reconstruct`. The default temperature is the preset's.

        Raises:
            InputError: the agent needs a target, or its engine is missing.
        """
        if self.conditional:
            raise InputError(f"{self.name} redraws a target; use `spiral paint`")
        return self._paint(count, None, seed, temperature, threads)

    def score(
        self, canvases: npt.NDArray[np.uint8], targets: npt.NDArray[np.uint8] | None = None
    ) -> npt.NDArray[np.float32]:
        """The discriminator's scores, float32 [N], of canvases uint8 [N, S, S, C]; higher is more like a real one.

        Args:
            canvases: as the agent sees them.
            targets: likewise, if the discriminator judges pairs, that is, if the agent has targets.

        Raises:
            InputError: targets are missing.
        """
        if self.discriminator.conditional and targets is None:
            raise InputError(f"the discriminator of {self.name} judges a canvas beside its target")
        targets = targets if self.discriminator.conditional else None
        # A discriminator that compares pictures must see them all at once.
        size = len(canvases) if self.discriminator.minibatch_stddev else _BATCH
        scores = []
        with machine.mixed_precision(self.device, "float32"):
            for start in range(0, len(canvases), max(1, size)):
                parts = (None if p is None else p[start : start + size] for p in (canvases, targets))
                shown = [
                    None if p is None else torch.tensor(np.ascontiguousarray(p), device=self.device) for p in parts
                ]
                scores.append(self.discriminator.score_images(*shown).cpu().numpy())  # pyright: ignore[reportArgumentType]
        return np.concatenate(scores) if scores else np.zeros(0, np.float32)

    def with_tools(self, engine: str | None = None, brush: str | None = None) -> Agent:
        """The same agent with another engine or brush; None keeps its own.

        The engine `vector` has one brush and ignores the choice.

        Raises:
            InputError: an engine with other commands, or a brush for an agent without one.
        """
        if engine is not None and not isinstance(self.preset.canvas, type(settings_of(engine, {}))):
            raise InputError(f"{self.name} writes programs for {self.preset.engine}; {engine} cannot execute them")
        strokes = self.preset.canvas if brush is None else replace(self.strokes, brush=brush)
        changed = copy(self)
        changed.preset = replace(self.preset, engine=engine or self.preset.engine, canvas=strokes)
        return changed

    @property
    def device(self) -> torch.device:
        """Where its networks compute."""
        return self.policy.squeeze.weight.device

    def _paint(
        self,
        count: int,
        pictures: npt.NDArray[np.uint8] | None,
        seed: int,
        temperature: float | None,
        threads: int | None,
        commands: int | None = None,
        candidates: int = 1,
        moves: int = 0,
    ) -> Paintings:
        learning = self.preset.learning
        temperature = self.preset.usual_temperature if temperature is None else temperature
        wanted = learning.episode_length if commands is None else commands
        require_number("the number of pictures", count, 1, 10**9)
        require_number("commands", wanted, 1, MAXIMUM_COMMANDS)
        require_number("candidates", candidates, 1, MAXIMUM_CANDIDATES)
        require_number("temperature", temperature, 0.0, 100.0)
        require_seed(seed)
        settings, programs, canvases, observed, targets = self.preset.canvas.to_json(), [], [], [], []
        device, most = self.device, max(1, _BATCH // candidates)
        with machine.seeded(seed, device), machine.mixed_precision(device, "float32"):
            for start in range(0, count, most):
                number = min(most, count - start)
                # Each batch is seeded by its position, so that painting more pictures does not change the first ones.
                torch.manual_seed(seed + start)
                engine = make(self.preset.engine, number, settings, threads)
                shown = None if pictures is None else pictures[start : start + number].copy()
                seeds = np.full(number, seed, np.int64)
                if candidates > 1 and shown is not None:
                    targets.append(shown)
                    search = ProposalSearch(engine, candidates, threads)
                    episode = learning.episode_length
                    done = paint_best_of_n(self.policy, search, shown, seeds, wanted, episode, moves, seed + start)
                else:
                    given = None if shown is None else torch.from_numpy(shown).to(device)
                    episodes = reset_episodes(self.policy, engine, given, seeds, noise_scale=self.preset.noise_scale)
                    targets += [] if episodes.targets is None else [episodes.targets.cpu().numpy()]
                    done = self._alone(engine, episodes, wanted, temperature)
                programs += [
                    Program.from_array(engine.specification, done[:, index], engine.name, engine.settings, seed)
                    for index in range(number)
                ]
                canvases.append(engine.canvases().copy())
                observed.append(observe(engine.canvases(), self.size))
        seen = np.concatenate(targets) if targets else None
        return Paintings(programs, np.concatenate(canvases), np.concatenate(observed), seen)

    def _alone(
        self,
        engine: Engine,
        episodes: Episodes,
        wanted: int,
        temperature: float,
    ) -> npt.NDArray[np.int64]:
        """Commands int64 [T, B, K] without search, an unroll at a time: long episodes need no more memory."""
        learning, written = self.preset.learning, []
        while len(written) < wanted:
            steps = min(learning.unroll_length, wanted - len(written))
            trajectory, episodes = unroll(self.policy, engine, episodes, steps, learning.episode_length, temperature)
            written += list(trajectory.commands.cpu().numpy())
        return np.stack(written)


def shipped() -> list[str]:
    """Names of the agents in the package."""
    folder = resources.files("spiral") / "agents"
    return sorted(entry.name for entry in folder.iterdir() if entry.is_dir()) if folder.is_dir() else []


def writer_of(program: Program) -> str | None:
    """A shipped agent that sees its canvas and redraws pictures in programs like this one, of any size, or None.

    Of several with the same commands, as photographs and faces have, it is the default one, which knows most pictures.
    """
    for name in sorted(shipped(), key=lambda name: name not in (DIGITS, PHOTOS)):
        preset = read_preset(find(name))
        own, given = preset.canvas.to_json(), dict(program.settings)
        sees = preset.redraws and preset.policy.sees_canvas
        if sees and preset.engine == program.engine and own | {"size": 0} == given | {"size": 0}:
            return name
    return None


def default(colour: bool = False) -> str:
    """The default agent: of digits, or of photographs with `colour`, and for an engine that works here.

    If libmypaint is missing, it is one trained with the vector engine.
    """
    name = PHOTOS if colour else DIGITS
    return name if missing("mypaint") is None else f"{name}-vector"


def find(name: str) -> Path:
    """The folder of an agent: a shipped one by name, an agent's folder, a run's, or `hf:OWNER/NAME` on the hub.

    Raises:
        InputError: there is none, or it cannot be fetched.
    """
    if name.startswith(HUB):
        return download(name)
    if name in shipped():
        return Path(str(resources.files("spiral") / "agents" / name))
    folder = Path(name).parent if Path(name).name == checkpoint.CONFIG else Path(name)
    if (folder / "agent" / checkpoint.CONFIG).is_file():
        return folder / "agent"
    if not folder.is_dir():
        raise InputError(
            f"no checkpoint {name!r}: neither a folder nor one of {', '.join(shipped()) or 'none shipped'}"
        )
    return folder


def read_preset(folder: Path) -> Preset:
    """The preset of an agent's folder.

    Raises:
        InputError: no such folder, or wrong settings in it.
    """
    config = checkpoint.read_config(folder)
    if not isinstance(config.get("preset"), dict):
        raise InputError(f"{folder / checkpoint.CONFIG} holds no preset")
    try:
        return Preset.from_json(config["preset"])
    except ValueError as error:
        raise InputError(f"{folder / checkpoint.CONFIG}: {error}") from error


def _check_sizes(folder: Path, preset: Preset) -> None:
    """Refuse settings whose networks are far larger than the stored weights, before allocating memory.

    Raises:
        InputError: they are larger, or sizes are incompatible.
    """
    with torch.device("meta"):
        modules = {"policy": policy_of(preset), "discriminator": discriminator_of(preset)}
    for name, module in modules.items():
        path = folder / f"{name}.safetensors"
        wanted = sum(tensor.numel() for tensor in module.state_dict().values())
        # In half precision, each takes two bytes. Loading checks small networks better.
        if wanted > _SMALL and path.is_file() and wanted > path.stat().st_size:
            raise InputError(f"{path} holds fewer weights than it asks for")


def load_agent(name: str | None = None, device: str = "auto") -> Agent:
    """Load an agent by a name that `find` takes; `default()` when None.

    Raises:
        InputError: no such checkpoint, or one with wrong settings or weights.
    """
    name = default() if name is None else name
    return read_agent(find(name), name, device)


def read_agent(folder: Path, name: str, device: str = "auto") -> Agent:
    """The agent in a checkpoint's folder, called `name`.

    Raises:
        InputError: no checkpoint, or one with wrong settings or weights.
    """
    preset = read_preset(folder)
    try:
        _check_sizes(folder, preset)
        policy, discriminator = make_policy(preset), make_discriminator(preset)
    except (ValueError, RuntimeError) as error:
        raise InputError(f"{folder / checkpoint.CONFIG}: {error}") from error
    checkpoint.fill(policy, checkpoint.read_tensors(folder, "policy"), folder / "policy.safetensors")
    weights = checkpoint.read_tensors(folder, "discriminator")
    checkpoint.fill(discriminator, weights, folder / "discriminator.safetensors")
    where = machine.choose_device(device)
    return Agent(preset, policy.to(where), discriminator.to(where), name)
