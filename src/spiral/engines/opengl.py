"""MuJoCo's renderer without a window."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

_BACKEND = "MUJOCO_GL"
_PYOPENGL = "PYOPENGL_PLATFORM"
_VARIABLES = (_BACKEND, _PYOPENGL, "MUJOCO_EGL_DEVICE_ID", "__EGL_VENDOR_LIBRARY_FILENAMES")


@functools.cache
def library() -> Any:
    """Import MuJoCo; without a display, set its rendering backend before.

    Raises:
        ImportError: it is not installed.
    """
    if sys.platform.startswith("linux"):
        if not os.environ.get(_BACKEND):  # MuJoCo takes an empty one for GLFW, which needs a display
            os.environ[_BACKEND] = "egl"
        # Mesa's software renderer would start more threads for each of ours.
        os.environ.setdefault("LP_NUM_THREADS", "0")
    with _quietly():
        import mujoco

    return mujoco


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without GLFW's own warnings, which say less than the error that follows them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"glfw(\.|$)")
        yield


def suspects() -> str:
    """The variables of the environment, with their values, that may be why OpenGL does not work; empty if none is set.

    A MuJoCo that is not installed is no matter of these.
    """
    if importlib.util.find_spec("mujoco") is None:
        return ""
    named = {name: os.environ.get(name, "") for name in _VARIABLES}
    # MuJoCo itself sets PyOpenGL's to its own.
    if named[_PYOPENGL] == named[_BACKEND]:
        del named[_PYOPENGL]
    named = {name: value for name, value in named.items() if value not in ("", "egl")}
    return " and ".join(f"{name}={value}" for name, value in named.items())


class OffscreenRenderer:
    """An OpenGL context for pictures of one model; it belongs to the thread that made it."""

    def __init__(self, model: Any, width: int, height: int) -> None:
        """Make the context.

        Args:
            model: `mujoco.MjModel`, whose offscreen buffer is at least `width` x `height`.
            width: of the pictures in pixels.
            height: likewise.
        """
        mujoco = library()
        self.model = model
        self._shape = (height, width, 3)
        with _quietly():
            self._context = mujoco.GLContext(width, height)
            self._context.make_current()
        self._renderer = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._renderer)
        self._scene = mujoco.MjvScene(model, model.ngeom + 8)
        self._option, self._camera = mujoco.MjvOption(), mujoco.MjvCamera()
        self._camera.type, self._camera.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, 0
        self._view = mujoco.MjrRect(0, 0, width, height)

    def render(self, data: Any, depth: npt.NDArray[np.float32] | None = None) -> npt.NDArray[np.uint8]:
        """Render the view of the model's first camera: uint8 [H, W, 3].

        Args:
            data: `mujoco.MjData`.
            depth: float32 [H, W], filled with the depth buffer, near 0 to far 1, unless None.
        """
        mujoco = library()
        self._context.make_current()
        every = mujoco.mjtCatBit.mjCAT_ALL
        mujoco.mjv_updateScene(self.model, data, self._option, None, self._camera, every, self._scene)
        mujoco.mjr_render(self._view, self._scene, self._renderer)
        pixels = np.empty(self._shape, np.uint8)
        mujoco.mjr_readPixels(pixels, depth, self._view, self._renderer)
        if depth is not None:
            depth[:] = depth[::-1].copy()
        return pixels[::-1]  # OpenGL's first row is the lowest

    def upload(self, texture: int) -> None:
        """Upload one of the model's textures after a change."""
        self._context.make_current()
        library().mjr_uploadTexture(self.model, self._renderer, texture)

    def close(self) -> None:
        """Free the context."""
        self._context.make_current()
        self._renderer.free()
        self._context.free()
