"""Equal clusters of similar pictures: every picture in one, equally many in each, similar ones together."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spiral.datasets import load
from spiral.datasets.clusters import balanced_clusters, means_of_clusters
from spiral.errors import InputError


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 90), st.integers(0, 4))
def test_cells_are_equal(seed, pictures, depth):
    images = np.random.default_rng(seed).integers(0, 256, (pictures, 5, 5, 1)).astype(np.uint8)
    count = 2**depth
    if count > pictures:
        with pytest.raises(InputError, match="as many pictures"):
            balanced_clusters(images, count)
        return
    clusters = balanced_clusters(images, count)
    sizes = np.bincount(clusters, minlength=count)
    assert len(clusters) == pictures and sizes.sum() == pictures and len(sizes) == count
    assert sizes.max() - sizes.min() <= 1 + depth
    assert np.array_equal(clusters, balanced_clusters(images, count))
    means = means_of_clusters(images, clusters)
    assert means[clusters[0]] == pytest.approx(images[clusters == clusters[0]].mean(0), abs=0.51)


def test_pictures_that_are_all_the_same_are_cut_all_the_same():
    assert np.bincount(balanced_clusters(np.zeros((8, 4, 4, 1), np.uint8), 4)).tolist() == [2, 2, 2, 2]


def test_similar_digits_share_a_cell():
    """No label is used, yet a cluster is mostly one digit, and its pictures are nearer each other than all are."""
    digits = load("mnist-sample", 32, 1, "train")
    clusters = balanced_clusters(digits.images, 128)
    assert digits.labels is not None
    share = np.mean(
        [np.bincount(digits.labels[clusters == cluster]).max() / (clusters == cluster).sum() for cluster in range(128)]
    )
    assert share > 0.65
    flat = digits.images.reshape(len(clusters), -1) / 255.0
    within = np.mean([flat[clusters == cluster].var(0).sum() for cluster in range(128)])
    assert within < 0.6 * flat.var(0).sum()


def test_the_number_must_be_a_power_of_two():
    with pytest.raises(InputError, match="power of two"):
        balanced_clusters(np.zeros((8, 4, 4, 1), np.uint8), 3)
