"""The drawn characters: OMNIGLOT's shape, the same for the same seed, different between drawers."""

import numpy as np
import pytest

from spiral.datasets import glyphs, load
from spiral.errors import InputError

needs_fonts = pytest.mark.skipif(glyphs.missing() is not None, reason=str(glyphs.missing()))


def test_the_alphabets_have_omniglots_numbers():
    assert len(glyphs.BACKGROUND) == 30 and sum(alphabet.count for alphabet in glyphs.BACKGROUND) == 964
    assert len(glyphs.EVALUATION) == 20 and sum(alphabet.count for alphabet in glyphs.EVALUATION) == 659
    assert len({alphabet.name for alphabet in glyphs.BACKGROUND + glyphs.EVALUATION}) == 50


@needs_fonts
def test_a_seed_repeats_the_drawings_and_hands_differ():
    greek = glyphs.Alphabet("Greek", "NotoSans", 0x391, 4)
    one, again, other = (glyphs.draw_alphabet(greek, seed, 3) for seed in (1, 1, 2))
    assert one.shape == (4, 3, 105, 105) and set(np.unique(one)) == {0, 255}
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert not np.array_equal(one[:, 0], one[:, 1])


@needs_fonts
@pytest.mark.parametrize("alphabet", glyphs.BACKGROUND + glyphs.EVALUATION, ids=lambda alphabet: alphabet.name)
def test_every_alphabets_letters_are_there_and_different(alphabet):
    letters = glyphs._letters(alphabet)
    printed = {glyphs._print(alphabet.font, letter).tobytes() for letter in letters}
    # Twins such as Latin A and Greek Alpha are in different alphabets; within one a few letters share a shape.
    assert len(printed) >= 0.9 * alphabet.count
    drawn = glyphs.draw_alphabet(glyphs.Alphabet(alphabet.name, alphabet.font, alphabet.first, 5), 0, 1)
    assert (drawn > 0).mean((2, 3)).min() > 0.003, "a letter that is nearly nothing"
    assert (drawn > 0).mean((2, 3)).max() < 0.3


def test_missing_fonts_are_named_with_the_package_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(glyphs, "FOLDERS", (str(tmp_path),))
    glyphs._font.cache_clear()
    try:
        with pytest.raises(InputError, match="apt-get install fonts-noto-core"):
            load("glyphs", 32, 1, "test")
    finally:
        glyphs._font.cache_clear()


@needs_fonts
def test_drawings_are_kept_and_a_broken_file_is_drawn_anew(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    small = glyphs.Alphabet("Greek", "NotoSans", 0x391, 2)
    first = glyphs._cached(small, 0)
    (kept,) = (tmp_path / "spiral" / "glyphs").iterdir()
    monkeypatch.setattr(glyphs, "draw_alphabet", lambda *arguments: pytest.fail("drawn although it was kept"))
    assert np.array_equal(glyphs._cached(small, 0), first)
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kept.write_bytes(kept.read_bytes()[:100])
    assert np.array_equal(glyphs._cached(small, 0), first)
