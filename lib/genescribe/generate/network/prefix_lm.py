"""A prefix-LM: one stack of layers reads the bases in both directions, and writes the sentence causally.

The steps of the bases are a prefix that sees itself whole (or in sparse blocks) and nothing of the sentence; a step of
the sentence sees the prefix and the steps before it, in one softmax. The prefix is therefore run once per locus, its
keys and values kept; training, sampling and scoring all go through `read` and `forward`, with the same masks.

A step has two positions: its place along the locus and its order in the sequence. Of a step of the bases both are its
number; a step of the sentence stands where the boundary lies that it follows, and behind all before it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from genescribe.errors import InputError
from genescribe.generate.config import GenerateModelConfig
from genescribe.generate.network.decoder import Cache, Memory
from genescribe.generate.network.locus_reader import Reader, Reading
from genescribe.kernels.attention.block_sparse import attend
from genescribe.nn.attention import FeedForward, heads_of, rotate, split_heads
from genescribe.nn.experts import Experts, RouterSums

Look = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(queries, keys, values), each (B, heads, n, d) -> what is seen, of the same shape."""


class PrefixLayer(nn.Module):
    """Attention, then a feed-forward network or experts; which steps see which is the caller's.

    Parameters
    ----------
    width, heads
        Number of channels of a step, and of attention heads.
    config
        `prefix` says norms, units and experts.
    """

    def __init__(self, width: int, heads: int, config: GenerateModelConfig) -> None:
        super().__init__()
        options, self.heads = config.prefix, heads
        self.before = options.preset == "default"
        published = not self.before
        self.norm, self.norm_after = norm_of(width, published), norm_of(width, published)
        self.project = nn.Linear(width, 3 * width, bias=published)
        self.leave = nn.Linear(width, width, bias=published)
        self.dropout = nn.Dropout(config.dropout)
        experts = options.experts
        self.feed: FeedForward | Experts
        if experts.number:
            self.feed = Experts(width, experts.number, experts.top_k, options.inner, geglu=published)
        else:
            self.feed = FeedForward(width, options.inner, geglu=published)

    def forward(self, x: Tensor, look: Look, present: Tensor | None) -> tuple[Tensor, RouterSums | None]:
        """Return the steps (B, n, D) after the layer, and its router's sums over those `present` (B, n).

        Parameters
        ----------
        x : (B, n, D)
            Steps of the prefix or of sentences.
        look
            How steps attend: positions, masks, keys and values of before.
        present : (B, n) bool or None
            Steps that are no padding, for the router.
        """
        parts = self.project(self.norm(x) if self.before else x).chunk(3, dim=-1)
        q, k, v = (split_heads(part, self.heads) for part in parts)
        x = x + self.dropout(self.leave(look(q, k, v).transpose(1, 2).flatten(2)))
        x = x if self.before else self.norm(x)
        entering, sums = self.norm_after(x) if self.before else x, None
        if isinstance(self.feed, Experts):
            update, sums = self.feed(entering, present)
        else:
            update = self.feed(entering)
        x = x + self.dropout(update)
        return x if self.before else self.norm_after(x), sums


class PrefixStack(nn.Module):
    """The layers of a prefix-LM, with the interface of `Decoder`.

    Parameters
    ----------
    config
        Options of the model.

    Raises
    ------
    InputError
        Heads that do not divide the width, more experts per step than there are, or a sparse layout that is none.
    """

    slopes: Tensor | None

    def __init__(self, config: GenerateModelConfig) -> None:
        super().__init__()
        width, options = config.encoder.hidden_dim, config.prefix
        heads = options.heads or heads_of(width)
        multiple = 4 * heads if options.preset == "default" else heads
        if width % multiple:
            raise InputError(
                f"a width of {width} among {heads} heads",
                where="model.encoder.hidden_dim",
                remedy=f"give a multiple of {multiple}",
            )
        if options.experts.number and options.experts.top_k > options.experts.number:
            raise InputError(
                f"{options.experts.top_k} of {options.experts.number} experts",
                where="model.prefix.experts.top_k",
                remedy="give no more than there are experts",
            )
        if options.attention == "sparse":
            options.sparse.check("model.prefix.sparse")
        self.sparse = options.sparse if options.attention == "sparse" else None
        self.layers = nn.ModuleList(PrefixLayer(width, heads, config) for _ in range(config.decoder_layers))
        self.norm: nn.Module = norm_of(width, False) if options.preset == "default" else nn.Identity()
        slopes = alibi_slopes(heads) if options.preset == "dnabert2" else None
        self.register_buffer("slopes", slopes, persistent=False)

    def read(self, reader: Reader, codes: Tensor, lengths: Tensor) -> tuple[Reading, Memory]:
        """Read loci, once, for all sentences that are written of them; see `Decoder.read`."""
        entered = reader.enter(codes, lengths)
        states, memory = self.prefill(entered.steps, entered.counts, entered.places)
        return reader.leave(entered, states), memory

    def prefill(self, steps: Tensor, counts: Tensor, places: Tensor) -> tuple[Tensor, Memory]:
        """Run the steps of the bases through the layers.

        Parameters
        ----------
        steps : (B, S, D)
            Steps of each locus.
        counts : (B,) int64
            How many steps of each are no padding.
        places : (B, T + 1) float
            Where among the steps each boundary lies.

        Returns
        -------
        states : (B, S, D)
            After the last layer.
        memory
            Keys and values of each layer, by locus.
        """
        order = torch.arange(steps.shape[1], device=steps.device)
        present = order < counts[:, None]
        memory = Memory([], [], present[:, None, None], places)
        bias = self._prefix_bias(order, memory.mask) if self.sparse is None else None

        def look(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            q, k = self._turn(q, order, order), self._turn(k, order, order)
            memory.keys.append(k)
            memory.values.append(v)
            if self.sparse is not None:
                return attend(q, k, v, counts, self.sparse, self.slopes)
            return nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)

        for layer in self.layers:
            steps, sums = layer(steps, look, present)
            if sums is not None:
                memory.router.append(sums)
        return self.norm(steps), memory

    def forward(
        self, x: Tensor, places: Tensor, memory: Memory, cache: Cache | None = None, present: Tensor | None = None
    ) -> tuple[Tensor, Cache]:
        """Return the hidden states of new steps of sentences, and the cache with them in it; see `Decoder.forward`."""
        past = Cache() if cache is None else cache
        before, count, grown = past.length, x.shape[1], Cache()
        order = memory.mask[:, 0, 0].sum(dim=1, keepdim=True) + before + torch.arange(count, device=x.device)
        to_bases, to_steps = self._sentence_biases(places, memory, before)
        for i, layer in enumerate(self.layers):

            def look(q: Tensor, k: Tensor, v: Tensor, i: int = i) -> Tensor:
                q, k = self._turn(q, places, order), self._turn(k, places, order)
                if before:
                    k, v = torch.cat([past.keys[i], k], dim=2), torch.cat([past.values[i], v], dim=2)
                grown.keys.append(k)
                grown.values.append(v)
                return attend_both(q, (memory.keys[i], memory.values[i], to_bases), (k, v, to_steps))

            x, sums = layer(x, look, present)
            if sums is not None and present is not None:
                memory.router[i] = memory.router[i] + sums
        return self.norm(x), grown

    def _turn(self, x: Tensor, places: Tensor, order: Tensor) -> Tensor:
        """Turn queries or keys: half of their channels by the place, half by the order. ALiBi turns nothing."""
        if self.slopes is not None:
            return x
        along, after = x.chunk(2, dim=-1)
        return torch.cat([rotate(along, places), rotate(after, order)], dim=-1)

    def _prefix_bias(self, order: Tensor, mask: Tensor) -> Tensor:
        """Return the bias of the scores among steps of the bases (B, ., ., S), or the mask of visible steps."""
        if self.slopes is None:
            return mask
        far = (order[:, None] - order).abs()
        return (-self.slopes.view(-1, 1, 1) * far).masked_fill(~mask, -math.inf)

    def _sentence_biases(self, places: Tensor, memory: Memory, before: int) -> tuple[Tensor, Tensor]:
        """Return the biases of the scores of new steps: (B, ., L, S) of the bases, (., ., L, n) of the sentence."""
        S, L = memory.mask.shape[-1], places.shape[1]
        to_bases = torch.zeros(memory.mask.shape, device=places.device).masked_fill(~memory.mask, -math.inf)
        new = torch.arange(before, before + L, device=places.device)
        back = new[:, None] - torch.arange(before + L, device=places.device)
        to_steps = torch.zeros(back.shape, device=places.device).masked_fill(back < 0, -math.inf)[None, None]
        if self.slopes is not None:
            slopes = self.slopes.view(-1, 1, 1)
            far = (places.unsqueeze(-1) - torch.arange(S, device=places.device)).abs().unsqueeze(1)
            to_bases, to_steps = to_bases - slopes * far, to_steps - slopes * back.clamp(min=0)
        return to_bases, to_steps


def attend_both(q: Tensor, first: tuple[Tensor, Tensor, Tensor], second: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Return attention to two sets of (keys, values, bias) in one softmax; neither is copied to join the other.

    Parameters
    ----------
    q : (B, heads, n, d)
        Queries.
    first, second
        Keys and values, (B, heads, m, d), and the bias that is added to their scores.
    """
    scale = 1 / math.sqrt(q.shape[-1])
    scores = [(q @ k.transpose(-1, -2)).float() * scale + bias for k, _, bias in (first, second)]
    weights = torch.cat(scores, dim=-1).softmax(dim=-1).to(q.dtype)
    size = scores[0].shape[-1]
    attended: Tensor = weights[..., :size] @ first[1] + weights[..., size:] @ second[1]
    return attended


def norm_of(width: int, published: bool) -> nn.Module:
    """Return a RMSNorm, or the LayerNorm of the published encoder."""
    return nn.LayerNorm(width, eps=1e-12) if published else nn.RMSNorm(width)


def alibi_slopes(heads: int) -> Tensor:
    """Return how much a head loses a step of distance, (heads,) (Press et al., 2022, "Train short, test long").

    Examples
    --------
    >>> alibi_slopes(4).tolist()
    [0.25, 0.0625, 0.015625, 0.00390625]
    """
    power = 2 ** (heads.bit_length() - 1)
    slopes = [2 ** (-8 * (i + 1) / power) for i in range(power)]
    slopes += [2 ** (-8 * (i + 1) / (2 * power)) for i in range(0, 2 * (heads - power), 2)]
    return torch.tensor(slopes)
