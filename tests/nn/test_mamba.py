"""Mamba blocks: the parameters of mamba-ssm, causal, and equal to the paper's equations."""

from __future__ import annotations

import math

import pytest
import torch
from tests.nn.slow_scan import TOLERANCE, slow_selective
from torch.nn import functional

from genescribe.nn.config import EncoderConfig
from genescribe.nn.encoder import Encoder
from genescribe.nn.mamba import BLOCKS, Mamba
from genescribe.train.schedule import parameter_groups

KINDS = sorted(BLOCKS)

# From mamba-ssm 2.2.4: modules/mamba_simple.py with d_model 32, d_state 16, d_conv 4, expand 2 (d_inner 64, dt_rank 2).
SHAPES = {
    "A_log": (64, 16),
    "D": (64,),
    "in_proj.weight": (128, 32),
    "conv1d.weight": (64, 1, 4),
    "conv1d.bias": (64,),
    "x_proj.weight": (34, 64),
    "dt_proj.weight": (64, 2),
    "dt_proj.bias": (64,),
    "out_proj.weight": (32, 64),
}


def test_parameters_are_those_of_mamba_ssm() -> None:
    assert {name: tuple(value.shape) for name, value in Mamba(32, 16, 4, 2).state_dict().items()} == SHAPES


def test_mamba_1_is_its_equations() -> None:
    torch.manual_seed(1)
    block, x = Mamba(8, 4, 3, 2), torch.randn(2, 30, 8)
    inner, gate = (x @ block.in_proj.weight.T).split(16, dim=-1)
    padded = functional.pad(inner, (0, 0, 2, 0))
    taps = block.conv1d.weight[:, 0]
    inner = functional.silu(sum(padded[:, k : k + 30] * taps[:, k] for k in range(3)) + block.conv1d.bias)
    rank, B, C = (inner @ block.x_proj.weight.T).split([1, 4, 4], dim=-1)
    dt = torch.log1p(torch.exp(rank @ block.dt_proj.weight.T + block.dt_proj.bias))
    y = slow_selective(inner, dt, -torch.exp(block.A_log), B, C, block.D)
    expected = (y * functional.silu(gate)) @ block.out_proj.weight.T
    torch.testing.assert_close(block(x), expected, atol=TOLERANCE, rtol=TOLERANCE)


@pytest.mark.parametrize("kind", KINDS)
def test_a_block_sees_the_past_alone(kind: str) -> None:
    torch.manual_seed(3)
    block, x = BLOCKS[kind](32, 8, 4, 2), torch.randn(1, 40, 32, requires_grad=True)
    block(x)[0, 20].sum().backward()
    assert x.grad is not None
    assert x.grad[0, 17:21].any(dim=-1).all()
    assert not x.grad[0, 21:].any()
    assert bool(x.grad[0, :17].any()) == (kind != "mamba_stub")


def test_first_step_sizes_lie_in_their_range() -> None:
    torch.manual_seed(4)
    steps = functional.softplus(Mamba(512, 8, 4, 2).dt_proj.bias.detach())
    assert float(steps.min()) > 0.0009 and float(steps.max()) < 0.11
    assert abs(float(steps.log().mean()) - math.log(0.01)) < 0.15


def test_decay_rates_do_not_decay() -> None:
    block = Mamba(8, 4, 3, 2)
    decaying, spared = parameter_groups(block, 0.1)
    assert any(p is block.A_log for p in spared["params"])
    assert any(p is block.in_proj.weight for p in decaying["params"])


def test_half_precision_serves_the_projections_alone() -> None:
    torch.manual_seed(5)
    encoder = Encoder(EncoderConfig(kind="mamba", hidden_dim=32, conv_width=8, dropout=0.0), 4)
    x, lengths = torch.randn(1, 200, 4), torch.tensor([200])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = encoder(x, lengths)
    torch.testing.assert_close(half.float(), encoder(x, lengths), atol=0.1, rtol=0.1)
