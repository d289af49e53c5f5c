"""Options of the encoders. Free of torch, so that reading a configuration is quick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from genescribe.config import Idle, option
from genescribe.errors import InputError

if TYPE_CHECKING:
    from genescribe.nn.encoder import Encoder

CONTEXTS = {
    "attention": "genescribe.nn.attention.Attention",
    "bilstm": "genescribe.nn.bilstm.BiLSTM",
    "conv": "genescribe.nn.dilated.DilatedConvolutions",
    "mamba": "genescribe.nn.mamba.BidirectionalMamba",
    "mamba2": "genescribe.nn.mamba.BidirectionalMamba",
    "mamba_stub": "genescribe.nn.mamba.BidirectionalMamba",
}
"""What carries context along a sequence, in both directions, padding unseen: a class made from an `EncoderConfig`, with
forward(steps (B, S, D), lengths (B,)) -> (B, S, D). One more kind is one more module and a line."""


@dataclass(frozen=True)
class EncoderConfig:
    """An encoder of bases."""

    kind: str = option("bilstm", doc=f"what carries context along the sequence: {', '.join(sorted(CONTEXTS))}")
    hidden_dim: int = option(128, doc="width of the context, both directions together", minimum=2)
    num_layers: int = option(2, doc="layers of the context", minimum=1)
    dropout: float = option(
        0.1, doc="dropout of the context's input, between its layers and of its output", minimum=0.0, maximum=0.9
    )
    conv_width: int = option(48, doc="width of the features of a base, local and final", minimum=1)
    conv_kernel: int = option(9, doc="bases that a convolution sees; odd", minimum=1)
    conv_layers: int = option(2, doc="local convolutions", minimum=1)
    d_state: int = option(16, doc="mamba, mamba2: numbers of state a channel", minimum=1)
    d_conv: int = option(4, doc="mamba, mamba2, mamba_stub: steps that the causal convolution sees", minimum=1)
    expand: int = option(2, doc="mamba, mamba2, mamba_stub: inner width, as a multiple of hidden_dim", minimum=1)
    fold: int = option(9, doc="bases in one step of the context; 1: none are folded", minimum=1)

    def idle(self) -> Idle:
        """Return the options that are not read beside the others."""
        mamba = self.kind.startswith("mamba")
        return (
            Idle()
            .unless(mamba and self.kind != "mamba_stub", "kind: mamba or mamba2", "d_state")
            .unless(mamba, "kind: mamba, mamba2 or mamba_stub", "d_conv", "expand")
        )

    def build(self, channels: int, *, context: bool = True, fold: bool = True) -> Encoder:
        """Return an encoder with fresh weights for `channels` tracks; see `Encoder` for what may be left out."""
        if self.kind not in CONTEXTS:
            known = ", ".join(sorted(CONTEXTS))
            raise InputError(f"unknown encoder {self.kind!r}", where="encoder.kind", remedy=f"known: {known}")
        if self.conv_kernel % 2 == 0:
            raise InputError(f"{self.conv_kernel} is even", where="encoder.conv_kernel", remedy="give an odd number")
        from genescribe.nn.encoder import Encoder

        return Encoder(self, channels, context=context, fold=fold)
