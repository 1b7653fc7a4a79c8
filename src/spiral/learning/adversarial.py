"""The discriminator's losses (SPIRAL sections 3.2 to 3.4, appendix C)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from spiral.models.blocks import pictures_to_planes
from spiral.models.discriminator import Discriminator

AdversarialLoss = Literal["wgan-gp", "gan", "r3gan"]


def discriminator_loss(
    discriminator: Discriminator,
    real: Tensor,
    real_targets: Tensor | None,
    fake: Tensor,
    fake_targets: Tensor | None,
    loss: AdversarialLoss,
    gradient_penalty_weight: float,
    drift_weight: float,
) -> tuple[Tensor, dict[str, Tensor]]:
    """The discriminator's loss on N real and N painted pictures.

    `wgan-gp`: -E D(real) + E D(fake) + penalty (SPIRAL eq. 1; Gulrajani et al. 2017), and since that fixes D only up
    to a constant, the mean of D over half real, half fake is pulled to 0. `gan`: the standard loss of SPIRAL++
    section 2.1, for a spectrally normalised discriminator. `r3gan`, in neither paper: every real picture is to score
    higher than the painted one beside it, E softplus(D(fake) - D(real)), and the squared slope of D is penalised at
    both (R1 and R2; Huang et al. 2024, arXiv 2501.05441, eq. 2 and 4).

    Args:
        discriminator: the network.
        real: uint8 [N, S, S, C]; when conditional, the targets themselves (the pair is target, target).
        real_targets: likewise, or None.
        fake: uint8 [N, S, S, C], painted canvases.
        fake_targets: their targets, or None.
        loss: which loss.
        gradient_penalty_weight: lambda of the gradient penalty, 10 is WGAN-GP's own; for `r3gan` gamma.
        drift_weight: weight of the squared mean of D; not for `gan`.

    Returns:
        The loss and figures for the log, scalars.
    """
    real_planes, fake_planes = pictures_to_planes(real), pictures_to_planes(fake)
    if loss == "r3gan":
        real_planes, fake_planes = real_planes.requires_grad_(), fake_planes.requires_grad_()
    real_conditions = None if real_targets is None else pictures_to_planes(real_targets)
    fake_conditions = None if fake_targets is None else pictures_to_planes(fake_targets)
    conditions = None
    if real_conditions is not None and fake_conditions is not None:
        conditions = torch.cat([real_conditions, fake_conditions])
    real_scores, fake_scores = discriminator(torch.cat([real_planes, fake_planes]), conditions).chunk(2)
    figures = {"real_score": real_scores.mean().detach(), "fake_score": fake_scores.mean().detach()}
    if loss == "gan":
        total = functional.softplus(-real_scores).mean() + functional.softplus(fake_scores).mean()
        return total, {**figures, "loss": total.detach()}
    if loss == "r3gan":
        total = functional.softplus(fake_scores - real_scores).mean()
        penalty = 0.5 * (squared_slope(real_scores, real_planes) + squared_slope(fake_scores, fake_planes))
    else:
        total = fake_scores.mean() - real_scores.mean()
        penalty = gradient_penalty(discriminator, real_planes, real_conditions, fake_planes, fake_conditions)
    pull = (0.5 * (real_scores + fake_scores)).mean().square()
    figures |= {"wasserstein": (real_scores - fake_scores).mean().detach(), "gradient_penalty": penalty.detach()}
    total = total + gradient_penalty_weight * penalty + drift_weight * pull
    return total, {**figures, "loss": total.detach()}


def gradient_penalty(
    discriminator: Discriminator,
    real: Tensor,
    real_conditions: Tensor | None,
    fake: Tensor,
    fake_conditions: Tensor | None,
) -> Tensor:
    """E (||grad_x D(x)|| - 1)^2 at random points between real and fake (Gulrajani et al. 2017, eq. 3).

    Distances are measured on pixels in [0, 1], so that D's slope is 1 per unit of Euclidean distance between pictures,
    as in the paper; the planes are in [-1, 1]. A pair (target, target) is mixed with (canvas, its target); if the
    targets differ, they are mixed as the pictures are.
    """
    share = torch.rand(len(real), 1, 1, 1, device=real.device)
    between = (fake + share * (real - fake)).requires_grad_()
    if real_conditions is not None and fake_conditions is not None:
        conditions = fake_conditions + share * (real_conditions - fake_conditions)
    else:
        conditions = None
    scores = discriminator(between, conditions)
    (gradient,) = torch.autograd.grad(scores.sum(), between, create_graph=True)
    slopes = 2.0 * gradient.float().flatten(1).norm(dim=1)
    return (slopes - 1.0).square().mean()


def squared_slope(scores: Tensor, planes: Tensor) -> Tensor:
    """E ||grad_x D(x)||^2 of scores float32 [N] at the planes [N, C, S, S] that they are of (Mescheder 2018, eq. 9).

    The unit of distance is that of planes in [-1, 1], as in the published code of R3GAN.
    """
    (gradient,) = torch.autograd.grad(scores.sum(), planes, create_graph=True)
    return gradient.float().flatten(1).square().sum(1).mean()
