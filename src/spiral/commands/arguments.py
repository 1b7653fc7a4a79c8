"""What users write that neither the shell nor Python's parsers read: `--out=~/x`, `--frames 1e6`."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

_HOME = re.compile(r"((?:--[\w.-]+=)?(?:photos:|by-drawer:)?)(~[\w.-]*(?:/.*)?)", re.DOTALL)
_COUNT = re.compile(r"(--[\w.-]+=)?(\d+(?:\.\d+)?[eE]\+?\d{1,2})")
_LARGEST = 10**15


def read_as_meant(arguments: Sequence[str]) -> list[str]:
    """The arguments with home folders in place of `~`, and whole numbers in place of `1e6` after a flag."""
    result: list[str] = []
    for place, argument in enumerate(arguments):
        after_flag = place > 0 and arguments[place - 1].startswith("--")
        if found := _HOME.fullmatch(argument):
            argument = found[1] + os.path.expanduser(found[2])
        elif (found := _COUNT.fullmatch(argument)) and (found[1] or after_flag):
            argument = (found[1] or "") + _whole(found[2])
        result.append(argument)
    return result


def _whole(text: str) -> str:
    number = float(text)
    return str(int(number)) if number.is_integer() and number < _LARGEST else text
