"""Encoders: shapes, independence of padding and of the batch, a registry that refuses what it does not know."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from genescribe.errors import InputError
from genescribe.nn.bilstm import reversal
from genescribe.nn.config import CONTEXTS, EncoderConfig
from genescribe.nn.encoder import Encoder

CHANNELS = 5
KINDS = sorted(CONTEXTS)


def small(kind: str, fold: int = 9, **changes: object) -> Encoder:
    torch.manual_seed(1)
    values = {"hidden_dim": 12, "conv_width": 6, "conv_kernel": 5, "dropout": 0.0} | changes
    return Encoder(EncoderConfig(kind=kind, fold=fold, **values), CHANNELS).eval()  # type: ignore[arg-type]


def tracks(length: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(1, length, CHANNELS, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fold", [1, 4, 9])
@pytest.mark.parametrize("length", [1, 8, 9, 10, 50])
def test_every_base_gets_its_features(kind: str, fold: int, length: int) -> None:
    encoder = small(kind, fold)
    features = encoder(tracks(length), torch.tensor([length]))
    assert features.shape == (1, length, encoder.width)
    assert bool(features.isfinite().all())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fold", [1, 9])
def test_padding_and_the_rest_of_the_batch_change_nothing(kind: str, fold: int) -> None:
    encoder = small(kind, fold, num_layers=3)
    lengths = [1, 17, 40, 41, 63]
    alone = [encoder(tracks(n, n), torch.tensor([n]))[0] for n in lengths]
    T = 100
    batch = torch.zeros(len(lengths), T, CHANNELS)
    for i, n in enumerate(lengths):
        batch[i, :n] = tracks(n, n)[0]
    together = encoder(batch, torch.tensor(lengths))
    for i, n in enumerate(lengths):
        torch.testing.assert_close(together[i, :n], alone[i], atol=1e-5, rtol=0)
        assert not together[i, n:].any()


@pytest.mark.parametrize("kind", KINDS)
def test_padding_gets_no_gradient_and_gives_none(kind: str) -> None:
    encoder = small(kind)
    lengths = torch.tensor([20, 50])
    batch = torch.randn(2, 50, CHANNELS, requires_grad=True)
    batch_zeroed = batch * (torch.arange(50) < lengths[:, None]).unsqueeze(-1)
    encoder(batch_zeroed, lengths)[0].square().sum().backward()
    assert batch.grad is not None
    assert batch.grad[0, :20].abs().sum() > 0
    assert not batch.grad[0, 20:].any()
    assert not batch.grad[1].any()


@pytest.mark.parametrize("kind", KINDS)
def test_context_reaches_both_sides(kind: str) -> None:
    encoder = small(kind, fold=3, num_layers=3)
    x = tracks(60).requires_grad_()
    encoder(x, torch.tensor([60]))[0, 30].sum().backward()
    assert x.grad is not None
    # Local convolutions see 4 bases; five steps of three bases are beyond them.
    assert x.grad[0, 15].any()
    assert x.grad[0, 45].any()


def test_features_are_as_sharp_as_bases_although_steps_are_folded() -> None:
    encoder = small("bilstm", fold=9)
    features = encoder(tracks(45), torch.tensor([45]))[0]
    assert len(torch.unique(features, dim=0)) == 45


def test_reversal_is_its_own_inverse() -> None:
    order = reversal(torch.tensor([3, 5, 1]), 5)
    assert order.tolist() == [[2, 1, 0, 3, 4], [4, 3, 2, 1, 0], [0, 1, 2, 3, 4]]
    assert order.gather(1, order).tolist() == [list(range(5))] * 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"kind": "gru"},
            "encoder.kind: unknown encoder 'gru'; known: attention, bilstm, conv, mamba, mamba_stub",
        ),
        ({"conv_kernel": 4}, "encoder.conv_kernel: 4 is even; give an odd number"),
    ],
)
def test_a_wrong_configuration_is_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        EncoderConfig(**options)
    assert str(caught.value) == message


def test_dropout_acts_in_training_only() -> None:
    encoder = small("bilstm", dropout=0.5)
    x, lengths = tracks(30), torch.tensor([30])
    assert torch.equal(encoder(x, lengths), encoder(x, lengths))
    encoder.train()
    assert not torch.equal(encoder(x, lengths), encoder(x, lengths))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [60, 53])
@torch.no_grad()
def test_tiles_with_all_the_rest_as_halo_have_the_features_of_the_whole(kind: str, length: int) -> None:
    encoder = small(kind, fold=3)
    whole = encoder(tracks(length), torch.tensor([length]))
    tiles = [(12, 30), (30, 48), (48, length)]
    found = encoder.tiled(tracks(length), tiles, 60)
    torch.testing.assert_close(found, whole[:, 12:length], atol=2e-5, rtol=1e-5)


@torch.no_grad()
def test_a_tile_reads_no_further_than_its_halo() -> None:
    encoder = small("bilstm", fold=3)
    one, other = tracks(90), tracks(90)
    # Beyond the halo of the first tile, 0 to 60, and the reach of what is local.
    other[:, 75:] = tracks(15, seed=1)
    first, changed = (encoder.tiled(x, [(0, 30), (30, 60)], 30)[:, :30] for x in (one, other))
    assert torch.equal(first, changed)
