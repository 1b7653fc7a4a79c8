"""The arm, the table and the sheet, as a MuJoCo model.

Metres and seconds. The arm stands behind the sheet, seen from the viewer: x points from it to the viewer, y to the
viewer's right, z up. The sheet lies on the table at z = 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from spiral.engines.opengl import library

SHEET = 0.3
"""Side of the sheet."""
CENTRE = 0.44
"""Distance of the sheet's centre from the arm."""
TIP, CAMERA = "tip", "viewer"
JOINTS = ("turn", "shoulder", "elbow", "wrist", "tilt")
LIMITS = {"turn": 2.8, "shoulder": 2.0, "elbow": 2.7, "wrist": 2.7, "tilt": 1.5}
"""Range of every joint to either side of its zero, radians."""
MAX_JOINT_SPEED = 3.0
"""Radians a second, of every joint."""
HOME = (0.0, 0.505, 1.829, 0.808, 0.0)
"""Joint angles before anything is painted: the brush upright above the sheet."""
_SERVO = 'kp="{kp}" kv="{kv}" ctrlrange="-3.2 3.2" forcerange="-{force} {force}"'
_WORLD = """
<mujoco model="painter">
  <compiler angle="radian"/>
  <option timestep="0.002" integrator="implicitfast"/>
  <statistic center="0.3 0 0.1" extent="0.8"/>
  <visual>
    <global offwidth="{width}" offheight="{height}"/>
    <quality shadowsize="2048" offsamples="4"/>
    <headlight ambient="0.4 0.4 0.4" diffuse="0.25 0.25 0.25" specular="0 0 0"/>
  </visual>
  <default>
    <joint axis="0 1 0" damping="0.2" armature="0.02"/>
    <geom contype="0" conaffinity="0" rgba="0.93 0.93 0.95 1" mass="0.3"/>
  </default>
  <asset>
    <texture name="sheet" type="2d" builtin="flat" rgb1="1 1 1" width="{texture}" height="{texture}"/>
    <material name="sheet" texture="sheet" texuniform="false" specular="0" shininess="0"/>
  </asset>
  <worldbody>
    <light pos="0.6 -0.6 1.4" dir="-0.2 0.4 -1" diffuse="0.5 0.5 0.5" castshadow="true"/>
    <geom type="plane" pos="0 0 -0.003" size="3 3 1" rgba="0.62 0.52 0.42 1"/>
    <body name="paper" pos="{centre} 0 0" euler="0 0 {quarter}">
      <geom name="sheet" type="box" size="{half} {half} 0.001" pos="0 0 -0.001" material="sheet"/>
    </body>
    <camera name="viewer" pos="1.0 -0.25 0.62" xyaxes="0.364 0.931 0 -0.561 0.2195 0.796" fovy="42"/>
    <body name="column" gravcomp="1">
      <joint name="turn" axis="0 0 1" range="-{turn} {turn}"/>
      <geom type="cylinder" size="0.055 0.09" pos="0 0 0.09" rgba="0.25 0.27 0.3 1"/>
      <body name="upper" pos="0 0 0.2" gravcomp="1">
        <joint name="shoulder" range="-{shoulder} {shoulder}"/>
        <geom type="sphere" size="0.05" rgba="0.25 0.27 0.3 1"/>
        <geom type="capsule" size="0.033" fromto="0 0 0 0 0 0.36"/>
        <body name="fore" pos="0 0 0.36" gravcomp="1">
          <joint name="elbow" range="-{elbow} {elbow}"/>
          <geom type="sphere" size="0.042" rgba="0.25 0.27 0.3 1"/>
          <geom type="capsule" size="0.027" fromto="0 0 0 0 0 0.34"/>
          <body name="hand" pos="0 0 0.34" gravcomp="1">
            <joint name="wrist" range="-{wrist} {wrist}"/>
            <geom type="sphere" size="0.034" rgba="0.25 0.27 0.3 1"/>
            <body name="brush" pos="0 0 0.03" gravcomp="1">
              <joint name="tilt" axis="1 0 0" range="-{tilt} {tilt}"/>
              <geom type="cylinder" size="0.009" fromto="0 0 0 0 0 0.1" rgba="0.75 0.2 0.15 1" mass="0.05"/>
              <geom type="cylinder" size="0.007" fromto="0 0 0.1 0 0 0.12" rgba="0.8 0.75 0.5 1" mass="0.01"/>
              <geom type="capsule" size="0.004" fromto="0 0 0.12 0 0 0.146" rgba="0.15 0.1 0.1 1" mass="0.01"/>
              <site name="tip" pos="0 0 0.15" size="0.002"/>
            </body>
          </body>
        </body>
      </body>
    </body>
  </worldbody>
  <actuator>
    {servos}
  </actuator>
</mujoco>
"""
_STRENGTH = {"turn": 900.0, "shoulder": 1500.0, "elbow": 1000.0, "wrist": 300.0, "tilt": 150.0}
"""Of each servo, newton metres a radian."""
DAMPING = 0.04
"""Damping over stiffness: the lag of a servo, in seconds."""


def build(texture: int, width: int, height: int) -> Any:
    """The model (`mujoco.MjModel`); the sheet's texture has `texture` pixels a side, films `width` x `height`."""
    servos = "".join(
        f'<position name="{name}" joint="{name}" '
        + _SERVO.format(kp=strength, kv=strength * DAMPING, force=strength)
        + "/>"
        for name, strength in _STRENGTH.items()
    )
    return library().MjModel.from_xml_string(
        _WORLD.format(
            width=width,
            height=height,
            texture=texture,
            centre=CENTRE,
            half=SHEET / 2,
            quarter=np.pi / 2,
            servos=servos,
            **LIMITS,
        )
    )


def sheet_coordinates(points: npt.NDArray[np.float64], aspect: float = 1.0) -> npt.NDArray[np.float64]:
    """Points of a square canvas, float64 [..., 2], (x, y) from 0 to 1, in metres: [..., 2] in x and y.

    `aspect` is width over height of the picture, which is as large as the sheet allows.
    """
    across = SHEET * min(1.0, aspect) * (points[..., 0] - 0.5)
    down = SHEET * min(1.0, 1.0 / aspect) * (points[..., 1] - 0.5)
    return np.stack([CENTRE + down, across], axis=-1)
