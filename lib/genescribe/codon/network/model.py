"""A compact GPT over codons: pre-norm blocks, rotary or learned positions, tied embedding and output."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention
from torch.utils.checkpoint import checkpoint

from genescribe.codon.config import CodonModelConfig
from genescribe.codon.sequences.row_layout import Layout
from genescribe.nn.attention import rotations, turned
from genescribe.train.model_files import store_model, stored_options, stored_weights

FAMILY = "codon"
INITIAL = 0.02
"""Standard deviation of fresh weights: small, so that the first logits are near zero and the first loss near ln V."""

Cache = list[tuple[Tensor, Tensor]]
"""Keys and values of each block, (B, H, T, D)."""


class Attention(nn.Module):
    """Causal self-attention of H heads."""

    def __init__(self, config: CodonModelConfig) -> None:
        super().__init__()
        self.heads, self.width = config.n_head, config.n_embd // config.n_head
        self.qkv = nn.Linear(config.n_embd, 3 * config.n_embd, bias=False)
        self.out = nn.Linear(config.n_embd, config.n_embd, bias=False)

    def project(self, x: Tensor, turn: Tensor | None) -> Tensor:
        """Return queries, keys and values, (..., 3, H, D), the first two turned by their positions."""
        qkv: Tensor = self.qkv(x).unflatten(-1, (3, self.heads, self.width))
        if turn is None:
            return qkv
        return torch.cat([turned(qkv[..., :2, :, :], turn[..., None, None, :, :]), qkv[..., 2:, :, :]], dim=-3)

    def forward(self, x: Tensor, turn: Tensor | None, layout: Layout) -> Tensor:
        """Return attention within the segments of a row, (N, C) -> (N, C).

        Parameters
        ----------
        x : (N, C)
            A row of segments.
        turn : (N, 2, D / 2) or None
            Rotary cosines and sines of the positions; None: learned positions.
        layout
            Where the segments lie.
        """
        attended: Tensor = self.out(layout.attend(self.project(x, turn)).flatten(-2))
        return attended


class Block(nn.Module):
    """Attention and a two-layer network, each on a residual branch."""

    def __init__(self, config: CodonModelConfig) -> None:
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(config.n_embd), Attention(config)
        self.norm2 = nn.LayerNorm(config.n_embd)
        self.up = nn.Linear(config.n_embd, 4 * config.n_embd, bias=False)
        self.down = nn.Linear(4 * config.n_embd, config.n_embd, bias=False)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, turn: Tensor | None, layout: Layout) -> Tensor:
        """Return the row after this block, (N, C) -> (N, C); see `Attention.forward`."""
        x = x + self.dropout(self.attention(self.norm1(x), turn, layout))
        return self.feed(x)

    def feed(self, x: Tensor) -> Tensor:
        """Return x after the second branch."""
        fed: Tensor = x + self.dropout(self.down(gelu(self.up(self.norm2(x)))))
        return fed


class CodonModel(nn.Module):
    """The network.

    Parameters
    ----------
    config
        Numbers of layers, heads, channels and tokens of a window.
    use_checkpoint
        Compute the blocks again in the backward pass instead of keeping what they made.
    """

    def __init__(self, config: CodonModelConfig, *, use_checkpoint: bool = False) -> None:
        super().__init__()
        self.config = CodonModelConfig(**{f.name: getattr(config, f.name) for f in fields(CodonModelConfig)})
        self.use_checkpoint = use_checkpoint
        self.embedding = nn.Embedding(config.vocab_size, config.n_embd)
        learned = config.positions == "learned"
        self.positions = nn.Embedding(config.block_size, config.n_embd) if learned else None
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList([Block(config) for _ in range(config.n_layer)])
        self.norm = nn.LayerNorm(config.n_embd)
        self._initialise()

    def _initialise(self) -> None:
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                # Residual branches start smaller, so that the sum over blocks does not grow with their number.
                deep = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(parameter, std=INITIAL / (2 * self.config.n_layer) ** 0.5 if deep else INITIAL)

    def forward(self, tokens: Tensor, layout: Layout) -> Tensor:
        """Return the logits of the next token.

        Parameters
        ----------
        tokens : (N,) int64
            Segments one after the other.
        layout
            Places of the sequences in the row of tokens.

        Returns
        -------
        (N, V)
            In the precision that autocast chose; take the cross-entropy in float32.
        """
        return self.head(self.hidden(self.embedding(tokens), layout)[-1])

    def hidden(self, embedded: Tensor, layout: Layout, *, every: bool = False) -> list[Tensor]:
        """Return the states of a row of embedded tokens, (N, C): the last, or after the embedding and every block.

        The last is normalised, as the head reads it.

        Parameters
        ----------
        embedded : (N, C)
            Embedded tokens, without positions.
        layout
            Where the segments lie.
        every
            Return the states after the embedding and every block; otherwise only the last.
        """
        x = embedded
        if self.positions is not None:
            x = x + self.positions(layout.positions)
        x = self.dropout(x)
        turn = self.turn(layout.positions)
        states = [x]
        for block in self.blocks:
            if self.use_checkpoint and self.training and torch.is_grad_enabled():
                x = checkpoint(block, x, turn, layout, use_reentrant=False)
            else:
                x = block(x, turn, layout)
            states = [*states, x] if every else [x]
        return [*states[:-1], self.norm(states[-1])]

    def head(self, x: Tensor) -> Tensor:
        """Return logits by the embedding matrix."""
        return nn.functional.linear(x, self.embedding.weight)

    def turn(self, positions: Tensor) -> Tensor | None:
        """Return the rotary angles' cosines and sines of some positions, (..., 2, D / 2); None with learned ones."""
        if self.positions is not None:
            return None
        return rotations(positions, self.config.n_embd // self.config.n_head // 2)

    def decode(self, tokens: Tensor, cache: Cache | None = None) -> tuple[Tensor, Cache]:
        """Return the logits after the last of some tokens, and the cache for the next call.

        Parameters
        ----------
        tokens : (B, T) int64
            New tokens of B sequences of equal length; with those before, `block_size` at most (`Network.follow`).
        cache
            From the call before; None at the beginning.

        Returns
        -------
        logits : (B, V) float32
        cache
        """
        past = 0 if cache is None else cache[0][0].shape[2]
        positions = torch.arange(past, past + tokens.shape[1], device=tokens.device)
        x = self.embedding(tokens)
        if self.positions is not None:
            x = x + self.positions(positions)
        turn = self.turn(positions)
        grown: Cache = []
        for number, block in enumerate(self.blocks):
            assert isinstance(block, Block)
            qkv = block.attention.project(block.norm1(x), turn)
            q, k, v = (part.transpose(1, 2) for part in qkv.unbind(2))
            if cache is not None:
                k, v = torch.cat([cache[number][0], k], dim=2), torch.cat([cache[number][1], v], dim=2)
            grown.append((k, v))
            # Several new tokens only ever come first; one new token sees all before it.
            out = scaled_dot_product_attention(q, k, v, is_causal=past == 0 and tokens.shape[1] > 1)
            x = block.feed(x + block.attention.out(out.transpose(1, 2).flatten(-2)))
        return self.head(self.norm(x[:, -1])).float(), grown

    # -- files ---------------------------------------------------------------------------------------------------
    def save(self, directory: str | Path) -> None:
        """Write `config.json` and `model.safetensors`."""
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        store_model(directory, FAMILY, self.config, self.state_dict())

    @classmethod
    def load(cls, directory: str | Path) -> CodonModel:
        """Return the model of a folder, ready to be used.

        Raises
        ------
        InputError
            A file is missing or damaged, an option is unknown, or a weight is missing, unknown or of another shape.
        """
        model = cls(stored_options(CodonModelConfig, directory, FAMILY))
        model.load_state_dict(stored_weights(directory, model.state_dict()))
        return model.eval()
