"""MuJoCo's pictures of scenes."""

import os
import sys

import numpy as np
import pytest

from spiral.engines import Engine, make, missing, opengl, renderer, scene
from spiral.engines.objects import ADD, CHANGE, SKIP, TYPES, Objects, SceneSettings, geoms
from spiral.engines.sprites import Sprites
from spiral.errors import InputError

pytestmark = pytest.mark.skipif(missing("scene") is not None, reason=f"scene: {missing('scene')}")


def random_scenes(engine: Engine, steps: int = 5, seed: int = 0) -> np.ndarray:
    commands = engine.specification.random(np.random.default_rng(seed), (steps, engine.batch))
    for command in commands:
        engine.step(command)
    return commands


@pytest.mark.parametrize("more", [{}, {"samples": 4}, {"shadows": True, "samples": 0}, {"size": 160}])
def test_pictures_are_those_of_the_plain_renderer(more):
    """Every scene written as a model of its own and rendered by `mujoco.Renderer`, one at a time."""
    import mujoco

    engine = make("scene", 12, more)
    commands = random_scenes(engine)
    settings = SceneSettings.parse(engine.settings)
    objects = Objects.none(settings, 12)
    for command in commands:
        objects.execute(command, np.ones(12, bool))
    stand = geoms(settings, objects.options)
    samples = {None: 4 if settings.size > 128 else 0}.get(settings.samples, settings.samples)

    def plain(index: int) -> np.ndarray:
        written = "".join(
            f'<geom type="{TYPES[stand.types[index, i]]}" size="{" ".join(f"{v:.17g}" for v in stand.half[index, i])}" '
            f'pos="{" ".join(f"{v:.17g}" for v in stand.centre[index, i])}" '
            f'rgba="{" ".join(f"{v:.9g}" for v in stand.colour[index, i])} 1"/>'
            for i in range(objects.count[index])
        )
        world = renderer.WORLD.format(
            side=settings.size, samples=samples, shadows="true" if settings.shadows else "false", objects=written
        )
        model = mujoco.MjModel.from_xml_string(world)
        data = mujoco.MjData(model)
        mujoco.mj_forward(model, data)
        with mujoco.Renderer(model, settings.size, settings.size) as plain_renderer:
            plain_renderer.update_scene(data, "eye")
            return plain_renderer.render()

    seen = engine.canvases()
    for index in range(12):
        assert np.abs(seen[index].astype(int) - plain(index)).max() <= 2, index
    assert len({picture.tobytes() for picture in seen}) > 8


def test_batches_and_threads_change_nothing():
    together, split = make("scene", 70, threads=1), make("scene", 70, threads=3)
    commands = random_scenes(together)
    for command in commands:
        split.step(command)
        split.canvases()
    assert np.array_equal(together.canvases(), split.canvases())
    alone = make("scene", 1)
    for command in commands:
        alone.step(command[69:])
    assert np.array_equal(alone.canvases()[0], together.canvases()[69])


def test_only_what_changed_is_painted(monkeypatch):
    engine, painted = make("scene", 6), []
    original = Sprites.draw
    monkeypatch.setattr(Sprites, "draw", lambda *given: painted.extend(given[2].tolist()) or original(*given))
    command = np.tile([ADD, 40, 0, 2, 3, 0, 0], (6, 1))
    engine.step(command)
    before = engine.canvases().copy()
    assert painted == [0, 1, 2, 3, 4, 5]
    command[:, 0] = SKIP
    command[2] = [ADD, 100, 0, 2, 3, 0, 0]
    engine.step(command)
    command[:] = command[2]
    engine.step(command, np.zeros(6, bool))
    after = engine.canvases()
    assert painted[6:] == [2], "one object more"
    assert [not np.array_equal(a, b) for a, b in zip(after, before, strict=True)] == [i == 2 for i in range(6)]


def test_the_last_object_is_changed_and_floors_are_cleared():
    engine, other = make("scene", 1), make("scene", 1)
    blank = engine.canvases().copy()
    engine.step(np.array([[ADD, 136, 0, 2, 3, 0, 0]]))
    red = engine.canvases().copy()
    assert not np.array_equal(red, blank)
    engine.step(np.array([[CHANGE, 40, 1, 1, 0, 3, 0]]))
    other.step(np.array([[ADD, 40, 1, 1, 0, 3, 0]]))
    assert np.array_equal(engine.canvases(), other.canvases())
    engine.reset(np.zeros(1, np.int64))
    assert np.array_equal(engine.canvases(), blank)


def test_wrong_commands_are_refused_and_nothing_changes():
    engine = make("scene", 2)
    before = engine.canvases().copy()
    for wrong in (np.full((2, 7), 300), np.zeros((2, 6), int), np.zeros((3, 7), int), np.zeros(7, int)):
        with pytest.raises(InputError):
            engine.step(wrong)
    with pytest.raises(InputError, match="which"):
        engine.step(np.zeros((2, 7), int), np.ones(3, bool))
    with pytest.raises(InputError, match="picture"):
        engine.load(before, np.zeros((2, 2), np.float32))
    assert np.array_equal(engine.canvases(), before)
    assert isinstance(engine, Engine)


def test_without_the_library_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "mujoco", None)
    monkeypatch.setattr(renderer, "_renderers", {})
    opengl.library.cache_clear()
    try:
        monkeypatch.setattr(scene, "missing", renderer.missing.__wrapped__)
        with pytest.raises(InputError, match=r"is missing.*spiral-painter\[mujoco\].*libegl1"):
            make("scene", 1)
    finally:
        opengl.library.cache_clear()


def test_without_opengl_it_says_what_to_install(monkeypatch):
    def refuse(*_: object) -> None:
        raise RuntimeError("Cannot initialize a EGL device display")

    monkeypatch.setattr(renderer, "SceneRenderer", refuse)
    monkeypatch.setattr(renderer, "_renderers", {})
    assert "EGL device" in str(renderer.missing.__wrapped__())


@pytest.mark.parametrize(
    ("name", "value"), [("MUJOCO_GL", "glfw"), ("MUJOCO_GL", "osmesa"), ("MUJOCO_GL", "nonsense"),
                        ("PYOPENGL_PLATFORM", "osmesa")],
)  # fmt: skip
def test_a_variable_that_may_be_the_cause_is_named_with_its_value(monkeypatch, name, value):
    def refuse(*_: object) -> None:
        raise RuntimeError("no; display")

    monkeypatch.setenv(name, value)
    monkeypatch.setattr(renderer, "SceneRenderer", refuse)
    monkeypatch.setattr(renderer, "_renderers", {})
    monkeypatch.setattr(scene, "missing", renderer.missing.__wrapped__)
    with pytest.raises(InputError, match=f"unset {name}={value} in the environment") as refused:
        make("scene", 1)
    assert "pip install" not in str(refused.value)


def test_what_mujoco_sets_itself_is_not_named(monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    monkeypatch.setenv("PYOPENGL_PLATFORM", "osmesa")  # as MuJoCo does
    assert opengl.suspects() == "MUJOCO_GL=osmesa"


def test_an_empty_variable_is_none(monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "")
    opengl.library.cache_clear()
    opengl.library()
    assert not sys.platform.startswith("linux") or os.environ["MUJOCO_GL"] == "egl"
