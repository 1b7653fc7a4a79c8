"""Pictures a second of the scene engine beside a plain loop of `mujoco.Renderer`; `python -m spiral.benchmarks.scenes`.

Both execute the same random commands on the same scenes and return a picture of every scene after every command. The
plain loop changes the model's arrays in place and renders one scene after the other, with the default threads of
MuJoCo's OpenGL; it runs in a process of its own, since the engine disables those threads.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from spiral.engines import make
from spiral.engines.objects import ADD, CHANGE, Objects, SceneSettings, geoms
from spiral.engines.opengl import library
from spiral.engines.renderer import fill, model

BATCH, LENGTH = 64, 8
_REPEATS = 3
_CHANGING = "changing"


def commands(seed: int, changing: bool) -> npt.NDArray[np.int64]:
    """One episode of random commands int64 [T, B, 7]; with `changing` each of them changes its scene."""
    generator = np.random.default_rng(seed)
    drawn = SceneSettings().specification().random(generator, (LENGTH, BATCH))
    if changing:
        drawn[:, :, 0] = np.where(drawn[:, :, 0] == CHANGE, CHANGE, ADD)
        drawn[0, :, 0] = ADD
    return drawn


def plain(seconds: float, changing: bool, out: Path) -> None:
    """Run the plain loop; print its pictures per second and save those of its first episode."""
    mujoco, settings = library(), SceneSettings()
    world = model(settings)
    data = mujoco.MjData(world)
    mujoco.mj_forward(world, data)
    shown, done, began = [], 0, time.perf_counter()
    with mujoco.Renderer(world, settings.size, settings.size) as renderer:
        episode = 0
        while time.perf_counter() - began < seconds:
            objects = Objects.none(settings, BATCH)
            for step in commands(episode, changing):
                objects.execute(step, np.ones(BATCH, bool))
                for index in range(BATCH):
                    fill(world, data, geoms(settings, objects.options[index, : objects.count[index]]))
                    renderer.update_scene(data, "eye")
                    picture = renderer.render()
                    if episode == 0:
                        shown.append(picture)
                done += BATCH
            episode += 1
        rate = done / (time.perf_counter() - began)
    np.save(out, np.stack(shown).reshape(LENGTH, BATCH, *shown[0].shape))
    print(rate)


def engine(seconds: float, changing: bool) -> tuple[float, npt.NDArray[np.uint8]]:
    """The engine's pictures per second, and those of its first episode uint8 [T, B, S, S, 3]."""
    scenes, shown, done, episode = make("scene", BATCH), [], 0, 0
    seeds = np.zeros(BATCH, np.int64)
    for warm in range(40):  # until nearly every sprite is known
        scenes.reset(seeds)
        for step in commands(10_000 + warm, True):
            scenes.step(step)
        scenes.canvases()
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        scenes.reset(seeds)
        for step in commands(episode, changing):
            scenes.step(step)
            pictures = scenes.canvases()
            if episode == 0:
                shown.append(pictures.copy())
            done += BATCH
        episode += 1
    return done / (time.perf_counter() - began), np.stack(shown)


def measure(seconds: float = 5.0) -> dict[str, dict[str, float]]:
    """Alternating rates and the largest pixel difference, for random and for always changing commands."""
    result: dict[str, dict[str, float]] = {}
    environment = {**os.environ, "LP_NUM_THREADS": str(os.cpu_count())}  # Mesa's own choice
    for name in ("random", _CHANGING):
        rates: dict[str, list[float]] = {"plain": [], "engine": []}
        largest = 0
        for _ in range(_REPEATS):
            with TemporaryDirectory() as folder:
                out = Path(folder) / "pictures.npy"
                arguments = [sys.executable, "-m", "spiral.benchmarks.scenes", "plain", str(seconds), name, str(out)]
                told = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=True).stdout
                rates["plain"].append(float(told))
                expected = np.load(out)
            rate, pictures = engine(seconds, name == _CHANGING)
            rates["engine"].append(rate)
            largest = max(largest, int(np.abs(pictures.astype(np.int16) - expected).max()))
        middle = {key: float(np.median(values)) for key, values in rates.items()}
        result[name] = {**middle, "ratio": middle["engine"] / middle["plain"], "largest_difference": largest}
    return result


if __name__ == "__main__":
    if sys.argv[1:2] == ["plain"]:
        plain(float(sys.argv[2]), sys.argv[3] == _CHANGING, Path(sys.argv[4]))
    else:
        print(json.dumps(measure(), indent=1))
