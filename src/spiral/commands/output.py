"""Output of commands: tables and messages on stderr, one JSON object on stdout on request."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from spiral.errors import InputError
from spiral.io.files import make_folder
from spiral.program import Program

console = Console(stderr=True, soft_wrap=True, markup=False, emoji=False)  # names of files may look like markup


def output_names(images: Sequence[Path], out: Path) -> list[str]:
    """Names for the results of picture files in a folder.

    Raises:
        InputError: no pictures, two with one name, or one that its result would overwrite.
    """
    names = [path.stem for path in images]
    if not names:
        raise InputError("name at least one picture")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"two pictures are both called {twice[0]!r}; put the results into different folders")
    for name, path in zip(names, images, strict=True):
        if _is_same(out / f"{name}.png", path):
            raise InputError(f"{path} would be overwritten by its painting; name another folder with --out")
    return names


def _is_same(one: Path, other: Path) -> bool:
    """Whether two paths lead to one file; not so where there is none, which is told when it is read."""
    try:
        return one.samefile(other)
    except (OSError, ValueError):
        return False


def write_paintings(out: Path, names: Sequence[str], paintings: Iterable[tuple[Program, Any]]) -> None:
    """Write NAME.png and NAME.program.json for each program and its picture uint8 [H, W, C], one after the other."""
    make_folder(out)
    for name, (program, picture) in zip(names, paintings, strict=True):
        write_painting(out, name, program, picture)
    say_written(out, names)


def write_painting(out: Path, name: str, program: Program, picture: Any) -> None:
    """Write NAME.png and NAME.program.json into a folder that exists."""
    from spiral.io.images import write_png

    program.save(out / f"{name}.program.json")
    write_png(out / f"{name}.png", picture)


def say_written(out: Path, names: Sequence[str]) -> None:
    """Tell where the pictures and programs are."""
    if len(names) == 1:
        console.print(f"wrote {out / names[0]}.png and {out / names[0]}.program.json")
    else:
        console.print(f"wrote {len(names)} pictures and their programs to {out}")


class Failures:
    """Pictures that cannot be used; the others are done first, and these are told at the end."""

    def __init__(self, count: int) -> None:
        """Of `count` pictures; the failure of a single one is an error at once."""
        self._count, self._failures = count, dict[Path, InputError]()

    @property
    def paths(self) -> set[Path]:
        """The pictures that have failed."""
        return set(self._failures)

    @contextlib.contextmanager
    def collected(self, path: Path) -> Iterator[None]:
        """Collect an `InputError` inside the `with` block as the failure of one picture.

        Raises:
            InputError: all pictures have failed.
        """
        try:
            yield
        except InputError as error:
            self._failures[path] = error
            if len(self._failures) == self._count:
                self.tell()

    def tell(self) -> None:
        """Print a line for each failure and end with an error that counts them.

        Raises:
            InputError: there were failures.
        """
        if not self._failures:
            return
        if self._count == 1:
            raise next(iter(self._failures.values()))
        for error in self._failures.values():
            console.print(f"spiral: {' '.join(str(error).split())}", highlight=False)
        others = "; the others were painted" if len(self._failures) < self._count else ""
        raise InputError(
            f"{len(self._failures)} of {self._count} pictures could not be painted, as listed above{others}"
        )


@contextlib.contextmanager
def progress_bar(description: str, total: int) -> Iterator[Callable[..., None]]:
    """A progress bar that appears with the first report, so that errors on inputs stay alone.

    Yields:
        A function to call with the amount done, and with a new description if any.
    """
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=console)
    task = bar.add_task(description, total=total)
    with contextlib.ExitStack() as shown:

        def report(done: int, description: str = description) -> None:
            if not bar.live.is_started:
                shown.enter_context(bar)
            bar.update(task, completed=done, description=description)

        yield report


def show_figures(figures: dict[str, Any], as_json: bool) -> None:
    """Print figures: one JSON object on stdout, or a table."""
    if as_json:
        print(json.dumps(figures))
        return
    table = Table("figure", "value")
    for name, value in figures.items():
        table.add_row(name, f"{value:.4f}" if isinstance(value, float) else str(value))
    console.print(table)
