"""The page: four tabs for the functions of `spiral.studio.handlers`."""

from __future__ import annotations

import os
import socket
import tempfile
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gradio as gr
from gradio import processing_utils
from gradio.themes import Default

from spiral.errors import InputError
from spiral.studio import compare, handlers, painting, runs, sampling
from spiral.studio.direct import without_proxy
from spiral.studio.shared import Studio
from spiral.studio.uploads import MAXIMUM_BYTES

_STYLE = """
.gradio-container { max-width: 1100px !important; margin: 0 auto !important; }
footer { display: none !important; }
@media (max-width: 700px) { .gradio-container { padding: 8px !important; } }
"""
_THEME = Default(font=("system-ui", "sans-serif"), font_mono=("ui-monospace", "monospace"))
_UPLOADS = "GRADIO_TEMP_DIR"
_WAITING = 100
"""Requests that may wait."""
_THREADS = 6
"""Threads for all requests; each keeps torch's scratch memory: Gradio's forty would fill a small machine."""
_VISITORS = 200
"""Visitors whose pictures are kept; beyond them, the earliest one's are dropped."""


def build(studio: Studio) -> gr.Blocks:
    """The whole page."""
    with gr.Blocks(
        title="SPIRAL studio", analytics_enabled=False, delete_cache=(handlers.KEPT_SECONDS // 6, handlers.KEPT_SECONDS)
    ) as page:
        gr.Markdown("# SPIRAL studio\nAgents that write programs which paint pictures. Draw something, and watch.")
        opened = gr.State(None, time_to_live=handlers.KEPT_SECONDS)
        with gr.Tabs() as tabs:
            with gr.Tab("Paint", id="paint"):
                paint_tab = painting.tab(studio, opened)
            with gr.Tab("Invent", id="invent"):
                sampling.tab(studio, opened, paint_tab.player, tabs)
            with gr.Tab("Compare", id="compare"):
                compare.tab(studio, paint_tab)
            with gr.Tab("Runs", id="runs"):
                runs.tab(studio)
        # New runs add agents.
        page.load(lambda: gr.Dropdown(choices=list(painting.redrawing(studio))), None, paint_tab.agent)
    return page


async def _fetch_nothing(url: str, cache_dir: str) -> str:
    raise gr.Error("the studio fetches nothing from elsewhere", print_exception=False)


def _require_address(host: str, port: int | None) -> None:
    """Check that this process may listen there, since Gradio tells less about it.

    Raises:
        InputError: the port is taken, or the address is not one of this machine.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port or 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
    except (OSError, UnicodeError) as error:
        raise _refusal(host, port, error) from error


def _refusal(host: str, port: int | None, error: Exception) -> InputError:
    reason = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
    where = host if port is None else f"port {port} of {host}"
    return InputError(f"cannot serve the studio on {where}: {reason}; choose another --port or --host")


@contextmanager
def _uploads_in(folder: str) -> Iterator[None]:
    """Have Gradio keep visitors' files in a folder, which is deleted with the studio, and forget it afterwards.

    Gradio looks for uploads where the variable says: a studio that is served still would not find its own.
    """
    before = os.environ.get(_UPLOADS)
    os.environ[_UPLOADS] = folder
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_UPLOADS, None)
        else:
            os.environ[_UPLOADS] = before


@contextmanager
def served(folder: Path, port: int | None = None, host: str = "127.0.0.1", browser: bool = False) -> Iterator[str]:
    """Serve the studio, and stop at the end of the `with` block.

    Args:
        folder: with training runs.
        port: the first free one from 7860 on when None.
        host: the address to listen on; others than loopback let other machines in.
        browser: open a browser on this machine.

    Yields:
        The page's address.

    Raises:
        InputError: the port is taken, or Gradio cannot serve for another reason.
    """
    _require_address(host, port)
    with tempfile.TemporaryDirectory(prefix="spiral-studio-") as files, _uploads_in(files):
        # Gradio would fetch any address that a request names instead of a file.
        processing_utils.async_ssrf_protected_download = _fetch_nothing
        page = build(Studio(folder, Path(files)))
        page.queue(max_size=_WAITING, default_concurrency_limit=2)
        try:
            with without_proxy():
                _, address, _ = page.launch(
                    server_name=host,
                    server_port=port,
                    share=False,
                    prevent_thread_lock=True,
                    quiet=True,
                    max_threads=_THREADS,
                    state_session_capacity=_VISITORS,
                    max_file_size=MAXIMUM_BYTES,
                    allowed_paths=[files],
                    footer_links=[],
                    ssr_mode=False,
                    run_history=False,
                    pwa=False,
                    theme=_THEME,
                    css=_STYLE,
                )
        except Exception as error:  # whatever it is, there is no page
            page.close(verbose=False)
            raise _refusal(host, port, error) from error
        if browser:
            webbrowser.open(address)
        try:
            yield address
        finally:
            page.close(verbose=False)
