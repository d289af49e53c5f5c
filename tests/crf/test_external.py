"""The head of the package pytorch-crf: its own code and this library's kernels on one linear chain."""

from __future__ import annotations

import itertools
import math
import sys

import numpy as np
import pytest
import torch

from genescribe.crf.external import ExternalCRF
from genescribe.crf.statistics import RunStatistics
from genescribe.data.runs import runs_from_labels
from genescribe.errors import InputError
from genescribe.kernels.semicrf.dispatch import log_partition

C = 4


def head(seed: int = 0) -> ExternalCRF:
    torch.manual_seed(seed)
    crf = ExternalCRF(C)
    with torch.no_grad():
        for parameter in crf.parameters():
            parameter.normal_()
    return crf


@torch.no_grad()
def score(crf: ExternalCRF, emissions: torch.Tensor, labels: tuple[int, ...]) -> float:
    external = crf.external
    total = external.start_transitions[labels[0]] + external.end_transitions[labels[-1]]
    total = total + sum(external.transitions[a, b] for a, b in itertools.pairwise(labels))
    return float(total + sum(emissions[t, c] for t, c in enumerate(labels)))


def test_the_loss_is_that_of_every_labelling_written_down() -> None:
    crf, emissions = head(), torch.randn(1, 5, C)
    labels = (2, 2, 0, 3, 3)
    scores = [score(crf, emissions[0], path) for path in itertools.product(range(C), repeat=5)]
    expected = math.log(sum(map(math.exp, scores))) - score(crf, emissions[0], labels)
    loss = crf.loss(emissions, [runs_from_labels(np.array(labels))], torch.tensor([5]))
    assert float(loss[0].detach()) == pytest.approx(expected, abs=1e-5)


def test_the_packages_partition_and_the_kernels_agree() -> None:
    crf, emissions, lengths = head(1), torch.randn(3, 50, C, dtype=torch.float64), torch.tensor([50, 1, 33])
    runs = [np.array([[n, 1]], dtype=np.int32) for n in lengths.tolist()]
    package = -crf.loss(emissions, runs, lengths)
    gold = [score(crf, emissions[i], (1,) * n) for i, n in enumerate(lengths.tolist())]
    partition = log_partition(crf.potentials(emissions, lengths))
    torch.testing.assert_close(torch.tensor(gold).double() - package, partition.double(), atol=1e-4, rtol=1e-5)


def test_the_packages_paths_and_those_of_the_stream_agree() -> None:
    crf, emissions, lengths = head(2), 2 * torch.randn(2, 300, C), torch.tensor([300, 120])
    for i, path in enumerate(crf.decode(emissions, lengths)):
        stream = crf.stream()
        for piece in emissions[i, : lengths[i]].split(37):
            stream.push(piece)
        found = stream.finish()
        assert found.ends.tolist() == path.ends.tolist()
        assert found.labels.tolist() == path.labels.tolist()
        assert bool((path.labels.diff() != 0).all())


def test_unknown_bases_divide_a_window_into_chains() -> None:
    crf, emissions = head(3), torch.randn(2, 12, C)
    runs = [np.array([[2, -1], [6, 1], [8, -1], [12, 0]], dtype=np.int32), np.array([[12, -1]], dtype=np.int32)]
    loss = crf.loss(emissions, runs, torch.tensor([12, 12]))
    parts = [
        crf.loss(emissions[:1, 2:6], [np.array([[4, 1]], dtype=np.int32)], torch.tensor([4])),
        crf.loss(emissions[:1, 8:], [np.array([[4, 0]], dtype=np.int32)], torch.tensor([4])),
    ]
    torch.testing.assert_close(loss[0], (parts[0] + parts[1])[0])
    assert float(loss[1].detach()) == 0.0
    crf.loss(emissions[1:], runs[1:], torch.tensor([12])).sum().backward()
    assert all(parameter.grad is not None for parameter in crf.parameters())


def test_posteriors_of_runs_are_probabilities() -> None:
    crf, emissions, lengths = head(4), torch.randn(1, 40, C), torch.tensor([40])
    paths = crf.decode(emissions, lengths)
    posteriors = crf.segment_marginals(emissions, lengths, paths)[0]
    assert bool(((posteriors > 0) & (posteriors <= 1 + 1e-9)).all())
    bases = crf.marginals(emissions, lengths)
    torch.testing.assert_close(bases.position[0].sum(-1), torch.ones(40, dtype=torch.float64))


def test_statistics_give_log_shares_of_transitions() -> None:
    crf = head(5)
    chains = [np.array([[10, 0], [20, 1], [30, 0]], dtype=np.int32)] * 20
    crf.initialise_from_statistics(RunStatistics.count(chains, C, whole_edges=True), pseudocount=1e-6)
    shares = crf.external.transitions.detach().exp()
    torch.testing.assert_close(shares.sum(-1), torch.ones(C))
    assert float(shares[1, 1].detach()) == pytest.approx(0.9, abs=1e-3)


def test_scores_of_boundaries_are_refused() -> None:
    emissions = torch.zeros(1, 3, C)
    with pytest.raises(InputError, match="takes no scores of boundaries"):
        head().decode(emissions, torch.tensor([3]), begin=emissions)


def test_without_the_package_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchcrf", None)
    with pytest.raises(InputError) as caught:
        ExternalCRF(C)
    assert str(caught.value) == (
        'model.head: the package pytorch-crf is not installed; pip install "genescribe[peers]", or choose linear'
    )
