"""The tab for drawing: a picture becomes a painting, which is shown, edited and downloaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from spiral.agent import default
from spiral.errors import InputError
from spiral.painting.editing import ORDERS
from spiral.painting.painter import DEFAULT_EFFORT
from spiral.settings import Preset
from spiral.studio import handlers
from spiral.studio.elements import pad, player, player_data
from spiral.studio.playback import record_playback
from spiral.studio.shared import (
    AS_IT_IS,
    ONE_AT_A_TIME,
    ONE_DOCUMENT,
    OWN,
    OpenPainting,
    Studio,
    brushes,
    chosen,
    engines,
    require_painting,
    show_input_errors,
)
from spiral.studio.uploads import drawn_picture, uploaded_paints, uploaded_picture

FORMATS = ("json", "svg", "png", "gif", "mp4")
_START_DOWNLOAD = "() => setTimeout(() => document.querySelector('#files a[download]')?.click(), 300)"
_GO_THERE = "() => innerWidth < 700 && document.querySelector('#player').scrollIntoView({behavior: 'smooth'})"
_PREVIEW = 336
_GREY, _SOME = 16, 0.05
"""Levels by which channels of a grey photograph may differ, and the share of pixels that may differ by more."""
DRAWN, DROPPED = "drawn", "dropped"
"""Source of a visitor's picture."""


@dataclass(frozen=True)
class PaintTab:
    """Components that other tabs use.

    Attributes:
        picture: components that hold the visitor's picture and whether to invert it, as in `current_picture`.
        player: shows a painting.
        agent: the agents to choose from.
    """

    picture: list[Any]
    player: gr.HTML
    agent: gr.Dropdown


def tab(studio: Studio, opened: gr.State) -> PaintTab:
    """Build the tab.

    Args:
        studio: its settings.
        opened: the visitor's `OpenPainting` or None.
    """
    presets = redrawing(studio)
    first = default()
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            uploaded, source = gr.State(None, time_to_live=handlers.KEPT_SECONDS), gr.State(DRAWN)
            with gr.Tabs():
                with gr.Tab("Draw") as draw:
                    drawing = pad()
                with gr.Tab("Picture") as drop:
                    file = gr.File(label="A photograph or a drawing", file_types=["image"], height=110, elem_id="drop")
                    preview = gr.Image(
                        show_label=False, interactive=False, height=240, visible=False, buttons=[], elem_id="preview"
                    )
            invert = gr.Checkbox(label="Turn dark and light over (for ink on paper)")
            agent = gr.Dropdown(list(presets), value=first, label="Agent", elem_id="agent")
            most, usual_number = handlers.max_strokes(presets[first]), handlers.default_strokes(presets[first])
            strokes = gr.Slider(1, most, usual_number, step=1, label="Strokes")
            with gr.Accordion("Effort, colours, engine, brush, seed", open=False):
                effort = gr.Slider(
                    0, 3, DEFAULT_EFFORT, step=1, label="Effort for photographs (0: the agent alone)", elem_id="effort"
                )
                colours = gr.Textbox("", label="Colours of photographs", placeholder="8, or #22223b, #9a8c98")
                paints = gr.State(None, time_to_live=handlers.KEPT_SECONDS)
                paints_file = gr.File(
                    label="or a palette (.gpl, .ase, .json)",
                    file_types=[".gpl", ".ase", ".json"],
                    height=90,
                    elem_id="paints",
                )
                engine = gr.Dropdown([OWN, *engines()], value=OWN, label="Engine")
                brush = gr.Dropdown([OWN, *brushes()], value=OWN, label="Brush")
                seed = gr.Number(0, label="Seed", precision=0, minimum=0)
            with gr.Accordion("Paint on", open=False, elem_id="on"):
                gr.Markdown("A photograph of the canvas as it is by now: the strokes go on from there.")
                canvas = gr.State(None, time_to_live=handlers.KEPT_SECONDS)
                canvas_file = gr.File(
                    label="A photograph of the canvas", file_types=["image"], height=90, elem_id="canvas"
                )
                follows = gr.Checkbox(label="The painting on the page was painted there", elem_id="follows")
            with gr.Row():
                button = gr.Button("Paint", variant="primary", elem_id="go")
                stop = gr.Button("Stop", min_width=60, elem_id="stop")
        with gr.Column(scale=5, min_width=320):
            show = player()
            _editor(studio, opened, show)

    picture = [drawing, uploaded, source, invert]

    def take(path: str) -> tuple[Any, ...]:
        taken = np.asarray(uploaded_picture(path))
        small = Image.fromarray(taken)
        small.thumbnail((_PREVIEW, _PREVIEW))
        # A picture in colour goes to an agent with colours.
        coloured = bool((np.ptp(taken, axis=2) > _GREY).mean() > _SOME)
        fitting = default(colour=True) if coloured else gr.skip()
        return taken, DROPPED, gr.Image(small, visible=True), fitting

    def paint(
        drawn: str | None,
        picture: np.ndarray | None,
        source: str,
        invert: bool,
        name: str,
        strokes: int,
        engine: str,
        brush: str,
        seed: int,
        effort: int = DEFAULT_EFFORT,
        colours: str = "",
        paints: np.ndarray | None = None,
        canvas: np.ndarray | None = None,
        follows: bool = False,
        opened: OpenPainting | None = None,
        request: gr.Request = None,  # pyright: ignore[reportArgumentType]  # Gradio passes it this way
        progress: gr.Progress = gr.Progress(),  # noqa: B008  # likewise
    ) -> tuple[OpenPainting, str]:
        painting = handlers.paint(
            name,
            current_picture(drawn, picture, source),
            int(strokes),
            int(seed or 0),
            chosen(engine),
            chosen(brush),
            invert,
            studio.until_stopped(
                request.session_hash, lambda done: progress((done, strokes), desc="painting", unit="strokes")
            ),
            int(effort),
            colours,
            paints,
            None if canvas is None else Image.fromarray(canvas),
            require_painting(opened).program if follows and canvas is not None else None,
        )
        if painting.target is not None and handlers.cached_agent(name).looks_inverted(painting.target):
            gr.Warning(f"dark and light seem to be the wrong way round for {name}: there is a tick box")
        opened = OpenPainting(painting, painting.program)
        return opened, show_again(opened)

    def halt(request: gr.Request) -> None:
        studio.stopping.add(request.session_hash)

    def usual(name: str) -> Any:
        preset = redrawing(studio)[name]
        return gr.Slider(value=handlers.default_strokes(preset), maximum=handlers.max_strokes(preset))

    # A refused file leaves the drop zone, so that another one can be dropped.
    taken = file.upload(show_input_errors(take), file, [uploaded, source, preview, agent], api_name="picture")
    taken.failure(lambda: None, None, file)
    file.clear(lambda: (None, gr.Image(None, visible=False)), None, [uploaded, preview], api_visibility="private")
    draw.select(lambda: DRAWN, None, source, api_visibility="private")
    drop.select(lambda: DROPPED, None, source, api_visibility="private")
    agent.change(usual, agent, strokes, api_visibility="private")
    take_paints = show_input_errors(uploaded_paints)
    colours_taken = paints_file.upload(take_paints, paints_file, paints, api_name="palette")
    colours_taken.failure(lambda: None, None, paints_file)
    paints_file.clear(lambda: None, None, paints, api_visibility="private")
    take_canvas = show_input_errors(lambda path: np.asarray(uploaded_picture(path)))
    canvas_taken = canvas_file.upload(take_canvas, canvas_file, canvas, api_name="canvas")
    canvas_taken.failure(lambda: None, None, canvas_file)
    canvas_file.clear(lambda: None, None, canvas, api_visibility="private")
    stop.click(halt, None, None, queue=False, api_name="stop")
    inputs = [*picture, agent, strokes, engine, brush, seed, effort, colours, paints, canvas, follows, opened]
    done = button.click(show_input_errors(paint), inputs, [opened, show], api_name="paint", **ONE_AT_A_TIME)
    done.success(None, None, None, js=_GO_THERE)
    return PaintTab(picture, show, agent)


def redrawing(studio: Studio) -> dict[str, Preset]:
    """The agents that redraw, and their presets."""
    return {name: preset for name, preset in handlers.agents(studio.runs).items() if preset.redraws}


def current_picture(drawn: str | None, uploaded: np.ndarray | None, source: str) -> Image.Image:
    """The drawing on the pad or the dropped picture, whichever is shown.

    Raises:
        InputError: there is nothing.
    """
    if source == DRAWN:
        return drawn_picture(drawn)
    if uploaded is None:
        raise InputError("drop a picture first, or draw something")
    return Image.fromarray(uploaded)


def show_again(opened: OpenPainting) -> str:
    """The visitor's painting, for the player."""
    agent = handlers.cached_agent(opened.painting.agent)
    painting = opened.painting
    return player_data(record_playback(agent, opened.program, painting.target, painting.paper))


def _editor(studio: Studio, opened: gr.State, show: gr.HTML) -> None:
    with gr.Accordion("Edit the program", open=False, elem_id="edit"):
        with gr.Row():
            without = gr.Textbox("", label="Strokes to leave out", placeholder="2, 5-7", elem_id="without")
            order = gr.Dropdown([AS_IT_IS, *ORDERS], value=AS_IT_IS, label="Order")
        with gr.Row():
            palette = gr.Textbox("", label="Colours of the strokes", placeholder="#22223b, #9a8c98", elem_id="palette")
            ground = gr.Textbox("", label="Colour of the paper", placeholder="#f2e9e4", elem_id="ground")
        brush = gr.Dropdown([AS_IT_IS, *brushes()], value=AS_IT_IS, label="Brush")
        with gr.Row():
            again = gr.Button("Render again", elem_id="again")
            over = gr.Button("Back to the painting")
        with gr.Row():
            evaluations = gr.Slider(50, 2000, 200, step=50, label="Executions of the program", elem_id="evaluations")
            finer = gr.Button("Refine", elem_id="refine")
    with gr.Row(elem_id="formats"):
        size = gr.Slider(64, handlers.MAX_PIXELS, 512, step=32, label="Size of the download in pixels")
    with gr.Row():
        buttons = {ending: gr.Button(ending.upper(), size="sm", min_width=56) for ending in FORMATS}
    files = gr.File(label="Download", interactive=False, visible=False, elem_id="files")

    def edit(
        opened: OpenPainting | None, without: str, order: str, palette: str, ground: str, brush: str
    ) -> tuple[OpenPainting, str, str, str]:
        before = require_painting(opened)
        program = handlers.edit(before.program, without, chosen(order), palette, ground, chosen(brush))
        changed = OpenPainting(before.painting, program)
        # Strokes have new numbers, and keeping the order would apply it twice.
        return changed, show_again(changed), "", AS_IT_IS

    def go_back(opened: OpenPainting | None) -> tuple[OpenPainting, str]:
        painting = require_painting(opened).painting
        original = OpenPainting(painting, painting.program)
        return original, show_again(original)

    def refine(
        opened: OpenPainting | None,
        evaluations: int,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  # Gradio passes it this way
    ) -> tuple[OpenPainting, str]:
        before, count = require_painting(opened), int(evaluations)
        report = studio.until_stopped(
            request.session_hash, lambda done: progress((done, count), desc="refining", unit="executions")
        )
        changed = OpenPainting(before.painting, handlers.refine(before.painting, before.program, count, report=report))
        return changed, show_again(changed)

    def leave(event: gr.EventData) -> str:
        return str(event.without)

    def write(opened: OpenPainting | None, size: float, ending: str) -> Any:
        if ending not in FORMATS:
            raise InputError(f"there is no format {ending!r}")
        most = handlers.MAX_GIF_PIXELS if ending == "gif" else handlers.MAX_PIXELS
        shown = require_painting(opened)
        path = handlers.document(studio.files, shown.program, ending, min(int(size), most), shown.painting.paper)
        return gr.File(str(path), visible=True)

    inputs = [opened, without, order, palette, ground, brush]
    again.click(show_input_errors(edit), inputs, [opened, show, without, order], api_name="edit")
    over.click(show_input_errors(go_back), opened, [opened, show], api_name="back")
    finer.click(show_input_errors(refine), [opened, evaluations], [opened, show], api_name="refine", **ONE_AT_A_TIME)
    show.leave(leave, None, without, api_visibility="private", show_progress="hidden")
    for ending, button in buttons.items():
        wanted = gr.State(ending)
        event = {"api_name": f"write_{ending}", **ONE_DOCUMENT}
        made = button.click(show_input_errors(write), [opened, size, wanted], files, **event)
        made.success(None, None, None, js=_START_DOWNLOAD)
