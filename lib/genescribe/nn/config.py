"""Options of the encoders. Imports no torch, so that reading a configuration is quick."""

from __future__ import annotations

from dataclasses import dataclass

from genescribe.config import option
from genescribe.errors import InputError

CONTEXTS = {
    "attention": "genescribe.nn.attention.Attention",
    "bilstm": "genescribe.nn.bilstm.BiLSTM",
    "conv": "genescribe.nn.dilated.DilatedConvolutions",
    "mamba": "genescribe.nn.mamba.BidirectionalMamba",
    "mamba_stub": "genescribe.nn.mamba.BidirectionalMamba",
}
"""Layers that carry context along a sequence in both directions, padding unseen: classes of an `EncoderConfig`, with
forward(steps (B, S, D), lengths (B,)) -> (B, S, D). One more kind is one more module and a line."""


@dataclass(frozen=True)
class EncoderConfig:
    """An encoder of bases."""

    kind: str = option("bilstm", doc=f"layers that carry context along the sequence: {', '.join(sorted(CONTEXTS))}")
    hidden_dim: int = option(128, doc="width of the context, both directions together", minimum=2)
    num_layers: int = option(2, doc="layers of the context", minimum=1)
    dropout: float = option(
        0.1, doc="dropout of the input of the context, between its layers and of its output", minimum=0.0, maximum=0.9
    )
    conv_width: int = option(48, doc="width of the local and final features per base", minimum=1)
    conv_kernel: int = option(9, doc="width of a convolution in bases; odd", minimum=1)
    conv_layers: int = option(2, doc="local convolutions", minimum=1)
    d_state: int = option(16, doc="size of the state per channel", minimum=1, needs="kind: mamba")
    d_conv: int = option(
        4, doc="width of the causal convolution in steps", minimum=1, needs="kind: mamba or mamba_stub"
    )
    expand: int = option(
        2, doc="inner width, as a multiple of hidden_dim", minimum=1, needs="kind: mamba or mamba_stub"
    )
    fold: int = option(9, doc="bases per step of the context; 1: no folding", minimum=1)

    def __post_init__(self) -> None:
        if self.kind not in CONTEXTS:
            known = ", ".join(sorted(CONTEXTS))
            raise InputError(f"unknown encoder {self.kind!r}", where="encoder.kind", remedy=f"known: {known}")
        if self.conv_kernel % 2 == 0:
            raise InputError(f"{self.conv_kernel} is even", where="encoder.conv_kernel", remedy="give an odd number")
