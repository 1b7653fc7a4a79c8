"""Evaluation of paintings: metrics and the digit classifier."""
