"""Metrics of generated pictures, against independent computations and known cases."""

import math

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from spiral.evaluation.generation import class_coverage, frechet_distance, precision_and_recall, repeat_rate


def gaussian(seed: int, count: int = 300, width: int = 5) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.normal(size=(count, width)) @ generator.normal(size=(width, width)) + generator.normal(size=width)


def test_the_frechet_distance_is_that_of_scipys_matrix_root():
    one, other = gaussian(0), gaussian(1)
    first, second = np.cov(one.T), np.cov(other.T)
    root = scipy.linalg.sqrtm(first @ second).real
    expected = np.square(one.mean(0) - other.mean(0)).sum() + np.trace(first + second - 2 * root)
    assert frechet_distance(one, other) == pytest.approx(expected, rel=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 1000))
def test_the_frechet_distance_is_symmetric_and_zero_for_the_same(seed, other):
    one, two = gaussian(seed), gaussian(other)
    assert frechet_distance(one, one) == pytest.approx(0.0, abs=1e-6)
    assert frechet_distance(one, two) == pytest.approx(frechet_distance(two, one), rel=1e-5, abs=1e-6)
    assert frechet_distance(one, one + 2.0) == pytest.approx(4.0 * one.shape[1], rel=1e-6)


def test_the_frechet_distance_of_blank_canvases_is_finite():
    assert math.isfinite(frechet_distance(gaussian(0), np.zeros((300, 5))))


def test_precision_falls_with_strange_pictures_and_recall_with_missing_ones():
    generator = np.random.default_rng(0)
    real = np.concatenate([generator.normal(size=(200, 2)), generator.normal(size=(200, 2)) + 50])
    half = generator.normal(size=(200, 2))
    strange = np.concatenate([half, generator.normal(size=(200, 2)) - 50])
    precision, recall = precision_and_recall(real, half)
    assert precision > 0.9 and 0.4 < recall < 0.55
    precision, _ = precision_and_recall(real, strange)
    assert 0.4 < precision < 0.55
    assert precision_and_recall(real, real) == (1.0, 1.0)


def test_a_single_repeated_picture_has_no_recall():
    real = gaussian(0)
    assert precision_and_recall(real, np.repeat(real[:1], 300, 0)) == (1.0, pytest.approx(1 / 300))


def test_variety_counts_classes_and_repeats_are_exact():
    all_ten = np.eye(10, dtype=np.float32)[np.arange(100) % 10]
    assert class_coverage(all_ten).class_entropy == pytest.approx(math.log(10))
    assert (class_coverage(all_ten).classes, class_coverage(all_ten).confidence) == (10, 1.0)
    assert class_coverage(all_ten[:1].repeat(5, 0)).class_entropy == 0.0
    pictures = np.arange(4, dtype=np.uint8)[[0, 1, 1, 3], None, None, None] + np.zeros((1, 2, 2, 1), np.uint8)
    assert repeat_rate(pictures) == 0.25
