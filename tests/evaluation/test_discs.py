"""Appendix A in small: the learned score leads home from where L2 is flat."""

from spiral.evaluation.discs import Discs, agreement, draw_discs, learn_to_judge_discs, plot, surfaces


def test_the_score_leads_to_the_target_where_l2_is_flat(tmp_path):
    settings = Discs(radius=4.0, steps=250)
    found = surfaces(learn_to_judge_discs(settings), settings)
    beyond = 2 * settings.radius + 1
    assert agreement(found.score, found.places, beyond) > 0.5
    assert agreement(found.l2, found.places, beyond) == 0.0
    middle = len(found.places) // 2
    assert found.l2[middle, middle] == found.l2.max() == 0.0
    plot(found, tmp_path / "discs.svg")
    assert (tmp_path / "discs.svg").read_text().count("<image") == 2


def test_discs_have_their_area():
    import torch

    discs = draw_discs(torch.tensor([[16.0, 16.0], [10.3, 20.7]]), 4.0)
    areas = discs.double().sum((1, 2, 3)) / 255.0
    assert (areas - 3.14159 * 16).abs().max() < 1.5
