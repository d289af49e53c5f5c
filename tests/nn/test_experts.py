"""Experts against a loop over steps; the auxiliary losses by hand; padding; copies of one network are that network."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genescribe.nn.attention import FeedForward, gated
from genescribe.nn.experts import Experts, grouped_product


def by_hand(experts: Experts, x: Tensor) -> Tensor:
    rows = []
    for row in x.reshape(-1, x.shape[-1]):
        probabilities = experts.router(row).softmax(dim=-1)
        best = probabilities.argsort(descending=True)[: experts.top_k]
        update = torch.zeros_like(row)
        for e in best:
            answer = gated(row @ experts.enter[e], experts.geglu) @ experts.leave[e]
            answer = answer if experts.bias is None else answer + experts.bias[e]
            update = update + probabilities[e] / probabilities[best].sum() * answer
        rows.append(update)
    return torch.stack(rows).view(x.shape)


@pytest.mark.parametrize("geglu", [False, True])
@pytest.mark.parametrize("top_k", [1, 2, 3])
def test_each_step_goes_through_its_likeliest_experts(top_k: int, geglu: bool) -> None:
    torch.manual_seed(top_k)
    experts, x = Experts(8, 5, top_k, 16, geglu=geglu), torch.randn(2, 7, 8)
    if experts.bias is not None:
        torch.nn.init.normal_(experts.bias)
    found, _ = experts(x)
    torch.testing.assert_close(found, by_hand(experts, x))
    wanted = torch.autograd.grad(by_hand(experts, x).square().sum(), list(experts.parameters()))
    for mine, theirs in zip(torch.autograd.grad(found.square().sum(), list(experts.parameters())), wanted, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-4)


def test_torch_has_the_same_grouped_product() -> None:
    x, weights, ends = torch.randn(6, 16), torch.randn(3, 16, 8), torch.tensor([4, 4, 6], dtype=torch.int32)
    found = grouped_product(x, weights, ends)
    torch.testing.assert_close(found, torch.cat([x[:4] @ weights[0], x[4:] @ weights[2]]))
    if hasattr(torch.nn.functional, "grouped_mm"):
        torch.testing.assert_close(found, torch.nn.functional.grouped_mm(x, weights, offs=ends))


def test_losses_of_the_router() -> None:
    experts = Experts(4, 4, 1)
    with torch.no_grad():
        experts.router.weight.copy_(3.0 * torch.eye(4))
    even = torch.eye(4)
    _, sums = experts(even)
    # Each expert gets one step, and all have the same mean probability.
    assert sums.balance().item() == pytest.approx(1.0)
    log_z = torch.logsumexp(torch.tensor([3.0, 0.0, 0.0, 0.0]), dim=0)
    assert sums.router_z().item() == pytest.approx(float(log_z) ** 2, rel=1e-5)
    _, one = experts(even[:1].expand(4, 4))
    probability = float((torch.tensor(3.0) - log_z).exp())
    assert one.balance().item() == pytest.approx(4 * probability, rel=1e-5)
    # Padding counts in neither; two calls add up.
    padded = torch.cat([even, torch.randn(3, 4)])
    _, some = experts(padded, torch.arange(7) < 4)
    assert some.balance().item() == pytest.approx(1.0)
    assert (sums + one).steps.item() == 8


def test_copies_of_a_network_are_that_network() -> None:
    feed, experts = FeedForward(8, 12, geglu=True), Experts(8, 3, 2, 12, geglu=True)
    with torch.no_grad():
        experts.enter.copy_(feed.enter.weight.T.expand(3, -1, -1))
        experts.leave.copy_(feed.leave.weight.T.expand(3, -1, -1))
        assert experts.bias is not None and feed.leave.bias is not None
        experts.bias.copy_(feed.leave.bias.expand(3, -1))
    x = torch.randn(5, 8)
    torch.testing.assert_close(experts(x)[0], feed(x))
