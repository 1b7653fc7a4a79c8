"""The tab that compares agents and search on the visitor's picture."""

from __future__ import annotations

from typing import Any

import gradio as gr
import numpy as np

from spiral.agent import default
from spiral.exports.documents import picture as rendered
from spiral.studio import handlers
from spiral.studio.elements import picture_data, pictures
from spiral.studio.painting import PaintTab, current_picture, redrawing
from spiral.studio.shared import ONE_AT_A_TIME, Studio, show_input_errors

_LARGER = 8
"""Pictures are shown this much larger than the agent sees them."""
_HEAD = ["who", "mean squared error", "commands", "seconds"]


def tab(studio: Studio, paint_tab: PaintTab) -> None:
    """Build the tab.

    Args:
        studio: its settings.
        paint_tab: holds the visitor's picture.
    """
    presets = {name: preset for name, preset in redrawing(studio).items() if not handlers.paints_in_tiles(preset)}
    first = default()
    second = next((name for name, preset in presets.items() if preset.learning.reward == "l2"), first)
    gr.Markdown(
        "The picture of the tab *Paint*, painted by an agent with a discriminator's reward, by one with the reward of "
        "pixel distance (L2), and by Metropolis-Hastings search, which learns nothing and renders every time."
    )
    with gr.Row():
        one = gr.Dropdown(list(presets), value=first, label="An agent")
        other = gr.Dropdown(list(presets), value=second, label="Another")
        evaluations = gr.Slider(0, handlers.MAX_EVALUATIONS, 1000, step=100, label="Renderings of the search")
        seed = gr.Number(0, label="Seed", precision=0, minimum=0)
    button = gr.Button("Compare", variant="primary", elem_id="compare-go")
    gallery = pictures("compared", 210)
    table = gr.Dataframe(headers=_HEAD, interactive=False, show_label=False, elem_id="figures")

    def compare(
        drawn: str | None,
        uploaded: np.ndarray | None,
        source: str,
        invert: bool,
        one: str,
        other: str,
        evaluations: int,
        seed: int,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  # Gradio passes it this way
    ) -> tuple[str, list[list[Any]]]:
        given = current_picture(drawn, uploaded, source)
        count = int(evaluations)
        attempts = handlers.compare(
            [one, other],
            given,
            count,
            int(seed or 0),
            invert,
            lambda done: progress((done, count), desc="searching", unit="renderings"),
        )
        agent = handlers.cached_agent(one)
        target = agent.target(given, invert)
        seen = target.repeat(_LARGER, axis=0).repeat(_LARGER, axis=1)
        shown = [(seen, "the picture, as the agent sees it")]
        shown += [(rendered(a.program, _LARGER * agent.size), f"{a.who}: {a.mse:.4f}") for a in attempts]
        rows = [[a.who, round(a.mse, 4), len(a.program.commands), round(a.seconds, 2)] for a in attempts]
        return picture_data(shown), rows

    inputs = [*paint_tab.picture, one, other, evaluations, seed]
    button.click(show_input_errors(compare), inputs, [gallery, table], api_name="compare", **ONE_AT_A_TIME)
