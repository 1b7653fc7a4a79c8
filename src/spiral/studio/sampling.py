"""The tab for agents that generate pictures, many at a time."""

from __future__ import annotations

from typing import Any

import gradio as gr

from spiral.errors import InputError
from spiral.exports.documents import picture
from spiral.studio import handlers
from spiral.studio.elements import picture_data, pictures
from spiral.studio.painting import show_again
from spiral.studio.shared import ONE_AT_A_TIME, OpenPainting, Studio, show_input_errors

DEFAULT = "mnist-generate-noise"
"""The agent that is chosen at first, if it works here."""
_SIDE = 128


def tab(studio: Studio, opened: gr.State, player: gr.HTML, tabs: gr.Tabs) -> None:
    """Build the tab; a chosen picture opens in the player.

    Args:
        studio: its settings.
        opened: the visitor's painting.
        player: shows it.
        tabs: of the page; the tab `paint` has the player.
    """
    usual = {name: made.temperature for name, made in handlers.agents(studio.runs).items() if not made.redraws}
    if not usual:
        gr.Markdown("No agent for generation works here. `apt-get install libmypaint-dev mypaint-brushes` adds one.")
        return
    first = DEFAULT if DEFAULT in usual else next(iter(usual))
    with gr.Row():
        agent = gr.Dropdown(list(usual), value=first, label="Agent")
        count = gr.Slider(1, handlers.MAX_SAMPLES, 16, step=1, label="How many")
        seed = gr.Number(0, label="Seed", precision=0, minimum=0)
        temperature = gr.Slider(0.1, 2.0, usual[first], step=0.05, label="Temperature")
    button = gr.Button("Invent", variant="primary", elem_id="invent-go")
    gr.Markdown("Choose a picture to see how it was painted, to edit it and to download it.")
    shown = pictures("invented", 96)
    invented = gr.State([], time_to_live=handlers.KEPT_SECONDS)

    def invent(name: str, count: int, seed: int, temperature: float) -> tuple[list[handlers.Painting], str]:
        paintings = handlers.sample(name, int(count), int(seed or 0), temperature)
        return paintings, picture_data([(picture(painting.program, _SIDE), "") for painting in paintings])

    def choose(paintings: list[handlers.Painting], event: gr.EventData) -> tuple[OpenPainting, str, Any]:
        if event.index not in range(len(paintings)):
            raise InputError("there is no such picture")
        painting = paintings[event.index]
        chosen = OpenPainting(painting, painting.program)
        return chosen, show_again(chosen), gr.Tabs(selected="paint")

    def own_temperature(name: str) -> Any:
        return gr.Slider(value=handlers.agents(studio.runs)[name].temperature)

    agent.change(own_temperature, agent, temperature, api_visibility="private")
    inputs = [agent, count, seed, temperature]
    button.click(show_input_errors(invent), inputs, [invented, shown], api_name="invent", **ONE_AT_A_TIME)
    shown.choose(show_input_errors(choose), invented, [opened, player, tabs], api_visibility="private")
