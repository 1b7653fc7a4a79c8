import numpy as np
import pytest

from spiral.agent import load_agent
from spiral.datasets import Dataset, load
from spiral.errors import InputError
from spiral.evaluation.classifier import load_classifier, predict
from spiral.evaluation.metrics import classification_accuracy, reconstruction, similarity
from spiral.evaluation.summary import evaluate_reconstruction


def test_errors_are_those_of_the_definition():
    real = np.zeros((2, 4, 4, 1), np.uint8)
    real[0, 0, 0] = 255
    painted = np.zeros_like(real)
    painted[1, 1, 1] = 51
    figures = reconstruction(real, painted, np.zeros_like(real[0]))
    assert figures.images == 2
    assert figures.l2 == pytest.approx((1.0 + 0.04) / 2)
    assert figures.mse == pytest.approx(figures.l2 / 16)
    assert figures.blank_mse == pytest.approx(1 / 32)


def test_the_classifier_knows_digits_it_never_saw():
    data = load("mnist-sample", 32, 1, "test")
    assert data.labels is not None
    figures = classification_accuracy(data, np.zeros_like(data.images))
    assert figures["real_accuracy"] >= 0.985
    assert figures["accuracy"] < 0.2


def test_probabilities_add_up_to_one():
    images = np.random.default_rng(0).integers(0, 256, (3, 40, 40, 3), dtype=np.uint8)
    assert predict(load_classifier(), images).sum(1) == pytest.approx([1, 1, 1], abs=1e-4)


def test_without_labels_there_is_no_accuracy():
    images = np.zeros((2, 28, 28, 1), np.uint8)
    assert classification_accuracy(Dataset("x", images), images) == {"accuracy": None, "real_accuracy": None}
    assert classification_accuracy(Dataset("x", images, np.array([0, 70])), images)["accuracy"] is None


def test_likeness_is_that_of_the_definitions():
    images = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    same = similarity(images, images)
    assert same == {"psnr": 100.0, "ssim": 1.0}
    other = images.astype(int) + np.where(images < 128, 8, -8)
    off = similarity(images, other.astype(np.uint8))
    assert off["psnr"] == pytest.approx(20 * np.log10(255 / 8))
    assert 0.9 < off["ssim"] < 1.0
    assert similarity(images, 255 - images)["ssim"] < 0


def test_error_falls_with_the_commands_that_are_counted():
    """The canvas measured after n commands is that of a program of n commands."""
    agent = load_agent("mnist-reconstruct-vector")
    data = load("mnist-sample", agent.size, agent.channels, "test").evenly_spaced(8)
    figures = evaluate_reconstruction(agent, data, counts=(12, 4))
    assert [row["commands"] for row in figures["after"]] == [4, 12]
    assert figures["after"][1]["mse"] == pytest.approx(figures["mse"])
    few = agent.reconstruct(data.images, commands=4)
    expected = np.square((few.observed.astype(float) - data.images) / 255).mean()
    assert figures["after"][0]["mse"] == pytest.approx(expected)
    assert figures["after"][0]["mse"] > figures["mse"]


def test_refined_paintings_are_nearer_and_as_long():
    agent = load_agent("mnist-reconstruct-vector")
    data = load("mnist-sample", agent.size, agent.channels, "test").evenly_spaced(4)
    before, after = (evaluate_reconstruction(agent, data, counts=(12,), evaluations=count) for count in (0, 60))
    assert after["mse"] < 0.95 * before["mse"]
    assert after["after"][0]["mse"] == pytest.approx(after["mse"]), "the figures are those of the refined programs"
    with pytest.raises(InputError, match="evaluations"):
        evaluate_reconstruction(agent, data, evaluations=-1)
