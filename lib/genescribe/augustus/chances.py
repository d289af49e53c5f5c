"""From AUGUSTUS's probabilities to scores of the semi-Markov CRF: lengths, tails and transitions."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from genescribe.augustus.sections import FloatArray, Sections
from genescribe.augustus.tables import ExonClass, Introns, Species
from genescribe.errors import InputError
from genescribe.genome.genetic_code import GeneticCode

LOWEST = -1000.0
"""Score of what has no chance: finite, so that a model can be stored and trained on."""
_RAREST = 1e-9
"""A base's chance of less than this is a number rounded to 0."""
_TRANSITIONS = "trans_shadow_partial.pbl"
_BACTERIA = "trans_shadow_bacterium.pbl"

# States of both strands, as AUGUSTUS numbers them in model/states_shadow.cfg.
_BETWEEN, _SINGLE, _INITIAL, _INTERNAL, _TERMINAL = 0, 1, 2, 5, 8
_DONOR = (10, 15, 20)
_ACCEPTOR = (13, 18, 23)
_MINUS = 24
_DEFAULT = {
    (_BETWEEN, _BETWEEN): 0.9999,
    (_BETWEEN, _SINGLE): 9e-6,
    **{(_BETWEEN, _INITIAL + phase): chance for phase, chance in enumerate((1.4e-5, 1.4e-5, 1.3e-5))},
    (_SINGLE, _BETWEEN): 1.0,
    (_TERMINAL, _BETWEEN): 1.0,
    **{(_INITIAL + phase, _DONOR[phase]): 1.0 for phase in range(3)},
    **{(_INTERNAL + phase, _DONOR[phase]): 1.0 for phase in range(3)},
    **{(_ACCEPTOR[phase], _INTERNAL + next_phase): 0.3 for phase in range(3) for next_phase in range(3)},
    **{(_ACCEPTOR[phase], _TERMINAL): 0.1 for phase in range(3)},
}
"""Where neither the species nor the installation has a file: what AUGUSTUS ships for all species."""


@dataclass(frozen=True)
class Transitions:
    """Scores in nats.

    Attributes
    ----------
    stay, single
        From a base between genes to another, and to a gene without introns.
    initial, leave, enter, terminal : (3,)
        By the phase of an intron: from between genes by an initial exon to it, from an internal exon to it, from it
        to an internal exon, and to a terminal one.
    between, cut
        A strand that begins or ends between genes, or inside one.
    """

    stay: float
    single: float
    initial: FloatArray
    leave: FloatArray
    enter: FloatArray
    terminal: FloatArray
    between: float = math.log(0.9)
    cut: float = math.log(0.001)


def logs(chances: FloatArray, lowest: float | None = None) -> FloatArray:
    """Return logarithms; of 0, `lowest`, or where it is None that of the rarest."""
    floor = np.log(_RAREST) if lowest is None else lowest
    with np.errstate(divide="ignore"):
        values: FloatArray = np.maximum(np.log(chances), floor)
    return values


def without_stops(exon: ExonClass, species: Species) -> ExonClass:
    """Return the tables with an indifferent chance where a word completes a stop codon.

    The grammar forbids stops in frame. In the sums around a splice site, which reach beyond an exon shorter than they
    are, the negative of their content would be a prize.
    """
    stops = np.flatnonzero(GeneticCode.from_table(species.genetic_code).always_stop[:64])

    def mended(table: FloatArray) -> FloatArray:
        if len(table) < 4**3:
            return table
        indifferent = table.copy()
        indifferent[np.isin(np.arange(len(table)) % 4**3, stops), 2] = 0.25
        return indifferent

    return replace(exon, emission=mended(exon.emission), first=mended(exon.first), last=mended(exon.last))


def padded_words(scores: FloatArray, order: int, unknown: float) -> FloatArray:
    """Return the scores of words for longer words that end with them, and behind these that of a word with an N.

    Parameters
    ----------
    scores : (4**k,)
        Log probabilities of the words of k letters, in the order A, C, G, T of their letters.
    order
        Bases before the last one in the longer words.
    unknown
        Score of a word with an N.
    """
    times = 4 ** (order + 1) // len(scores)
    return np.append(np.tile(scores, times), unknown)


def intron_lengths(introns: Introns, rows: int) -> tuple[FloatArray, float]:
    """Return the score of each length of an intron, (rows,), and of each base beyond.

    Short introns follow the table; one longer by m bases has a geometric chance with the mean `excess`. All classes of
    GC content have the same in every set that AUGUSTUS ships; where they differ, the mean of their shares is taken.
    """
    short = float(np.mean([intron.short for intron in introns.classes]))
    excess = max(1.0, float(np.mean([intron.excess for intron in introns.classes])))
    longest = len(introns.lengths) - 1
    tail = math.log(max(1 - 1 / excess, 1e-6))
    table = logs(short * introns.lengths[1:], LOWEST)
    first = math.log(max(1 - short, 1e-9)) - math.log(excess)
    further = first + tail * np.arange(max(0, rows - longest))
    return np.concatenate([table, further])[:rows], tail


def transitions_of(species: Species) -> Transitions:
    """Return the scores of a species: its own, else those of its installation, else AUGUSTUS's defaults."""
    chances = _chances(species)

    def score(source: int, destination: int) -> float:
        chance = chances.get((source, destination), 0.0)
        return math.log(chance) if chance > 0 else LOWEST

    stay, single = score(_BETWEEN, _BETWEEN), score(_BETWEEN, _SINGLE) + score(_SINGLE, _BETWEEN)
    nothing = np.full(3, LOWEST)
    if species.introns is None:
        return Transitions(stay, single, nothing, nothing, nothing, nothing)
    end = score(_TERMINAL, _BETWEEN)
    initial, leave, terminal = (np.empty(3) for _ in range(3))
    inner = np.empty((3, 3))
    for phase in range(3):
        initial[phase] = score(_BETWEEN, _INITIAL + phase) + score(_INITIAL + phase, _DONOR[phase])
        leave[phase] = score(_INTERNAL + phase, _DONOR[phase])
        terminal[phase] = score(_ACCEPTOR[phase], _TERMINAL) + end
        inner[phase] = [score(_ACCEPTOR[phase], _INTERNAL + next_phase) for next_phase in range(3)]
    # Two factors for nine numbers: the nearest in least squares of the logarithms.
    mean = inner.mean()
    return Transitions(stay, single, initial, leave + inner.mean(axis=0) - mean, inner.mean(axis=1), terminal)


def _chances(species: Species) -> dict[tuple[int, int], float]:
    shared = species.folder.parent.parent / "model"
    if species.introns is None:
        path = _first(species.folder / f"{species.name}_{_BACTERIA}", shared / _BACTERIA)
        # There the third state is the minus strand's.
        return _DEFAULT if path is None else {pair: x for pair, x in _read(path).items() if max(pair) < _INITIAL}
    path = _first(species.folder / f"{species.name}_{_TRANSITIONS}", shared / _TRANSITIONS)
    return _DEFAULT if path is None else {pair: x for pair, x in _read(path).items() if max(pair) < _MINUS}


def _first(*paths: Path) -> Path | None:
    return next((path for path in paths if path.is_file()), None)


def _read(path: Path) -> dict[tuple[int, int], float]:
    section = Sections.read(path).section("Transition")
    rows = section.rows(3)
    if (rows[:, 2] < 0).any():
        raise InputError("a probability below 0", where=path, remedy="copy the file again: it is damaged")
    return {(int(source), int(destination)): float(chance) for source, destination, chance in rows}
