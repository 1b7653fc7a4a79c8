"""Why not L2: the paper's toy problem of discs on a plane (SPIRAL section 3.3 and appendix A).

    python -m spiral.evaluation.discs --out discs.svg

A discriminator learns to tell pairs of the same disc from pairs of different ones. For a target in the middle its score
of a disc at (x, y) falls with the distance all over the plane, where the L2 distance is flat as soon as the two discs
no longer overlap: a gradient, and so a reward, leads to the target from everywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spiral.files import write_atomically
from spiral.learning.adversary import discriminator_loss
from spiral.models.discriminator import Discriminator, DiscriminatorSettings

SIZE = 32


@dataclass(frozen=True)
class Discs:
    """The experiment's settings.

    Attributes:
        out: the plot to write, .svg.
        radius: of a disc, pixels of 32.
        steps: of the discriminator.
        batch: pairs a step, real and fake each.
        rate: Adam's.
        seed: of everything random.
    """

    out: Path = Path("discs.svg")
    radius: float = 4.0
    steps: int = 1500
    batch: int = 64
    rate: float = 5e-4
    seed: int = 0


@dataclass(frozen=True)
class Surfaces:
    """Over the places of a disc beside a target in the middle.

    Attributes:
        places: float64 [P], coordinates in pixels; rows and columns of the surfaces.
        score: float64 [P, P], the discriminator's.
        l2: float64 [P, P], minus the Euclidean distance of the pictures, pixels in [0, 1].
    """

    places: npt.NDArray[np.float64]
    score: npt.NDArray[np.float64]
    l2: npt.NDArray[np.float64]


def draw_discs(places: Tensor, radius: float) -> Tensor:
    """White discs with soft rims on black: uint8 [N, 32, 32, 1] from centres float32 [N, 2] (x, y) in pixels."""
    axis = torch.arange(SIZE) + 0.5
    distance = torch.hypot(
        axis[None, None, :] - places[:, 0, None, None], axis[None, :, None] - places[:, 1, None, None]
    )
    return ((radius + 0.5 - distance).clamp(0.0, 1.0) * 255.0).round().to(torch.uint8)[..., None]


def learn_to_judge_discs(settings: Discs) -> Discriminator:
    """A conditional discriminator trained with WGAN-GP on pairs of discs: real pairs are alike."""
    torch.manual_seed(settings.seed)
    judge = Discriminator(SIZE, 1, True, DiscriminatorSettings(channels=32))
    optimizer = torch.optim.Adam(judge.parameters(), settings.rate, (0.5, 0.999))
    for _ in range(settings.steps):
        real, target, fake = (draw_discs(_somewhere(settings), settings.radius) for _ in range(3))
        loss, _ = discriminator_loss(judge, real, real, fake, target, "wgan-gp", 10.0, 1e-3)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return judge


def surfaces(judge: Discriminator, settings: Discs) -> Surfaces:
    """Score and L2 of discs all over the plane beside a target in the middle."""
    places = torch.arange(math.ceil(settings.radius), SIZE - math.ceil(settings.radius) + 1).float()
    rows, columns = torch.meshgrid(places, places, indexing="ij")
    discs = draw_discs(torch.stack([columns, rows], -1).view(-1, 2), settings.radius)
    target = draw_discs(torch.full((1, 2), SIZE / 2), settings.radius).expand_as(discs)
    score = judge.judge(discs, target).view(rows.shape)
    l2 = -((discs.float() - target.float()) / 255.0).flatten(1).norm(dim=1).view(rows.shape)
    return Surfaces(places.double().numpy(), score.double().numpy(), l2.double().numpy())


def agreement(surface: npt.NDArray[np.float64], places: npt.NDArray[np.float64], beyond: float) -> float:
    """Correlation of a surface [P, P] with minus the distance to the middle, over places farther away than `beyond`.

    1 where it leads straight home; 0 where it is flat.
    """
    distance = np.hypot(places[:, None] - SIZE / 2, places[None, :] - SIZE / 2)
    far = distance > beyond
    if surface[far].std() < 1e-3 * max(np.ptp(surface), 1e-12):
        return 0.0
    return float(np.corrcoef(surface[far], -distance[far])[0, 1])


def plot(found: Surfaces, out: Path) -> None:
    """Both surfaces side by side, from above and cut through the middle.

    Raises:
        InputError: the file cannot be written.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.5, 3.0), layout="constrained")
    panels = figure.subplots(1, 3)
    extent = (found.places[0], found.places[-1], found.places[-1], found.places[0])
    for axes, surface, title in ((panels[0], found.score, "discriminator's score"), (panels[1], found.l2, "minus L2")):
        axes.imshow(surface, extent=extent, cmap="viridis")
        axes.set_title(title, fontsize="medium")
        axes.set_xlabel("x of the disc, pixels")
    middle = len(found.places) // 2
    for surface, name in ((found.score, "score"), (found.l2, "minus L2")):
        cut = surface[middle]
        panels[2].plot(found.places, (cut - cut.min()) / np.ptp(cut), label=name)
    panels[2].set_title("cut through the middle, scaled to 0..1", fontsize="medium")
    panels[2].set_xlabel("x of the disc, pixels")
    panels[2].legend(frameon=False, fontsize="small")
    with rc_context({"svg.hashsalt": "discs"}):
        write_atomically(out, lambda path: FigureCanvasSVG(figure).print_svg(str(path), metadata={"Date": None}))


def _somewhere(settings: Discs) -> Tensor:
    return settings.radius + torch.rand(settings.batch, 2) * (SIZE - 2 * settings.radius)


if __name__ == "__main__":
    import tyro

    chosen = tyro.cli(Discs)
    seen = surfaces(learn_to_judge_discs(chosen), chosen)
    plot(seen, chosen.out)
    for name, surface in (("score", seen.score), ("L2", seen.l2)):
        value = agreement(surface, seen.places, 2 * chosen.radius + 1)
        print(f"{name}: correlation with nearness where the discs do not overlap {value:.3f}")
