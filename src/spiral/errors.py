"""Errors and warnings about input from outside: files, settings, commands, checkpoints."""

from numbers import Real
from typing import Any


class InputError(ValueError):
    """User input cannot be used; the message is one line that says what and why.

    The command line turns it into exit status 2 and that line, never a traceback.
    """


class PictureWarning(UserWarning):
    """Something about a picture that the user should know; the command line shows it as one line."""


class LeftOutWarning(PictureWarning):
    """Pictures of a data set that are left out."""


def require_number(what: str, value: Any, low: float, high: float) -> None:
    """Check that something is a number from `low` to `high`, both ends included.

    Raises:
        InputError: it is not; NaN never is.
    """
    if not isinstance(value, Real) or not low <= value <= high:  # pyright: ignore[reportOperatorIssue]
        raise InputError(f"{what} must be {low:g} to {high:g}, got {value}")


def require_seed(seed: int) -> None:
    """Check that a seed is one that every source of random numbers takes.

    Raises:
        InputError: it is not.
    """
    if not 0 <= seed < 2**63:
        raise InputError(f"seed must be 0 to 2**63 - 1, got {seed}")


def require_within(where: str, settings: object, **bounds: tuple[float, float]) -> None:
    """Check that fields of a settings object lie within their bounds, both ends included.

    Raises:
        InputError: one does not; NaN never does.
    """
    for name, (low, high) in bounds.items():
        value = getattr(settings, name)
        if not low <= value <= high:
            raise InputError(f"{where}.{name} must be {low:g} to {high:g}, got {value:g}")


def cannot_import(error: ImportError, what: str, package: str, extra: str) -> InputError:
    """The error for a package of an extra that cannot be imported.

    Only a package that is not installed is one to install; another failure is something inside it, told as it is.

    Args:
        error: what the import raised.
        what: the part of this package that needs it.
        package: the name by which it is imported.
        extra: the extra that has it.
    """
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == package:
        return InputError(f"{what} needs the extra: pip install 'spiral-painter[{extra}]'")
    reason = " ".join(str(error).split())
    return InputError(
        f"{what} needs {package}, which is installed but cannot be imported: {reason}; "
        f"to install it anew: pip install --force-reinstall 'spiral-painter[{extra}]'"
    )


class TrainingError(RuntimeError):
    """Training cannot continue (a quantity is not finite or exploded); the message names it."""
