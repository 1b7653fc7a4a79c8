"""Real pictures and their conditions."""

import numpy as np
import torch

from spiral.learning.real_images import real_images

IMAGES = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 1)).astype(np.uint8)
CPU = torch.device("cpu")


def test_reconstruction_judges_pictures_beside_themselves():
    pictures, conditions = real_images(IMAGES, True, 0, CPU).pick(10)
    assert conditions is not None and torch.equal(pictures, conditions)


def test_without_a_target_pictures_are_judged_alone():
    assert real_images(IMAGES, False, 0, CPU).pick(10)[1] is None


def test_cluster_means_are_the_means_of_clusters():
    real = real_images(IMAGES, True, 4, CPU)
    assert real.cluster_means is not None and real.conditions is not None
    # Every picture's companion is the mean of eight pictures, itself among them.
    for mean in real.cluster_means:
        mine = (real.conditions == mean).flatten(1).all(1)
        assert mine.sum() == 8
        assert (real.pictures[mine].float().mean(0) - mean.float()).abs().max() <= 0.51
