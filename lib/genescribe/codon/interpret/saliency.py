"""Step 5: the codons that a gene's score depends on, by integrated gradients, and motifs among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import fisher_exact
from tqdm import tqdm

from genescribe.codon.interpret.biology import letters
from genescribe.codon.interpret.pictures import lines
from genescribe.codon.interpret.step import Measure, Step
from genescribe.codon.network.predictor import Network
from genescribe.codon.sequences.prepare import Gene
from genescribe.codon.sequences.row_layout import Layout
from genescribe.codon.sequences.vocabulary import CODONS, FIRST_CODON, PAD, to_tokens
from genescribe.errors import InputError

STEPS = 16
FARTHEST = 40
LONGEST = 256


@dataclass(frozen=True)
class Attribution:
    """The codons that one prediction depends on.

    Attributes
    ----------
    tokens : (T,) uint8
        The coding sequence up to the codon before the predicted one.
    values : (T,) float64
        Contribution of each token to the log probability of the next codon.
    gap
        How far the contributions' sum is from the change that they explain, as a share of it: the error of `STEPS`
        steps in place of the integral.
    """

    tokens: NDArray[np.uint8]
    values: NDArray[np.float64]
    gap: float


def attribute(network: Network, tokens: NDArray[np.uint8], target: int, *, steps: int = STEPS) -> Attribution:
    """Return integrated gradients of one next-token log probability (Sundararajan et al. 2017, arXiv:1703.01365).

    The path leads from the vector of `<PAD>` at every place, which the model was never shown, to the codons' vectors.

    Parameters
    ----------
    network
        The codon model.
    tokens : (T,)
        From `<BOS_CDS>` on.
    target
        Token whose probability after the last of `tokens` is explained.
    steps
        Points of the path, at the middles of equal parts.
    """
    model = network.model
    row = torch.from_numpy(tokens.astype(np.int64)).to(network.device)
    with torch.no_grad():
        there, start = model.embedding(row), model.embedding(torch.full_like(row, PAD))
    shares = (torch.arange(steps, device=network.device) + 0.5) / steps
    points = (start + shares[:, None, None] * (there - start)).requires_grad_()
    layout = Layout.of(torch.full((steps,), len(tokens))).to(network.device)
    states = model.hidden(points.flatten(0, 1), layout)[-1].reshape(steps, len(tokens), -1)[:, -1]
    logs = model.head(states).float().log_softmax(-1)[:, target]
    gradient = torch.autograd.grad(logs.sum(), points)[0]
    values = (gradient.mean(0) * (there - start)).sum(-1).double().cpu().numpy()
    with torch.no_grad():
        ends = torch.cat([there, start])
        both = model.hidden(ends, Layout.of(torch.tensor([len(row)] * 2)).to(network.device))[-1]
        full, empty = model.head(both[[len(row) - 1, 2 * len(row) - 1]]).float().log_softmax(-1)[:, target].tolist()
    explained = full - empty
    return Attribution(tokens, values, abs(float(values.sum()) - explained) / max(abs(explained), 1e-6))


def saliency(
    label: str, network: Network, untrained: Network, genes: Sequence[Gene], *, window: int, top: int, seed: int
) -> Step:
    """Return attributions by distance, for codons in many genes, and motifs in the windows of highest saliency.

    Nulls: fresh weights; for motifs, the same number of windows at random places of the same genes.

    Parameters
    ----------
    label
        In front of the names of figures.
    network, untrained
        The model, and the same network with fresh weights.
    genes
        Test genes to choose from.
    window
        Codons of a window.
    top
        Number of windows of highest saliency to search for motifs.
    seed
        Seed of the predicted codons and of the background windows.
    """
    generator = np.random.default_rng(seed)
    if network.block < FARTHEST + 6:
        raise InputError(
            f"windows of {network.block} tokens",
            where="model.block_size",
            remedy=f"saliency looks {FARTHEST} codons back: train with {FARTHEST + 6} or more",
        )
    if not 1 <= window <= FARTHEST:
        raise InputError(f"is {window}", where="saliency_window", remedy=f"give 1 to {FARTHEST} codons")
    usable = [gene for gene in genes if len(gene.codons) > FARTHEST + 4]
    if not usable:
        problem = f"no test gene has more than {FARTHEST + 4} codons"
        raise InputError(problem, where="saliency", remedy="give longer test genes")
    trained, fresh = [], []
    for gene in tqdm(usable, "saliency", disable=None, unit="CDS"):
        tokens = to_tokens(gene.codons[: min(LONGEST, network.block - 1)], end=False)
        place = int(generator.integers(FARTHEST + 2, len(tokens)))
        chosen = (tokens[:place], int(tokens[place]))
        trained.append((gene, attribute(network, *chosen)))
        fresh.append(attribute(untrained, *chosen, steps=4))
    profile = _profile([attribution for _, attribution in trained])
    flat = _profile(fresh)
    salient, background = _windows(trained, window, top, generator)
    motifs = enriched(salient, background)
    random_hits = [_hits(enriched(*_halves(background, generator))) for _ in range(5)]
    measures = [
        Measure("share of absolute attribution on the last three codons", _near(profile), {"untrained": _near(flat)}),
        Measure(
            "enriched codons and pairs in windows of high saliency (FDR 5%)",
            float(_hits(motifs)),
            {"random windows": float(np.mean(random_hits))},
        ),
        Measure("gap of completeness, median", float(np.median([attribution.gap for _, attribution in trained])), {}),
    ]
    text = (
        f"Integrated gradients ({STEPS} steps) of one prediction in each of {len(trained)} genes; motifs are codons "
        f"and pairs of codons over-represented in the {len(salient)} windows of {window} codons with the highest mean "
        "saliency, one to three per gene, against windows at random places of the same genes."
    )
    return _step(label, text, measures, (profile, flat), motifs, salient)


def _step(
    label: str,
    text: str,
    measures: list[Measure],
    profiles: tuple[NDArray[np.float64], NDArray[np.float64]],
    motifs: list[list[str | float | int]],
    windows: Sequence[Window],
) -> Step:
    """Return the step: attribution by distance with and without training, motifs and windows as tables."""
    profile, flat = profiles
    back = list(range(1, FARTHEST + 1))
    return Step(
        "5_saliency",
        "5 Saliency and motifs",
        text,
        measures,
        {
            "distance": (
                ["codons_back", "trained", "untrained"],
                [[d, float(profile[d - 1]), float(flat[d - 1])] for d in back],
            ),
            "motifs": (["motif", "amino_acids", "in_windows", "in_background", "log2_ratio", "p", "fdr"], motifs[:200]),
            "windows": (
                ["genome", "id", "codon", "saliency", "dna"],
                [[*row[:4], "".join(CODONS[c] for c in row[4])] for row in windows],
            ),
        },
        [
            lines(
                f"{label}-saliency",
                {"": {"trained": (back, profile.tolist()), "untrained": (back, flat.tolist())}},
                "Share of the absolute attribution by distance back from the predicted codon.",
                x="codons back",
                y="share of attribution",
                logx=True,
                logy=True,
            )
        ],
    )


Window = tuple[str, str, int, float, NDArray[np.uint8]]
"""Genome, gene, first codon (from 1), mean saliency, codons."""


def _near(profile: NDArray[np.float64]) -> float:
    return float(profile[:3].sum() / profile.sum())


def _hits(motifs: Sequence[Sequence[str | float | int]]) -> int:
    return sum(float(row[-1]) < 0.05 for row in motifs)


def _profile(attributions: Sequence[Attribution]) -> NDArray[np.float64]:
    """Return the mean share of absolute attribution 1, 2, ... codons back."""
    rows = []
    for attribution in attributions:
        sizes = np.abs(attribution.values)
        rows.append((sizes / max(sizes.sum(), 1e-12))[::-1][:FARTHEST])
    return np.asarray(np.mean(rows, axis=0))


def _windows(
    attributions: Sequence[tuple[Gene, Attribution]], window: int, top: int, generator: np.random.Generator
) -> tuple[list[Window], list[Window]]:
    """Return windows of high saliency, at most three per gene and apart, and as many at random places of those genes.

    Saliency is divided by its mean at the same distance, so that nearness alone makes no window.
    """
    expected = np.append(_profile([attribution for _, attribution in attributions]), 0.0)
    expected[-1] = expected[-2]
    every: list[Window] = []
    random: list[Window] = []
    for gene, attribution in attributions:
        sizes = np.abs(attribution.values)[1:]
        sizes = sizes / max(sizes.sum(), 1e-12)
        back = np.minimum(np.arange(len(sizes), 0, -1), FARTHEST + 1) - 1
        relative = np.convolve(sizes / expected[back], np.ones(window) / window, mode="valid")
        codons = attribution.tokens[1:] - FIRST_CODON
        starts: list[int] = []
        for start in np.argsort(-relative, kind="stable").tolist():
            if len(starts) == 3:
                break
            if all(abs(start - earlier) >= window for earlier in starts):
                starts.append(start)
                cut = codons[start : start + window]
                every.append((gene.genome, gene.id, start + 1, float(relative[start]), cut))
        for _ in range(8 * len(starts)):
            start = int(generator.integers(0, len(relative)))
            random.append((gene.genome, gene.id, start + 1, float(relative[start]), codons[start : start + window]))
    every.sort(key=lambda row: (-row[3], row[0], row[1], row[2]))
    salient = every[:top]
    genes = {(row[0], row[1]) for row in salient}
    return salient, [row for row in random if (row[0], row[1]) in genes]


def enriched(salient: Sequence[Window], background: Sequence[Window]) -> list[list[str | float | int]]:
    """Return codons and neighbouring pairs that more windows hold than background windows do, the surest first.

    One-sided Fisher tests on windows; false discovery rates after Benjamini and Hochberg (1995).
    """
    inside, outside = (_holders([row[4] for row in some]) for some in (salient, background))
    amino_acids = letters()
    rows: list[list[str | float | int]] = []
    for motif, count in inside.items():
        background_count = outside.get(motif, 0)
        if count < 3:
            continue
        table = [[count, len(salient) - count], [background_count, len(background) - background_count]]
        p = float(fisher_exact(table, alternative="greater").pvalue)
        ratio = float(
            np.log2((count + 0.5) / (len(salient) + 1)) - np.log2((background_count + 0.5) / (len(background) + 1))
        )
        name = "-".join(CODONS[c] for c in motif)
        rows.append([name, "".join(chr(amino_acids[c]) for c in motif), count, background_count, ratio, p])
    rows.sort(key=lambda row: (row[5], row[0]))
    rate = 1.0
    for rank in range(len(rows), 0, -1):
        rate = min(rate, float(rows[rank - 1][5]) * len(rows) / rank)
        rows[rank - 1].append(rate)
    return rows


def _holders(windows: Sequence[NDArray[np.uint8]]) -> dict[tuple[int, ...], int]:
    """Return in how many windows each codon and each pair of neighbouring codons occurs."""
    counts: dict[tuple[int, ...], int] = {}
    for window in windows:
        codons = [int(c) for c in window]
        for motif in {(c,) for c in codons} | set(pairwise(codons)):
            counts[motif] = counts.get(motif, 0) + 1
    return counts


def _halves(windows: Sequence[Window], generator: np.random.Generator) -> tuple[list[Window], list[Window]]:
    """Return an eighth of some windows, and the others: a null for enrichment."""
    order = generator.permutation(len(windows)).tolist()
    cut = len(order) // 9
    return [windows[i] for i in order[:cut]], [windows[i] for i in order[cut:]]
