"""The tab that shows training runs live: curves and contact sheets."""

from __future__ import annotations

import base64
import html
from pathlib import Path
from typing import Any

import gradio as gr

from spiral.errors import InputError
from spiral.evaluation.report import METRICS, PLOTS, draw, read_record
from spiral.studio import handlers
from spiral.studio.shared import Studio, show_input_errors

_SECONDS = 10.0
_MOST = 6
_STYLE = """
.curves { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 380px), 1fr)); gap: 12px; }
figure { margin: 0; } svg, img { max-width: 100%; height: auto; } svg { background: white; border-radius: 8px; }
figcaption { margin: 12px 0 4px; }
"""


def tab(studio: Studio) -> None:
    """Build the tab."""
    gr.Markdown(f"Runs in `{studio.runs}`, read again every {_SECONDS:g} seconds. `spiral train PRESET` begins one.")
    # Names of deleted runs pass: `look` leaves them out, while Gradio would refuse every further update.
    names = gr.Dropdown(
        found(studio.runs), multiselect=True, label="Runs", max_choices=_MOST, allow_custom_value=True, elem_id="runs"
    )
    report = gr.HTML("", css_template=_STYLE, elem_id="report")
    last = gr.State("", time_to_live=handlers.KEPT_SECONDS)
    clock = gr.Timer(_SECONDS)

    def look(chosen: list[str], before: str) -> tuple[Any, Any, Any]:
        known = found(studio.runs)
        page = shown(studio.runs, [name for name in chosen if name in known])
        # Only changes are sent again: pictures of several runs are a megabyte.
        news = gr.skip() if page == before else page
        return gr.Dropdown(choices=known), news, news

    for event in (names.change, clock.tick):
        event(
            show_input_errors(look),
            [names, last],
            [names, report, last],
            show_progress="hidden",
            api_visibility="private",
        )


def found(folder: Path) -> list[str]:
    """Names of the runs in a folder, the newest first."""
    files = [file for file in folder.glob(f"*/{METRICS}") if file.is_file()]
    return [file.parent.name for file in sorted(files, key=lambda file: file.stat().st_mtime, reverse=True)]


def shown(folder: Path, names: list[str]) -> str:
    """Curves and last contact sheets of some runs, as HTML."""
    records, refusals = [], []
    for name in names[:_MOST]:
        try:
            records.append(read_record(folder / name))
        except InputError as error:
            refusals.append(f"<p>{html.escape(str(error))}</p>")
    plots = [svg for quantity in PLOTS if (svg := draw(quantity, records))] if records else []
    figures = [f"<figure>{svg[svg.index(b'<svg') :].decode()}</figure>" for svg in plots]
    sheets = [
        f"<figure><figcaption>{html.escape(record.name)}, {record.seconds / 60:.1f} minutes</figcaption>"
        f'<img alt="contact sheet of {html.escape(record.name, quote=True)}" '
        f'src="data:image/png;base64,{base64.b64encode(record.sheet).decode()}"></figure>'
        for record in records
        if record.sheet
    ]
    return "".join([*refusals, f'<div class="curves">{"".join(figures)}</div>' if figures else "", *sheets])
