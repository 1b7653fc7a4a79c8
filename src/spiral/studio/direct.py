"""Without a proxy: Gradio asks the studio's own address whether it serves, which no proxy can reach."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

_EVERYWHERE = {"NO_PROXY": "*", "no_proxy": "*"}
"""httpx and urllib read either spelling; with a host instead of `*`, httpx still loads what a SOCKS proxy needs."""


@contextmanager
def without_proxy() -> Iterator[None]:
    """Keep this process from the user's proxies, those of the environment and of the system, inside the `with` block.

    For importing Gradio, which makes a client at once, and for launching; not longer, since a browser started from
    here would be kept from them, too.
    """
    before = {name: os.environ.get(name) for name in _EVERYWHERE}
    os.environ |= _EVERYWHERE
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
