"""A simulated arm that paints programs of brush strokes on a sheet of paper."""

from spiral.robot.simulation import Simulation, simulate

__all__ = ["Simulation", "simulate"]
