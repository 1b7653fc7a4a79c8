"""Where a viewer looks."""

import numpy as np
import pytest
from PIL import Image

from spiral.painting.attention import attention, face_map, faces


def test_edges_weigh_more():
    target = np.zeros((32, 32, 1), np.float32)
    target[:, 16:] = 1
    assert np.allclose(attention(target, 0.0), 1)
    weights = attention(target, 1.0)
    assert weights[16, 16] > 5 * weights[16, 2] and weights.mean() == pytest.approx(1, rel=1e-3)


def test_faces_weigh_more():
    data = pytest.importorskip("skimage.data")
    picture = Image.fromarray(data.astronaut())
    left, top, width, height = faces(picture)[0]
    assert abs(left + width / 2 - 0.44) < 0.05 and abs(top + height / 2 - 0.22) < 0.06
    seen = face_map(picture, 64)
    assert seen[14, 28] == 1 and seen[50, 28] == 0
    flat = np.zeros((64, 64, 3), np.float32)
    weights = attention(flat, 0.5, picture)
    assert weights[14, 28] > 4 * weights[50, 28]


def test_pictures_without_faces_have_none():
    assert not faces(Image.new("RGB", (200, 100), "grey")) and not faces(Image.new("RGB", (9, 9)))
