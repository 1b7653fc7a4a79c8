"""The digit classifier that evaluates paintings, trained once on real digits and shipped.

    python -m spiral.evaluation.classifier --out mnist-classifier.safetensors

Agents never learn from it. It was trained on the training split of `mnist-sample` and tested on the 1,000 held-out
digits.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from spiral.datasets import load, resize
from spiral.datasets.pictures import recolour
from spiral.errors import InputError
from spiral.io.files import write_atomically
from spiral.learning import checkpoint, machine

CLASSES = 10
SIZE = 28
WEIGHTS = "mnist-classifier"


class Classifier(nn.Module):
    """Four 3x3 convolutions with batch normalisation, two poolings, two linear layers; about 200,000 weights."""

    def __init__(self) -> None:
        """Random weights."""
        super().__init__()

        def stage(before: int, after: int) -> list[nn.Module]:
            return [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU()]

        self.features = nn.Sequential(
            *stage(1, 24), *stage(24, 24), nn.MaxPool2d(2), *stage(24, 48), *stage(48, 48), nn.MaxPool2d(2),
            *stage(48, 64), nn.Flatten(), nn.Dropout(0.3), nn.Linear(64 * 49, 64), nn.ReLU(),
        )  # fmt: skip
        self.last = nn.Linear(64, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [N, 10] of white-on-black digits float32 [N, 1, 28, 28] in [0, 1]."""
        return self.last(self.features(x))


@dataclass(frozen=True)
class ClassifierTraining:
    """Settings of the classifier's training.

    Attributes:
        out: the file to write.
        epochs: passes over the training split.
        batch: pictures a step.
        rate: highest learning rate of the one-cycle schedule.
        seed: of everything random.
    """

    out: Path = Path("mnist-classifier.safetensors")
    epochs: int = 40
    batch: int = 128
    rate: float = 3e-3
    seed: int = 0


def train_classifier(settings: ClassifierTraining, report: bool = True) -> Classifier:
    """Train on real digits with small random distortions; writes half-precision safetensors.

    Raises:
        InputError: the file cannot be written.
    """
    torch.manual_seed(settings.seed)
    data = load("mnist-sample", SIZE, 1, "train")
    assert data.labels is not None
    images, labels = _planes(data.images), torch.from_numpy(data.labels)
    classifier = Classifier()
    optimizer = torch.optim.AdamW(classifier.parameters(), settings.rate, weight_decay=0.01)
    steps = settings.epochs * (len(images) // settings.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.rate, total_steps=steps)
    for epoch in range(settings.epochs):
        whole = len(images) // settings.batch * settings.batch
        for rows in torch.randperm(len(images))[:whole].split(settings.batch):
            with machine.mixed_precision(torch.device("cpu"), "auto"):
                logits = classifier(distort(images[rows]))
            loss = functional.cross_entropy(logits.float(), labels[rows], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        if report:
            print(f"epoch {epoch + 1}: loss {float(loss):.3f}", flush=True)
    tensors = {name: tensor.contiguous() for name, tensor in checkpoint.half(classifier.state_dict()).items()}
    write_atomically(settings.out, lambda path: save_file(tensors, path))
    return classifier.eval()


def distort(images: Tensor) -> Tensor:
    """Distort pictures [N, 1, H, W] at random, like other handwriting.

    They are turned (15 degrees), scaled (15 %), sheared and shifted (2 pixels); some are blurred, thickened or thinned.
    """
    count = len(images)

    def spread(limit: float) -> Tensor:
        return (2 * torch.rand(count) - 1) * limit

    angle, shear = spread(math.radians(15)), spread(0.15)
    width, height = 1 + spread(0.15), 1 + spread(0.15)
    cos, sin = angle.cos(), angle.sin()
    rows = torch.stack([cos * width, (shear - sin) * width, spread(4 / SIZE)], 1)
    columns = torch.stack([sin * height, cos * height, spread(4 / SIZE)], 1)
    grid = functional.affine_grid(torch.stack([rows, columns], 1), list(images.shape), align_corners=False)
    result = functional.grid_sample(images, grid, align_corners=False)
    kind = torch.randint(5, (count, 1, 1, 1))
    blurred = functional.avg_pool2d(result, 3, 1, 1)
    thick = functional.max_pool2d(result, 3, 1, 1)
    thick, thin = (result + thick) / 2, (result + -functional.max_pool2d(-result, 3, 1, 1)) / 2
    result = torch.where(kind == 1, blurred, result)
    result = torch.where(kind == 2, thick, result)
    return torch.where(kind == 3, thin, result)


@functools.cache
def load_classifier() -> Classifier:
    """The shipped classifier.

    Raises:
        InputError: its weights are not in the package.
    """
    folder = Path(str(resources.files("spiral.evaluation")))
    with torch.random.fork_rng(devices=[]):  # must not change the random numbers of a run that measures with it
        classifier = Classifier()
    checkpoint.fill(classifier, checkpoint.read_tensors(folder, WEIGHTS), folder / WEIGHTS)
    return classifier.eval()


def predict(classifier: Classifier, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Probabilities float32 [N, 10] of pictures uint8 [N, H, W, C], white on black."""
    return features_and_probabilities(classifier, images)[1]


def features_and_probabilities(
    classifier: Classifier, images: npt.NDArray[np.uint8]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float32]]:
    """Classify pictures uint8 [N, H, W, C], white on black.

    Returns:
        Features before the last layer float64 [N, 64] and probabilities float32 [N, 10].
    """
    with torch.no_grad():
        batches = _planes(resize(recolour(images, 1), SIZE)).split(512)
        features = torch.cat([classifier.features(batch) for batch in batches])
        return features.double().numpy(), classifier.last(features).softmax(1).numpy()


def _planes(images: npt.NDArray[np.uint8]) -> Tensor:
    if images.ndim != 4 or images.shape[1:] != (SIZE, SIZE, 1):
        raise InputError(f"the classifier wants uint8 [N, {SIZE}, {SIZE}, 1], got {images.shape}")
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255.0


if __name__ == "__main__":
    import tyro

    chosen = tyro.cli(ClassifierTraining)
    judge = train_classifier(chosen)
    held_out = load("mnist-sample", SIZE, 1, "test")
    right = predict(judge, held_out.images).argmax(1) == held_out.labels
    print(f"accuracy on {len(held_out)} held-out digits: {right.mean():.4f}")
