"""The arm follows a motion: inverse kinematics by mink, servos and physics by MuJoCo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spiral.engines.opengl import library
from spiral.errors import cannot_import
from spiral.robot.arm import DAMPING, HOME, JOINTS, MAX_JOINT_SPEED, TIP
from spiral.robot.motion import STEP, Motion

_SOLVER = "daqp"
_CAUTION = 0.8
"""Largest share of the speed limit that is used, so that servos that catch up do not exceed it."""
_UPRIGHT = 0.05
"""Weight of an upright brush relative to the tip's position, per radian and metre."""


@dataclass(frozen=True)
class Execution:
    """The arm's motion at N moments, `STEP` seconds apart.

    Attributes:
        tips: float64 [N, 3], the tip's real position, metres.
        angles: float64 [N, 5], of the joints, radians.
        speeds: float64 [N, 5], radians a second.
    """

    tips: npt.NDArray[np.float64]
    angles: npt.NDArray[np.float64]
    speeds: npt.NDArray[np.float64]


def start_tip(model: Any) -> npt.NDArray[np.float64]:
    """The tip's position when the joints are at `HOME`: float64 [3]."""
    data = library().MjData(model)
    data.qpos[:] = HOME
    library().mj_forward(model, data)
    return data.site(TIP).xpos.copy()


def follow(model: Any, motion: Motion, watch: Callable[[int, Any], None] | None = None) -> Execution:
    """Let the arm follow a motion from `HOME`.

    At every `STEP` mink finds the joint speeds, within the joints' limits, that bring the tip to the next point with
    the brush upright. The servos get the resulting angles, plus a lead that compensates for their damping, and MuJoCo
    simulates the physics.

    Args:
        model: of `spiral.robot.arm`.
        motion: to follow.
        watch: called after every moment with its number and MuJoCo's state.

    Raises:
        InputError: mink is missing.
    """
    try:
        import mink
    except ImportError as error:
        raise cannot_import(error, "the robot", "mink", "robot") from error
    mujoco = library()
    data = mujoco.MjData(model)
    data.qpos[:] = HOME
    data.ctrl[:] = HOME
    mujoco.mj_forward(model, data)
    wanted = mink.Configuration(model, q=np.array(HOME))
    place = mink.FrameTask(TIP, "site", position_cost=1.0, orientation_cost=0.0)
    upright = mink.AxisAlignTask(TIP, "site", axis=(0.0, 0.0, 1.0), cost=_UPRIGHT)
    upright.set_target(np.array([0.0, 0.0, -1.0]))
    limits = [
        mink.ConfigurationLimit(model),
        mink.VelocityLimit(model, {name: np.array([_CAUTION * MAX_JOINT_SPEED]) for name in JOINTS}),
    ]
    substeps = round(STEP / model.opt.timestep)
    tips, angles, speeds = [], [], []
    for number, point in enumerate(motion.points):
        place.set_target(mink.SE3.from_translation(point))
        velocity = mink.solve_ik(wanted, [place, upright], STEP, _SOLVER, damping=1e-4, limits=limits)
        before = wanted.q.copy()
        wanted.integrate_inplace(velocity, STEP)
        for part in range(1, substeps + 1):
            data.ctrl[:] = before + (wanted.q - before) * (part / substeps) + DAMPING * velocity
            mujoco.mj_step(model, data)
        mujoco.mj_kinematics(model, data)
        tips.append(data.site(TIP).xpos.copy())
        angles.append(data.qpos.copy())
        speeds.append(data.qvel.copy())
        if watch is not None:
            watch(number, data)
    return Execution(np.stack(tips), np.stack(angles), np.stack(speeds))
