"""A small agent on a large picture: tiles that fit together, one program, any shape."""

import numpy as np
import pytest
from PIL import Image

from spiral.errors import InputError
from spiral.exports.documents import picture as rendered
from spiral.painting.tiles import LEVELS, Tile, _Canvas, paint_tiles


def photograph(width: int = 90, height: int = 60) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.NEAREST)


@pytest.mark.parametrize("level", [1, 2, 4])
def test_a_stroke_on_a_tile_is_the_agents_own_stroke(an_agent, level):
    """The agent sees the same on a tile of the whole canvas as on a separate canvas."""
    agent = an_agent()
    whole = _Canvas(agent, photograph(64, 64), LEVELS[:3], 0, None)
    tile = Tile(level, 0 if level == 1 else level, 0 if level == 1 else 1)
    pen, settings = whole.corner(tile), agent.preset.canvas
    commands = settings.specification().random(np.random.default_rng(1), (8,))
    from spiral.engines import make, observe

    alone = make("vector", 1, settings.to_json())
    for command in commands:
        pen = whole.execute(tile, command, pen)
        alone.step(command[None])
    seen, expected = whole.seen(tile).astype(float), observe(alone.canvases(), 16)[0].astype(float)
    assert np.abs(seen - expected).mean() < 3.0, "the same picture but for antialiasing"
    assert np.ptp(expected) > 100


def test_one_program_paints_the_whole_picture_in_its_own_shape(an_agent):
    counted = []
    program = paint_tiles(an_agent(), photograph(), 40, size=200, report=counted.append)
    flags = program.array()[:, 0]
    assert int((flags == 1).sum()) == counted[-1] <= 40
    assert counted == sorted(counted)
    assert rendered(program).shape == (133, 200, 3)
    assert rendered(program, 60).shape == (40, 60, 3)
    assert program.render().shape == (200, 200, 3), "the canvas itself is square"
    again = paint_tiles(an_agent(), photograph(), 40, size=200)
    assert again == program


def test_looking_ahead_takes_what_helps_most(an_agent):
    alone, search = (paint_tiles(an_agent(), photograph(), 40, candidates=count) for count in (1, 16))
    target = np.asarray(photograph().resize((60, 40), Image.Resampling.BILINEAR), float)
    errors = [np.square(rendered(program, 60).astype(float) - target).mean() for program in (alone, search)]
    assert errors[1] < 0.5 * errors[0]
    blank = np.square(255.0 - target).mean()
    assert errors[1] < 0.7 * blank, "even an agent that has learned nothing proposes something that helps"


def test_strokes_keep_to_a_palette(an_agent):
    palette = np.array([[1, 0, 0], [0, 0, 1]], np.float32)
    program = paint_tiles(an_agent(), photograph(), 20, palette=palette)
    painted = program.array()[program.array()[:, 0] == 1][:, -3:]
    assert {tuple(row) for row in painted.tolist()} <= {(255, 0, 0), (0, 0, 255)}


def test_agents_with_fewer_choices_paint_large_pictures_too(an_agent):
    agent = an_agent(choices=("end",), channels=1)
    program = paint_tiles(agent, photograph().convert("L"), 30)
    assert program.specification.names == ("flag", "end", "size")
    assert rendered(program).shape[2] == 1


def test_what_does_not_fit_is_refused(an_agent):
    with pytest.raises(InputError, match="compound strokes"):
        paint_tiles(an_agent(choices=("flag", "end"), channels=1, spline=True), photograph().convert("L"), 5)
    with pytest.raises(InputError, match="palette"):
        paint_tiles(an_agent(choices=("end",), channels=1), photograph().convert("L"), 5, palette=np.eye(3, dtype="f"))
