from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genescribe.errors import InputError
from genescribe.simulate.lengths import LengthModel, fit_lengths

models = st.builds(
    lambda minimum, head, mean, spread, mass, tail: LengthModel(
        minimum=minimum,
        head=minimum + head,
        components=((0.3, mean, spread), (0.7, mean + 1, spread)),
        tail_mass=mass,
        tail_mean=tail,
    ),
    st.integers(1, 60),
    st.integers(0, 300),
    st.floats(1.0, 6.0),
    st.floats(0.1, 1.0),
    st.floats(0.0, 1.0),
    st.floats(1.0, 300.0),
)


@settings(max_examples=60, deadline=None)
@given(models)
def test_probabilities_sum_to_one_whatever_the_number_of_explicit_durations(model: LengthModel) -> None:
    for longest in (model.head + 1, model.head + 50):
        explicit = np.exp(model.log_probabilities(longest))
        beyond = explicit[-1] * np.exp(model.log_tail) / -np.expm1(model.log_tail) if model.tail_mean > 1 else 0.0
        assert explicit.sum() + beyond == pytest.approx(1.0, abs=1e-9)
        assert (explicit[: model.minimum - 1] == 0).all()


@settings(max_examples=40, deadline=None)
@given(models)
def test_residues_are_those_of_the_probabilities(model: LengthModel) -> None:
    longest = model.head + int(40 * model.tail_mean) + 1
    probabilities = np.exp(model.log_probabilities(longest))
    summed = [probabilities[(np.arange(1, longest + 1) % 3) == residue].sum() for residue in range(3)]
    assert model.residues() == pytest.approx(summed, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(models)
def test_geometric_keeps_minimum_and_mean(model: LengthModel) -> None:
    geometric = model.geometric()
    assert geometric.minimum == model.minimum
    assert geometric.mean() == pytest.approx(model.mean())
    assert np.isfinite(geometric.log_probabilities(geometric.head + 5)[geometric.minimum - 1])


def test_samples_follow_the_probabilities() -> None:
    model = LengthModel(20, 200, ((0.5, 3.6, 0.2), (0.5, 4.6, 0.2)), 0.1, 60.0)
    drawn = model.sample(np.random.default_rng(1), 200_000)
    expected = np.exp(model.log_probabilities(300))
    observed = np.bincount(drawn, minlength=301)[1:301] / len(drawn)
    # Standard error of a share of p among n draws; five of them cover all 300 lengths.
    assert (np.abs(observed - expected) < 5 * np.sqrt(expected / len(drawn)) + 1e-9).all()
    assert drawn.mean() == pytest.approx(model.mean(), rel=0.01)


def test_sample_residue_is_in_frame() -> None:
    model = LengthModel(12, 60, ((1.0, 3.0, 0.5),), 0.2, 30.0)
    rng = np.random.default_rng(2)
    for residue in range(3):
        assert {model.sample_residue(rng, residue) % 3 for _ in range(50)} == {residue}
    with pytest.raises(InputError, match="modulo 3"):
        LengthModel(3, 3, ((1.0, 1.0, 1.0),), 0.0, 1.0).sample_residue(rng, 1)


def test_fit_recovers_a_mixture() -> None:
    truth = LengthModel(40, 500, ((0.7, 4.5, 0.15), (0.3, 5.6, 0.3)), 0.02, 200.0)
    drawn = truth.sample(np.random.default_rng(3), 20_000)
    fitted = fit_lengths(drawn, 40, 1000)
    longest = max(truth.head, fitted.head) + 1
    a, b = (np.exp(model.log_probabilities(longest)) for model in (truth, fitted))
    assert np.abs(a - b).sum() / 2 < 0.05
    assert fitted.mean() == pytest.approx(float(drawn.mean()), rel=0.02)


def test_fit_takes_lengths_mostly_past_the_head() -> None:
    drawn = np.random.default_rng(4).integers(5000, 9000, 100)
    fitted = fit_lengths(drawn, 30, 1000)
    assert fitted.mean() == pytest.approx(float(drawn.mean()), rel=1e-6)


@pytest.mark.parametrize("samples", [[], [100] * 19, [10] * 500])
def test_fit_refuses_too_few(samples: list[int]) -> None:
    with pytest.raises(InputError, match="lengths of at least 40"):
        fit_lengths(np.array(samples, dtype=np.int64), 40, 1000)


def test_no_head_no_model() -> None:
    with pytest.raises(InputError, match="head without lengths"):
        LengthModel(minimum=10, head=5, components=((1.0, 2.0, 1.0),), tail_mass=0.5, tail_mean=3.0)
