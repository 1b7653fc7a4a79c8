"""The command that serves the studio."""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from spiral.commands.output import console
from spiral.errors import InputError, cannot_import
from spiral.studio.direct import without_proxy

_ARENA_MAX = -8
"""M_ARENA_MAX of glibc's malloc.h."""


@dataclass(frozen=True)
class Studio:
    """Serve a web page on which one draws and watches agents paint."""

    port: int | None = None
    """The port; the first free one from 7860 when left out."""
    host: str = "127.0.0.1"
    """The address to listen on. Any other than this one lets other machines in, whose users may paint and read the
    training runs."""
    runs: Path = Path("runs")
    """Folder with training runs: their curves are shown, and their agents can paint."""
    browser: bool = False
    """Open a browser on this machine."""

    def __call__(self) -> None:
        """Run it."""
        if self.port is not None and not 1 <= self.port <= 65535:
            raise InputError(f"--port must be 1 to 65535, got {self.port}")
        # Gradio must not send anything; it reads these when it is imported.
        os.environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
        _share_one_heap()
        try:
            with without_proxy():
                from spiral.studio.page import served
        except ImportError as error:
            raise cannot_import(error, "the studio", "gradio", "studio") from error
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # a service manager ends it like Ctrl-C
        try:
            with served(self.runs, self.port, self.host, self.browser) as address:
                console.print(f"the studio is at {address} ; Ctrl-C ends it")
                while True:
                    time.sleep(3600)
        except KeyboardInterrupt:
            console.print("the studio is closed")


def _share_one_heap() -> None:
    """Let all threads allocate from one heap.

    By default glibc has a heap for each thread, and a process that passes buffers between threads grows by some 50 KiB
    a request, without limit. This must be set before threads start.
    """
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)
