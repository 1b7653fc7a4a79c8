"""SPIRAL: agents that write programs which paint pictures (Ganin et al. 2018)."""

__version__ = "0.1.0"
