"""Appendix A in small: where L2 is flat a learned score is not."""

import numpy as np
import pytest
import torch

from spiral.evaluation.discs import Discs, agreement, draw_discs, learn_to_judge_discs, minus_l2, plot, surface


def test_the_learned_score_leads_on_where_l2_is_flat(tmp_path):
    settings = Discs(out=tmp_path / "discs.svg", steps=400)
    score = surface(learn_to_judge_discs(settings, "gan").judge, settings)
    l2 = surface(minus_l2(settings), settings)
    assert agreement(l2, settings) == 0.0
    assert agreement(score, settings) > 0.2
    for values in (score, l2):
        assert np.unravel_index(values.argmax(), values.shape) == (12, 12)
    plot({"score": score, "minus L2": l2}, settings)
    assert settings.out.read_text().count("<image") == 2


def test_discs_have_their_area():
    discs = draw_discs(torch.tensor([[16.0, 16.0], [10.3, 20.7]]), 4.0)
    assert discs.double().sum((1, 2, 3)).numpy() / 255.0 == pytest.approx(np.pi * 16, abs=1.5)
