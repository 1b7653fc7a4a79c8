"""Codes of pictures: distributed as noise, and alike where the pictures are."""

import numpy as np
import pytest
import torch

from spiral.datasets import load
from spiral.datasets.codes import normal_codes
from spiral.errors import InputError


def test_codes_are_distributed_as_noise_and_say_what_a_picture_is_like():
    digits = load("mnist-sample", 16, 1, "train")
    codes = normal_codes(digits.images, 10)
    assert codes.shape == (8000, 10) and codes.dtype == np.float32
    assert np.array_equal(codes, normal_codes(digits.images, 10))
    assert np.abs(codes.mean(0)).max() < 1e-3 and np.abs(codes.std(0) - 1).max() < 0.01
    assert np.abs(np.corrcoef(codes.T) - np.eye(10)).max() < 0.05
    # In no direction are they other than normal: the distribution of 50 random projections.
    generator = np.random.default_rng(0)
    turns = np.linalg.qr(generator.normal(size=(5, 10, 10)))[0].transpose(1, 0, 2).reshape(10, 50)
    wanted = np.sort(generator.normal(size=8000))
    assert np.abs(np.sort(codes @ turns, axis=0) - wanted[:, None])[100:-100].max() < 0.25
    assert digits.labels is not None
    nearest = torch.cdist(torch.from_numpy(codes[:500]), torch.from_numpy(codes[500:])).argmin(1).numpy()
    assert (digits.labels[500:][nearest] == digits.labels[:500]).mean() > 0.7


def test_a_picture_with_more_ink_along_the_first_axis_has_the_larger_first_number():
    images = np.zeros((100, 4, 4, 1), np.uint8)
    images[:, 1:3, 1:3] = np.arange(100, dtype=np.uint8)[:, None, None, None]
    assert (np.diff(normal_codes(images, 1)[:, 0]) > 0).all()


def test_codes_that_cannot_be_are_refused():
    with pytest.raises(InputError, match="17 numbers"):
        normal_codes(np.zeros((8, 4, 4, 1), np.uint8), 17)
    with pytest.raises(InputError, match="got 1"):
        normal_codes(np.zeros((1, 4, 4, 1), np.uint8), 4)
