"""What every fast backend is held to: the reference, the enumeration, and labels that break unguarded exponentials."""

from __future__ import annotations

from dataclasses import fields, replace
from types import ModuleType

import torch
from hypothesis import strategies as st
from tests.kernels.enumerate_segmentations import one
from tests.kernels.random_potentials import random_potentials
from torch import Tensor

from genescribe.crf.score import Segments, score
from genescribe.kernels.semicrf import reference
from genescribe.kernels.semicrf.gradients import log_partition
from genescribe.kernels.semicrf.potentials import Potentials

MESSAGES = ("entry", "leave", "onward", "log_partition")


@st.composite
def wide_potentials(draw: st.DrawFn) -> Potentials:
    """Draw inputs of every kind, of several blocks, too large to enumerate."""
    flag = st.booleans()
    return random_potentials(
        B=draw(st.integers(1, 3)),
        T=draw(st.sampled_from([1, 2, 17, 31, 32, 33, 64, 65, 150, 200])),
        K=draw(st.sampled_from([1, 2, 3, 16, 33, 40, 70, 130, 250])),
        C=draw(st.sampled_from([1, 2, 3, 5, 9])),
        seed=draw(st.integers(0, 2**20)),
        period=draw(st.sampled_from([1, 3])),
        scale=draw(st.sampled_from([0.1, 1.0, 5.0, 20.0, 60.0])),
        tail=draw(flag),
        boundaries=draw(flag),
        left=draw(flag),
        right=draw(flag),
        mixed=draw(flag),
        explicit=draw(flag),
        forbidden=draw(st.sampled_from([0.0, 0.02, 0.1, 0.4])),
        dtype=draw(st.sampled_from([torch.float64, torch.float32])),
    )


def hard_labels(nats: float, T: int = 700, seed: int = 0) -> Potentials:
    """Labels of exactly 3, at least 30 and at most 300 bases beside free ones; emissions that sway by `nats` a base."""
    generator = torch.Generator().manual_seed(seed)
    K, C = 300, 5
    k = torch.arange(1, K + 1, dtype=torch.float64)
    duration = torch.stack([-0.01 * k] * C, 1)
    duration[k != 3, 0] = -torch.inf
    duration[k < 30, 1] = -torch.inf
    duration[0, 3:] = 0.0
    # Stretches of about 40 bases in which one label is better by `nats`, others worse.
    favoured = torch.randint(0, C, (T // 40 + 1,), generator=generator).repeat_interleave(40)[:T]
    content = torch.rand(1, T, C, generator=generator, dtype=torch.float64) * nats
    content += torch.nn.functional.one_hot(favoured, C) * nats
    return Potentials(
        content=content,
        lengths=torch.tensor([T]),
        transition=torch.randn(1, C, C, generator=generator, dtype=torch.float64),
        duration=duration,
        tail=torch.tensor([-torch.inf, -0.01, -torch.inf, -0.02, -0.5], dtype=torch.float64),
        start=torch.zeros(C, dtype=torch.float64),
        final=torch.zeros(C, dtype=torch.float64),
        explicit=torch.tensor([3, 30, 300, 1, 1]),
    )


def gradients(module: ModuleType, p: Potentials) -> tuple[Tensor, dict[str, Tensor]]:
    """Return log Z and the gradient of a weighted sum over the chains that have a segmentation."""
    names = [f.name for f in fields(p) if getattr(p, f.name) is not None and getattr(p, f.name).is_floating_point()]
    q = replace(p, **{name: getattr(p, name).detach().clone().requires_grad_() for name in names})
    log_z = log_partition(module.expectation, q if getattr(module, "READS_EXPLICIT", False) else q.expanded())
    possible = log_z > -torch.inf
    (log_z * torch.linspace(1, 2, len(log_z), dtype=torch.float64))[possible].sum().backward()
    return log_z.detach(), {name: getattr(q, name).grad for name in names}


def check_gradients(module: ModuleType, p: Potentials, *, relative: float = 1e-9) -> None:
    """Compare log Z and every gradient with the reference's; absolute errors may grow with the length."""
    log_z, found = gradients(module, p)
    expected_log_z, expected = gradients(reference, p)
    torch.testing.assert_close(log_z, expected_log_z, rtol=1e-11, atol=1e-9)
    size = float(log_z[log_z > -torch.inf].abs().amax()) if bool((log_z > -torch.inf).any()) else 0.0
    rtol = relative if p.content.dtype == torch.float64 else 1e-5
    # The reference keeps log scores whole: its own posteriors are off by some units in the last place of log Z.
    atol = max(1e-9, 1e-12 * size) if p.content.dtype == torch.float64 else 1e-5
    for name, gradient in expected.items():
        if name in ("duration", "transition", "tail"):
            atol_here, rtol_here = atol * 10, rtol * 10
        else:
            atol_here, rtol_here = atol, rtol
        torch.testing.assert_close(found[name], gradient, rtol=rtol_here, atol=atol_here, msg=lambda m, n=name: n + m)


def check_best_path(module: ModuleType, p: Potentials) -> None:
    """Compare the best score with the reference's, and with that of the path given."""
    q = p if getattr(module, "READS_EXPLICIT", False) else p.expanded()
    best, paths = module.viterbi(q)
    expected, _ = reference.viterbi(p.expanded())
    torch.testing.assert_close(best, expected, rtol=1e-12, atol=1e-9)
    for chain, path in enumerate(paths):
        if best[chain] == -torch.inf:
            assert len(path.ends) == 0
            continue
        scored = score(one(p, chain), Segments.of([path]))[0]
        torch.testing.assert_close(scored, best[chain], rtol=1e-12, atol=1e-9)


def check_deterministic(module: ModuleType) -> None:
    p = random_potentials(3, 150, 40, 5, period=3, boundaries=True, left=True, right=True, forbidden=0.1, explicit=True)
    (first_z, first), (second_z, second) = gradients(module, p), gradients(module, p)
    assert torch.equal(first_z, second_z)
    assert all(torch.equal(first[name], second[name]) for name in first)


def check_refusal(module: ModuleType) -> None:
    """Contents too far apart for cumulative sums are refused in words; -inf is not, nor are values past a length."""
    p = random_potentials(2, 20, 3, 3, seed=4)
    assert int(p.lengths.min()) < 20
    p.content[1, -1, 0] = -1e30
    p.content[0, 3, 0] = -torch.inf
    assert module.supports(p) is None
    p.content[0, 4, 1] = -1e9
    reason = module.supports(p)
    assert reason is not None and "forbid with -inf" in reason


def check_messages(module: ModuleType) -> None:
    """Compare the messages at all boundaries with the reference's, with and without censored ends."""
    for left, right in ((False, False), (True, False), (False, True), (True, True)):
        p = random_potentials(3, 150, 40, 4, period=3, boundaries=True, left=left, right=right, forbidden=0.05)
        found, expected = module.messages(p), reference.messages(p)
        for name in MESSAGES:
            torch.testing.assert_close(getattr(found, name), getattr(expected, name), rtol=1e-11, atol=1e-9)


def check_impossible_chain(module: ModuleType) -> None:
    """Check that a chain without a segmentation has no gradient, and that its neighbour in the batch has one."""
    p = random_potentials(2, 100, 3, 2, mixed=False)
    p.content[1, 50] = -torch.inf
    q = replace(p, content=p.content.clone().requires_grad_())
    log_z = log_partition(module.expectation, q)
    assert log_z[1] == -torch.inf
    log_z.sum().backward()
    assert q.content.grad is not None
    assert torch.equal(q.content.grad[1], torch.zeros(100, 2, dtype=torch.float64))
    torch.testing.assert_close(q.content.grad[0].sum(1), torch.ones(100, dtype=torch.float64))


def check_shifted_scores(module: ModuleType, T: int) -> None:
    """Check that a label far behind, nine nats a base, and a constant added to all emissions cost no digits."""
    p = random_potentials(1, T, 60, 4, mixed=False)
    p = replace(p, content=p.content + torch.arange(4, dtype=torch.float64) * -3.0)
    moved = replace(p, content=p.content + 4096.0)
    (log_z, plain), (moved_z, shifted) = gradients(module, p), gradients(module, moved)
    torch.testing.assert_close(moved_z - T * 4096.0, log_z, rtol=0, atol=1e-6)
    torch.testing.assert_close(plain["content"].sum(2), torch.ones(1, T, dtype=torch.float64), rtol=0, atol=1e-12)
    # Adding 4096 to a score near 1 rounds it at 5e-13.
    torch.testing.assert_close(shifted["content"], plain["content"], rtol=0, atol=1e-9)


def check_very_long_chain(module: ModuleType) -> None:
    """Check 400,000 bases in single precision: all is finite, and the posteriors of a base sum to 1."""
    p = random_potentials(1, 400_000, 3000, 24, mixed=False, dtype=torch.float32)
    content = p.content.requires_grad_()
    log_z = log_partition(module.expectation, p)
    log_z.sum().backward()
    assert bool(log_z.isfinite().all())
    assert content.grad is not None
    torch.testing.assert_close(content.grad.sum(2), torch.ones(1, 400_000), rtol=0, atol=1e-5)
