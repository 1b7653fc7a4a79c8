"""Baselines for the agents."""
