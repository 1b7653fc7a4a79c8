"""The robot paints a program: motion, arm, sheet and film together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from spiral.engines.base import remedy
from spiral.engines.opengl import OffscreenRenderer, library
from spiral.engines.renderer import missing
from spiral.errors import InputError
from spiral.exports.paths import stroke_settings
from spiral.io.images import to_image
from spiral.program import Program
from spiral.robot.arm import JOINTS, LIMITS, MAX_JOINT_SPEED, SHEET, TIP, build
from spiral.robot.control import Execution, follow, start_tip
from spiral.robot.motion import STEP, Motion, plan
from spiral.robot.sheet import TOUCHING, Sheet

TEXTURE = 512
FILM = (640, 480)


@dataclass(frozen=True)
class Simulation:
    """The robot's painting.

    Attributes:
        motion: the plan.
        execution: the result.
        sheet: uint8 [512, 512, 3], the finished sheet.
    """

    motion: Motion
    execution: Execution
    sheet: npt.NDArray[np.uint8]

    def canvas_mse(self, program: Program, engine: str | None = None) -> float:
        """Mean squared error to an engine's painting of the program, its own if None; pixels in [0, 1]."""
        settings, side = stroke_settings(program), len(self.sheet)
        picture = to_image(replace(program, engine=engine or program.engine).render(side)).convert("RGB")
        # A picture that is not square fills the sheet's longer direction, with blank margins.
        width, height = round(side * min(1.0, settings.aspect)), round(side * min(1.0, 1.0 / settings.aspect))
        whole = np.tile(np.round(np.array(settings.ground) * 255.0), (side, side, 1))
        left, top = (side - width) // 2, (side - height) // 2
        whole[top : top + height, left : left + width] = np.asarray(picture.resize((width, height)))
        return float(np.square((whole - self.sheet) / 255.0).mean())

    def tracking_figures(self) -> dict[str, float]:
        """The accuracy of the execution.

        Returns:
            `strokes`; `seconds` of painting; `mean_error` and `largest_error`, the tip's distances from the curve while
            painting, in shares of the sheet's side; `lifted`, the share of painted moments at which the tip did not
            touch the sheet; `speed`, the largest joint speed over the limit, and `range`, the largest joint angle over
            the limit: above 1 a limit is broken.
        """
        painting = self.motion.stroke >= 0
        wanted, tips = self.motion.points[painting], self.execution.tips[painting]
        apart = np.linalg.norm(tips[:, :2] - wanted[:, :2], axis=1) / SHEET
        limits = np.array([LIMITS[name] for name in JOINTS])
        return {
            "strokes": float(len(self.motion.curves)),
            "seconds": self.motion.seconds,
            "mean_error": float(apart.mean()),
            "largest_error": float(apart.max()),
            "lifted": float((tips[:, 2] >= TOUCHING).mean()),
            "speed": float(np.abs(self.execution.speeds).max() / MAX_JOINT_SPEED),
            "range": float((np.abs(self.execution.angles) / limits).max()),
        }


def simulate(
    program: Program,
    film: Callable[[npt.NDArray[np.uint8]], None] | None = None,
    rate: float = 25.0,
    pace: float = 1.0,
) -> Simulation:
    """Let the robot paint a program.

    Args:
        program: of brush strokes.
        film: called with every frame, uint8 [480, 640, 3]; nothing is filmed when None.
        rate: frames per second of the film.
        pace: speed of the film, as a multiple of real time.

    Raises:
        InputError: a program without visible brush strokes, or mink, MuJoCo or OpenGL is missing.
    """
    if (reason := missing()) is not None:
        told = remedy(reason, "pip install 'spiral-painter[robot]'")
        raise InputError(f"the robot does not work here: {told}")
    settings = stroke_settings(program)
    model = build(TEXTURE, *FILM)
    motion = plan(program, start_tip(model))
    sheet = Sheet(TEXTURE, settings.ground)
    # A canvas that is not square is as large as the sheet allows.
    scale = SHEET / settings.size * min(1.0, settings.aspect, 1.0 / settings.aspect) ** 0.5
    screen = OffscreenRenderer(model, *FILM) if film is not None else None
    tips: list[npt.NDArray[np.float64]] = []
    now, frames = -1, 0

    def paint() -> None:
        if now >= 0:
            sheet.stroke(motion.curves[now], motion.curves[now].width * scale, np.stack(tips))

    def watch(moment: int, data: Any) -> None:
        nonlocal now, frames
        index = int(motion.stroke[moment])
        if index != now:
            paint()
            sheet.begin()
            tips.clear()
            now = index
        tips.append(data.site(TIP).xpos.copy())
        if film is not None and screen is not None and moment * STEP >= frames * pace / rate:
            frames += 1
            paint()
            _show(model, screen, sheet)
            film(screen.render(data))

    execution = follow(model, motion, watch)
    if screen is not None:
        screen.close()
    return Simulation(motion, execution, sheet.picture())


def _show(model: Any, screen: OffscreenRenderer, sheet: Sheet) -> None:
    """Put the sheet's picture onto the paper."""
    texture = library().mj_name2id(model, library().mjtObj.mjOBJ_TEXTURE, "sheet")
    begin = model.tex_adr[texture]
    picture = sheet.picture()
    model.tex_data[begin : begin + picture.size] = picture.ravel()
    screen.upload(texture)
