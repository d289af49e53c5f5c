"""Label smoothing over the values that a step allows, and the least that it can come to."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from genescribe.generate.forms.losses import LossSheet, smoothed, smoothing_floor


def sheet(scores: torch.Tensor, targets: torch.Tensor) -> LossSheet:
    made = LossSheet(*targets.shape, targets.device)
    made.enter(torch.ones_like(targets, dtype=torch.bool), scores, targets)
    return made


@pytest.mark.parametrize("share", [0.0, 0.1, 0.4])
def test_smoothing_is_that_of_pytorch_among_the_allowed_values(share: float) -> None:
    torch.manual_seed(0)
    scores, targets = torch.randn(2, 5, 7), torch.randint(0, 4, (2, 5))
    masked = scores.clone()
    masked[..., 4:] = -math.inf
    found = sheet(masked, targets).losses(torch.zeros(()), {})
    expected = cross_entropy(
        scores[..., :4].flatten(0, 1), targets.flatten(), label_smoothing=share, reduction="none"
    ).view(2, 5)
    assert torch.allclose(smoothed(found.nll, found.spread, share), expected, atol=1e-6)
    assert bool((found.options == 4).all())
    assert torch.equal(found.right, masked.argmax(dim=-1) == targets)
    # The floor: reached by the target itself, and by nothing below.
    floor = smoothing_floor(found.options, share)
    target = torch.full((2, 5, 4), share / 4).scatter_add(2, targets[..., None], torch.full((2, 5, 1), 1 - share))
    best = sheet(target.clamp(min=1e-30).log(), targets).losses(torch.zeros(()), {})
    assert torch.allclose(smoothed(best.nll, best.spread, share), floor, atol=1e-5)
    assert bool((smoothed(found.nll, found.spread, share) >= floor - 1e-6).all())


def test_a_step_without_a_choice_has_no_floor() -> None:
    assert smoothing_floor(torch.tensor([0.0, 1.0]), 0.1).tolist() == pytest.approx([0.0, 0.0], abs=1e-7)
    only = torch.tensor([[[0.3, -math.inf]]])
    found = sheet(only, torch.tensor([[0]])).losses(torch.zeros(()), {})
    assert float(smoothed(found.nll, found.spread, 0.1)) == 0.0


def test_steps_are_entered_where_they_stand() -> None:
    made = LossSheet(2, 3, torch.device("cpu"))
    scores = torch.zeros(2, 1, 5)
    made.scatter(torch.tensor([[2], [0]]), torch.tensor([[True], [False]]), scores, torch.tensor([[1], [-100]]))
    found = made.losses(torch.zeros(()), {})
    assert found.nll.tolist() == [[0.0, 0.0, pytest.approx(math.log(5))], [0.0, 0.0, 0.0]]
    assert found.options.tolist() == [[0, 0, 5], [0, 0, 0]]
