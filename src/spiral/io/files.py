"""Reading with limits and writing atomically; every failure is an `InputError` of one line."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

from spiral.errors import InputError


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def read_bytes(path: Path, limit: int) -> bytes:
    """Content of a file of at most `limit` bytes.

    Raises:
        InputError: missing, not a file, unreadable, or larger than `limit`.
    """
    try:
        with path.open("rb") as stream:
            about = os.fstat(stream.fileno())
            if about.st_size > limit:
                raise InputError(f"{path} is larger than {limit} bytes")
            if stat.S_ISREG(about.st_mode) and about.st_size:
                return stream.read()
            data = stream.read(limit + 1)  # pipes and devices do not tell their size, and some have no end
        if len(data) > limit:
            raise InputError(f"{path} is larger than {limit} bytes")
        return data
    except InputError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise InputError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error


def make_folder(path: Path) -> Path:
    """Create a folder with its parents (one that exists is fine) and return it.

    Raises:
        InputError: it cannot be created, or is not writable.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot create the folder {path}: {_reason(error)}") from error
    if not os.access(path, os.W_OK):
        raise InputError(f"cannot write to the folder {path}: no permission, or a read-only disk")
    return path


def write_atomically(path: Path, content: bytes | Callable[[Path], None]) -> None:
    """Write a file so that readers see either the old one or the new one, even after a crash.

    Args:
        path: the file to write; its folder must exist.
        content: the bytes, or a function that writes them to the temporary path it is given (which keeps
            the file's ending, since image and video writers choose a format by it).

    Raises:
        InputError: the file cannot be written; nothing is left behind.
    """
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(prefix=".", suffix=f".part{path.suffix}", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        if callable(content):
            content(temporary)
        else:
            temporary.write_bytes(content)
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {_reason(error)}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
