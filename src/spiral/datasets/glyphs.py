"""Characters of many scripts as if drawn by hand: a substitute if OMNIGLOT's archives are not available.

They have OMNIGLOT's shape: 1,623 characters of 50 alphabets, 20 drawers each, 105x105, 30 alphabets to train and 20
held out. A character is a letter of a Noto font; each drawer slants, stretches and bends it in a personal way, a little
differently each time, and draws its middle line with a round pen.

The fonts are Debian's `fonts-noto-core`; the same fonts and seed give the same pictures. An alphabet is drawn once and
kept in the user's cache folder.
"""

from __future__ import annotations

import functools
import hashlib
import os
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from spiral.errors import InputError
from spiral.io.files import make_folder, write_atomically

SIZE = 105
DRAWERS = 20
FOLDERS = ("/usr/share/fonts/truetype/noto", "/usr/local/share/fonts", "~/.local/share/fonts", "~/Library/Fonts")
INSTALL = "apt-get install fonts-noto-core"
_VERSION = 1
"""Increased when the same fonts and seed give other pictures."""
_BOX = 76
"""Longest side of a character in pixels, before it is distorted."""


@dataclass(frozen=True)
class Alphabet:
    """`count` letters of a font, from the code point `first` upwards; accented forms of other letters are left out."""

    name: str
    font: str
    first: int
    count: int


BACKGROUND = (
    Alphabet("Latin", "NotoSans", 0x41, 34),
    Alphabet("Greek", "NotoSans", 0x391, 34),
    Alphabet("Cyrillic", "NotoSans", 0x410, 34),
    Alphabet("Hebrew", "NotoSansHebrew", 0x5D0, 30),
    Alphabet("Arabic", "NotoSansArabic", 0x621, 33),
    Alphabet("Armenian", "NotoSansArmenian", 0x531, 33),
    Alphabet("Georgian", "NotoSansGeorgian", 0x10D0, 33),
    Alphabet("Devanagari", "NotoSansDevanagari", 0x904, 33),
    Alphabet("Bengali", "NotoSansBengali", 0x985, 33),
    Alphabet("Gujarati", "NotoSansGujarati", 0xA85, 33),
    Alphabet("Gurmukhi", "NotoSansGurmukhi", 0xA05, 33),
    Alphabet("Tamil", "NotoSansTamil", 0xB85, 33),
    Alphabet("Telugu", "NotoSansTelugu", 0xC05, 33),
    Alphabet("Kannada", "NotoSansKannada", 0xC85, 33),
    Alphabet("Malayalam", "NotoSansMalayalam", 0xD05, 33),
    Alphabet("Sinhala", "NotoSansSinhala", 0xD85, 33),
    Alphabet("Thai", "NotoSansThai", 0xE01, 33),
    Alphabet("Lao", "NotoSansLao", 0xE81, 33),
    Alphabet("Khmer", "NotoSansKhmer", 0x1780, 33),
    Alphabet("Tifinagh", "NotoSansTifinagh", 0x2D30, 33),
    Alphabet("Ethiopic", "NotoSansEthiopic", 0x1200, 33),
    Alphabet("Cherokee", "NotoSansCherokee", 0x13A0, 33),
    Alphabet("Runic", "NotoSansRunic", 0x16A0, 33),
    Alphabet("Ogham", "NotoSansOgham", 0x1681, 26),
    Alphabet("Glagolitic", "NotoSansGlagolitic", 0x2C00, 33),
    Alphabet("Gothic", "NotoSansGothic", 0x10330, 25),
    Alphabet("Phoenician", "NotoSansPhoenician", 0x10900, 22),
    Alphabet("Old Italic", "NotoSansOldItalic", 0x10300, 33),
    Alphabet("Coptic", "NotoSansCoptic", 0x2C80, 33),
    Alphabet("Mongolian", "NotoSansMongolian", 0x1820, 33),
)
EVALUATION = (
    Alphabet("Balinese", "NotoSansBalinese", 0x1B05, 35),
    Alphabet("Javanese", "NotoSansJavanese", 0xA984, 35),
    Alphabet("Syriac", "NotoSansSyriac", 0x710, 34),
    Alphabet("N'Ko", "NotoSansNKo", 0x7CA, 33),
    Alphabet("Ol Chiki", "NotoSansOlChiki", 0x1C5A, 30),
    Alphabet("Oriya", "NotoSansOriya", 0xB05, 35),
    Alphabet("Buginese", "NotoSansBuginese", 0x1A00, 23),
    Alphabet("Deseret", "NotoSansDeseret", 0x10400, 35),
    Alphabet("Shavian", "NotoSansShavian", 0x10450, 35),
    Alphabet("Osmanya", "NotoSansOsmanya", 0x10480, 30),
    Alphabet("Avestan", "NotoSansAvestan", 0x10B00, 35),
    Alphabet("Lepcha", "NotoSansLepcha", 0x1C00, 35),
    Alphabet("Limbu", "NotoSansLimbu", 0x1900, 31),
    Alphabet("Tai Le", "NotoSansTaiLe", 0x1950, 34),
    Alphabet("Thaana", "NotoSansThaana", 0x780, 34),
    Alphabet("Lycian", "NotoSansLycian", 0x10280, 29),
    Alphabet("Carian", "NotoSansCarian", 0x102A0, 34),
    Alphabet("Brahmi", "NotoSansBrahmi", 0x11003, 34),
    Alphabet("Old Hungarian", "NotoSansOldHungarian", 0x10C80, 34),
    Alphabet("Vai", "NotoSansVai", 0xA500, 34),
)


def missing() -> str | None:
    """Why the characters cannot be drawn here and what to do, in one line, or None if they can."""
    absent = sorted({alphabet.font for alphabet in BACKGROUND + EVALUATION if _font(alphabet.font) is None})
    if absent:
        names = ", ".join(absent[:3]) + (f" and {len(absent) - 3} more" if len(absent) > 3 else "")
        return f"the fonts {names} are not in {', '.join(FOLDERS)}; to get them: {INSTALL}"
    try:
        import skimage  # noqa: F401
    except ImportError:
        return "scikit-image is not installed; to get it: pip install 'spiral-painter[data]'"
    return None


def load_glyphs(
    part: Literal["background", "evaluation"], seed: int = 0
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Pictures of 30 alphabets or of the other 20; drawn at the first call, which takes a minute.

    Returns:
        Images uint8 [N, 105, 105, 1], white on black; the character's number int64 [N], 0 to 963 and 964 to 1622; the
        drawer's number int64 [N], 0 to 19.

    Raises:
        InputError: fonts or scikit-image are missing, or the cache cannot be written.
    """
    if (reason := missing()) is not None:
        raise InputError(f"glyphs cannot be drawn here: {reason}")
    alphabets = BACKGROUND if part == "background" else EVALUATION
    first = 0 if part == "background" else sum(alphabet.count for alphabet in BACKGROUND)
    images = np.concatenate([_cached(alphabet, seed) for alphabet in alphabets])
    count = len(images)
    flat = images.reshape(count * DRAWERS, SIZE, SIZE, 1)
    return flat, first + np.repeat(np.arange(count), DRAWERS), np.tile(np.arange(DRAWERS), count)


def draw_alphabet(alphabet: Alphabet, seed: int = 0, drawers: int = DRAWERS) -> npt.NDArray[np.uint8]:
    """Draw an alphabet's letters: uint8 [count, drawers, 105, 105], white on black.

    Raises:
        InputError: its font is missing, or has too few letters.
    """
    letters = _letters(alphabet)
    result = np.empty((len(letters), drawers, SIZE, SIZE), np.uint8)
    for drawer in range(drawers):
        # A name's number must not change between processes, as that of Python's hash does.
        name = int.from_bytes(hashlib.sha256(alphabet.name.encode()).digest()[:4], "little")
        random = np.random.default_rng([seed, name, drawer])
        habit = _Habit.of(random)
        for index, letter in enumerate(letters):
            result[index, drawer] = _by_hand(_print(alphabet.font, letter), habit, random)
    return result


@dataclass(frozen=True)
class _Habit:
    """How a drawer draws: slant (tangent), turn (radians), width and height (factors), pen (radius in pixels)."""

    slant: float
    turn: float
    width: float
    height: float
    pen: float

    @classmethod
    def of(cls, random: np.random.Generator) -> _Habit:
        return cls(
            slant=random.normal(0.0, 0.12),
            turn=random.normal(0.0, 0.06),
            width=random.uniform(0.8, 1.15),
            height=random.uniform(0.8, 1.15),
            pen=random.uniform(1.1, 1.9),
        )


def _by_hand(printed: npt.NDArray[np.uint8], habit: _Habit, random: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Distort a printed letter uint8 [105, 105] as a hand would and draw its middle line with a pen."""
    from scipy import ndimage
    from skimage.morphology import skeletonize

    turn, slant = habit.turn + random.normal(0.0, 0.05), habit.slant + random.normal(0.0, 0.05)
    width, height = habit.width * random.uniform(0.93, 1.07), habit.height * random.uniform(0.93, 1.07)
    cos, sin = np.cos(turn), np.sin(turn)
    matrix = np.array([[cos / height, -sin / height], [(sin + slant * cos) / width, (cos - slant * sin) / width]])
    rows, columns = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    shift = random.normal(0.0, 2.5, 2)
    # Bends of about a third of the canvas: cubic interpolation of a coarse grid of random displacements.
    bends = [ndimage.zoom(random.normal(0.0, 2.6, (5, 5)), SIZE / 5, order=3) for _ in range(2)]
    where = [
        matrix[axis, 0] * rows + matrix[axis, 1] * columns + (SIZE - 1) / 2 + shift[axis] + bends[axis]
        for axis in range(2)
    ]
    bent = ndimage.map_coordinates(printed, where, order=1) > 127
    line = skeletonize(bent)
    if not line.any():
        line = bent  # thinning removed a small dot
    pen = habit.pen * random.uniform(0.9, 1.1)
    distance = np.asarray(ndimage.distance_transform_edt(~line))
    return np.where(distance <= pen, np.uint8(255), np.uint8(0))


@functools.lru_cache(maxsize=64)
def _print(font: str, letter: int) -> npt.NDArray[np.uint8]:
    """A letter as the font has it, centred, its longer side `_BOX` pixels: uint8 [105, 105]."""
    drawn = ImageFont.truetype(str(_font(font)), 160)
    left, top, right, bottom = drawn.getbbox(chr(letter))
    large = Image.new("L", (max(1, int(right - left)), max(1, int(bottom - top))))
    ImageDraw.Draw(large).text((-left, -top), chr(letter), fill=255, font=drawn)
    factor = min(_BOX / max(large.size), 0.75)  # small marks stay smaller than letters
    size = (max(2, round(large.width * factor)), max(2, round(large.height * factor)))
    canvas = Image.new("L", (SIZE, SIZE))
    canvas.paste(large.resize(size, Image.Resampling.BILINEAR), ((SIZE - size[0]) // 2, (SIZE - size[1]) // 2))
    return np.asarray(canvas, np.uint8)


def _letters(alphabet: Alphabet) -> list[int]:
    from fontTools.ttLib import TTFont

    path = _font(alphabet.font)
    if path is None:
        raise InputError(f"the font {alphabet.font} is not here; to get it: {INSTALL}")
    with TTFont(path, lazy=True) as font:
        known = sorted(code for code in font.getBestCmap() or () if code >= alphabet.first)
    letters = [
        code
        for code in known
        if unicodedata.category(chr(code)) in ("Lo", "Ll", "Lu") and not unicodedata.decomposition(chr(code))
    ]
    if len(letters) < alphabet.count:
        raise InputError(f"{path} has {len(letters)} letters for {alphabet.name}, {alphabet.count} are needed")
    return letters[: alphabet.count]


@functools.cache
def _font(name: str) -> Path | None:
    for folder in map(Path, FOLDERS):
        found = next(iter(sorted(folder.expanduser().rglob(f"{name}-Regular.[to]tf"))), None)
        if found is not None:
            return found
    return None


def _cached(alphabet: Alphabet, seed: int) -> npt.NDArray[np.uint8]:
    """`draw_alphabet`, from the cache where it was drawn before: uint8 [count, 20, 105, 105]."""
    path = _font(alphabet.font)
    assert path is not None
    key = hashlib.sha256(path.read_bytes() + repr((alphabet, seed, _VERSION)).encode()).hexdigest()[:16]
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    kept = make_folder(home / "spiral" / "glyphs") / f"{alphabet.name.lower().replace(' ', '-')}-{key}.png"
    shape = (alphabet.count, DRAWERS, SIZE, SIZE)
    if kept.is_file():
        try:
            with Image.open(kept) as sheet:
                pixels = np.asarray(sheet.convert("L"), np.uint8)
            if pixels.size == np.prod(shape):
                return pixels.reshape(shape)
        except OSError:
            pass  # a broken file is drawn anew
    drawn = draw_alphabet(alphabet, seed)
    # One tall black-and-white picture: small, and viewable.
    sheet = Image.fromarray(drawn.reshape(-1, SIZE)).convert("1")
    write_atomically(kept, lambda temporary: sheet.save(temporary, format="PNG"))
    return drawn
