"""Scales of the first batch, and what happens to values that are no numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tests.kernels.random_potentials import random_potentials

from genescribe.crf.diagnostics import first_batch_report, scales


def test_scales_are_those_of_the_finite_values() -> None:
    p = random_potentials(2, 400, 30, 4, scale=2.0, forbidden=0.2, seed=1)
    found = {scale.name: scale for scale in scales(p, torch.randn(2, 400, 8) * 3)}
    assert found["durations"].spread == pytest.approx(2, rel=0.2)
    assert found["durations"].forbidden == pytest.approx(0.2, abs=0.1)
    assert found["encoder output"].spread == pytest.approx(3, rel=0.05)
    assert found["durations"].low >= float(p.duration[p.duration > -torch.inf].min())


def test_a_shift_of_a_base_is_no_scale() -> None:
    p = random_potentials(1, 100, 5, 3)
    shifted = replace(p, content=p.content + 1000 * torch.randn(1, 100, 1, dtype=torch.float64))
    a, b = ({scale.name: scale for scale in scales(x)}["emissions"].spread for x in (p, shifted))
    assert a == pytest.approx(b)


def test_a_tenfold_scale_is_warned_of() -> None:
    p = random_potentials(1, 200, 20, 3)
    assert not any("warning" in line for line in first_batch_report(p))
    lines = first_batch_report(replace(p, content=p.content * 100))
    warnings = [line for line in lines if line.startswith("warning")]
    assert len(warnings) == 2
    assert all("the scale of emissions is" in line for line in warnings)


def test_every_pair_of_scales_is_compared() -> None:
    p = random_potentials(1, 200, 20, 3)
    parts = replace(p, content=p.content * 100, duration=p.duration * 10_000)
    warnings = [line for line in first_batch_report(parts) if line.startswith("warning")]
    pairs = {tuple(name for name in ("emissions", "durations", "transitions") if name in line) for line in warnings}
    assert pairs == {("emissions", "durations"), ("emissions", "transitions"), ("durations", "transitions")}


@pytest.mark.parametrize(("value", "line"), [(torch.nan, "NaN=20, Inf=0"), (torch.inf, "NaN=0, Inf=20")])
def test_values_that_are_no_numbers_are_counted_as_such(value: float, line: str) -> None:
    p = random_potentials(1, 10, 5, 3)
    encoder = torch.randn(1, 10, 4)
    encoder[0, :5] = value
    content = p.content.clone()
    content[0, 2, 1] = value
    report = first_batch_report(replace(p, content=content), encoder)
    assert report[0].startswith("encoder output") and report[0].endswith(line)
    assert report[1].startswith("emissions") and report[1].endswith(line.replace("20", "1"))
    assert not any("nan" in number for number in report)
    encoder[0, :5] = -torch.inf
    assert first_batch_report(p, encoder)[0].endswith("NaN=0, Inf=20")
    assert "NaN=0, Inf=0" in first_batch_report(p)[0]


def test_padding_is_not_looked_at() -> None:
    p = random_potentials(2, 50, 5, 3, seed=4)
    past = torch.arange(50) >= p.lengths.unsqueeze(1)
    noisy = replace(p, content=p.content.masked_fill(past.unsqueeze(2), 1e9))
    assert scales(p) == scales(noisy)
