"""The Triton backend against the reference: in the interpreter on the CPU (conftest sets it), on a GPU where one is."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from tests.kernels.backend_contract import check_best_path, check_gradients, gradients, hard_labels
from tests.kernels.random_potentials import random_potentials

pytest.importorskip("triton", reason="triton is an optional dependency; its kernels are not there without it")

from genescribe.kernels.semicrf import reference
from genescribe.kernels.semicrf.blocked.counts import end_log_z
from genescribe.kernels.semicrf.dispatch import choose_backend, log_partition, memory_estimate
from genescribe.kernels.semicrf.potentials import Counts, Potentials, Segmentation
from genescribe.kernels.semicrf.triton import dispatch as semicrf_triton
from genescribe.kernels.semicrf.triton import far as triton_far
from genescribe.kernels.semicrf.triton import near as triton_near
from genescribe.kernels.semicrf.triton import sum as triton_sum
from genescribe.kernels.semicrf.triton.layout import lay_out_chains

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")

MODELS = {
    "linear chain": {"B": 2, "T": 18, "K": 1, "C": 3, "tail": False},
    "geometric": {"B": 1, "T": 33, "K": 1, "C": 3},
    "one label": {"B": 1, "T": 50, "K": 20, "C": 1, "forbidden": 0.02},
    "no tail, several blocks": {"B": 1, "T": 60, "K": 40, "C": 3, "tail": False},
    "mixed tables": {"B": 1, "T": 50, "K": 20, "C": 3, "explicit": True, "boundaries": True},
    "left edges": {"B": 2, "T": 20, "K": 5, "C": 3, "left": True, "period": 3},
    "right edges": {"B": 2, "T": 20, "K": 5, "C": 3, "right": True, "forbidden": 0.05},
    "steep": {"B": 1, "T": 50, "K": 20, "C": 3, "scale": 20.0, "explicit": True, "forbidden": 0.05},
    "single precision": {"B": 1, "T": 33, "K": 20, "C": 3, "dtype": torch.float32, "left": True, "right": True},
    "everything": {"B": 2, "T": 40, "K": 20, "C": 11, "period": 3, "boundaries": True, "left": True, "right": True}
    | {"forbidden": 0.05, "explicit": True},
    "hardly anything allowed": {"B": 6, "T": 7, "K": 4, "C": 3, "left": True, "right": True, "forbidden": 0.3},
}


def on_device(p: Potentials) -> Potentials:
    """Run on the GPU what the CPU's tests ask: results and gradients come back."""
    return p.to(device=DEVICE)


def _expectation(p: Potentials, wanted: frozenset[str]) -> tuple[torch.Tensor, Counts]:
    log_z, counts = semicrf_triton.expectation(on_device(p), wanted)
    return log_z.cpu(), {name: count.cpu() for name, count in counts.items()}


def _viterbi(p: Potentials) -> tuple[torch.Tensor, list[Segmentation]]:
    score, paths = semicrf_triton.viterbi(on_device(p))
    return score.cpu(), paths


backend = SimpleNamespace(
    READS_EXPLICIT=True,
    expectation=_expectation,
    viterbi=_viterbi,
)


@pytest.fixture(params=MODELS.values(), ids=MODELS.keys())
def model(request: pytest.FixtureRequest) -> Potentials:
    return random_potentials(**request.param)


def test_sums_and_gradients_agree_with_the_reference(model: Potentials) -> None:
    check_gradients(backend, model)


def test_the_best_path_is_that_of_the_reference(model: Potentials) -> None:
    check_best_path(backend, model)


@pytest.mark.parametrize("nats", [1.0, 5.0, 10.0, 20.0])
def test_labels_of_hard_durations_do_not_underflow(nats: float) -> None:
    check_gradients(backend, hard_labels(nats, T=66))


def test_a_doubtful_far_sum_is_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    # The first label loses 50 nats a base, and its durations regain them: sources of one block differ by more than the
    # factors of a far sum may, and those that are lifted are the ones that count.
    p = random_potentials(1, 64, 60, 2, tail=False)
    regained = torch.arange(60, dtype=torch.float64).unsqueeze(1) * torch.tensor([50.0, 0.0])
    p = replace(p, duration=p.duration + regained, content=p.content - torch.tensor([50.0, 0.0]))
    check_gradients(backend, p)
    monkeypatch.setattr(triton_far, "SURE", 0.0)
    with pytest.raises(AssertionError):
        check_gradients(backend, p)


def test_a_doubtful_block_is_stepped_again(monkeypatch: pytest.MonkeyPatch) -> None:
    # To begin with the second label costs 400 nats, each base of the first 20: what is too small for an exponential
    # at a block's first base is all there is at its last.
    p = random_potentials(1, 30, 3, 2, tail=False)
    p.start[1], p.content[:, :, 0] = -400.0, -20.0
    p.transition[:, 0, 1] = -torch.inf
    check_gradients(backend, p)
    monkeypatch.setattr(triton_near, "SURE", 1e-300)
    with pytest.raises(AssertionError):
        check_gradients(backend, p)


def test_all_sums_may_be_taken_in_the_log_domain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triton_far, "SURE", float("inf"))
    monkeypatch.setattr(triton_near, "MILD", -1.0)
    check_gradients(backend, random_potentials(1, 48, 40, 3, forbidden=0.02))


def test_ordinary_scores_need_no_log_domain() -> None:
    p = random_potentials(1, 50, 20, 3, mixed=False)
    layout, durations = lay_out_chains(on_device(p), both=False)
    run = triton_sum.Run.empty(layout, durations)
    launch = triton_sum.launch(layout, run)
    # Only the steps in the log domain read these two.
    for name in ("steps", "rows"):
        launch.arguments[name].fill_(torch.nan)
    launch.run()
    log_z = end_log_z(layout, run.scores).value() + layout.shift.sum(0)
    torch.testing.assert_close(log_z.cpu(), log_partition(p, "reference"), rtol=1e-12, atol=1e-9)


def test_messages_agree_with_the_reference() -> None:
    p = random_potentials(2, 34, 20, 3, period=3, boundaries=True, left=True, forbidden=0.05)
    found, expected = semicrf_triton.messages(on_device(p)), reference.messages(p)
    for name in ("entry", "leave", "onward", "log_partition"):
        torch.testing.assert_close(getattr(found, name).cpu(), getattr(expected, name), rtol=1e-11, atol=1e-9)


def test_log_z_alone_takes_one_direction() -> None:
    p = random_potentials(2, 20, 20, 3)
    torch.testing.assert_close(
        log_partition(on_device(p), "triton").cpu(), log_partition(p, "reference"), rtol=1e-11, atol=1e-9
    )


def test_gradients_are_bit_identical_from_run_to_run() -> None:
    p = random_potentials(2, 34, 20, 3, period=3, boundaries=True, left=True, right=True, forbidden=0.1, explicit=True)
    (first_z, first), (second_z, second) = gradients(backend, p), gradients(backend, p)
    assert torch.equal(first_z, second_z)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_it_is_chosen_by_name_and_tells_its_memory() -> None:
    p = on_device(random_potentials(1, 20, 3, 2))
    assert choose_backend(p, "triton") == "triton"
    estimate = memory_estimate(p, "triton")
    assert 0 < estimate.used < memory_estimate(on_device(random_potentials(1, 40, 3, 2)), "triton").used


def test_it_says_why_it_refuses() -> None:
    p = random_potentials(1, 4, 2, 2).to(device=torch.device("meta"))
    assert semicrf_triton.supports(p) == "its kernels run on CUDA devices, and the scores are on meta"
    assert semicrf_triton.supports(random_potentials(1, 1, 1, 257)) == "257 labels, its kernels hold 256"
