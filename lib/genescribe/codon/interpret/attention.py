"""Step 3: attention maps with codons on their axes, distances, synonyms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from genescribe.codon.interpret.biology import letters
from genescribe.codon.interpret.pictures import heat, lines
from genescribe.codon.interpret.step import Measure, Step
from genescribe.codon.network.model import Block, CodonModel
from genescribe.codon.network.predictor import Network
from genescribe.codon.sequences.prepare import Gene
from genescribe.codon.sequences.vocabulary import FIRST_CODON, TOKENS, to_tokens
from genescribe.figures.blocks import Figure

FARTHEST = 64
LONGEST = 400
MOST = 30
SHOWN = 40


@torch.inference_mode()
def attention_weights(model: CodonModel, tokens: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the attention of one coding sequence, (L, H, T, T): row t looks at columns up to t, and sums to 1.

    The mask is the model's own: causal, one coding sequence, nothing of its neighbours in a window; `tokens` are at
    most a window.
    """
    device = model.embedding.weight.device
    row = torch.from_numpy(tokens.astype(np.int64)).to(device)
    positions = torch.arange(len(row), device=device)
    x = model.embedding(row)
    if model.positions is not None:
        x = x + model.positions(positions)
    turn = model.turn(positions)
    future = torch.ones(len(row), len(row), dtype=torch.bool, device=device).triu(1)
    layers = []
    for block in model.blocks:
        assert isinstance(block, Block)
        q, k, v = block.attention.project(block.norm1(x), turn).permute(1, 2, 0, 3).unbind(0)
        weights = (q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5).masked_fill(future, float("-inf")).softmax(-1)
        layers.append(weights)
        x = block.feed(x + block.attention.out((weights @ v).transpose(0, 1).flatten(-2)))
    return torch.stack(layers).double().cpu().numpy()


def distance_profile(weights: NDArray[np.float64], farthest: int = FARTHEST) -> NDArray[np.float64]:
    """Return the mean attention at each distance back, (L, H, farthest + 1), over rows that reach so far."""
    length = weights.shape[-1]
    return np.stack(
        [
            np.diagonal(weights, -d, axis1=-2, axis2=-1)[..., farthest - d :].mean(-1)
            if length > farthest + 1
            else np.full(weights.shape[:2], np.nan)
            for d in range(farthest + 1)
        ],
        axis=-1,
    )


def attention(label: str, network: Network, untrained: Network, genes: Sequence[Gene], *, seed: int) -> Step:
    """Return how far attention looks, and whether it prefers the same codon or the same amino acid; see `Step`.

    Nulls: fresh weights, and codons permuted within the gene (the weights and their distances being kept).
    """
    longest = min(LONGEST, network.block - 1)
    reach = int(min(FARTHEST, max(2, np.median([len(gene.codons) for gene in genes]) // 2), longest - 2))
    usable = [gene for gene in genes if len(gene.codons) > reach + 2][:MOST]
    profile, shares, permuted = _looks(network.model, usable, reach, longest, seed)
    flat, fresh, _ = _looks(untrained.model, usable, reach, longest, seed)
    measures = [
        Measure(
            f"share of attention on {name}, mean of heads",
            float(shares[i].mean()),
            {"untrained": float(fresh[i].mean())} | ({"codons permuted": float(permuted[i].mean())} if i < 2 else {}),
        )
        for i, name in enumerate(("the same codon", "a synonym", "the beginning of the CDS"))
    ]
    heads = list(np.ndindex(*profile.shape[:2]))
    distance = list(range(1, reach + 1))
    panels = {
        f"block {layer + 1}": {
            f"head {head + 1}": (distance, profile[layer, head, 1:].tolist()) for head in range(profile.shape[1])
        }
        | {"untrained": (distance, flat[layer].mean(0)[1:].tolist())}
        for layer in range(len(profile))
    }
    caption = "Mean attention by distance back in codons; the distance 0 and the beginning are left out."
    return Step(
        "3_attention",
        "3 Attention",
        f"Attention of {len(usable)} test genes, each row under the mask it was trained with.",
        measures,
        {
            "heads": (
                ["block", "head", "same_codon", "synonym", "beginning"],
                [[b + 1, h + 1, *(float(shares[i, b, h]) for i in range(3))] for b, h in heads],
            ),
            "distances": (
                ["block", "head", *(f"back_{d}" for d in range(reach + 1))],
                [[b + 1, h + 1, *map(float, profile[b, h])] for b, h in heads],
            ),
        },
        [
            lines(f"{label}-distance", panels, caption, x="codons back", y="attention", logy=True),
            _map(label, network, usable[0]),
        ],
    )


def _looks(
    model: CodonModel, genes: Sequence[Gene], reach: int, longest: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return means over genes: the distance profile, (L, H, reach + 1); `_shares`, (3, L, H), also of mixed codons."""
    generator = np.random.default_rng(seed)
    profiles, shares, permuted = [], [], []
    for gene in genes:
        tokens = to_tokens(gene.codons[:longest], end=False)
        weights = attention_weights(model, tokens)
        profiles.append(distance_profile(weights, reach))
        shares.append(_shares(weights, tokens, gene.table))
        mixed = np.append(tokens[:1], generator.permutation(tokens[1:]))
        permuted.append(_shares(weights, mixed, gene.table))
    profile, observed, null = (np.asarray(np.mean(rows, axis=0)) for rows in (profiles, shares, permuted))
    return profile, observed, null


def _shares(weights: NDArray[np.float64], tokens: NDArray[np.uint8], table: int) -> NDArray[np.float64]:
    """Return, for each head, the mean attention on earlier equal codons, earlier synonyms, and `<BOS_CDS>`."""
    codons = tokens[1:].astype(np.int64) - FIRST_CODON
    amino_acids = letters(table)[codons]
    rows = weights[..., 1:, 1:]
    earlier = np.tril(np.ones(rows.shape[-2:], dtype=bool), -1)
    equal = (codons[:, None] == codons[None, :]) & earlier
    alike = (amino_acids[:, None] == amino_acids[None, :]) & earlier & ~equal
    parts = [(rows * member).sum(-1).mean(-1) for member in (equal, alike)]
    return np.stack([*parts, weights[..., 1:, 0].mean(-1)])


def _map(label: str, network: Network, gene: Gene) -> Figure:
    tokens = to_tokens(gene.codons[: min(SHOWN, network.block) - 1], end=False)
    weights = attention_weights(network.model, tokens)
    middle = weights.mean(axis=(0, 1))
    middle[np.triu_indices(len(tokens), 1)] = np.nan
    amino_acids = letters(gene.table)
    names = [TOKENS[tokens[0]], *(f"{TOKENS[t]} {chr(amino_acids[t - FIRST_CODON])}" for t in tokens[1:])]
    caption = f"Attention at the beginning of {gene.id} ({gene.product or 'no product named'}), mean of all heads."
    return heat(
        f"{label}-attention", np.sqrt(middle), names, names, caption, label="square root of attention", height=5.6
    )
