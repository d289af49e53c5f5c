"""The network of the published TransGenic checkpoints: HyenaDNA, two strided convolutions, a decoder with attention.

Single bases are read by a `HyenaEncoder`; positions are added as sines; two convolutions fold six bases into a state
of twice the width; a decoder whose layers are normalised after each part (as in BART and the Longformer
encoder-decoder, whose windowed attention is the encoder's alone) writes tokens.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from genescribe.generate.network.hyena import HyenaEncoder, HyenaSizes


@dataclass(frozen=True)
class TransgenicSizes:
    """Sizes of a checkpoint: its encoder; layers, heads, feed-forward units, tokens and places of its decoder."""

    encoder: HyenaSizes
    layers: int
    heads: int
    inner: int
    vocabulary: int
    longest: int

    @property
    def width(self) -> int:
        """Width of the decoder."""
        return 2 * self.encoder.width


def sines(length: int, width: int) -> Tensor:
    """Return positions as sines and cosines in turn, (T, D) (Vaswani et al. 2017, section 3.5)."""
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    angles = torch.arange(length)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)


class Fold(nn.Module):
    """A strided convolution, a bias that depends on how much of the kernel lies on the sequence, LayerNorm, ReLU."""

    def __init__(self, width: int, target: int, kernel: int, stride: int, padding: int) -> None:
        super().__init__()
        self.stride, self.padding = stride, padding
        self.kernel = nn.Parameter(torch.empty(target, width, kernel))
        self.bias = nn.Parameter(torch.zeros(target, 1, kernel))
        self.norm = nn.LayerNorm(target)
        nn.init.kaiming_normal_(self.kernel, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, S, target) of (B, T, width)."""
        x = x.transpose(1, 2)
        there = x.new_ones(1, 1, x.shape[2])
        folded = functional.conv1d(x, self.kernel, stride=self.stride, padding=self.padding)
        folded = folded + functional.conv1d(there, self.bias.to(x), stride=self.stride, padding=self.padding)
        return functional.relu(self.norm(folded.transpose(1, 2)))


class Attention(nn.Module):
    """Multi-head attention whose keys and values are projected once and kept."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.value, self.leave = nn.Linear(width, width), nn.Linear(width, width)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys and values (B, H, T, D / H)."""
        return self._parted(self.key(x)), self._parted(self.value(x))

    def forward(self, x: Tensor, memory: tuple[Tensor, Tensor], mask: Tensor | None) -> Tensor:
        """Return (B, L, D) of states (B, L, D); where `mask`, of shape (.., L, T), is True a place is attended to.

        Parameters
        ----------
        x : (B, L, D)
            States that attend.
        memory
            Keys and values, (B, H, T, D / H) each; see `project`.
        mask : (.., L, T) bool or None
            True where a place is attended to; None: everywhere.
        """
        attended = functional.scaled_dot_product_attention(self._parted(self.query(x)), *memory, attn_mask=mask)
        left: Tensor = self.leave(attended.transpose(1, 2).flatten(2))
        return left

    def _parted(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)


class DecoderLayer(nn.Module):
    """Self-attention, attention to the encoder, and a feed-forward network, each normalised afterwards."""

    def __init__(self, width: int, heads: int, inner: int) -> None:
        super().__init__()
        self.own, self.read = Attention(width, heads), Attention(width, heads)
        self.norm_own, self.norm_read, self.norm_feed = (nn.LayerNorm(width) for _ in range(3))
        self.expand, self.shrink = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, x: Tensor, written: tuple[Tensor, Tensor], memory: Memory, number: int) -> Tensor:
        """Return the states (B, L, D) of the last L tokens; `written` are keys and values of all tokens so far.

        Parameters
        ----------
        x : (B, L, D)
            States of the last L tokens.
        written
            Keys and values of all tokens so far, theirs included.
        memory
            Encoding of the window.
        number
            Number of the layer, from 0.
        """
        ahead, size = written[0].shape[2], x.shape[1]
        causal = torch.ones(size, ahead, dtype=torch.bool, device=x.device).tril(ahead - size) if size > 1 else None
        x = self.norm_own(x + self.own(x, written, causal))
        x = self.norm_read(x + self.read(x, memory.pairs[number], memory.mask))
        left: Tensor = self.norm_feed(x + self.shrink(functional.gelu(self.expand(x))))
        return left


@dataclass
class Memory:
    """The encoded window: keys and values for each layer of the decoder, and the mask of its steps, (B, 1, 1, S)."""

    pairs: list[tuple[Tensor, Tensor]]
    mask: Tensor | None = None

    def rows(self, index: Tensor) -> Memory:
        """Return that of some rows."""
        mask = None if self.mask is None else self.mask[index]
        return Memory([(keys[index], values[index]) for keys, values in self.pairs], mask)


Written = list[tuple[Tensor, Tensor]]
"""Keys and values of what is written, a pair a layer."""


class TransgenicDecoder(nn.Module):
    """Tokens so far -> scores of the next."""

    def __init__(self, sizes: TransgenicSizes) -> None:
        super().__init__()
        width = sizes.width
        self.embed, self.places = nn.Embedding(sizes.vocabulary, width), nn.Embedding(sizes.longest, width)
        self.norm = nn.LayerNorm(width)
        self.layers = nn.ModuleList(DecoderLayer(width, sizes.heads, sizes.inner) for _ in range(sizes.layers))
        self.head = nn.Linear(width, sizes.vocabulary, bias=False)
        self.register_buffer("bias", torch.zeros(1, sizes.vocabulary))

    def forward(self, tokens: Tensor, memory: Memory, written: Written | None = None) -> tuple[Tensor, Written]:
        """Return scores (B, L, V) of the tokens after each of the last L, and the keys and values to go on with.

        Parameters
        ----------
        tokens : (B, L) int64
            New tokens.
        memory
            Encoding of the window.
        written
            Keys and values of earlier tokens, from the call before; None: there are none.
        """
        done = written[0][0].shape[2] if written else 0
        places = torch.arange(done, done + tokens.shape[1], device=tokens.device)
        x = self.norm(self.embed(tokens) + self.places(places))
        caches: Written = []
        for number, layer in enumerate(self.layers):
            assert isinstance(layer, DecoderLayer)
            new = layer.own.project(x)
            if written:
                new = torch.cat([written[number][0], new[0]], dim=2), torch.cat([written[number][1], new[1]], dim=2)
            caches.append(new)
            x = layer(x, new, memory, number)
        return self.head(x) + self.bias, caches

    def remember(self, states: Tensor, mask: Tensor | None = None) -> Memory:
        """Return the keys and values of each layer for the encoded steps (B, S, D)."""
        return Memory([layer.read.project(states) for layer in self.layers], mask)  # type: ignore[union-attr, operator]


class TransgenicNetwork(nn.Module):
    """Base codes and tokens -> scores of the next tokens."""

    def __init__(self, sizes: TransgenicSizes) -> None:
        super().__init__()
        width = sizes.encoder.width
        self.sizes = sizes
        self.encoder = HyenaEncoder(sizes.encoder)
        self.fold = nn.Sequential(
            Fold(width, width + width // 2, kernel=6, stride=3, padding=2),
            Fold(width + width // 2, 2 * width, kernel=2, stride=2, padding=0),
        )
        self.decoder = TransgenicDecoder(sizes)

    def read(self, codes: Tensor) -> Tensor:
        """Return the steps (B, S, D) of windows (B, T) without padding."""
        states = self.encoder(codes)
        steps: Tensor = self.fold(states + sines(codes.shape[1], states.shape[2]).to(states))
        return steps

    def remember(self, windows: Sequence[Tensor]) -> Memory:
        """Read windows (T,), each by itself, so that none changes another."""
        states = [self.read(window[None])[0] for window in windows]
        padded = nn.utils.rnn.pad_sequence(states, batch_first=True)
        sizes = torch.tensor([len(state) for state in states], device=padded.device)
        there = torch.arange(padded.shape[1], device=padded.device) < sizes[:, None]
        return self.decoder.remember(padded, None if bool(there.all()) else there[:, None, None])

    def forward(self, codes: Tensor, tokens: Tensor) -> Tensor:
        """Return the scores (B, L, V) of the token after each of `tokens` (B, L), given windows (B, T)."""
        scores: Tensor = self.decoder(tokens, self.decoder.remember(self.read(codes)))[0]
        return scores
