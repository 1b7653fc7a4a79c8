"""Palettes of paint from files."""

import struct

import numpy as np
import pytest

from spiral.errors import InputError
from spiral.exports.palette_files import read_paints
from spiral.exports.palettes import parse_palette

GPL = """GIMP Palette
Name: Three
Columns: 3
# a comment
255   0   0\tCadmium red
  0 128 255 Azure
 10  20  30\tUntitled
"""


def ase(*entries) -> bytes:
    blocks = b""
    for name, model, values in entries:
        letters = (name + "\0").encode("utf-16-be")
        body = struct.pack(">H", len(letters) // 2) + letters + model + struct.pack(f">{len(values)}f", *values)
        body += struct.pack(">H", 2)
        blocks += struct.pack(">HI", 1, len(body)) + body
    group = struct.pack(">HI", 0xC002, 0)
    return b"ASEF" + struct.pack(">HHI", 1, 0, len(entries) + 1) + blocks + group


def test_names_and_colours_come_in_the_files_order(tmp_path):
    (tmp_path / "a.gpl").write_text(GPL)
    paints = read_paints(tmp_path / "a.gpl")
    assert paints.names == ("Cadmium red", "Azure", "#0a141e")
    assert np.round(paints.colours * 255).tolist() == [[255, 0, 0], [0, 128, 255], [10, 20, 30]]
    entries = ("Ochre", b"RGB ", (0.8, 0.4, 0.2)), ("Half", b"GRAY", (0.5,)), ("Ink", b"CMYK", (0.0, 1.0, 0.5, 0.5))
    (tmp_path / "b.ase").write_bytes(ase(*entries))
    paints = read_paints(tmp_path / "b.ase")
    assert paints.names == ("Ochre", "Half", "Ink")
    assert np.allclose(paints.colours, [[0.8, 0.4, 0.2], [0.5, 0.5, 0.5], [0.5, 0, 0.25]])
    for text in ('{"red": "#ff0000"}', '["#ff0000"]', '[{"name": "red", "color": "ff0000"}]'):
        (tmp_path / "c.json").write_text(text)
        assert parse_palette(str(tmp_path / "c.json"), files=True).tolist() == [[1, 0, 0]]
    with pytest.raises(InputError, match="a palette is"):
        parse_palette(str(tmp_path / "c.json"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.gpl", b"255 0 0"),
        ("a.gpl", b"GIMP Palette\n300 0 0 red"),
        ("a.gpl", b"GIMP Palette\n"),
        ("a.ase", b"ASEF"),
        ("a.ase", ase(("Lab", b"LAB ", (0.5, 0.0, 0.0)))),
        ("a.ase", ase(("Red", b"RGB ", (1.0, 0.0, 0.0)))[:30]),
        ("a.json", b"{"),
        ("a.json", b"7"),
        ("a.json", b'{"red": 7}'),
        ("a.json", b'[{"name": "red"}]'),
        ("a.aco", b""),
    ],
)
def test_what_is_no_palette_is_refused_in_one_line(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=r"a\.") as error:
        read_paints(tmp_path / name)
    assert "\n" not in str(error.value)
