"""A parameter set of AUGUSTUS as a segment model: the same hidden Markov model of genes of both strands.

What AUGUSTUS multiplies along a path is added up here as logarithms. A base between genes, in a coding exon or in an
intron has its content. A signal of AUGUSTUS covers some bases and stands for their content: here it is a boundary
score that holds the signal's own score less the content of the bases that it covers. So are the first word of an exon
and its first and last bases, which have chances of their own. Lengths, shares of kinds of exons and phases, and the
tail of long introns are the CRF's durations and transitions.

What differs: between two classes of GC content, tables are mixed, where AUGUSTUS switches; what lies between genes is
read on the strand of the gene that it is compared with; the special bases of an exon too short for them reach beyond
it; the chance of an internal exon's last phase given its first is the product of two factors; genes are not asked for a
least length of all their exons together (`PredictConfig.min_cds` does).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from genescribe.augustus.chances import (
    LOWEST,
    Transitions,
    intron_lengths,
    logs,
    padded_words,
    transitions_of,
    without_stops,
)
from genescribe.augustus.sections import FloatArray
from genescribe.augustus.tables import ExonClass, IntronClass, Species
from genescribe.crf.head import SemiCRF
from genescribe.labels.gene_labels import (
    CHANNELS,
    EXONS,
    FRAMES,
    INITIAL,
    INTERGENIC,
    INTERNAL,
    INTRON0,
    INTRONS,
    NAMES,
    SINGLE,
    STOP,
    TERMINAL,
    UTR3,
    UTR3_INTRON,
    UTR5,
    UTR5_INTRON,
)
from genescribe.labels.gene_rules import GeneRules
from genescribe.segment.composition.tabulated import TabulatedEvidence
from genescribe.segment.config import SegmentModelConfig, SiteConfig, TabulatedConfig
from genescribe.segment.network.model import SegmentModel

SOFTMASK_BONUS = 1.15
"""Factor of a softmasked base outside coding exons in AUGUSTUS's default configuration of hints."""
_CODON, _CODING, _INTRON = 3, CHANNELS.index("codon1"), CHANNELS.index("intron")
_CONSENSUS = 2
_SPLICED_OUT = range(INTRON0, UTR3)
_GC = 4 * 2 + 1


def convert(species: Species, transitions: Transitions | None = None) -> SegmentModel:
    """Return the model of a parameter set, in evaluation mode.

    Parameters
    ----------
    species
        The parameter set, as `read_species` returns it.
    transitions
        How genes are built; None: as `transitions_of` says.
    """
    config = config_of(species)
    model = SegmentModel(config)
    evidence = model.evidence
    assert isinstance(evidence, TabulatedEvidence) and isinstance(model.crf, SemiCRF)
    with torch.no_grad():
        for number in range(len(species.gc)):
            _fill_class(evidence, species, number)
        _fill_words(evidence, species)
        _fill_crf(model.crf, species, transitions or transitions_of(species))
    return model.eval()


def config_of(species: Species) -> SegmentModelConfig:
    """Return the configuration: sizes of the tables, and the grammar of genes."""
    windows, introns = species.windows, species.introns
    orders = [_order(item.emission) for item in species.exons] + [_order(item) for item in species.intergenic]
    orders += [item.start.order for item in species.exons]
    if introns is not None:
        orders += [order for item in introns.classes for order in (_order(item.emission), item.acceptor.order)]
    first = _first_word(species)
    (donor_before, donor_behind), (acceptor_before, acceptor_behind) = windows.donor, windows.acceptor
    steps = {0 if item.start_steps is None else len(item.start_steps.values) for item in species.exons}
    tables = TabulatedConfig(
        order=max(orders),
        gc=list(species.gc),
        gc_window=species.gc_window,
        start=SiteConfig(windows.start, _CODON + first + windows.first, [0, 1, 2]),
        donor=SiteConfig(
            donor_before + windows.last,
            _CONSENSUS + donor_behind,
            [*range(-donor_before, 0), *range(_CONSENSUS, _CONSENSUS + donor_behind)],
        ),
        acceptor=SiteConfig(
            1 + acceptor_before + windows.tract,
            1 + acceptor_behind + first,
            [*range(-1 - acceptor_before, -1), *range(1, 1 + acceptor_behind)],
        ),
        stop=SiteConfig(0, _CODON, [0, 1, 2]),
        start_motif=windows.start if max(steps) else 0,
        start_steps=max(steps),
        softmask_cost=math.log(SOFTMASK_BONUS),
    )
    shortest = _CONSENSUS * 2 + donor_behind + acceptor_before + windows.tract
    reach = tables.gc_window // 2 + 1000 if len(species.gc) > 1 else 1000
    return SegmentModelConfig(
        scheme="gene",
        gene=GeneRules(
            splice_sites=["GT-AG", "GC-AG"] if species.other_donors else ["GT-AG"],
            starts="ATG" if len(species.starts) == 1 else "table",
            shortest_intron=max(4, shortest),
        ),
        head="semicrf",
        max_duration=max(species.lengths.shape[1], 0 if introns is None else len(introns.lengths)),
        longest=_longest(species),
        closed=[NAMES[label] for label in _closed(species)],
        duration_knots=0,
        genetic_code=species.genetic_code,
        features=["bases"],
        tables=tables,
        encoder=None,
        both_strands=True,
        halo=reach,
    )


def _longest(species: Species) -> dict[str, int]:
    """Return the rows of introns' tables: lengths beyond the longest short intron are geometric."""
    if species.introns is None:
        return {}
    return {NAMES[label]: len(species.introns.lengths) for label in (UTR5_INTRON, *_SPLICED_OUT, UTR3_INTRON)}


def _closed(species: Species) -> list[int]:
    """Return the labels that the set knows nothing of."""
    utrs = [UTR5, UTR5_INTRON, UTR3, UTR3_INTRON]
    return utrs if species.introns is not None else [*utrs, *range(INITIAL, STOP), *_SPLICED_OUT]


def _order(table: FloatArray) -> int:
    return (len(table).bit_length() - 1) // 2 - 1


def _first_word(species: Species) -> int:
    """Return the bases at the beginning of coding sequence whose chance is that of a word."""
    return _order(species.exons[0].emission)


def _fill_class(evidence: TabulatedEvidence, species: Species, number: int) -> None:
    """Set the tables of one class of GC content."""
    exon, order = species.exons[number], evidence.config.order
    between = padded_words(logs(species.intergenic[number]), order, math.log(0.25))
    exon = without_stops(exon, species)
    coding = [padded_words(logs(exon.emission[:, f]), order, math.log(species.unknown)) for f in range(3)]
    columns = dict.fromkeys(CHANNELS, between)
    columns |= {f"codon{f + 1}": coding[f] for f in range(3)}
    places: dict[str, FloatArray] = {}
    places["start"] = _start_places(exon, species, between, coding, order)
    places["stop"] = -np.stack([between] * _CODON)[None]
    if species.introns is not None:
        intron = species.introns.classes[number]
        columns["intron"] = padded_words(logs(intron.emission), order, math.log(0.25))
        places["donor"] = _donor_places(exon, species, columns["intron"], coding, order)
        places["acceptor"] = _acceptor_places(exon, intron, species, columns["intron"], coding, order)
    for column, name in enumerate(CHANNELS):
        evidence.emission[number, :, column] = torch.from_numpy(columns[name])
    for name, table in places.items():
        # A word with an N says nothing of its place.
        table[..., -1] = 0.0
        _set(getattr(evidence, f"{name}_places")[number], table.reshape(len(table), -1).T)
    if evidence.config.start_steps:
        _fill_steps(evidence, exon, species, number)


def _start_places(
    exon: ExonClass, species: Species, between: FloatArray, coding: Sequence[FloatArray], order: int
) -> FloatArray:
    """Return the scores of the bases around a start codon, (1, places, words)."""
    windows, first = species.windows, _first_word(species)
    motif = [padded_words(logs(row), order, 0.0) for row in exon.start.chances]
    if exon.start_steps is not None:
        motif = [np.zeros_like(between) for _ in motif]
    rows = [chance - between for chance in motif]
    rows += [-coding[f] for f in range(_CODON)]
    rows += _first_words(exon, 0, first, coding, order)
    for place in range(first, first + windows.first):
        rows.append(padded_words(logs(exon.first[:, place % 3]), order, 0.0) - coding[place % 3])
    return np.stack(rows)[None]


def _first_words(exon: ExonClass, phase: int, first: int, coding: Sequence[FloatArray], order: int) -> list[FloatArray]:
    """Return the scores of the first bases of coding sequence, given the codon position of the first."""
    rows = [-coding[(phase + place) % 3] for place in range(first)]
    if first:
        last = (phase + first - 1) % 3
        rows[-1] = rows[-1] + padded_words(logs(exon.beginnings[:, last]), order, 0.0)
    return rows


def _donor_places(
    exon: ExonClass, species: Species, intron: FloatArray, coding: Sequence[FloatArray], order: int
) -> FloatArray:
    """Return the scores of the bases around a donor, (phases, places, words)."""
    before, behind = species.windows.donor
    phases = []
    for phase in FRAMES:
        frames = [(phase + place) % 3 for place in range(-before - species.windows.last, 0)]
        last, pattern = frames[: species.windows.last], frames[species.windows.last :]
        rows = [padded_words(logs(exon.last[:, f]), order, 0.0) - coding[f] for f in last]
        rows += [-coding[f] for f in pattern] + [-intron] * (_CONSENSUS + behind)
        if species.other_donors:
            rare = np.zeros_like(intron)
            rare[:-1][np.arange(len(rare) - 1) % 16 == _GC] = math.log(species.other_donors)
            # The second base of the intron ends the word.
            rows[len(frames) + 1] = rows[len(frames) + 1] + rare
        phases.append(np.stack(rows))
    return np.stack(phases)


def _acceptor_places(
    exon: ExonClass,
    intron_class: IntronClass,
    species: Species,
    intron: FloatArray,
    coding: Sequence[FloatArray],
    order: int,
) -> FloatArray:
    """Return the scores of the bases around an acceptor, (phases, places, words)."""
    before, behind = species.windows.acceptor
    tract = [padded_words(logs(row), order, 0.0) - intron for row in intron_class.acceptor.chances]
    phases = []
    for phase in FRAMES:
        rows = tract + [-intron] * (before + _CONSENSUS)
        rows += [-coding[(phase + place) % 3] for place in range(behind)]
        rows += _first_words(exon, phase + behind, _first_word(species), coding, order)
        phases.append(np.stack(rows))
    return np.stack(phases)


def _fill_steps(evidence: TabulatedEvidence, exon: ExonClass, species: Species, number: int) -> None:
    """Set motif and step function before a start codon."""
    rows = np.stack([padded_words(logs(row), evidence.config.order, math.log(0.25)) for row in exon.start.chances])
    _set(evidence.start_motif[number], rows.reshape(-1))
    steps = exon.start_steps
    assert steps is not None
    # Classes may have different numbers of steps: the rest are never reached.
    borders = np.full(evidence.config.start_steps - 1, np.inf)
    borders[: len(steps.borders)] = np.log(np.maximum(steps.borders, 1e-300))
    # Chances of a whole motif, far below that of the rarest base.
    chances = logs(steps.values, LOWEST)
    values = np.full(evidence.config.start_steps, chances[-1])
    values[: len(chances)] = chances
    _set(evidence.start_borders[number], np.minimum(borders, -LOWEST))
    _set(evidence.start_values[number], values)


def _fill_words(evidence: TabulatedEvidence, species: Species) -> None:
    """Set the scores of the signals' words."""
    words: dict[str, FloatArray] = {}
    for name, chances in (("start", species.starts), ("stop", species.stops)):
        values = np.full(4**_CODON + 1, LOWEST)
        for codon, chance in chances.items():
            values[codon] = logs(np.array([chance]), LOWEST)[0]
        words[name] = values
    if species.introns is not None:
        words["donor"] = np.append(logs(species.introns.donor, LOWEST), LOWEST)
        acceptor = logs(species.introns.acceptor, LOWEST)
        # AUGUSTUS's own: an acceptor with an N is a thousandth of any.
        words["acceptor"] = np.append(acceptor, math.log(0.001 / len(acceptor)))
    for name, values in words.items():
        _set(getattr(evidence, f"{name}_word"), values)


def _fill_crf(crf: SemiCRF, species: Species, table: Transitions) -> None:
    """Set durations, tails, transitions, and the scores of a strand's first and last label."""
    for values in (crf.transition, crf.start, crf.final, crf.durations.score):
        values.fill_(0.0)
    _fill_lengths(crf, species, table.stay)
    scores = np.full((len(NAMES), len(NAMES)), LOWEST)
    scores[STOP, INTERGENIC] = 0.0
    scores[INTERGENIC, SINGLE : SINGLE + 3] = table.single
    scores[INTERGENIC, INITIAL : INITIAL + 3] = 0.0
    for exon in (SINGLE, TERMINAL):
        scores[exon : exon + 3, STOP] = 0.0
    if species.introns is not None:
        for phase, labels in enumerate(INTRONS):
            for label in labels:
                scores[INITIAL : INITIAL + 3, label] = table.initial[phase]
                scores[INTERNAL : INTERNAL + 3, label] = table.leave[phase]
                scores[label, INTERNAL : INTERNAL + 3] = table.enter[phase]
                scores[label, TERMINAL : TERMINAL + 3] = table.terminal[phase]
        # A last exon that is nothing but its stop codon.
        scores[INTRON0, STOP] = table.terminal[0] + _length_scores(species, 3)[_CODON]
    _set(crf.transition, np.broadcast_to(scores, tuple(crf.transition.shape)))
    edges = np.full(len(NAMES), LOWEST)
    edges[SINGLE:UTR3], edges[INTERGENIC] = table.cut, table.between
    _set(crf.start, edges)
    _set(crf.final, edges)


def _length_scores(species: Species, kind: int) -> FloatArray:
    """Return the score of each length of an exon: one of three phases fits."""
    return logs(3 * species.lengths[kind], LOWEST)


def _fill_lengths(crf: SemiCRF, species: Species, stay: float) -> None:
    rows = crf.durations.rows
    table = np.zeros((rows, len(NAMES)))
    tails = np.full(len(NAMES), -1.0)
    # Between genes: the shortest is one base, each further base costs what staying costs.
    tails[INTERGENIC] = stay
    for kind, exon in enumerate(EXONS):
        scores = _length_scores(species, kind)
        # No jump behind the table, and the share of longer exons is right.
        beyond = float(species.beyond[kind])
        ratio = 1 - species.lengths[kind][-1] / beyond if beyond > 0 else 0.0
        tail = math.log(min(max(ratio, 1e-3), 1 - 1e-6))
        # The stop codon is a segment of its own.
        less = _CODON if exon in (SINGLE, TERMINAL) else 0
        known = scores[1 + less :][:rows]
        full = np.concatenate([known, known[-1] + tail * np.arange(1, rows - len(known) + 1)])
        table[:, exon : exon + 3], tails[exon : exon + 3] = full[:, None], tail
    if species.introns is not None:
        scores, tail = intron_lengths(species.introns, rows)
        # All introns share the table of the first label of an intron.
        first = int(crf.durations.like[INTRON0])
        table[:, first], tails[first] = scores, tail
    _set(crf.durations.score, table)
    _set(crf.durations.decay, np.log(np.expm1(-tails)))


def _set(target: Tensor, values: FloatArray) -> None:
    target.copy_(torch.from_numpy(np.array(values, dtype=np.float32)))
