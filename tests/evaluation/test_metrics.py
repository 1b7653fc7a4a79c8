import numpy as np
import pytest

from spiral.datasets import Dataset, load
from spiral.evaluation.classifier import load_classifier, predict
from spiral.evaluation.metrics import recognition, reconstruction


def test_errors_are_those_of_the_definition():
    real = np.zeros((2, 4, 4, 1), np.uint8)
    real[0, 0, 0] = 255
    painted = np.zeros_like(real)
    painted[1, 1, 1] = 51
    figures = reconstruction(real, painted, (0.0, 0.0, 0.0))
    assert figures.images == 2
    assert figures.l2 == pytest.approx((1.0 + 0.04) / 2)
    assert figures.mse == pytest.approx(figures.l2 / 16)
    assert figures.blank_mse == pytest.approx(1 / 32)


def test_the_classifier_knows_digits_it_never_saw():
    data = load("mnist-sample", 32, 1, "test")
    assert data.labels is not None
    figures = recognition(data, np.zeros_like(data.images))
    assert figures["real_accuracy"] >= 0.985
    assert figures["accuracy"] < 0.2


def test_probabilities_add_up_to_one():
    images = np.random.default_rng(0).integers(0, 256, (3, 40, 40, 3), dtype=np.uint8)
    assert predict(load_classifier(), images).sum(1) == pytest.approx([1, 1, 1], abs=1e-4)


def test_without_labels_there_is_no_accuracy():
    images = np.zeros((2, 28, 28, 1), np.uint8)
    assert recognition(Dataset("x", images), images) == {"accuracy": None, "real_accuracy": None}
    assert recognition(Dataset("x", images, np.array([0, 70])), images)["accuracy"] is None
