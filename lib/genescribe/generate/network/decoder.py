"""A transformer decoder over steps of a sentence, with cross-attention to a locus and a key/value cache."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from genescribe.errors import InputError
from genescribe.generate.network.locus_reader import Reader, Reading
from genescribe.nn.attention import FeedForward, heads_of, rotate, split_heads
from genescribe.nn.experts import RouterSums

GROWTH = 64
"""Steps by which a `GrowingCache` grows."""

_attend = nn.functional.scaled_dot_product_attention


@dataclass
class Memory:
    """The encoding of a batch of loci, computed once.

    Attributes
    ----------
    keys, values : (B, heads, S, d), one per layer
        Of the encoder's steps.
    mask : (B, 1, 1, S) bool
        True at the steps that are no padding.
    places : (B, T + 1) float
        Where among the steps each boundary of the locus lies.
    router
        Of a prefix-LM with experts, for each layer: what the auxiliary losses are made of, as far as it has run.
    """

    keys: list[Tensor]
    values: list[Tensor]
    mask: Tensor
    places: Tensor
    router: list[RouterSums] = field(default_factory=list)

    def rows(self, index: Tensor) -> Memory:
        """Return some rows; the routers' sums over all of them stay."""
        keys, values = [k[index] for k in self.keys], [v[index] for v in self.values]
        return Memory(keys, values, self.mask[index], self.places[index], list(self.router))

    def at(self, boundaries: Tensor) -> Tensor:
        """Return where among the steps boundaries (B, L) lie."""
        return self.places.gather(1, boundaries)

    def losses(self) -> dict[str, Tensor]:
        """Return the auxiliary losses by name, (): means over layers; none without experts."""
        if not self.router:
            return {}
        return {
            "balance": torch.stack([sums.balance() for sums in self.router]).mean(),
            "router_z": torch.stack([sums.router_z() for sums in self.router]).mean(),
        }


@dataclass
class Cache:
    """Keys and values of the steps written so far, (B, heads, L, d), one per layer."""

    keys: list[Tensor] = field(default_factory=list)
    values: list[Tensor] = field(default_factory=list)

    @property
    def length(self) -> int:
        """Steps held."""
        return self.keys[0].shape[2] if self.keys else 0

    def rows(self, index: Tensor) -> Cache:
        """Return some rows."""
        return Cache([k[index] for k in self.keys], [v[index] for v in self.values])


@dataclass
class GrowingCache(Cache):
    """A cache with room for steps to come, (B, heads, capacity, d): no shape depends on how many are written.

    Attributes
    ----------
    written
        Number of steps held.
    """

    written: int = 0

    @property
    def length(self) -> int:
        """Steps held."""
        return self.written

    def rows(self, index: Tensor) -> GrowingCache:
        """Return some rows."""
        return GrowingCache([k[index] for k in self.keys], [v[index] for v in self.values], self.written)

    def grown(self, memory: Memory) -> GrowingCache:
        """Return the cache with room for one more step at least; `memory` is of the same rows."""
        if self.keys and self.written < self.keys[0].shape[2]:
            return self

        def longer(cached: list[Tensor], like: list[Tensor]) -> list[Tensor]:
            new = [x.new_zeros(*x.shape[:2], GROWTH, x.shape[3]) for x in like]
            return [torch.cat(pair, dim=2) for pair in zip(cached, new, strict=True)] if cached else new

        return GrowingCache(longer(self.keys, memory.keys), longer(self.values, memory.values), self.written)


class DecoderLayer(nn.Module):
    """Attention to the steps before, to the locus, and a feed-forward network; each after a norm."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads_of(width)
        self.norms = nn.ModuleList(nn.RMSNorm(width) for _ in range(3))
        self.project, self.leave = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.seek, self.leave_locus = nn.Linear(width, width, bias=False), nn.Linear(width, width, bias=False)
        self.read = nn.Linear(width, 2 * width, bias=False)
        self.feed, self.dropout = FeedForward(width), nn.Dropout(dropout)

    def remember(self, context: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys and values of the locus, turned to their places."""
        k, v = (split_heads(part, self.heads) for part in self.read(context).chunk(2, dim=-1))
        return rotate(k, torch.arange(context.shape[1], device=context.device)), _plain(v)

    def forward(
        self, x: Tensor, places: Tensor, memory: tuple[Tensor, Tensor, Tensor], past: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return the steps after the layer, and the keys and values of all steps so far.

        Parameters
        ----------
        x : (B, L, D)
            New steps.
        places : (B, L) float
            Where in the locus each of them is, in steps of the encoder.
        memory
            Keys, values and mask of the locus.
        past
            Keys and values of the steps before; None at the beginning.
        """
        before = 0 if past is None else past[0].shape[2]
        positions = torch.arange(before, before + x.shape[1], device=x.device)
        q, k, v = self._own(x, positions)
        if past is not None:
            k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
        attended = (
            _attend(q, k, v, is_causal=True) if before == 0 else _attend(q, k, v, attn_mask=_causal(positions, k))
        )
        return self._after(x, attended, places, memory), (k, v)

    def step(
        self,
        x: Tensor,
        places: Tensor,
        memory: tuple[Tensor, Tensor, Tensor],
        cached: tuple[Tensor, Tensor],
        at: Tensor,
    ) -> Tensor:
        """Return one new step (B, 1, D) after the layer; its keys and values are entered into those that are held.

        Parameters
        ----------
        x, places, memory
            See `forward`.
        cached : (B, heads, capacity, d)
            Keys and values, with room for it.
        at : (1,) int64
            How many steps are written.
        """
        q, k, v = self._own(x, at)
        keys, values = cached[0].index_copy_(2, at, k), cached[1].index_copy_(2, at, v)
        written = torch.arange(keys.shape[2], device=x.device) <= at[:, None]
        return self._after(x, _attend(q, keys, values, attn_mask=written), places, memory)

    def _own(self, x: Tensor, positions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values of steps, turned to their places in the sentence."""
        q, k, v = (split_heads(part, self.heads) for part in self.project(self.norms[0](x)).chunk(3, dim=-1))
        return rotate(q, positions), rotate(k, positions), v

    def _after(self, x: Tensor, attended: Tensor, places: Tensor, memory: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Return steps after the rest of the layer, given their attention to the steps before."""
        x = x + self.dropout(self.leave(attended.transpose(1, 2).flatten(2)))
        sought = rotate(split_heads(self.seek(self.norms[1](x)), self.heads), places)
        of_locus = _attend(sought, memory[0], memory[1], attn_mask=memory[2])
        x = x + self.dropout(self.leave_locus(of_locus.transpose(1, 2).flatten(2)))
        out: Tensor = x + self.dropout(self.feed(self.norms[2](x)))
        return out


def _causal(positions: Tensor, keys: Tensor) -> Tensor | None:
    if len(positions) == 1:
        return None
    return torch.arange(keys.shape[2], device=keys.device) <= positions[:, None]


class Decoder(nn.Module):
    """Steps of sentences -> their hidden states."""

    _compiled: Callable[..., Tensor] | None = None

    def __init__(self, width: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(DecoderLayer(width, dropout) for _ in range(layers))
        self.norm = nn.RMSNorm(width)

    def read(self, reader: Reader, codes: Tensor, lengths: Tensor) -> tuple[Reading, Memory]:
        """Read loci, once, for all sentences that are written of them.

        Parameters
        ----------
        reader
            With context of its own.
        codes : (B, T) int64
            Base codes of loci on the strands of their genes, padded.
        lengths : (B,) int64
            Bases of each locus.
        """
        entered = reader.enter(codes, lengths)
        reading = reader.leave(entered, reader.context(entered))
        pairs = [layer.remember(reading.steps) for layer in self._layers()]
        mask = reading.step_mask[:, None, None]
        return reading, Memory([k for k, _ in pairs], [v for _, v in pairs], mask, entered.places)

    def _layers(self) -> list[DecoderLayer]:
        return [layer for layer in self.layers if isinstance(layer, DecoderLayer)]

    def forward(
        self, x: Tensor, places: Tensor, memory: Memory, cache: Cache | None = None, present: Tensor | None = None
    ) -> tuple[Tensor, Cache]:
        """Return the hidden states of new steps (B, L, D), and the cache with them in it.

        `places` (B, L) float is where among the steps of the locus each of them is; `present` (B, L), which of them
        there are, is for routers among experts and means nothing here.

        Parameters
        ----------
        x : (B, L, D)
            Embedded new steps.
        places : (B, L) float
            Place of each step along the steps of the locus.
        memory
            Encoding of the loci.
        cache
            Keys and values of earlier steps; None: there are none.
        present : (B, L) bool or None
            For routers among experts; not read here.
        """
        if self._compiled is not None and cache is not None and x.shape[1] == 1 and not self.training:
            return self._compiled_step(x, places, memory, cache)
        grown = Cache()
        for i, layer in enumerate(self.layers):
            past = None if cache is None or not cache.keys else (cache.keys[i], cache.values[i])
            x, (keys, values) = layer(x, places, (memory.keys[i], memory.values[i], memory.mask), past)
            grown.keys.append(keys)
            grown.values.append(values)
        return self.norm(x), grown

    def compile_step(self, backend: Any = "inductor") -> None:
        """Compile the step that writes, all layers as one.

        A cache that grows has a new shape at every step, and the first ones are each another graph to the compiler.
        With room in the cache there is one graph for all steps, loci and batches, and another for a single row.

        Parameters
        ----------
        backend
            Of `torch.compile`.
        """
        self._compiled = torch.compile(self._step, dynamic=True, fullgraph=True, backend=backend)

    def _step(self, x: Tensor, places: Tensor, memory: Memory, cache: GrowingCache, at: Tensor) -> Tensor:
        for i, layer in enumerate(self._layers()):
            known = memory.keys[i], memory.values[i], memory.mask
            x = layer.step(x, places, known, (cache.keys[i], cache.values[i]), at)
        out: Tensor = self.norm(x)
        return out

    def _compiled_step(self, x: Tensor, places: Tensor, memory: Memory, cache: Cache) -> tuple[Tensor, Cache]:
        assert self._compiled is not None
        growing = (cache if isinstance(cache, GrowingCache) else GrowingCache()).grown(memory)
        at = torch.tensor([growing.written], device=x.device)
        known = replace(memory, mask=_plain(memory.mask))
        try:
            hidden = self._compiled(_plain(x), _plain(places), known, growing, at)
        except torch._dynamo.exc.TorchDynamoException as error:
            first = str(error).strip().splitlines()[0]
            raise InputError(
                f"the decoding step cannot be compiled ({first})",
                where="--compile",
                remedy="run without it, or install a C++ compiler",
            ) from error
        return hidden, GrowingCache(growing.keys, growing.values, growing.written + 1)


def _plain(x: Tensor) -> Tensor:
    """Return a copy with the strides of its shape, that is no view: the compiler tells all of this apart."""
    return x.clone(memory_format=torch.contiguous_format)
