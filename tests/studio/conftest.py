"""Pictures of the studio's visitors."""

import pytest
from PIL import Image, ImageDraw


@pytest.fixture(scope="package")
def three() -> Image.Image:
    """A digit as one draws it, white on black, RGB."""
    picture = Image.new("RGB", (200, 200))
    bends = [(60, 50), (120, 40), (130, 90), (90, 100), (135, 120), (120, 165), (60, 155)]
    ImageDraw.Draw(picture).line(bends, "white", 16)
    return picture
