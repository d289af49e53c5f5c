"""Learn the weights of evidence by the likelihood of annotated genes, given evidence complete, thinned or false.

The model stays as it is; what is learned are the log odds of `segment.support.features`. Windows of training genes
are read once; each time one is used, its evidence is drawn anew: all of it, a share of the reads, some false introns.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from genescribe.crf.head import SemiCRF
from genescribe.data.runs import IGNORE, Runs, labels_from_runs
from genescribe.evidence.table import INTRON, RNA, EvidenceTable, Rows
from genescribe.genome.alphabet import unmasked
from genescribe.genome.fasta import Genome
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.intervals import union
from genescribe.genome.model import Gene, Interval, mirror, shifted
from genescribe.genome.strand import GenomeStrand
from genescribe.kernels.semicrf.dispatch import log_partition
from genescribe.kernels.semicrf.potentials import Potentials
from genescribe.labels.gene import GeneScheme
from genescribe.labels.gene_labels import NAMES, UTR5
from genescribe.labels.grammar import representative
from genescribe.segment.network.model import SegmentModel
from genescribe.segment.prediction.predictor import SegmentPredictor, grain_of
from genescribe.segment.support.features import SLOTS, strand_evidence
from genescribe.segment.support.strand import PLAIN, SupportedStrand

FLANK, LONGEST = 1_500, 30_000
"""Bases beside a gene that its window holds, and the longest window."""
THINNED = (1.0, 1.0, 0.3, 0.1, 0.03, 0.01)
"""Shares of the reads that a window may keep, each as often as another."""
FALSE = 0.5
"""False introns that a window gets, in the mean, each of one read or a few."""
ALONE = 0.6
"""How often a window with evidence of several sources gets that of one of them."""
IMPLAUSIBLE = 50.0
"""Windows whose labels are less likely than exp(-this) are left out: the model cannot read such a gene, or the gene is
wrong, and one of them would count as much as all others."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FitWindow:
    """A stretch of a strand with its scores, its labels and its evidence.

    Attributes
    ----------
    strand
        Bases of the window.
    potentials
        Scores of the model, without evidence.
    runs
        Labels; `IGNORE` where nothing is known.
    rows
        Evidence, in the coordinates of the sequence, less introns of a gene's other isoforms: they are not wrong.
    depths
        By the share of the reads that is kept, `EvidenceTable.depths` of the genome.
    model, temperature
        Model that scored the window, and the divisor of its scores.
    """

    strand: GenomeStrand
    potentials: Potentials
    runs: Runs
    rows: Rows
    depths: Mapping[float, NDArray[np.float64]]
    model: SegmentModel
    temperature: float


def fit_windows(
    model: SegmentModel,
    genome: Genome,
    genes: Sequence[Gene],
    table: EvidenceTable,
    regions: Sequence[tuple[str, int, int]],
    temperature: float = 1.0,
) -> list[FitWindow]:
    """Return windows of the genes of some regions, on both strands.

    Parameters
    ----------
    model
        With the parameters of this genome.
    genome
        Sequences of the genome.
    genes
        Genes of the annotation.
    table
        Evidence of the genome.
    regions
        Sequence, start and end.
    temperature
        Divisor of the model's scores.
    """
    predictor = SegmentPredictor(model, temperature)
    rng = np.random.default_rng(0)
    depths = {
        share: EvidenceTable(table.seqids, thinned(np.array(table.rows), share, rng)).depths() for share in set(THINNED)
    }
    table = _without_other_isoforms(table, genes)
    windows = []
    for seqid, low, high in regions:
        for sign in "+-":
            inside = [g for g in genes if g.seqid == seqid and g.strand == sign and low <= g.start and g.end <= high]
            for start, end in _spans(inside, genes, seqid, sign, (low, high)):
                windows.append(_window(predictor, genome, inside, table, depths, (seqid, start, end, sign)))
    return windows


def _spans(inside: Sequence[Gene], genes: Sequence[Gene], seqid: str, sign: str, bounds: Interval) -> list[Interval]:
    """Return stretches around genes whose ends lie between genes."""
    all_spans = union((g.start - 1, g.end + 1) for g in genes if g.seqid == seqid and g.strand == sign)
    spans = []
    for start, end in union((g.start, g.end) for g in inside):
        before = max((b for _, b in all_spans if b <= start), default=bounds[0])
        after = min((a for a, _ in all_spans if a >= end), default=bounds[1])
        low, high = max(bounds[0], before, start - FLANK), min(bounds[1], after, end + FLANK)
        if high - low <= LONGEST:
            spans.append((low, high))
    return spans


def _window(
    predictor: SegmentPredictor,
    genome: Genome,
    genes: Sequence[Gene],
    table: EvidenceTable,
    depths: Mapping[float, NDArray[np.float64]],
    place: tuple[str, int, int, str],
) -> FitWindow:
    seqid, start, end, sign = place
    model, scheme = predictor.model, predictor.model.scheme
    assert isinstance(scheme, GeneScheme)
    strand, length = GenomeStrand(genome, *place), end - start
    codes = strand[0:length]
    moved = [shifted(gene, -start) for gene in genes if start <= gene.start and gene.end <= end]
    moved = [gene if sign == "+" else mirror(gene, length) for gene in moved]
    if NAMES[UTR5] in model.config.closed:
        # As a model reads genes that has no labels for UTRs.
        moved = [
            replace(g, transcripts=tuple(replace(t, exons=t.cds or t.exons) for t in g.transcripts)) for g in moved
        ]
    code = GeneticCode.from_table(model.config.genetic_code)
    faults = {
        gene.id: reason
        for gene in moved
        for transcript in gene.transcripts
        if transcript.cds and (reason := scheme.fault(transcript, unmasked(codes), code)) is not None
    }
    runs = scheme.encode(moved, length, doubtful=faults, codes=unmasked(codes)).runs
    # With what lies around it, as prediction reads it.
    halo = model.config.halo
    low, high = max(0, start - halo), min(genome.lengths[seqid], end + halo)
    wide = GenomeStrand(genome, seqid, low, high, sign)
    rows = np.concatenate(
        [
            predictor.read(wide, at, min(at + grain_of(model.config), len(wide)))
            for at in range(0, len(wide), grain_of(model.config))
        ]
    )
    offset = start - low if sign == "+" else high - end
    with torch.no_grad():
        potentials = predictor.potentials(strand, rows[offset : offset + length], 0, length)
    return FitWindow(
        strand, potentials, runs, np.array(table.on(seqid, start, end)), depths, model, predictor.temperature
    )


def drawn(window: FitWindow, rng: np.random.Generator) -> tuple[Rows, NDArray[np.float64]]:
    """Return the evidence of a window as a use of it has it, reads thinned and false introns added, and depths."""
    share = float(rng.choice(THINNED))
    rows = window.rows
    if len(set(rows["source"].tolist())) > 1 and rng.random() < ALONE:
        rows = rows[rows["source"] == rng.choice(np.unique(rows["source"]))]
    rows = thinned(rows, share, rng)
    return np.concatenate([rows, _false(window, rng)]), window.depths[share]


def thinned(rows: Rows, share: float, rng: np.random.Generator) -> Rows:
    """Return rows with a share of their reads, and of the other evidence.

    Parameters
    ----------
    rows
        Rows of evidence, not changed.
    share
        Share to keep, 0..1.
    rng
        Random generator.
    """
    rows = rows.copy()
    if share < 1:
        rna = rows["source"] == RNA
        reads = rng.binomial(np.maximum(rows["weight"][rna], 1).astype(np.int64), share)
        rows["weight"][rna] = reads
        others = ~rna & (rng.random(len(rows)) < share)
        rows = rows[(rna & (rows["weight"] > 0)) | others]
    return rows


def _without_other_isoforms(table: EvidenceTable, genes: Sequence[Gene]) -> EvidenceTable:
    """Return evidence without the introns of isoforms that are not those whose labels are learned."""
    chosen, others = set[tuple[str, int, int]](), set[tuple[str, int, int]]()
    for gene in genes:
        label = representative(gene)
        for transcript in gene.transcripts:
            introns = {(gene.seqid, *intron) for intron in transcript.introns}
            (chosen if transcript == label else others).update(introns)
    others -= chosen
    places = zip(table.rows["seqid"].tolist(), table.rows["start"].tolist(), table.rows["end"].tolist(), strict=True)
    kept = np.array([(table.seqids[seqid], start, end) not in others for seqid, start, end in places], dtype=bool)
    return EvidenceTable(table.seqids, table.rows[kept | (table.rows["kind"] != INTRON)], table.proteins)


def _false(window: FitWindow, rng: np.random.Generator) -> Rows:
    """Return introns at random pairs of sites, of a read or a few: errors of mapping."""
    codes = unmasked(window.strand[0 : len(window.strand)])
    word = codes[:-1].astype(np.int64) * 5 + codes[1:]
    first, last = np.flatnonzero(word == 2 * 5 + 3), np.flatnonzero(word == 2) + 2
    _, start, end, sign = window.strand.place
    rows = np.zeros(int(rng.poisson(FALSE)), dtype=window.rows.dtype)
    for row in rows:
        a = int(rng.choice(first)) if len(first) else 0
        near = last[(last > a + 40) & (last < a + 5_000)]
        if not len(near):
            continue
        b = int(rng.choice(near))
        row["start"], row["end"] = (start + a, start + b) if sign == "+" else (end - b, end - a)
        row["kind"], row["source"], row["strand"], row["protein"] = INTRON, RNA, 1 if sign == "+" else -1, -1
        row["weight"] = rng.geometric(0.6)
    return rows[rows["end"] > 0]


def window_loss(window: FitWindow, rows: Rows, depths: NDArray[np.float64], weights: Tensor) -> Tensor | None:
    """Return the negative log likelihood of a window's labels given its evidence; None where there is none.

    The labels of introns are those of the genes, whether by a lane or without evidence.

    Parameters
    ----------
    window
        A labelled window with its scores.
    rows
        Rows of evidence on the window.
    depths : (sources,) float64
        Usual number of reads of each source.
    weights
        Learned weights, (slots,), differentiable.
    """
    _, start, end, sign = window.strand.place
    stops = GeneticCode.from_table(window.model.config.genetic_code).always_stop[:64]
    evidence = strand_evidence(rows, start, end, sign, window.strand, stops, depths)
    if not len(evidence):
        return None
    assert isinstance(window.model.crf, SemiCRF)
    supported = SupportedStrand(window.model.crf, evidence, weights)
    p = supported.grown(window.potentials, 0).tempered(window.temperature)
    agreeing = torch.from_numpy(_agreeing(window.runs, supported, p.content.shape[2]))
    constrained = replace(p, content=p.content.masked_fill(~agreeing[None], -torch.inf))
    backend = window.model.config.backend
    return (log_partition(p, backend) - log_partition(constrained, backend))[0]


def _agreeing(runs: Runs, supported: SupportedStrand, labels: int) -> NDArray[np.bool_]:
    """Return which labels each base may have, (n, labels)."""
    table = np.zeros((PLAIN + 1, labels), dtype=bool)
    for label in range(PLAIN):
        table[label, [label, *(copy for copy in supported.copies_of(label) if copy < labels)]] = True
    table[IGNORE] = True
    result: NDArray[np.bool_] = table[labels_from_runs(runs)]
    return result


def fit_support(
    windows: Sequence[FitWindow],
    *,
    passes: int = 4,
    batch: int = 16,
    rate: float = 0.15,
    shrink: float = 2.0,
    seed: int = 0,
    initial: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Return the weights that make the labels of the windows likely.

    Parameters
    ----------
    windows
        Windows of genes with their evidence.
    passes, batch, rate
        Of Adam, over the windows; the rate falls to a tenth.
    shrink
        A normal prior: half the sum of the squares of the log odds, times this, is added to the loss of all windows.
        Log odds are weights divided by the temperature.
    seed
        Of the order of windows and of the evidence that each gets.
    initial
        Weights to begin with; None: zeros.
    """
    rng = np.random.default_rng(seed)
    weights = torch.zeros(len(SLOTS), dtype=torch.float64) if initial is None else torch.from_numpy(initial.copy())
    weights.requires_grad_(True)
    optimiser = torch.optim.Adam([weights], lr=rate, betas=(0.9, 0.98))
    steps = passes * -(-len(windows) // batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps, rate / 10)
    bar = tqdm(total=steps, desc="evidence", disable=None)
    for _ in range(passes):
        total, left_out, order = 0.0, 0, rng.permutation(len(windows))
        for start in range(0, len(order), batch):
            optimiser.zero_grad()
            log_odds = weights / windows[0].temperature
            torch.autograd.backward(0.5 * shrink * batch / len(windows) * log_odds.square().sum())
            for index in order[start : start + batch].tolist():
                window = windows[index]
                loss = window_loss(window, *drawn(window, rng), weights)
                if loss is None:
                    continue
                if not float(loss.detach()) < IMPLAUSIBLE:
                    left_out += 1
                    continue
                torch.autograd.backward(loss)
                total += float(loss.detach())
            optimiser.step()
            schedule.step()
            bar.update()
        _log.info("%.4f nats per window; %d too unlikely", total / max(len(windows), 1), left_out)
    bar.close()
    return weights.detach().numpy()
