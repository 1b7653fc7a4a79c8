"""`python -m spiral` is the command `spiral`."""

from spiral.cli import run

if __name__ == "__main__":
    run()
