"""MuJoCo's pictures of objects on a floor: one compiled model per thread, whose arrays change in place."""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from spiral.engines.objects import TYPES, Geoms, SceneSettings
from spiral.engines.opengl import OffscreenRenderer, library, suspects

Result = TypeVar("Result")
_CONTEXTS = 4
"""Renderers that a thread keeps, for recent settings."""
_SMALL = 128
"""Canvases up to this side are rendered without multisampling unless it is asked for."""
_SAMPLES = 4
WORLD = """
<mujoco>
  <statistic center="0 0 0" extent="10"/>
  <visual>
    <global offwidth="{side}" offheight="{side}"/>
    <quality offsamples="{samples}" shadowsize="1024" numslices="20" numstacks="12" numquads="1"/>
    <headlight ambient="0.3 0.3 0.3" diffuse="0.1 0.1 0.1" specular="0 0 0"/>
    <map znear="0.5" zfar="6"/>
  </visual>
  <worldbody>
    <light directional="true" dir="0.5 0.6 -1" diffuse="0.5 0.5 0.5" specular="0.1 0.1 0.1" castshadow="{shadows}"/>
    <geom type="plane" size="40 40 1" rgba="0.95 0.97 1 1"/>
    {objects}
    <camera name="eye" projection="orthographic" fovy="9" pos="0 -9.39 18.11" xyaxes="1 0 0 0 0.883 0.469"/>
  </worldbody>
</mujoco>
"""
"""The camera looks down at 62 degrees and is orthographic: the cells of the grid are squares of the picture, apart
from its margin, so that a policy sees an object at its cell. All lights are white, and together they do not exceed 1:
`spiral.engines.sprites` relies on it."""
_OBJECT = '<geom type="sphere" size="1 1 1" rgba="0 0 0 0"/>'


@functools.cache
def missing() -> str | None:
    """Why scenes cannot be rendered here, in one line, or None when they can."""
    try:
        with_renderer(SceneSettings(size=8), lambda renderer: None)
    except Exception as error:  # the loader of OpenGL may raise anything: no library, no driver, no display
        reason = " ".join(str(error).split())[:200].replace(";", ",") or type(error).__name__
        if named := suspects():
            return f"MuJoCo cannot render ({reason}); unset {named} in the environment, or set MUJOCO_GL=egl"
        return f"MuJoCo or OpenGL is missing ({reason})"
    return None


def samples(settings: SceneSettings) -> int:
    """Samples of multisampling, from the settings or else the size."""
    if settings.samples is not None:
        return settings.samples
    return _SAMPLES if settings.size > _SMALL else 0


def model(settings: SceneSettings) -> Any:
    """A floor with room for all objects (`mujoco.MjModel`); see `fill`."""
    return library().MjModel.from_xml_string(
        WORLD.format(
            side=settings.size,
            samples=samples(settings),
            shadows="true" if settings.shadows else "false",
            objects=_OBJECT * settings.objects,
        )
    )


def fill(model: Any, data: Any, objects: Geoms) -> None:
    """Put N objects into a `model` and its data (`mujoco.MjData`), in place, and hide its other objects."""
    count = len(objects.types)
    model.geom_type[1 : count + 1] = _types()[objects.types]
    model.geom_size[1 : count + 1] = objects.half
    model.geom_rgba[1 : count + 1, :3] = objects.colour
    model.geom_rgba[1:, 3] = np.arange(len(model.geom_rgba) - 1) < count
    data.geom_xpos[1 : count + 1] = objects.centre


@functools.cache
def _types() -> npt.NDArray[np.int32]:
    """MuJoCo's numbers of `TYPES`."""
    return np.array([getattr(library().mjtGeom, f"mjGEOM_{name.upper()}") for name in TYPES], np.int32)


class SceneRenderer:
    """A model and an OpenGL context; it belongs to the thread that made it."""

    def __init__(self, settings: SceneSettings) -> None:
        """Make an empty floor.

        Args:
            settings: of the scene engine.
        """
        self._model = model(settings)
        self._data = library().MjData(self._model)
        library().mj_forward(self._model, self._data)
        self._screen = OffscreenRenderer(self._model, settings.size, settings.size)

    def render(self, objects: Geoms, depth: npt.NDArray[np.float32] | None = None) -> npt.NDArray[np.uint8]:
        """Render one scene of N objects: uint8 [S, S, 3]; `depth` as in `OffscreenRenderer.render`."""
        fill(self._model, self._data, objects)
        return self._screen.render(self._data, depth)

    def close(self) -> None:
        """Free the context, in its own thread."""
        self._screen.close()


def with_renderer(settings: SceneSettings, work: Callable[[SceneRenderer], Result]) -> Result:
    """Run `work` on a renderer, in a thread that keeps the renderer, and wait for the result."""
    return workers(1)[0].submit(lambda: work(thread_renderer(settings))).result()


_render_threads: list[ThreadPoolExecutor] = []
_renderers: dict[int, OrderedDict[SceneSettings, SceneRenderer]] = {}


def workers(count: int) -> list[ThreadPoolExecutor]:
    """Threads that live as long as the process, because an OpenGL context belongs to one thread."""
    while len(_render_threads) < count:
        _render_threads.append(ThreadPoolExecutor(1, thread_name_prefix=f"renderer-{len(_render_threads)}"))
    return _render_threads[:count]


def thread_renderer(settings: SceneSettings) -> SceneRenderer:
    """This thread's renderer for these settings; a few are kept."""
    mine = _renderers.setdefault(threading.get_ident(), OrderedDict())
    if settings not in mine:
        if len(mine) >= _CONTEXTS:
            mine.popitem(last=False)[1].close()
        mine[settings] = SceneRenderer(settings)
    mine.move_to_end(settings)
    return mine[settings]
