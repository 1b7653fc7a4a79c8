"""An upload is a picture, or is refused in one line."""

import base64
import contextlib
import io
from pathlib import Path

import pytest
from hostile import png
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from spiral.errors import InputError
from spiral.studio.uploads import MAXIMUM_BYTES, drawn_picture, uploaded_picture


def url(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


def test_pictures_come_through_no_larger_than_needed(tmp_path):
    (tmp_path / "a.png").write_bytes(png(4000, 1000))
    assert uploaded_picture(str(tmp_path / "a.png")).size == (2048, 512)
    drawn = drawn_picture(url(png(30, 20)))
    assert drawn.size == (30, 20) and drawn.mode == "RGB"


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("text.png", b"not a picture", "not a readable picture"),
        ("script.svg", b'<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>', "not a readable picture"),
        ("postscript.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a readable picture"),
        ("cut.png", png(50, 50)[:60], "not a readable picture"),
        ("bomb.png", png(30_000, 30_000), "pixels; reduce it first"),
        ("wide.png", png(8000, 4000), "more than"),
        ("large.png", b"\0" * (MAXIMUM_BYTES + 1), "larger than"),
    ],
)
def test_hostile_files_are_refused(tmp_path, name, content, why):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=why) as refused:
        uploaded_picture(str(path))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "value", [None, "", "x", "data:text/html,<p>", "data:image/png;base64,@@", url(b"no"), url(png(9000, 9000)), 3]
)
def test_what_was_not_drawn_on_the_pad_is_refused(value):
    with pytest.raises(InputError):
        drawn_picture(value)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_read(data):
    stream = io.BytesIO()
    Image.new("L", (4, 4)).save(stream, "png")
    for value in (data, stream.getvalue()[: len(data)] + data):
        with contextlib.suppress(InputError):
            assert drawn_picture(url(value)).mode == "RGB"


def test_a_file_that_is_gone_is_refused():
    with pytest.raises(InputError, match="cannot read"):
        uploaded_picture(str(Path("/nowhere/a.png")))
