"""A trained network as a predictor of codons, over coding sequences of any length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from genescribe.codon.layout import Layout
from genescribe.codon.model import CodonModel
from genescribe.codon.ngram import Probabilities
from genescribe.train.distributed import named_device
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
        Where to compute.
    """

    def __init__(self, model: CodonModel, device: torch.device | str = "cpu") -> None:
        self.model, self.device = model.to(device).eval(), torch.device(device)
        self.block = model.config.block_size

    @classmethod
    def load(cls, folder: str | Path, device: torch.device | str = "cpu") -> Network:
        """Return the model of a folder."""
        return cls(CodonModel.load(folder), named_device(str(device)))

    def untrained(self, seed: int = 0) -> Network:
        """Return a network of the same shape with fresh weights: the control of what training adds."""
        reseed(seed, "weights")
        return Network(CodonModel(self.model.config), self.device)

    def predict(self, tokens: NDArray[np.uint8]) -> Probabilities:
        """Return the probabilities of tokens 1..n given those before, (n, V)."""
        return next(self.predict_many([tokens]))

    @torch.inference_mode()
    def predict_many(self, genes: Iterable[NDArray[np.uint8]]) -> Iterator[Probabilities]:
        """Yield the probabilities of each gene, in order; see `spans` for those longer than a window."""
        for group in groups(genes):
            pieces = [
                (gene[start:end], start, first) for gene in group for start, first, end in spans(len(gene), self.block)
            ]
            lengths = torch.tensor([len(piece) for piece, _, _ in pieces])
            row = torch.from_numpy(np.concatenate([piece for piece, _, _ in pieces]).astype(np.int64))
            logits = self.model(row.to(self.device), Layout.of(lengths).to(self.device))
            probabilities = logits.double().softmax(-1).cpu().split(lengths.tolist())
            kept = [
                part[first - start :].numpy() for part, (_, start, first) in zip(probabilities, pieces, strict=True)
            ]
            place = 0
            for gene in group:
                count = len(spans(len(gene), self.block))
                yield np.concatenate(kept[place : place + count])[: len(gene) - 1]
                place += count


def spans(length: int, block: int) -> list[tuple[int, int, int]]:
    """Return windows over so many tokens: start, first token that counts, end.

    A gene that fits is one window. A longer one takes windows that move by half their size, and of each but the first
    the second half counts, so that every token has at least half a window before it.

    Examples
    --------
    >>> spans(10, 4)
    [(0, 0, 4), (2, 4, 6), (4, 6, 8), (6, 8, 10)]
    """
    found = [(0, 0, min(length, block))]
    step = block // 2
    while found[-1][2] < length:
        done = found[-1][2]
        end = min(length, done + step)
        found.append((max(0, end - block), done, end))
    return found


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
