"""Palettes as people write them."""

import numpy as np
import pytest
from PIL import Image

from spiral.errors import InputError
from spiral.exports.palettes import parse_palette


def test_short_colours_are_long_ones():
    assert np.array_equal(parse_palette("#fc0, #123456"), parse_palette("#ffcc00,#123456"))


@pytest.mark.parametrize("text", ["fc0", "#fc", "#fcg", "#fc00", "", "300"])
def test_other_words_are_refused(text):
    with pytest.raises(InputError, match="palette"):
        parse_palette(text, Image.new("RGB", (9, 9)))
