"""A trained network as a predictor of codons, for coding sequences of any length."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genescribe.codon.evaluation.ngram import Probabilities
from genescribe.codon.network.model import Cache, CodonModel
from genescribe.codon.sequences.row_layout import Layout
from genescribe.train.distributed import choose_device
from genescribe.train.schedule import reseed

BATCH = 8192
"""Tokens at a time."""


class Network:
    """A model that gives the distribution of each next token.

    Parameters
    ----------
    model
        Trained, or fresh as a control.
    device
        Device to compute on.
    """

    def __init__(self, model: CodonModel, device: torch.device | str = "cpu") -> None:
        self.model, self.device = model.to(device).eval(), torch.device(device)
        self.block = model.config.block_size

    @classmethod
    def load(cls, folder: str | Path, device: str = "cpu") -> Network:
        """Return the model of a folder.

        Raises
        ------
        InputError
            No such device, or no such model.
        """
        return cls(CodonModel.load(folder), choose_device(device))

    def untrained(self, seed: int = 0) -> Network:
        """Return a network of the same shape with fresh weights, the control for training."""
        reseed(seed, "weights")
        return Network(CodonModel(self.model.config), self.device)

    def predict(self, tokens: NDArray[np.uint8]) -> Probabilities:
        """Return the probabilities of tokens 1..n given those before, (n, V)."""
        return next(self.predict_many([tokens]))

    @torch.inference_mode()
    def predict_many(self, genes: Iterable[NDArray[np.uint8]]) -> Iterator[Probabilities]:
        """Yield the probabilities of each gene, in order; see `spans` for those longer than a window."""
        for probabilities in self._through(
            genes, lambda tokens, layout: self.model(tokens, layout).double().softmax(-1)
        ):
            yield probabilities[:-1]

    @torch.inference_mode()
    def states_many(self, genes: Iterable[NDArray[np.uint8]], layers: Sequence[int]) -> Iterator[NDArray[np.float32]]:
        """Yield the states of each gene's tokens after some layers, side by side, (n, layers x C).

        0 is the embedding, 1 the first block, -1 the last. A gene longer than a window is read as `spans` says.
        """

        def states(tokens: Tensor, layout: Layout) -> Tensor:
            every = self.model.hidden(self.model.embedding(tokens), layout, every=True)
            return torch.cat([every[layer] for layer in layers], dim=-1).float()

        yield from self._through(genes, states)

    def _through(
        self, genes: Iterable[NDArray[np.uint8]], compute: Callable[[Tensor, Layout], Tensor]
    ) -> Iterator[NDArray[Any]]:
        """Yield the result of `compute` on each gene's tokens, (n, ...), genes longer than a window in windows."""
        for group in groups(genes):
            cuts = [spans(len(gene), self.block) for gene in group]
            parts = [gene[start:end] for gene, cut in zip(group, cuts, strict=True) for start, _, end in cut]
            lengths = torch.tensor([len(part) for part in parts])
            row = torch.from_numpy(np.concatenate(parts).astype(np.int64)).to(self.device)
            computed = compute(row, Layout.of(lengths).to(self.device)).cpu()
            results = iter(torch.split(computed, lengths.tolist()))
            for cut in cuts:
                yield np.concatenate([next(results)[first - start :].numpy() for start, first, _ in cut])

    @torch.inference_mode()
    def follow(self, tokens: Tensor, cache: Cache | None = None) -> tuple[Tensor, Cache]:
        """Return the logits after sequences of equal length, (B, T) -> (B, V), and the cache for the next call.

        Parameters
        ----------
        tokens : (B, T) int64
            Everything so far, on the device.
        cache
            Of the call for T - 1 tokens, its rows those of `tokens`; None: compute all again.

        Notes
        -----
        The window is that of `spans`, so that a codon's probability is the same written, asked for, or scored.
        """
        count = tokens.shape[1]
        start = window_start(count, self.block)
        if cache is None or start != window_start(count - 1, self.block):
            return self.model.decode(tokens[:, start:])
        return self.model.decode(tokens[:, -1:], cache)


def spans(length: int, block: int) -> list[tuple[int, int, int]]:
    """Return windows over so many tokens: start, first token that counts, end.

    A gene that fits is one window. A longer one takes windows that move by half their size, and of each but the first
    the second half counts, so that every token has at least half a window before it.

    Examples
    --------
    >>> spans(9, 4)
    [(0, 0, 4), (2, 4, 6), (4, 6, 8), (6, 8, 9)]
    """
    step = block // 2
    windows = [(0, 0, min(length, block))]
    while windows[-1][2] < length:
        done = windows[-1][2]
        windows.append((done + step - block, done, min(length, done + step)))
    return windows


def window_start(count: int, block: int) -> int:
    """Return where the window begins that the last of `count` tokens counts in; see `spans`.

    Examples
    --------
    >>> [window_start(count, 4) for count in range(1, 10)]
    [0, 0, 0, 0, 2, 2, 4, 4, 6]
    """
    over, step = count - block, block // 2
    return 0 if over <= 0 else -(-over // step) * step


def groups(genes: Iterable[NDArray[np.uint8]], tokens: int = BATCH) -> Iterator[list[NDArray[np.uint8]]]:
    """Yield genes in order, in groups of about so many tokens."""
    group: list[NDArray[np.uint8]] = []
    for gene in genes:
        group.append(gene)
        if sum(map(len, group)) >= tokens:
            yield group
            group = []
    if group:
        yield group
