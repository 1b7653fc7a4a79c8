import math

import pytest
import torch
from torch import Tensor, nn

from spiral.learning.adversarial import discriminator_loss, gradient_penalty, squared_slope
from spiral.learning.replay_buffer import ReplayBuffer
from spiral.models.discriminator import Discriminator, DiscriminatorSettings


class Slope(nn.Module):
    """Scores a picture by `slope` times the sum of its pixels."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(slope))

    def forward(self, x: Tensor, targets: Tensor | None) -> Tensor:
        return self.slope * x.flatten(1).sum(1)


@pytest.mark.parametrize("slope", [0.0, 0.01, 0.2])
def test_the_gradient_penalty_is_that_of_the_formula(slope):
    real, fake = torch.randn(2, 5, 1, 4, 4)
    got = gradient_penalty(Slope(slope), real, None, fake, None)  # pyright: ignore[reportArgumentType]
    # 16 pixels of equal slope, in units of pixels in [0, 1] where planes have a range of 2.
    assert float(got.detach()) == pytest.approx((2 * slope * 4 - 1) ** 2, abs=1e-5)


def test_the_zero_centred_penalty_is_the_squared_slope():
    planes = torch.randn(5, 1, 4, 4, requires_grad=True)
    assert float(squared_slope(Slope(0.2)(planes, None), planes).detach()) == pytest.approx(16 * 0.2**2)


def test_the_relativistic_loss_compares_pairs_and_penalises_slopes_at_both():
    judge, white = Slope(0.5), torch.full((4, 2, 2, 1), 255, dtype=torch.uint8)
    loss, figures = discriminator_loss(judge, white, None, 0 * white, None, "r3gan", 0.2, 0.0)  # pyright: ignore[reportArgumentType]
    # Scores of 4 pixels of 1 and of -1 lie 4 apart; both slopes squared are 4 * 0.5^2.
    assert float(loss.detach()) == pytest.approx(math.log1p(math.exp(-4.0)) + 0.2 * 0.5 * (1.0 + 1.0), abs=1e-5)
    assert float(figures["gradient_penalty"]) == pytest.approx(1.0)


def test_replay_keeps_the_newest_and_pairs_them_with_their_targets():
    replay = ReplayBuffer(6, (2, 2, 1), True, torch.device("cpu"))
    for value in range(5):
        canvases = torch.full((2, 2, 2, 1), value, dtype=torch.uint8)
        replay.add(canvases, canvases + 100)
    assert len(replay) == 6
    canvases, targets = replay.sample(200)
    assert targets is not None
    assert set(canvases.unique().tolist()) == {2, 3, 4}
    assert torch.equal(canvases + 100, targets)
    twin = ReplayBuffer(6, (2, 2, 1), True, torch.device("cpu"))
    twin.restore(replay.state())
    assert twin.added == replay.added and torch.equal(twin.canvases, replay.canvases)


@pytest.mark.parametrize(("loss", "spectral"), [("wgan-gp", False), ("gan", True), ("r3gan", False)])
@pytest.mark.parametrize("conditional", [False, True])
def test_the_discriminator_learns_to_tell_squares_from_noise(loss, spectral, conditional):
    torch.manual_seed(0)
    judge = Discriminator(16, 1, conditional, DiscriminatorSettings(channels=8, spectral=spectral))
    optimizer = torch.optim.Adam(judge.parameters(), 1e-3, (0.5, 0.999))

    def batch() -> tuple[Tensor, Tensor]:
        real = torch.zeros(32, 16, 16, 1, dtype=torch.uint8)
        places = torch.randint(0, 10, (32, 2))
        for one, (row, column) in zip(real, places.tolist(), strict=True):
            one[row : row + 5, column : column + 5] = 255
        return real, torch.randint(256, real.shape, dtype=torch.uint8)

    for _ in range(60):
        real, fake = batch()
        pair = (real, real.roll(1, 0)) if conditional else (None, None)
        total, figures = discriminator_loss(judge, real, pair[0], fake, pair[1], loss, 10.0, 1e-3)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
    real, fake = batch()
    targets = real if conditional else None
    assert float((judge.score_images(real, targets) - judge.score_images(fake, targets)).min()) > 0
    assert figures["real_score"] > figures["fake_score"]


def test_drift_pulls_the_mean_score_to_zero():
    judge = Slope(1.0)
    real, fake = (torch.full((4, 2, 2, 1), value, dtype=torch.uint8) for value in (255, 255))
    without, with_drift = (
        float(discriminator_loss(judge, real, None, fake, None, "wgan-gp", 0.0, drift_weight)[0].detach())  # pyright: ignore[reportArgumentType]
        for drift_weight in (0.0, 1.0)
    )
    assert with_drift - without == pytest.approx(16.0)
