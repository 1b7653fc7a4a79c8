"""What is imitated, and beside what it is judged."""

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


def test_prototypes_are_the_means_of_cells():
    real = real_pictures(IMAGES, True, 4, CPU)
    assert real.prototypes is not None and real.companions is not None
    # Every picture's companion is the mean of eight pictures, itself among them.
    for prototype in real.prototypes:
        mine = (real.companions == prototype).flatten(1).all(1)
        assert mine.sum() == 8
        assert (real.pictures[mine].float().mean(0) - prototype.float()).abs().max() <= 0.51
