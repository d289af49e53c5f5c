"""The head as people use it: train, decode, ask; the linear CRF by the same class."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genescribe.config import from_mapping, json_schema, to_mapping
from genescribe.crf import RunStatistics, Segmentation, SemiCRF, SemiCRFConfig
from genescribe.crf.statistics import duration_shares
from genescribe.errors import InputError


def head(seed: int = 0, **options: Any) -> SemiCRF:
    torch.manual_seed(seed)
    return SemiCRF(SemiCRFConfig(**options))


def fit(crf: SemiCRF, emissions: torch.Tensor, runs: list[Any], lengths: torch.Tensor, steps: int = 120) -> float:
    optimiser = torch.optim.Adam(crf.parameters(), lr=0.1)
    for _ in range(steps):
        optimiser.zero_grad()
        nll = crf.loss(emissions, runs, lengths)
        assert bool((nll >= 0).all())
        loss = nll.mean()
        loss.backward()
        optimiser.step()
    return float(loss.detach())


def test_trained_on_segments_of_four_it_decodes_four() -> None:
    lengths = torch.tensor([24, 16, 20])
    runs = [np.array([[end, i % 2] for i, end in enumerate(range(4, n + 1, 4))]) for n in lengths.tolist()]
    crf = head(labels=2, max_duration=8)
    nothing = torch.zeros(3, 24, 2)
    assert fit(crf, nothing, runs, lengths, steps=250) < 0.2
    for path in crf.decode(nothing, lengths):
        assert path.durations.tolist() == [4] * (path.length // 4)
    longer = crf.decode(torch.zeros(1, 40, 2), torch.tensor([40]))[0]
    assert set(longer.durations.tolist()) == {4}


def brute_force_linear(crf: SemiCRF, emissions: torch.Tensor) -> dict[tuple[int, ...], torch.Tensor]:
    """Score every labelling of a linear chain as textbooks write it."""
    T, C = emissions.shape
    table, _ = crf.durations()
    scores = {}
    for labels in itertools.product(range(C), repeat=T):
        value = crf.start[labels[0]] + crf.final[labels[-1]]
        for t, c in enumerate(labels):
            value = value + emissions[t, c] + table[0, c]
            if t:
                value = value + crf.transition[t % crf.config.period, labels[t - 1], c]
        scores[labels] = value
    return scores


@pytest.mark.parametrize("period", [1, 3])
def test_max_duration_one_is_the_linear_crf(period: int) -> None:
    crf = head(labels=3, max_duration=1, period=period, init_scale=1.0)
    emissions = torch.randn(1, 6, 3)
    lengths = torch.tensor([6])
    scores = brute_force_linear(crf, emissions[0])
    log_z = torch.logsumexp(torch.stack(list(scores.values())), 0)
    runs = np.array([[2, 0], [3, 2], [6, 1]])
    expected = log_z - scores[0, 0, 2, 1, 1, 1]
    torch.testing.assert_close(crf.loss(emissions, [runs], lengths)[0].float(), expected, rtol=1e-5, atol=1e-5)
    best = max(scores, key=lambda labels: float(scores[labels].detach()))
    path = crf.decode(emissions, lengths)[0]
    assert tuple(path.per_base().tolist()) == best
    assert bool((path.labels[1:] != path.labels[:-1]).all())  # runs are merged
    partial = np.array([[2, 0], [4, -1], [6, 1]])
    agreeing = [v for labels, v in scores.items() if labels[:2] == (0, 0) and labels[4:] == (1, 1)]
    expected = log_z - torch.logsumexp(torch.stack(agreeing), 0)
    torch.testing.assert_close(crf.loss(emissions, [partial], lengths)[0].float(), expected, rtol=1e-5, atol=1e-5)
    probability = crf.segment_marginals(emissions, lengths, [path])[0]
    s, t, c = int(path.starts[0]), int(path.ends[0]), int(path.labels[0])
    agreeing = [v for labels, v in scores.items() if labels[s:t] == (c,) * (t - s)]
    expected = (torch.logsumexp(torch.stack(agreeing), 0) - log_z).exp()
    torch.testing.assert_close(probability[0].float(), expected.detach(), rtol=1e-4, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_decoded_segments_keep_to_the_configuration(data: st.DataObject) -> None:
    labels = data.draw(st.integers(2, 4))
    low = [data.draw(st.integers(1, 3)) for _ in range(labels)]
    high = [max(shortest, data.draw(st.integers(1, 8))) for shortest in low]
    # One label without a longest duration, so that every length can be filled.
    open_ended = [True] + [data.draw(st.booleans()) for _ in range(labels - 1)]
    geometric = tuple(c for c in range(labels) if data.draw(st.booleans()) and low[c] == 1)
    config = SemiCRFConfig(
        labels=labels,
        max_duration=tuple(high),
        min_duration=tuple(low),
        open_ended=tuple(open_ended),
        geometric=geometric,
        period=data.draw(st.sampled_from([1, 3])),
    )
    crf = SemiCRF(config)
    T = data.draw(st.integers(25, 60))
    emissions = torch.randn(2, T, labels) * 5
    lengths = torch.tensor([T, T - 1])
    for path in crf.decode(emissions, lengths):
        for k, c in zip(path.durations.tolist(), path.labels.tolist(), strict=True):
            if config.single_base(c):
                continue
            assert k >= low[c]
            assert config.has_tail(c) or k <= config.explicit(c)
        assert bool((path.labels[1:] != path.labels[:-1]).all())
    runs = [torch.stack([path.ends, path.labels], 1).numpy() for path in crf.decode(emissions, lengths)]
    loss = crf.loss(emissions, runs, lengths)
    assert bool((loss >= 0).all() & torch.isfinite(loss).all())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_emissions_of_every_floating_type(dtype: torch.dtype) -> None:
    crf = head(labels=3, max_duration=5)
    emissions = torch.randn(2, 20, 3).to(dtype).requires_grad_()
    loss = crf.loss(emissions, [np.array([[20, 1]]), np.array([[5, 0], [9, 2]])], torch.tensor([20, 9]))
    loss.sum().backward()
    assert loss.dtype == torch.float64
    assert emissions.grad is not None and emissions.grad.dtype == dtype
    assert bool(torch.isfinite(emissions.grad).all())


def test_autocast_does_not_reach_the_scores() -> None:
    crf = head(labels=3, max_duration=5, duration_knots=3)
    emissions, lengths, runs = torch.randn(1, 30, 3), torch.tensor([30]), [np.array([[30, 1]])]
    plain = crf.loss(emissions, runs, lengths)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(crf.loss(emissions, runs, lengths), plain)


def test_cut_windows_are_not_mistaken_for_short_segments() -> None:
    """A label of exactly 10 bases: three seen at the edge are fine where the window cuts it, else impossible."""
    crf = head(labels=2, max_duration=(10, 6), min_duration=(10, 1), open_ended=(False, True))
    emissions, lengths, runs = torch.zeros(1, 8, 2), torch.tensor([8]), [np.array([[3, 0], [8, 1]])]
    with pytest.raises(InputError, match="a duration of 3 is forbidden"):
        crf.loss(emissions, runs, lengths)
    loss = crf.loss(emissions, runs, lengths, left_censored=torch.tensor([True]))
    assert bool(torch.isfinite(loss))
    off = head(labels=2, max_duration=(10, 6), min_duration=(10, 1), open_ended=(False, True), censoring=False)
    with pytest.raises(InputError, match="a duration of 3 is forbidden"):
        off.loss(emissions, runs, lengths, left_censored=torch.tensor([True]))


def test_forbidden_transitions_and_phases() -> None:
    crf = head(
        labels=3,
        max_duration=4,
        period=3,
        allowed_transitions=((0, 1), (1, 2), (2, 0)),
        forbidden_phases=((1, 0, 1), (2, 0, 1)),
        first_labels=(0,),
        last_labels=(1, 2),
    )
    emissions = torch.randn(8, 30, 3) * 3
    lengths = torch.full((8,), 30)
    offset = torch.arange(8)
    for i, path in enumerate(crf.decode(emissions, lengths, phase_offset=offset)):
        pairs = list(zip(path.ends.tolist(), path.labels.tolist(), path.labels[1:].tolist(), strict=False))
        assert {(p, c) for _, p, c in pairs} <= {(0, 1), (1, 2), (2, 0)}
        assert all((t + i) % 3 == 0 for t, p, c in pairs if (p, c) == (0, 1))
        assert path.labels[0] == 0 and path.labels[-1] in (1, 2)


def test_every_segmentation_forbidden_is_an_error() -> None:
    crf = head(labels=2, max_duration=3, min_duration=3, open_ended=False)
    with pytest.raises(InputError, match="chain 1: every segmentation is forbidden"):
        crf.decode(torch.zeros(2, 6, 2), torch.tensor([6, 5]))


def test_statistics_start_the_head_near_the_data() -> None:
    generator = np.random.default_rng(0)
    chains = []
    for _ in range(200):
        steps = [int(generator.normal(12, 2)) if i % 2 else int(generator.geometric(0.02)) for i in range(8)]
        chains.append(np.stack([np.cumsum(steps), np.arange(8) % 2], 1))
    lengths = torch.tensor([int(runs[-1, 0]) for runs in chains[:20]])
    emissions = torch.zeros(20, int(lengths.max()), 2)
    losses = {}
    for knots in (None, 12):
        crf = head(labels=2, max_duration=30, geometric=(0,), duration_knots=knots, censoring=False)
        cold = crf.loss(emissions, chains[:20], lengths).mean().item()
        crf.initialise_from_statistics(RunStatistics.count(chains, 2, whole_edges=True))
        losses[knots] = crf.loss(emissions, chains[:20], lengths).mean().item()
        assert losses[knots] < 0.5 * cold
        table, tail = crf.durations()
        assert tail[0].item() == pytest.approx(np.log(0.98), abs=0.005)
        assert int(table[:, 1].argmax()) + 1 in range(10, 14)
    assert losses[12] == pytest.approx(losses[None], rel=0.05)


def test_gradient_flows_to_every_parameter() -> None:
    crf = head(labels=3, max_duration=5, duration_knots=3, period=3)
    emissions, lengths = torch.randn(4, 25, 3), torch.tensor([25, 25, 25, 12])
    runs = [np.array([[9, 0], [20, 1], [25, 2]])] * 3 + [np.array([[5, -1], [12, 1]])]
    edges = {"left_censored": torch.tensor([True, False, True, False]), "right_censored": torch.tensor([1, 0, 0, 1])}
    crf.loss(emissions, runs, lengths, **edges).sum().backward()
    for name, parameter in crf.named_parameters():
        assert parameter.grad is not None, name
        assert bool(torch.isfinite(parameter.grad).all()) and bool(parameter.grad.any()), name


def test_every_parameter_is_in_the_graph_also_where_nothing_is_cut() -> None:
    crf = head(labels=3, max_duration=5, open_ended=False)
    crf.loss(torch.randn(1, 12, 3), [np.array([[4, 0], [8, 1], [12, 2]])], torch.tensor([12])).sum().backward()
    assert all(parameter.grad is not None for parameter in crf.parameters())


def test_weights_load_strictly_and_say_the_same() -> None:
    options: dict[str, Any] = {"labels": 3, "max_duration": (4, 1, 9), "geometric": (1,), "duration_knots": 3}
    a, b = head(0, **options), head(1, **options)
    b.load_state_dict(a.state_dict())
    emissions, lengths, runs = torch.randn(1, 12, 3), torch.tensor([12]), [np.array([[12, 1]])]
    assert torch.equal(a.loss(emissions, runs, lengths), b.loss(emissions, runs, lengths))


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([[[5, 0]]], r"runs of chain 0: the runs end at 5, the chain at 6"),
        ([[[4, 0], [4, 1], [6, 0]]], "a run is empty or the runs are out of order"),
        ([[[6, 2]]], r"a label outside 0\.\.1"),
        ([[[6, 0]], [[6, 0]]], "2 chains of runs; give 1"),
    ],
)
def test_runs_that_make_no_sense_are_refused(runs: list[Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        head(labels=2, max_duration=4).loss(torch.zeros(1, 6, 2), runs, torch.tensor([6]))


def test_segmentations_serve_as_labels() -> None:
    crf = head(labels=2, max_duration=4)
    emissions, lengths = torch.randn(1, 6, 2), torch.tensor([6])
    path = Segmentation(torch.tensor([2, 6]), torch.tensor([0, 1]))
    assert torch.equal(crf.loss(emissions, [path], lengths), crf.loss(emissions, [[[2, 0], [6, 1]]], lengths))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_duration": (3,)}, r"crf\.max_duration: 1 values; give one, or 2"),
        ({"max_duration": 3, "min_duration": 4}, "label 0 lasts 4 to 3 bases"),
        ({"min_duration": 0}, "label 0 lasts 0 to 500 bases"),
        ({"geometric": (2,)}, r"crf\.geometric: label 2; give labels in 0\.\.1"),
        ({"allowed_transitions": ((0, 5),)}, r"crf\.allowed_transitions: label 5"),
        ({"forbidden_phases": ((0, 0, 1),)}, "given with period 1; set period to 3"),
        ({"forbidden_phases": ((3, 0, 1),), "period": 3}, r"a phase outside 0\.\.2"),
    ],
)
def test_configurations_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SemiCRFConfig(labels=2, **options)


def test_configuration_survives_json() -> None:
    config = SemiCRFConfig(labels=3, max_duration=(3, 1, 7), geometric=(1,), allowed_transitions=((0, 1), (1, 2)))
    assert from_mapping(SemiCRFConfig, to_mapping(config), where="x") == config
    assert json_schema(SemiCRFConfig)["additionalProperties"] is False


@pytest.mark.parametrize("backend", ["auto", "exact", "blocked"])
@pytest.mark.parametrize("options", [{"max_duration": 9, "period": 3, "geometric": (1,)}, {"max_duration": 1}])
def test_a_chain_in_pieces_decodes_as_a_whole(options: dict[str, Any], backend: str) -> None:
    crf = head(labels=3, init_scale=1.0, backend=backend, **options)
    emissions, begin, end = torch.randn(3, 1, 200, 3, generator=torch.Generator().manual_seed(0))
    lengths, offset = torch.tensor([200]), torch.tensor([2])
    for pieces in ([200], [1] * 200, [7, 100, 93]):
        stream = crf.stream(phase_offset=2)
        for part in zip(*(x[0].split(pieces) for x in (emissions, begin, end)), strict=True):
            stream.push(*part)
        path = stream.finish()
        (whole,) = crf.decode(emissions, lengths, begin=begin, end=end, phase_offset=offset)
        assert torch.equal(path.ends, whole.ends) and torch.equal(path.labels, whole.labels)


def test_a_forbidden_chain_in_pieces_is_an_error() -> None:
    stream = head(labels=2, max_duration=3, min_duration=3, open_ended=False).stream()
    stream.push(torch.zeros(4, 2))
    with pytest.raises(InputError, match="the chain: every segmentation is forbidden"):
        stream.finish()


def test_tied_labels_share_their_scores() -> None:
    crf = head(labels=4, max_duration=6, period=3, tied=(0, 1, 1, 1), tied_durations=(0, 1, 1, 1), init_scale=1.0)
    chains = [np.array([[4, 0], [9, 1], [12, 0], [14, 2], [20, 0], [25, 3], [30, 0]])] * 5
    emissions, lengths = torch.randn(5, 30, 4), torch.full((5,), 30)
    for _ in range(2):
        p = crf.potentials(emissions, lengths)
        for field in (p.duration, p.tail.unsqueeze(0), p.start.unsqueeze(0), p.final.unsqueeze(0), p.transition[0, :1]):
            assert torch.equal(field[:, 1], field[:, 2]) and torch.equal(field[:, 1], field[:, 3])
        assert torch.equal(p.transition[:, 1, 2], p.transition[:, 3, 1])
        assert torch.equal(p.transition[0], p.transition[2])
        crf.loss(emissions, chains, lengths).sum().backward()
        assert all(parameter.grad is not None for parameter in crf.parameters())
        crf.initialise_from_statistics(RunStatistics.count(chains, 4, period=3), pseudocount=1e-9)
    pooled, _ = duration_shares({5: 10, 2: 5}, 1, 6, True, 1e-9)
    torch.testing.assert_close(crf.durations()[0][:, 1].detach().double(), pooled, rtol=1e-5, atol=1e-5)
    assert crf.transition[0, 0, 1].exp().item() == pytest.approx(1)
