"""The function that picks a backend."""

from __future__ import annotations

import logging
import sys
import types

import pytest
import torch
from tests.kernels.random_potentials import random_potentials

from genescribe.errors import InputError
from genescribe.kernels.semicrf import dispatch as semicrf
from genescribe.kernels.semicrf import reference
from genescribe.kernels.semicrf.potentials import Counts, Potentials


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """Give a backend that takes short chains only, and has no messages."""
    module = types.ModuleType("stranger")
    module.seen = []  # type: ignore[attr-defined]

    def expectation(p: Potentials, wanted: frozenset[str]) -> tuple[torch.Tensor, Counts]:
        module.seen.append(p)  # type: ignore[attr-defined]
        return reference.expectation(p.expanded(), wanted)

    module.supports = lambda p: None if p.shape[1] <= 20 else "chains over 20 bases"  # type: ignore[attr-defined]
    module.expectation = expectation  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "stranger", module)
    module.__spec__ = types.SimpleNamespace()  # type: ignore[assignment]
    monkeypatch.setitem(semicrf.BACKENDS, "stranger", "stranger")
    monkeypatch.setitem(semicrf.PREFERENCE, "cpu", ("stranger", "reference"))
    return module


def test_auto_takes_the_first_that_takes_the_input(stranger: types.ModuleType) -> None:
    short, long = random_potentials(1, 20, 3, 2), random_potentials(1, 21, 3, 2)
    assert semicrf.choose_backend(short) == "stranger"
    assert semicrf.choose_backend(long) == "reference"
    assert semicrf.choose_backend(short, task="messages") == "reference"
    assert torch.equal(semicrf.log_partition(short), semicrf.log_partition(short, "reference"))
    assert len(stranger.seen) == 1


def test_a_named_backend_must_take_the_input(stranger: types.ModuleType) -> None:
    del stranger
    long = random_potentials(1, 21, 3, 2)
    with pytest.raises(InputError, match="backend 'stranger' does not take this input: chains over 20 bases"):
        semicrf.log_partition(long, "stranger")
    with pytest.raises(InputError, match="unknown backend 'numpy'; give one of auto, reference"):
        semicrf.viterbi(long, "numpy")


def test_what_a_backend_lacks_the_reference_does(stranger: types.ModuleType) -> None:
    del stranger
    p = random_potentials(1, 10, 3, 2)
    assert semicrf.choose_backend(p, "stranger", "messages") == "reference"
    torch.testing.assert_close(semicrf.messages(p, "stranger").log_partition, semicrf.log_partition(p, "reference"))
    assert torch.equal(semicrf.viterbi(p, "stranger")[0], reference.viterbi(p)[0])


def test_backends_are_given_tables_without_explicit(stranger: types.ModuleType) -> None:
    p = random_potentials(1, 10, 5, 3, explicit=True, seed=2)
    semicrf.log_partition(p, "stranger")
    assert stranger.seen[-1].explicit is None
    stranger.READS_EXPLICIT = True  # type: ignore[attr-defined]
    semicrf.log_partition(p, "stranger")
    assert torch.equal(stranger.seen[-1].explicit, p.explicit)


def test_a_backend_that_is_not_installed_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(semicrf.BACKENDS, "absent", "genescribe.kernels.no_such_module")
    monkeypatch.setitem(semicrf.PREFERENCE, "cpu", ("absent", "reference"))
    p = random_potentials(1, 5, 2, 2)
    assert semicrf.choose_backend(p) == "reference"
    with pytest.raises(InputError, match="it is not installed"):
        semicrf.choose_backend(p, "absent")


def test_names_of_the_gencode_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(semicrf.PREFERENCE, "cpu", ("reference",))
    p = random_potentials(1, 5, 2, 2)
    assert semicrf.choose_backend(p, "exact") == "reference" == semicrf.choose_backend(p, "streaming")


def test_one_line_a_class_of_shapes(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(semicrf, "_logged", set())
    with caplog.at_level(logging.INFO, logger=semicrf.__name__):
        for T in (100, 101, 102, 300):
            semicrf.log_partition(random_potentials(1, T, 3, 2), "reference")
    assert [record.getMessage().split(";")[0] for record in caplog.records] == [
        "semi-Markov CRF: backend reference for T 100, K 3, C 2",
        "semi-Markov CRF: backend reference for T 300, K 3, C 2",
    ]
    assert "the edge tensor would take" in caplog.records[0].getMessage()
    caplog.clear()
    with caplog.at_level(logging.INFO, logger=semicrf.__name__), torch.no_grad():
        semicrf.log_partition(random_potentials(1, 900, 3, 2), "reference")
    assert not caplog.records, "those who annotate need not know"


def test_the_edge_tensor_is_what_textbooks_build() -> None:
    p = random_potentials(2, 50, 7, 3)
    estimate = semicrf.memory_estimate(p, "reference")
    assert estimate.edge_tensor == 2 * 50 * 7 * 3 * 3 * 4
    assert estimate.used < semicrf.memory_estimate(random_potentials(2, 50, 70, 3), "reference").used


def test_every_backend_has_a_line_with_its_memory() -> None:
    lines = semicrf.memory_of_backends(random_potentials(2, 50, 7, 3))
    assert [line.partition(":")[0] for line in lines[:-1]] == list(semicrf.BACKENDS)
    assert lines[-1] == "the edge tensor of the textbook algorithm, never built: 0 MiB"
    assert all("MiB" in line for line in lines if "installed" not in line)


@pytest.mark.parametrize("name", ["auto", *semicrf.BACKENDS])
def test_every_backend_here_says_what_the_reference_says(name: str) -> None:
    p = random_potentials(2, 40, 6, 3, period=3, boundaries=True, left=True, right=True, forbidden=0.05, explicit=True)
    try:
        chosen = semicrf.choose_backend(p, name)
    except InputError as error:
        pytest.skip(str(error))
    torch.testing.assert_close(
        semicrf.log_partition(p, chosen), semicrf.log_partition(p, "reference"), rtol=1e-9, atol=1e-9
    )
    torch.testing.assert_close(semicrf.viterbi(p, chosen)[0], reference.viterbi(p)[0], rtol=1e-9, atol=1e-9)
    expected = reference.messages(p)
    got = semicrf.messages(p, chosen)
    for field in ("entry", "leave", "onward", "log_partition"):
        torch.testing.assert_close(getattr(got, field), getattr(expected, field), rtol=1e-9, atol=1e-9)
