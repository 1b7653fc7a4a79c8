"""Gymnasium environments over any engine and data set, so that any reinforcement learning library can paint.

## spiral/Paint-v0

**Action space** `MultiDiscrete`, one entry for each choice of the engine's command, in the specification's order
(`flag`, `end`, `control`, `size`, `pressure`, and `red`, `green`, `blue` in colour, a `start` if chosen; of scenes
`action`, `place`, `type`, `size`, `red`, `green`, `blue`). Locations are cells of the grid, row * grid + column.

**Observation space** `Dict`:

| key | space | what |
| --- | --- | --- |
| `canvas` | Box uint8 [S, S, C] | the canvas as it is |
| `target` | Box uint8 [S, S, C] | the picture to redraw; only with a data set |
| `previous` | MultiDiscrete | the command before this one, zeros at the start |
| `step` | Box float32 [1] | share of the episode that is over, 0 to 1 |

**Rewards** `reward="none"`: 0, for agents whose reward comes from elsewhere, such as a discriminator. `reward="l2"`:
how much closer the command brought the canvas to the target, as the difference of the Euclidean distances of pixels
in [0, 1] before and after. The rewards of an episode add up to the improvement over the blank canvas.

**Episode end** terminated after `steps` commands; never truncated.

**Arguments** `engine`, `settings` (the engine's), `data` (a source for `spiral.datasets.load`, or None for a bare
canvas), `split`, `steps`, `size` (side S of what is observed), `reward`.

`info` holds `effective`, bool [K]: which choices of the last command had an effect.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from spiral.datasets import load
from spiral.engines import make, observe, settings_of
from spiral.engines.strokes import StrokeSettings
from spiral.errors import InputError

_SHARED: weakref.WeakValueDictionary[Any, npt.NDArray[np.uint8]] = weakref.WeakValueDictionary()
Reward = Literal["none", "l2"]
_BLACKBOARD = {"ground": (0.0,) * 3, "ink": (1.0,) * 3, "radii": (1.5, 2.5, 3.5), "brush": "classic/pen"}
"""Settings of brush strokes when none are given: for white digits on black."""


def _pictures(source: str, size: int, channels: int, split: Literal["train", "test"] | None) -> npt.NDArray[np.uint8]:
    """A data set's pictures, in memory once for all environments that have them."""
    key = (source, size, channels, split)
    images = _SHARED.get(key)
    if images is None:
        images = _SHARED[key] = load(source, size, channels, split).images
        images.setflags(write=False)
    return images


class PaintVectorEnv(VectorEnv):
    """B canvases painted in step, one engine call for all of them; see the module's docstring.

    A finished canvas is blanked at the next `step`, whose action it ignores (Gymnasium's NEXT_STEP mode). Copies and
    pickles continue exactly as the environment would.
    """

    metadata = {"render_modes": ["rgb_array"], "autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012

    def __init__(
        self,
        num_envs: int = 1,
        engine: str = "vector",
        settings: Mapping[str, Any] | None = None,
        data: str | None = "mnist-sample",
        split: Literal["train", "test"] | None = "train",
        steps: int = 8,
        size: int = 32,
        reward: Reward = "none",
        render_mode: str | None = None,
        threads: int | None = None,
    ) -> None:
        """Build the engine and load the data.

        Raises:
            InputError: settings that the engine, the data set or the reward cannot work with.
        """
        if steps < 1:
            raise InputError(f"steps must be at least 1, got {steps}")
        if reward not in ("none", "l2") or (reward == "l2" and data is None):
            raise InputError(f"reward must be 'none', or 'l2' with a data set, got {reward!r}")
        if settings is None:
            settings = _BLACKBOARD if isinstance(settings_of(engine, {}), StrokeSettings) else {}
        self._made_by = (engine, num_envs, dict(settings), threads)
        self._steps, self._size, self._reward = steps, size, reward
        self._source = data
        self._split: Literal["train", "test"] | None = split
        self._build()
        channels = self._engine.shape[2]
        observe(self._engine.canvases(), size)  # raises now, not at the first reset, if sizes do not fit
        specification = self._engine.specification
        picture = spaces.Box(0, 255, (size, size, channels), np.uint8)
        inner: dict[str, spaces.Space[Any]] = {"canvas": picture}
        if self._targets is not None:
            inner["target"] = picture
        inner["previous"] = spaces.MultiDiscrete(np.array(specification.sizes))
        inner["step"] = spaces.Box(0.0, 1.0, (1,), np.float32)
        self.num_envs, self.render_mode = num_envs, render_mode
        self.single_observation_space: spaces.Dict = spaces.Dict(inner)
        self.single_action_space = spaces.MultiDiscrete(np.array(specification.sizes))
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._canvas = np.zeros((num_envs, size, size, channels), np.uint8)
        self._rows = np.zeros(num_envs, np.int64)
        self._step = np.zeros(num_envs, np.int64)
        self._previous = np.zeros((num_envs, len(specification.sizes)), np.int64)
        self._effective = np.zeros((num_envs, len(specification.sizes)), bool)
        self._random: list[np.random.Generator] = [seeding.np_random(None)[0] for _ in range(num_envs)]
        self._seeds: npt.NDArray[np.int64] | None = None
        """What the engine was last reset with, [B]; with the commands since then, [T, B, K], a copy paints the same."""
        self._commands = np.zeros((steps, num_envs, len(specification.sizes)), np.int64)

    def _build(self) -> None:
        """Make the engine and load the targets."""
        self._engine = make(*self._made_by)
        channels = self._engine.shape[2]
        self._targets = None if self._source is None else _pictures(self._source, self._size, channels, self._split)

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the engine, whose canvases cannot be pickled, and the data set."""
        return {name: value for name, value in self.__dict__.items() if name not in ("_engine", "_targets")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Paint the canvases again as they were: the same seeds and commands give the same pixels."""
        self.__dict__.update(state)
        self._build()
        if self._seeds is not None:
            self._engine.reset(self._seeds, np.ones(self.num_envs, bool))
        for number in range(int(self._step.max())):
            self._engine.step(self._commands[number], number < self._step)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Blank all canvases (those in `options["reset_mask"]`, bool [B], if given) and draw new targets.

        Each canvas has random numbers of its own, seeded as Gymnasium's `SyncVectorEnv` does: from a list each by its
        own entry, from a number by that number plus the canvas's index.

        Raises:
            InputError: a list of another length.
        """
        single = seed is None or isinstance(seed, int | np.integer)
        seeds = [None if seed is None else seed + place for place in range(self.num_envs)] if single else list(seed)  # pyright: ignore[reportOperatorIssue, reportArgumentType]
        if len(seeds) != self.num_envs:
            raise InputError(f"seed must be a number or a list of {self.num_envs}, got {len(seeds)}")
        super().reset(seed=next((int(one) for one in seeds if one is not None), None))
        which = np.ones(self.num_envs, bool)
        if options and "reset_mask" in options:
            which = np.asarray(options["reset_mask"], bool)
        for place in np.flatnonzero(which):
            if seeds[place] is not None:
                self._random[place] = seeding.np_random(int(seeds[place]))[0]  # pyright: ignore[reportArgumentType]
        self._begin(which)
        return self._observation(), self._info()

    def step(self, actions: npt.ArrayLike) -> tuple[dict[str, Any], npt.NDArray[Any], Any, Any, dict[str, Any]]:
        """One command a canvas: int64 [B, K].

        Raises:
            InputError: a wrong shape or an option out of range.
        """
        commands = self._engine.specification.check(actions)
        over = self._step >= self._steps
        before = self._distance()
        self._engine.step(commands, ~over)
        running = np.flatnonzero(~over)
        self._commands[self._step[running], running] = commands[running]
        observe(self._engine.canvases(), self._size, out=self._canvas)
        rewards = np.where(over, 0.0, before - self._distance()) if self._reward == "l2" else np.zeros(self.num_envs)
        self._previous = np.where(over[:, None], 0, commands)
        self._effective = self._engine.specification.active(commands) & ~over[:, None]
        self._step += 1
        self._begin(over)
        terminated = self._step >= self._steps
        return self._observation(), rewards, terminated, np.zeros(self.num_envs, bool), self._info()

    def render(self) -> tuple[npt.NDArray[np.uint8], ...]:
        """The canvases at the engine's own size, uint8 [H, W, 3] each."""
        canvases = self._engine.canvases()
        return tuple(np.repeat(canvas, 3 // canvas.shape[2], axis=2) for canvas in canvases)

    def _begin(self, which: npt.NDArray[np.bool_]) -> None:
        if not which.any():
            return
        if self._seeds is None:
            self._seeds = np.zeros(self.num_envs, np.int64)
        for place in np.flatnonzero(which):
            self._seeds[place] = self._random[place].integers(2**31)
            if self._targets is not None:
                self._rows[place] = self._random[place].integers(len(self._targets))
        self._engine.reset(self._seeds, which)
        observe(self._engine.canvases(), self._size, out=self._canvas)
        self._step[which] = 0
        self._previous[which] = 0
        self._effective[which] = False

    def _distance(self) -> npt.NDArray[np.float64]:
        if self._reward != "l2" or self._targets is None:
            return np.zeros(self.num_envs)
        difference = self._canvas.astype(np.float64) - self._targets[self._rows]
        return np.sqrt(np.square(difference / 255.0).sum(axis=(1, 2, 3)))

    def _observation(self) -> dict[str, Any]:
        progress = (self._step / self._steps).astype(np.float32)[:, None]
        seen: dict[str, Any] = {"canvas": self._canvas.copy()}
        if self._targets is not None:
            seen["target"] = self._targets[self._rows]
        seen |= {"previous": self._previous.copy(), "step": progress}
        # Gymnasium sorts a space's names. Code that joins the values by position needs the same order here.
        return {name: seen[name] for name in self.single_observation_space}

    def _info(self) -> dict[str, Any]:
        return {"effective": self._effective.copy()}


class PaintEnv(gymnasium.Env[dict[str, Any], npt.NDArray[np.int64]]):
    """One canvas; see the module's docstring. The batch of one of `PaintVectorEnv`."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 4}  # noqa: RUF012

    def __init__(self, render_mode: str | None = None, **arguments: Any) -> None:
        """Takes the arguments of `PaintVectorEnv` but `num_envs`."""
        self._batch = PaintVectorEnv(1, render_mode=render_mode, **arguments)
        self.observation_space = self._batch.single_observation_space
        self.action_space = self._batch.single_action_space
        self.render_mode = render_mode

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Blank the canvas and draw a new target."""
        super().reset(seed=seed)
        return self._only(self._batch.reset(seed=seed))

    def step(self, action: npt.NDArray[np.int64]) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """One command: int64 [K].

        Raises:
            InputError: an option out of range.
        """
        seen, rewards, terminated, _, info = self._batch.step(np.asarray(action)[None])
        observation, info = self._only((seen, info))
        return observation, float(rewards[0]), bool(terminated[0]), False, info

    def render(self) -> npt.NDArray[np.uint8]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The canvas at the engine's own size, uint8 [H, W, 3]."""
        return self._batch.render()[0]

    @staticmethod
    def _only(both: tuple[dict[str, Any], dict[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        seen, info = both
        return {key: value[0] for key, value in seen.items()}, {key: value[0] for key, value in info.items()}
