import pytest
import torch

from spiral.models.discriminator import Discriminator, DiscriminatorSettings


def pictures(count: int, size: int = 32, channels: int = 1) -> torch.Tensor:
    return torch.randint(256, (count, size, size, channels), dtype=torch.uint8)


@pytest.mark.parametrize(("size", "channels"), [(32, 1), (64, 3), (8, 1)])
@pytest.mark.parametrize("conditional", [False, True])
def test_one_score_a_picture(size, channels, conditional):
    judge = Discriminator(size, channels, conditional, DiscriminatorSettings(channels=4))
    shown = pictures(5, size, channels)
    assert judge.score_images(shown, shown if conditional else None).shape == (5,)


def test_the_target_matters():
    judge = Discriminator(32, 1, True, DiscriminatorSettings(channels=4))
    shown = pictures(4)
    assert not torch.equal(judge.score_images(shown, shown), judge.score_images(shown, pictures(4)))


def test_spectral_norm_bounds_how_steep_the_score_is():
    torch.manual_seed(0)
    judge = Discriminator(16, 1, False, DiscriminatorSettings(channels=8, spectral=True))
    for _ in range(30):  # power iterations
        judge(torch.randn(2, 1, 16, 16), None)
    judge.eval()
    one = torch.randn(16, 1, 16, 16)
    other = one + 0.01 * torch.randn_like(one)
    # Each 4x4 convolution of stride 2 sees a pixel 4 times: its norm is at most 2 where its matrix's is 1.
    slope = (judge(one, None) - judge(other, None)).abs() / (one - other).flatten(1).norm(dim=1)
    assert float(slope.max().detach()) <= 2**2 + 1e-3


def test_batch_statistics_tell_twins_from_a_crowd():
    judge = Discriminator(16, 1, False, DiscriminatorSettings(channels=4, minibatch_stddev=4))
    crowd = pictures(4, 16)
    twins = crowd[:1].repeat(4, 1, 1, 1)
    assert not torch.allclose(judge.score_images(crowd, None)[0], judge.score_images(twins, None)[0])


def test_a_size_that_cannot_be_halved_to_four_is_refused():
    with pytest.raises(ValueError, match="power of two"):
        Discriminator(20, 1, False, DiscriminatorSettings())


def test_a_complement_discriminator_sees_one_half_of_the_picture_and_the_other_of_the_target():
    torch.manual_seed(0)
    judge = Discriminator(16, 1, True, DiscriminatorSettings(channels=8, complement=True))
    picture, target = torch.randn(2, 1, 1, 16, 16)
    other_picture, other_target = picture.clone(), target.clone()
    other_picture[..., 8:] += 1.0  # the right half of the picture
    other_target[..., :8] += 1.0  # the left half of the target
    assert torch.equal(judge(picture, target, 0), judge(other_picture, target, 0))
    assert torch.equal(judge(picture, target, 0), judge(picture, other_target, 0))
    for half in (1, 2, 3):
        assert not torch.equal(judge(picture, target, half), judge(other_picture, target, half))
    seen = [judge(picture, target, half) for half in range(4)]
    pixels = torch.randint(0, 256, (3, 16, 16, 1), dtype=torch.uint8)
    assert judge.score_images(pixels, pixels).shape == (3,)
    assert len({float(score.detach()) for score in seen}) == 4
