"""Fit the simulator to a real genome and its annotation."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from genescribe.errors import InputError
from genescribe.genome.alphabet import SOFTMASK, Codes, encode, reverse_complement
from genescribe.genome.model import Gene, Transcript
from genescribe.labels.grammar import representative
from genescribe.simulate.branch import fit_branch
from genescribe.simulate.chains import fit_chain
from genescribe.simulate.codons import EXON_SIDE, STOPS, CodonModel, number
from genescribe.simulate.lengths import LengthModel, fit_lengths
from genescribe.simulate.models import (
    AssumedUtrs,
    GeneModel,
    Sequences,
    gene_models,
    spaces,
    with_utrs,
)
from genescribe.simulate.parameters import (
    ACCEPTOR,
    DONOR,
    KOZAK,
    SHORTEST,
    Chains,
    Isoforms,
    Lengths,
    Repeats,
    Signals,
    SimulationParameters,
    Structure,
)
from genescribe.simulate.signals import Matrix, fit_matrix

LONGEST_HEAD = 1000
_FEWEST = 50
_MASKED = 0.005
_STAND_INS = {"utr_intron": "intron", "internal": "initial"}
"""Kinds of segment that some annotations hardly have, and whose lengths they take then."""
_ASSUMED_REPEATS = Repeats(
    fraction=0.1,
    families=12,
    lengths=LengthModel(minimum=30, head=1000, components=((1.0, 5.5, 0.8),), tail_mass=0.0, tail_mean=1.0),
    divergence=0.1,
)


def fit(
    sequences: Sequences, genes: list[Gene], name: str, source: str, assumed: AssumedUtrs | None = None
) -> SimulationParameters:
    """Fit all parameters of the simulator.

    Parameters
    ----------
    sequences
        Base codes of the genome by sequence.
    genes
        Its annotation, non-coding genes included: they bound the space between genes.
    name
        Name of the parameter set.
    source
        Species, assembly and annotation, for the provenance.
    assumed
        UTR lengths to assume where the annotation has no UTRs.

    Raises
    ------
    InputError
        Fewer than 50 genes that the simulator could write, or too few introns or UTRs.
    """
    if assumed is not None:
        genes = with_utrs(genes, sequences.lengths, assumed)
    models = list(gene_models(sequences, genes))
    if len(models) < _FEWEST:
        raise InputError(
            f"{len(models)} genes that the simulator could write",
            where=f"parameters {name}",
            remedy=f"give at least {_FEWEST} coding genes with start, stop and G[TC]-AG introns",
        )
    coding = sum(representative(gene, complete=True) is not None for gene in genes)
    repeats, masked = _repeats(sequences, genes)
    lengths = _lengths(models, [end - start for _, start, end in spaces(genes)])
    provenance = {
        "genome": source,
        "fitted_from": f"{len(models)} of {coding} coding genes",
        "utr_lengths": "annotated" if assumed is None else f"assumed: {assumed.source}",
        "repeats": "softmasked runs between genes; families and divergence assumed" if masked else "assumed",
    }
    return SimulationParameters(
        name=name,
        provenance=provenance,
        lengths=lengths,
        chains=_chains(sequences, genes, models),
        codons=_codons(models),
        signals=_signals(models, min(lengths.intron.minimum, lengths.utr_intron.minimum)),
        structure=_structure(models),
        isoforms=_isoforms(genes),
        repeats=repeats,
    )


def _lengths(models: list[GeneModel], between: list[int]) -> Lengths:
    observed: dict[str, list[int]] = {kind: [] for kind in SHORTEST}
    observed["intergenic"] = between
    for model in models:
        for kind, start, end in model.coding:
            observed[kind].append(end - start)
        for (start, end), coding in model.introns:
            observed["intron" if coding else "utr_intron"].append(end - start)
        observed["utr5"] += [end - start for start, end in model.utr(5)]
        tail = model.utr(3)
        if len(tail) == 1:
            observed["utr3"].append(tail[0][1] - tail[0][0])
    for kind, stand_in in _STAND_INS.items():
        if len(observed[kind]) < _FEWEST:
            observed[kind] = observed[stand_in]
    for kind, values in observed.items():
        if len(values) < _FEWEST:
            raise InputError(
                f"{len(values)} lengths of {kind}", where="the annotation", remedy="give a larger one, or assume UTRs"
            )
    shortest = dict(SHORTEST)
    for kind in ("intron", "utr_intron"):
        usual = int(np.quantile([v for v in observed[kind] if v >= SHORTEST[kind]], 0.01))
        shortest[kind] = max(SHORTEST[kind], usual)
    return Lengths(**{k: fit_lengths(np.array(v), shortest[k], LONGEST_HEAD) for k, v in observed.items()})


def _chains(sequences: Sequences, genes: list[Gene], models: list[GeneModel]) -> Chains:
    between: list[Codes] = []
    for seqid, start, end in spaces(genes):
        piece = sequences.codes(seqid, start, end)
        between += [piece, reverse_complement(piece)]
    introns = [m.codes[a + DONOR : b - ACCEPTOR] for m in models for (a, b), _ in m.introns]
    return Chains(
        intergenic=fit_chain(between),
        intron=fit_chain(introns),
        utr5=fit_chain([m.codes[a:b] for m in models for a, b in m.utr(5)]),
        utr3=fit_chain([m.codes[a:b] for m in models for a, b in m.utr(3)]),
    )


def _codons(models: list[GeneModel]) -> CodonModel:
    usage, stops = np.full(64, 0.5), Counter[str]()
    phases, contexts, words = [], [], []
    for model in models:
        coding = np.concatenate([model.codes[a:b] for a, b in model.cds])
        codons = coding.reshape(-1, 3).astype(np.int64) @ np.array([16, 4, 1])
        usage += np.bincount(codons[1:-1], minlength=64)
        stops["ACGT"[codons[-1] // 16] + "ACGT"[codons[-1] // 4 % 4] + "ACGT"[codons[-1] % 4]] += 1
        before = 0
        for start, end in model.cds[:-1]:
            before += end - start
            phases.append(before % 3)
            contexts.append(number(model.codes[end - EXON_SIDE - 2 : end - EXON_SIDE]))
            words.append(number(model.codes[end - EXON_SIDE : end]))
    usage[[number(encode(stop)) for stop in STOPS]] = 0.0
    flat = CodonModel(
        tuple(float(f"{x:.4g}") for x in 1e3 * usage / usage.sum()),
        (stops["TAA"] + 0.5, stops["TAG"] + 0.5, stops["TGA"] + 0.5),
        ((1.0,) * 4,) * EXON_SIDE,
    )
    weights = _donor_weights(flat, np.array(phases), np.array(contexts), np.array(words))
    return replace(flat, donor_weights=weights)


def _donor_weights(
    model: CodonModel, phases: NDArray[np.int64], contexts: NDArray[np.int64], words: NDArray[np.int64]
) -> Matrix:
    """Return weights under which the expected composition before donors is the observed one (iterative scaling)."""
    digits = np.stack([np.arange(64) // 16, np.arange(64) // 4 % 4, np.arange(64) % 4])
    observed = np.stack([np.bincount(column[words], minlength=4) + 0.5 for column in digits]) / (len(words) + 2)
    weights = np.ones((EXON_SIDE, 4))
    for _ in range(30):
        rows = tuple(tuple(float(x) for x in row) for row in weights)
        expected = replace(model, donor_weights=rows).donor_tables[0][phases, contexts].mean(axis=0)  # type: ignore[arg-type]
        for position, column in enumerate(digits):
            weights[position] *= observed[position] / np.bincount(column, weights=expected, minlength=4)
    scaled = weights / weights.max(axis=1, keepdims=True)
    return tuple(tuple(round(float(x), 4) for x in row) for row in scaled)  # type: ignore[misc]


def _signals(models: list[GeneModel], shortest_intron: int) -> Signals:
    # Both kinds of intron share their signals.
    introns = [(m.codes, a, b) for m in models for (a, b), _ in m.introns if b - a >= shortest_intron]
    starts = [(m.codes, m.isoform.coding[0]) for m in models if m.isoform.coding[0] >= KOZAK]
    donors = np.stack([codes[a : a + DONOR] for codes, a, _ in introns])
    acceptors = np.stack([codes[b - ACCEPTOR : b] for codes, _, b in introns])
    matrix = fit_matrix(donors)
    thymine = round(float((donors[:, 1] == 3).mean()), 4)
    return Signals(
        kozak=fit_matrix(np.stack([codes[a - KOZAK : a] for codes, a in starts])),
        donor=((0.0, 0.0, 1.0, 0.0), (0.0, round(1 - thymine, 4), 0.0, thymine), *matrix[2:]),
        acceptor=(*fit_matrix(acceptors)[:-2], (1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0)),
        branch=fit_branch([codes[a:b] for codes, a, b in introns], shortest_intron),
    )


def _structure(models: list[GeneModel]) -> Structure:
    coding = [len(model.cds) for model in models]
    split = sum(n > 1 for n in coding)
    internal = sum(n - 2 for n in coding if n > 1)
    with_utr5 = [model for model in models if model.utr(5)]
    utr_introns = sum(len(model.utr(5)) - 1 for model in with_utr5)
    return Structure(
        single=round(1 - split / len(models), 4),
        internal=round(internal / max(1, internal + split), 4),
        utr_intron=round(utr_introns / max(1, utr_introns + len(with_utr5)), 4),
    )


def _isoforms(genes: list[Gene]) -> Isoforms:
    """Compare the coding introns of every other transcript with those of the representative."""
    events: Counter[str] = Counter()
    split, extra = 0, []
    for gene in genes:
        major = representative(gene, complete=True)
        if major is None or len(major.cds) < 2:
            continue
        split += 1
        others = {t.cds: t for t in gene.transcripts if t.cds and t.cds != major.cds}
        if others:
            extra.append(len(others))
        for other in others.values():
            events.update(_events(major, other, gene.strand))
    return Isoforms(
        genes=round(len(extra) / max(1, split), 4),
        extra=round(float(np.mean(extra)), 3) if extra else 1.0,
        exon_skip=float(events["skip"]),
        alternative_donor=float(events["donor"]),
        alternative_acceptor=float(events["acceptor"]),
    )


def _events(major: Transcript, other: Transcript, strand: str) -> list[str]:
    lefts, rights = ({site[i] for site in major.cds_introns} for i in (0, 1))
    events = []
    for left, right in set(other.cds_introns) - set(major.cds_introns):
        if left in lefts and right in rights:
            events.append("skip")
        elif left in lefts:
            events.append("acceptor" if strand == "+" else "donor")
        elif right in rights:
            events.append("donor" if strand == "+" else "acceptor")
    return events


def _repeats(sequences: Sequences, genes: list[Gene]) -> tuple[Repeats, bool]:
    """Return the repeats between genes, from softmasking where the genome has it, and whether it has."""
    runs: list[int] = []
    total = 0
    for seqid, start, end in spaces(genes):
        masked = (sequences.codes(seqid, start, end) & SOFTMASK) > 0
        total += end - start
        edges = np.flatnonzero(np.diff(np.concatenate([[False], masked, [False]])))
        runs += np.diff(edges)[::2].tolist()
    fraction = sum(runs) / max(1, total)
    long_runs = np.array([run for run in runs if run >= 30], dtype=np.int64)
    if not _MASKED < fraction < 0.8 or len(long_runs) < _FEWEST:
        return _ASSUMED_REPEATS, False
    return replace(
        _ASSUMED_REPEATS, fraction=round(fraction, 4), lengths=fit_lengths(long_runs, 30, LONGEST_HEAD)
    ), True
