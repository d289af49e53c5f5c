"""What users of other CRF packages type: labels per base, masks, reductions, hidden states, families of durations."""

from __future__ import annotations

import doctest
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from genescribe.crf import (
    Gamma,
    NegativeBinomial,
    Poisson,
    RunStatistics,
    SemiCRF,
    SemiCRFConfig,
    Uniform,
)
from genescribe.crf.duration_families import DurationFamily
from genescribe.errors import InputError

LENGTHS = torch.tensor([12, 9])
LABELS = torch.tensor([[0, 0, 0, 1, 1, 1, 1, 2, 2, 0, 0, 0], [1, 1, 2, 2, 2, 2, 0, 0, 0, 7, 7, 7]])
RUNS = [np.array([[3, 0], [7, 1], [9, 2], [12, 0]]), np.array([[2, 1], [6, 2], [9, 0]])]


def head(seed: int = 0, durations: Any = None, **options: Any) -> SemiCRF:
    torch.manual_seed(seed)
    return SemiCRF(SemiCRFConfig(**{"labels": 3, "max_duration": 5, **options}), durations)


def test_the_page_runs(repository: Path) -> None:
    failed, tried = doctest.testfile(str(repository / "docs" / "crf_from_other_packages.md"), module_relative=False)
    assert tried > 30
    assert failed == 0


@pytest.mark.parametrize("max_duration", [1, 5])
def test_labels_a_base_are_their_runs(max_duration: int) -> None:
    crf, emissions = head(max_duration=max_duration), torch.randn(2, 12, 3)
    expected = crf.loss(emissions, RUNS, LENGTHS)
    mask = torch.arange(12) < LENGTHS.unsqueeze(1)
    assert torch.equal(crf(emissions, LABELS, LENGTHS, reduction="none"), expected)
    assert torch.equal(crf(emissions, LABELS, mask=mask, reduction="none"), expected)
    torch.testing.assert_close(crf(emissions, LABELS, LENGTHS), expected.mean())
    torch.testing.assert_close(crf(emissions, LABELS, LENGTHS, reduction="sum"), expected.sum())
    torch.testing.assert_close(crf(emissions, LABELS, LENGTHS, reduction="token_mean"), expected.sum() / 21)
    weight = torch.tensor([2.0, 0.0])
    torch.testing.assert_close(crf(emissions, LABELS, LENGTHS, weight=weight, reduction="sum"), 2 * expected[0])
    alone = crf(emissions[:1], LABELS[:1])
    torch.testing.assert_close(alone, expected[0])


def test_labels_not_known_are_summed_over() -> None:
    crf, emissions = head(), torch.randn(1, 12, 3)
    labels = LABELS[:1].clone()
    labels[0, 4:8] = -1
    runs = [np.array([[3, 0], [4, 1], [8, -1], [9, 2], [12, 0]])]
    assert torch.equal(crf(emissions, labels, reduction="none"), crf.loss(emissions, runs, LENGTHS[:1]))


Call = Callable[[SemiCRF, Tensor], object]
WRONG: dict[str, tuple[Call, str]] = {
    "runs as labels": (
        lambda crf, x: crf(x, torch.tensor([[3, 0], [12, 1]])),
        r"give one whole number per base, \(2, 12\)",
    ),
    "labels as runs": (lambda crf, x: crf.loss(x, list(LABELS), LENGTHS), r"labels per base go to crf\(emissions"),
    "a tensor of labels as runs": (lambda crf, x: crf.loss(x, LABELS, LENGTHS), r"labels per base go to"),  # type: ignore[arg-type]
    "scores as labels": (lambda crf, x: crf(x, LABELS.float(), LENGTHS), "float32 of shape"),
    "scores as runs": (lambda crf, x: crf.loss(x, [r + 0.5 for r in RUNS], LENGTHS), "float64 of shape"),
    "labels of one sequence only": (lambda crf, x: crf(x, LABELS[:1], LENGTHS), r"give one whole number per base"),
    "blank labels": (
        lambda crf, x: crf(x, torch.stack([LABELS[0], torch.full((12,), -1)]), LENGTHS),
        "labels of chain 1: no label is known",
    ),
    "an unknown label": (lambda crf, x: crf(x, LABELS + 1, LENGTHS), r"a label outside 0\.\.2"),
    "-100": (lambda crf, x: crf(x, torch.where(LABELS == 0, -100, LABELS), LENGTHS), r"a label outside 0\.\.2"),
    "left padding": (
        lambda crf, x: crf(x, LABELS % 3, mask=torch.arange(12).expand(2, 12) > 2),
        "bases are missing before others",
    ),
    "mask and lengths": (
        lambda crf, x: crf(x, LABELS, LENGTHS, mask=torch.ones(2, 12, dtype=torch.bool)),
        "given together with lengths",
    ),
    "a mask of another shape": (lambda crf, x: crf(x, LABELS, mask=torch.ones(2, 11)), r"mask: shape \(2, 11\)"),
    "a reduction": (lambda crf, x: crf(x, LABELS, LENGTHS, reduction="median"), "no reduction 'median'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_it_is_refused_in_words(name: str) -> None:
    call, message = WRONG[name]
    with pytest.raises(InputError, match=message):
        call(head(), torch.randn(2, 12, 3))


def test_hidden_states_are_projected_everywhere() -> None:
    crf = head(hidden=8)
    hidden = torch.randn(1, 40, 8)
    plain = head(seed=1)
    plain.load_state_dict({name: x for name, x in crf.state_dict().items() if not name.startswith("projection")})
    emissions, lengths = crf.projection(hidden).detach(), torch.tensor([40])
    (path,), (expected,) = crf.decode(hidden, lengths), plain.decode(emissions, lengths)
    assert torch.equal(path.ends, expected.ends) and torch.equal(path.labels, expected.labels)
    stream = crf.stream()
    for piece in hidden[0].split(13):
        stream.push(piece)
    assert torch.equal(stream.finish().ends, expected.ends)
    assert torch.equal(crf.marginals(hidden, lengths).position, plain.marginals(emissions, lengths).position)
    crf(hidden, torch.arange(40).unsqueeze(0) // 7 % 3).backward()
    assert crf.projection.weight.grad is not None and bool(crf.projection.weight.grad.any())


FAMILIES: list[tuple[DurationFamily, str]] = [
    (Poisson(3, mean=[2.0, 4.0, 9.0]), "log_mean"),
    (NegativeBinomial(3, mean=[2.0, 4.0, 9.0], shape=[0.5, 1.0, 3.0]), "log_shape"),
    (Gamma(3, mean=[2.0, 4.0, 9.0], shape=2.0), "log_shape"),
]


@pytest.mark.parametrize(("family", "parameter"), FAMILIES, ids=lambda x: type(x).__name__)
def test_families_are_distributions_and_learn(family: DurationFamily, parameter: str) -> None:
    k = torch.arange(1, 3000, dtype=torch.float64).unsqueeze(1)
    total = family(k).exp().sum(0)
    torch.testing.assert_close(
        total, torch.ones(3, dtype=torch.float64), rtol=0, atol=0.08 if "Gamma" in str(family) else 1e-9
    )
    crf = head(durations=family)
    crf(torch.randn(2, 12, 3), LABELS, LENGTHS).backward()
    gradient = getattr(family, parameter).grad
    assert gradient is not None and bool(gradient.isfinite().all()) and bool(gradient.any())


@pytest.mark.parametrize("family", [Poisson(2), NegativeBinomial(2), Gamma(2)], ids=lambda x: type(x).__name__)
def test_families_are_fitted_to_counts(family: DurationFamily) -> None:
    generator = np.random.default_rng(0)
    waits = generator.negative_binomial(3, 3 / 23, 4000) + 1  # mean 21
    runs = [np.stack([np.cumsum(row), np.arange(8) % 2], 1) for row in waits.reshape(-1, 8)]
    crf = SemiCRF(SemiCRFConfig(labels=2, max_duration=200, censoring=False), family)
    crf.initialise_from_statistics(RunStatistics.count(runs, 2, whole_edges=True))
    share = crf.durations()[0].detach().double().exp()
    k = torch.arange(1, 201, dtype=torch.float64)
    mean = (share[:, 0] * k).sum() / share[:, 0].sum()
    assert float(mean) == pytest.approx(21, rel=0.05)
    if not isinstance(family, Poisson):
        variance = (share[:, 0] * (k - mean) ** 2).sum() / share[:, 0].sum()
        assert float(variance) == pytest.approx(waits.var(), rel=0.15)


def test_a_function_gives_durations() -> None:
    crf = head(durations=lambda k: -0.5 * k, open_ended=False)
    table, _ = crf.durations()
    torch.testing.assert_close(table[:, 2], -0.5 * torch.arange(1, 6, dtype=torch.float64))
    assert not any(name.startswith("durations.score") for name, _ in crf.named_parameters())
    uniform, _ = head(durations=Uniform(3), open_ended=False).durations()
    torch.testing.assert_close(uniform.exp(), torch.full((5, 3), 0.2, dtype=torch.float64))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: head(durations=lambda k: torch.zeros(7, 3)).durations(), r"scores of shape \(7, 3\); return \(5, 3\)"),
        (lambda: head(durations=Uniform(3), duration_knots=3), "duration_knots: given together with a family"),
        (lambda: NegativeBinomial(2, mean=0.0), r"durations\.mean: 0\.0; give numbers above 0"),
        (lambda: SemiCRFConfig(labels=0), "`labels` is 0; give at least 1"),
        (lambda: SemiCRFConfig(labels=2, init_scale=-1.0), "`init_scale` is -1.0"),
        (lambda: SemiCRFConfig(labels=2, hidden=0), "`hidden` is 0"),
    ],
)
def test_options_that_make_no_sense_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()


def test_an_entropy_loss_and_a_posterior_loss_train() -> None:
    for loss_of in (
        lambda crf, x: crf.entropy(x, LENGTHS).mean(),
        lambda crf, x: (crf.marginals(x, LENGTHS).position[:, :9, 1] - 0.5).square().mean(),
    ):
        crf = head(censoring=False)
        emissions = torch.nn.Parameter(torch.randn(2, 12, 3))
        optimiser = torch.optim.Adam([emissions, *crf.parameters()], lr=0.2)
        first = last = 0.0
        for step in range(12):
            optimiser.zero_grad()
            loss = loss_of(crf, emissions)
            loss.backward()
            optimiser.step()
            first, last = (float(loss.detach()) if step == 0 else first), float(loss.detach())
        assert last < 0.7 * first
