"""What is imitated, and beside what it is judged."""

from types import SimpleNamespace

import numpy as np
import torch

from spiral.learning.real import real_pictures

IMAGES = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 1)).astype(np.uint8)
CPU = torch.device("cpu")


def test_reconstruction_judges_pictures_beside_themselves():
    pictures, companions = real_pictures(IMAGES, True, 0, CPU).pick(10)
    assert companions is not None and torch.equal(pictures, companions)


def test_without_a_target_pictures_are_judged_alone():
    assert real_pictures(IMAGES, False, 0, CPU).pick(10)[1] is None


def test_codes_stand_for_the_means_of_cells():
    real = real_pictures(IMAGES, False, 4, CPU)
    assert real.means is not None and real.companions is not None
    noise = torch.cat([torch.randn(3, 5), torch.eye(4)[[2, 0, 3]]], dim=1)
    beside = real.beside(SimpleNamespace(noise=noise, targets=None))  # type: ignore[arg-type]
    assert beside is not None and torch.equal(beside, real.means[[2, 0, 3]])
    # Every picture's companion is the mean of eight pictures, itself among them.
    for companion in real.means:
        mine = (real.companions == companion).flatten(1).all(1)
        assert mine.sum() == 8
        assert (real.pictures[mine].float().mean(0) - companion.float()).abs().max() <= 0.51
