import numpy as np
import pytest
from PIL import Image

from spiral.errors import InputError
from spiral.exports.animation import write_gif
from spiral.exports.sheets import contact_sheet
from spiral.io.images import write_png


def shades(count: int, size: int = 8, channels: int = 1) -> np.ndarray:
    return np.stack([np.full((size, size, channels), 10 * i, np.uint8) for i in range(count)])


def test_rows_line_up_under_each_other():
    sheet = contact_sheet([shades(5), shades(5, 16, 3)], scale=1, columns=3)
    assert sheet.shape == (2 * (2 * 18 + 4), 3 * 18 + 2, 3)
    middle_of_second = (2 + 8, 18 + 2 + 8)
    assert sheet[middle_of_second].tolist() == [10] * 3
    assert sheet[middle_of_second[0] + 18, middle_of_second[1]].tolist() == [10] * 3


def test_labels_take_room_on_the_left():
    assert contact_sheet([shades(2)], 4, ["word"]).shape[1] > contact_sheet([shades(2)], 4).shape[1]
    with pytest.raises(ValueError, match="same number"):
        contact_sheet([shades(2), shades(3)])


@pytest.mark.parametrize("channels", [1, 3])
def test_a_png_holds_the_very_pixels(tmp_path, channels):
    pixels = np.random.default_rng(0).integers(0, 256, (9, 9, channels), dtype=np.uint8)
    write_png(tmp_path / "a.png", pixels)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")).reshape(9, 9, channels), pixels)


def test_a_gif_has_every_frame_and_its_time(tmp_path):
    write_gif(tmp_path / "a.gif", shades(4) * 5, milliseconds=200, last=900)
    with Image.open(tmp_path / "a.gif") as picture:
        assert picture.n_frames == 4
        times = []
        for frame in range(4):
            picture.seek(frame)
            times.append(picture.info["duration"])
    assert times == [200, 200, 200, 900]


def test_an_unwritable_place_is_named(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        write_png(tmp_path / "nowhere" / "a.png", shades(1)[0])
