"""Why not L2: the paper's toy problem of discs on a plane (SPIRAL section 3.3 and appendix A).

    python -m spiral.evaluation.discs --out runs/discs     # writes runs/discs/surfaces.json
    spiral report runs/discs --out report                  # draws report/discs.svg

A discriminator learns to tell pairs of equal discs from pairs of different ones, as it judges canvas and target. Its
score of a disc at (x, y) beside the target in the middle is drawn as a surface at several moments of its training, next
to minus the L2 distance to the target, which is flat where the two discs do not overlap. With `--no-conditional` it
sees single discs, of which the real ones are all in the middle.

Results: the score of pairs is a wider hill than L2 with every loss, from the first 250 steps on; it ends where the
discs cease to overlap, and beyond it nothing leads to the target. For WGAN-GP that is expected: its optimum is bound by
pixel distances, which are the same for all discs that do not overlap the target.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spiral.errors import InputError
from spiral.io.files import make_folder, read_bytes, write_atomically
from spiral.learning.adversarial import AdversarialLoss, discriminator_loss
from spiral.models.discriminator import Discriminator, DiscriminatorSettings

SIZE = 32
SURFACES = "surfaces.json"
_LIMIT = 16 * 2**20
_IN_A_ROW = 4


@dataclass(frozen=True)
class Discs:
    """The experiment's settings.

    Attributes:
        out: folder to write `surfaces.json` into.
        radius: of a disc, pixels of 32.
        conditional: judge pairs of a disc and its target, instead of discs alone with one target.
        steps: of the discriminator.
        moments: surfaces of each loss, each after twice as many steps as the one before, up to `steps`.
        batch: discs a step, real and fake each.
        rate: Adam's.
        seed: of everything random.
    """

    out: Path = Path("runs/discs")
    radius: float = 4.0
    conditional: bool = True
    steps: int = 1000
    moments: int = 3
    batch: int = 32
    rate: float = 5e-4
    seed: int = 0


def draw_discs(places: Tensor, radius: float) -> Tensor:
    """White discs with soft rims on black: uint8 [N, 32, 32, 1] from centres float32 [N, 2] (x, y) in pixels."""
    axis = torch.arange(SIZE) + 0.5
    distance = torch.hypot(
        axis[None, None, :] - places[:, 0, None, None], axis[None, :, None] - places[:, 1, None, None]
    )
    return ((radius + 0.5 - distance).clamp(0.0, 1.0) * 255.0).round().to(torch.uint8)[..., None]


def train_disc_discriminator(settings: Discs, loss: AdversarialLoss) -> Iterator[tuple[int, Discriminator]]:
    """Train a discriminator, spectrally normalised for the loss `gan`.

    Yields:
        The steps so far and the discriminator, at each of `settings.moments`.
    """
    torch.manual_seed(settings.seed)
    conditional = settings.conditional
    judge = Discriminator(SIZE, 1, conditional, DiscriminatorSettings(channels=32, spectral=loss == "gan"))
    optimizer = torch.optim.Adam(judge.parameters(), settings.rate, (0.5, 0.999))
    moments = {max(1, settings.steps >> moment) for moment in range(settings.moments)}

    def anywhere() -> Tensor:
        middles = settings.radius + torch.rand(settings.batch, 2) * (SIZE - 2 * settings.radius)
        return draw_discs(middles, settings.radius)

    target = _target(settings).repeat(settings.batch, 1, 1, 1)
    for step in range(1, settings.steps + 1):
        real, fake = anywhere() if conditional else target, anywhere()
        beside_real, beside_fake = (real, anywhere()) if conditional else (None, None)
        value, _ = discriminator_loss(judge, real, beside_real, fake, beside_fake, loss, 10.0, 1e-3)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        if step in moments:
            yield step, judge.eval()
            judge.train()


def score_of(judge: Discriminator, settings: Discs) -> Callable[[Tensor], Tensor]:
    """A discriminator's score of discs, beside the target in the middle if it judges pairs: see `surface`."""
    target = _target(settings)
    if not settings.conditional:
        return judge.score_images
    return lambda discs: judge.score_images(discs, target.repeat(len(discs), 1, 1, 1))


def places(settings: Discs) -> npt.NDArray[np.float64]:
    """Coordinates in pixels at which a disc lies wholly on the canvas: float64 [P], rows and columns of surfaces."""
    rim = math.ceil(settings.radius)
    return np.arange(rim, SIZE - rim + 1).astype(np.float64)


def surface(score: Callable[[Tensor], Tensor], settings: Discs) -> npt.NDArray[np.float64]:
    """A score of discs all over the plane: float64 [P, P]; `score` takes uint8 [N, 32, 32, 1] and gives [N]."""
    axis = torch.from_numpy(places(settings)).float()
    rows, columns = torch.meshgrid(axis, axis, indexing="ij")
    discs = draw_discs(torch.stack([columns, rows], -1).view(-1, 2), settings.radius)
    return score(discs).view(rows.shape).double().numpy()


def minus_l2(settings: Discs) -> Callable[[Tensor], Tensor]:
    """Minus the Euclidean distance to the target, of pixels in [0, 1]."""
    target = _target(settings).float()
    return lambda discs: -((discs.float() - target) / 255.0).flatten(1).norm(dim=1)


def half_width(surface: npt.NDArray[np.float64], settings: Discs) -> float:
    """Distance from the target, in pixels, at which a surface [P, P] has fallen by half; mean over directions."""
    distance = _distance(settings)
    rings = np.arange(int(distance.max()) + 1)
    means = np.array([surface[distance.round() == ring].mean() for ring in rings])
    height = (means - means.min()) / np.ptp(means)
    below = int(np.argmax(height < 0.5))
    return float(below - (0.5 - height[below]) / (height[below - 1] - height[below]))


def agreement(surface: npt.NDArray[np.float64], settings: Discs) -> float:
    """Correlation of a surface [P, P] with nearness to the target, over the places where the discs do not overlap.

    It is 1 if the surface rises straight to the target, 0 if it is flat, below 0 if it rises away.
    """
    distance = _distance(settings)
    far = distance > 2 * settings.radius + 1
    if surface[far].std() < 1e-3 * max(float(np.ptp(surface)), 1e-12):
        return 0.0
    return float(np.corrcoef(surface[far], -distance[far])[0, 1])


def _distance(settings: Discs) -> npt.NDArray[np.float64]:
    offset = places(settings) - SIZE / 2
    return np.hypot(offset[:, None], offset[None, :])


def write_surfaces(surfaces: Mapping[str, npt.NDArray[np.float64]], settings: Discs) -> Path:
    """Write surfaces [P, P] and their coordinates as `surfaces.json` into `settings.out`.

    Raises:
        InputError: the file cannot be written.
    """
    path = make_folder(settings.out) / SURFACES
    found = {"pixels": places(settings).tolist(), "surfaces": {n: v.round(4).tolist() for n, v in surfaces.items()}}
    write_atomically(path, json.dumps(found).encode())
    return path


def plot_surfaces(path: Path) -> bytes:
    """SVG of the surfaces in a `surfaces.json`: side by side from above, and cut through the middle.

    Raises:
        InputError: the file cannot be read or does not hold surfaces.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    try:
        found = json.loads(read_bytes(path, _LIMIT))
        axis = np.array(found["pixels"], np.float64)
        surfaces = {str(name): np.array(values, np.float64) for name, values in found["surfaces"].items()}
        if not surfaces or axis.ndim != 1 or any(v.shape != (len(axis), len(axis)) for v in surfaces.values()):
            raise ValueError("surfaces must be square, as many rows as pixels")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} does not hold surfaces: {error}") from error
    columns = min(len(surfaces) + 2, _IN_A_ROW)
    rows = math.ceil((len(surfaces) + 2) / columns)
    figure = Figure(figsize=(2.8 * columns, 3.0 * rows), layout="constrained")
    cells = figure.subplots(rows, columns, squeeze=False).flatten()
    *panels, last = cells[: len(surfaces) + 1]
    for axes in cells[len(surfaces) + 1 :]:
        axes.remove()
    for axes, (name, values) in zip(panels, surfaces.items(), strict=True):
        axes.imshow(values, extent=(axis[0], axis[-1], axis[-1], axis[0]), cmap="viridis")
        axes.set_title(name, fontsize="medium")
        axes.set_xlabel("x of the disc, pixels")
        cut = values[len(axis) // 2]
        last.plot(axis, (cut - values.min()) / np.ptp(values), label=name)
    last.set_title("cut through the middle, 0 to 1", fontsize="medium")
    last.set_xlabel("x of the disc, pixels")
    # In the empty cell beside the cut, which must not widen the column above it.
    last.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.0)).set_in_layout(False)
    stream = io.BytesIO()
    # Without date and with fixed identifiers the same surfaces give the same file.
    with rc_context({"svg.hashsalt": "discs"}):
        FigureCanvasSVG(figure).print_svg(stream, metadata={"Date": None})
    return stream.getvalue()


def _target(settings: Discs) -> Tensor:
    return draw_discs(torch.full((1, 2), SIZE / 2), settings.radius)


if __name__ == "__main__":
    import tyro

    chosen = tyro.cli(Discs)
    losses: tuple[AdversarialLoss, ...] = ("gan", "wgan-gp", "r3gan")
    found = {
        f"{loss}, {steps} steps": surface(score_of(judge, chosen), chosen)
        for loss in losses
        for steps, judge in train_disc_discriminator(chosen, loss)
    }
    found["minus L2"] = surface(minus_l2(chosen), chosen)
    print(f"written: {write_surfaces(found, chosen)}")
    for name, values in found.items():
        width, nearness = half_width(values, chosen), agreement(values, chosen)
        print(
            f"{name}: fallen by half {width:.1f} pixels away; correlation with nearness beyond overlap {nearness:.2f}"
        )
