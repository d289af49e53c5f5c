"""Log posteriors of channels: native code against PyTorch, and what their equations promise."""

from __future__ import annotations

import pytest
import torch

from genescribe.kernels import native_library
from genescribe.kernels.cpu.channel_scores import log_posterior, reference

NONCODING = torch.tensor([0, 1, 4, 9])


@pytest.mark.skipif(native_library.library() is None, reason="the native library was not built here")
@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("channels", [10, 13])
@torch.no_grad()
def test_native_code_agrees_with_pytorch(isa: str, channels: int, share: float) -> None:
    torch.manual_seed(channels)
    logits = 20 * torch.randn(2, 301, channels)
    logits[0, 0], logits[0, 1] = 500.0, torch.linspace(-800, 800, channels)
    found = log_posterior(logits, NONCODING, 0.5, share)
    torch.testing.assert_close(found, reference(logits.double(), NONCODING, 0.5, share).float(), atol=2e-6, rtol=1e-6)


@pytest.mark.parametrize("grad", [False, True])
def test_coding_channels_and_the_rest_together_are_probabilities(grad: bool) -> None:
    logits = 5 * torch.randn(50, 10)
    with torch.set_grad_enabled(grad):
        found = log_posterior(logits, NONCODING, 0.3, 0.0)
    coding = torch.tensor([c for c in range(10) if c not in NONCODING])
    together = found[:, NONCODING]
    # With a share of 0 each channel that is not coding has the score of all of them.
    assert torch.allclose(together, together[:, :1].expand_as(together))
    total = found[:, coding].exp().sum(1) + together[:, 0].exp()
    torch.testing.assert_close(total, torch.ones(50))


@torch.no_grad()
def test_without_doubt_it_is_a_log_softmax() -> None:
    logits = 300 * torch.randn(20, 10)
    assert torch.equal(log_posterior(logits, NONCODING, 0.0, 1.0), logits.log_softmax(-1))
