"""The learning algorithm; `trainer` is SPIRAL on one page."""
