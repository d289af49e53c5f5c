"""The generative model of the simulator as a semi-Markov chain: 47 states, both strands, exact scores.

On each strand, in transcript orientation: 5' UTR exon and intron, start codon, four kinds of coding exon in three
frames, coding introns by what they remember of the codon they split, stop codon, 3' UTR; and one intergenic state. The
frame of a coding exon is fixed to the sequence: in frame f the base t is base (t - f) mod 3 of its codon. So content
needs no memory, and the boundary's position modulo three decides which intron may follow.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from genescribe.genome.alphabet import Codes, decode, encode, reverse_complement
from genescribe.kernels.semicrf.potentials import Potentials
from genescribe.simulate.codons import MEMORIES, START, STOPS, spelled
from genescribe.simulate.lengths import LengthModel
from genescribe.simulate.loci import CODING
from genescribe.simulate.parameters import ACCEPTOR, DONOR, KOZAK, SimulationParameters
from genescribe.simulate.signals import matrix_scores, normalised, shifted, window_sums

Floats = NDArray[np.float64]
_CODON = 3


class State(NamedTuple):
    """A state of one strand: kind of segment, frame of a coding exon, index in `MEMORIES` of a coding intron."""

    kind: str
    frame: int = 0
    memory: int = 0


STATES = (
    State("utr5"),
    State("utr_intron"),
    State("start"),
    *(State(kind, frame=f) for kind in ("single", "initial", "internal", "terminal") for f in range(3)),
    *(State("intron", memory=m) for m in range(len(MEMORIES))),
    State("stop"),
    State("utr3"),
)
"""The states of a strand. In the chain 0 is intergenic, then these for "+", then these for "-"."""

N_STATES = 1 + 2 * len(STATES)


def label(strand: str, state: int) -> int:
    """Return the chain's label of state number `state` of a strand."""
    return 1 + state + (len(STATES) if strand == "-" else 0)


def state_of(label: int) -> tuple[str, State] | None:
    """Return strand and state of a label; None for intergenic."""
    if label == 0:
        return None
    return ("+", STATES[label - 1]) if label <= len(STATES) else ("-", STATES[label - 1 - len(STATES)])


def potentials(parameters: SimulationParameters, codes: Codes) -> Potentials:
    """Return the log-likelihood of every segmentation of one whole sequence, as a batch of one chain.

    Parameters
    ----------
    parameters
        Parameters of the simulator that wrote the sequence.
    codes : (T,)
        Its bases; masked ones are repeats and lie between genes.

    Notes
    -----
    Left out, being equal for all segmentations or very nearly: the prior of the repeats' places, and the rule that
    ends a sequence.
    """
    half = len(STATES)
    content, begin, end = scores = np.zeros((3, len(codes), N_STATES))
    chain = parameters.chains.intergenic
    content[:, 0], begin[:, 0] = chain.scores(codes), chain.restart(codes)
    scores[:, :, 1 : half + 1] = _strand_scores(parameters, codes)
    # The reverse strand is read from its own 5' end, then turned round: frames change, ends become beginnings.
    turned = _strand_scores(parameters, reverse_complement(codes))[:, ::-1]
    scores[:, :, half + 1 :] = turned[[0, 2, 1]][:, :, _turned(len(codes))]
    duration, tail, explicit = _durations(parameters)
    edge = np.full(N_STATES, -np.inf)
    edge[0] = 0.0
    return Potentials(
        content=torch.from_numpy(content)[None],
        lengths=torch.tensor([len(codes)]),
        transition=torch.from_numpy(transitions(parameters)),
        duration=torch.from_numpy(duration),
        tail=torch.from_numpy(tail),
        start=torch.from_numpy(edge),
        final=torch.from_numpy(edge),
        begin=torch.from_numpy(begin)[None],
        end=torch.from_numpy(end)[None],
        explicit=torch.from_numpy(explicit),
    )


def _turned(n: int) -> list[int]:
    """Return, for each state of the reverse strand, the state it is when read in transcript orientation.

    On the reverse strand frame g means that base t is base (g - t) mod 3 of its codon, which does not depend on the
    sequence's length n; read from the other end that is frame (n - 1 - g) mod 3.
    """
    index = {state: i for i, state in enumerate(STATES)}
    return [
        index[s._replace(frame=(n - 1 - s.frame) % _CODON)] if s.kind in CODING else i for i, s in enumerate(STATES)
    ]


def _strand_scores(parameters: SimulationParameters, codes: Codes) -> Floats:
    """Return content, begin and end, (3, T, 23), of the states of the strand that `codes` spells 5' to 3'."""
    chains, codons, signals = parameters.chains, parameters.codons, parameters.signals
    n = len(codes)
    utr5, intron, utr3 = (chain.scores(codes) for chain in (chains.utr5, chains.intron, chains.utr3))
    coding = codons.scores(codes)
    content, begin, end = scores = np.zeros((3, n, len(STATES)))
    donor = matrix_scores(codes, signals.donor, 0) - window_sums(intron, DONOR, 0)
    acceptor = matrix_scores(codes, signals.acceptor, 1 - ACCEPTOR) - window_sums(intron, ACCEPTOR, 1 - ACCEPTOR)
    if signals.branch is not None:
        acceptor = acceptor + signals.branch.scores(codes, intron)
    exon_side = codons.donor_scores(codes)
    position = np.arange(n)
    for i, (kind, frame, memory) in enumerate(STATES):
        if kind == "utr5":
            content[:, i], begin[:, i] = utr5, chains.utr5.restart(codes)
        elif kind == "utr3":
            content[:, i], begin[:, i] = utr3, chains.utr3.restart(codes)
        elif kind == "utr_intron":
            content[:, i], begin[:, i], end[:, i] = intron, donor, acceptor
        elif kind == "intron":
            split = MEMORIES[memory][0]
            content[:, i] = intron
            begin[:, i] = donor + exon_side[split] + _remembers(codes, memory)
            end[:, i] = _sum(acceptor, _suffix_scores(parameters, codes, memory, coding))
        elif kind == "start":
            context = matrix_scores(codes, signals.kozak, -KOZAK) - window_sums(utr5, KOZAK, -KOZAK)
            begin[:, i] = context + _word_scores(codes, {START: 1.0})
        elif kind == "stop":
            begin[:, i] = _word_scores(codes, dict(zip(STOPS, normalised(codons.stops), strict=True)))
        else:
            content[:, i] = coding[(position - frame) % _CODON, position]
    # What is masked is a repeat, and those lie between genes.
    content[codes > 4] = -np.inf
    return scores


def _remembers(codes: Codes, memory: int) -> Floats:
    """Return 0 where the bases before t are a prefix that the memory stands for, else -inf, (T,)."""
    split, word = MEMORIES[memory]
    if word:
        return shifted(_word_scores(codes, {word: 1.0}), -split)
    result = np.zeros(len(codes))
    for length, letters in MEMORIES:
        if length == split and letters:
            result[shifted(_word_scores(codes, {letters: 1.0}), -split) == 0] = -np.inf
    return result


def _suffix_scores(parameters: SimulationParameters, codes: Codes, memory: int, coding: Floats) -> Floats:
    """Return, for an intron whose last base is t, the gain of the rest of the split codon over its content, (T,).

    The content of those bases is read with the intron's last bases as the start of the codon, which is wrong; it is
    taken back here.
    """
    split = MEMORIES[memory][0]
    if split == 0:
        return np.zeros(len(codes))
    remaining = _CODON - split
    words = [decode(spelled(number, remaining)) for number in range(4**remaining)]
    right = shifted(_word_scores(codes, dict(zip(words, parameters.codons.suffixes[memory], strict=True))), 1)
    wrong = sum(shifted(coding[split + i], 1 + i) for i in range(remaining))
    return _sum(right, np.where(np.isfinite(wrong), -wrong, -np.inf))


def _word_scores(codes: Codes, words: dict[str, float]) -> Floats:
    """Return the log of the number that belongs to the word that begins at t, -inf for any other word, (T,)."""
    result = np.full(len(codes), -np.inf)
    for word, share in words.items():
        if share > 0:
            here = np.ones(len(codes), dtype=bool)
            for i, base in enumerate(encode(word)):
                here &= shifted(codes.astype(np.float64), i) == base
            result[here] = np.log(share)
    return result


def _sum(a: Floats, b: Floats) -> Floats:
    """Return a + b; -inf where either is."""
    return np.where(np.isfinite(a) & np.isfinite(b), a + b, -np.inf)


def _durations(parameters: SimulationParameters) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Return the duration table (K, C), the tail (C,) and the explicit durations per label (C,)."""
    kinds = ["intergenic"] + [state.kind for state in STATES] * 2
    codon = LengthModel(minimum=3, head=3, components=((1.0, 1.0, 1.0),), tail_mass=0.0, tail_mean=1.0)
    models = [codon if kind in ("start", "stop") else getattr(parameters.lengths, kind) for kind in kinds]
    explicit = np.array([model.head + 1 for model in models])
    longest = int(explicit.max())
    duration = np.stack([model.log_probabilities(longest) for model in models], axis=1)
    return duration, np.array([model.log_tail for model in models]), explicit


def transitions(parameters: SimulationParameters) -> Floats:
    """Return the log-probabilities of the next state, (3, 47, 47): boundary modulo 3, source, destination.

    A terminal (single) exon must end with a whole codon, so its length is drawn among those that do; the mass of those
    lengths, which depends on the intron's phase alone, is divided out here.
    """
    result = np.full((3, N_STATES, N_STATES), -np.inf)
    strand_choice = float(np.log(0.5))
    for a, source in enumerate(STATES):
        for b, target in enumerate(STATES):
            score = _next(parameters, source, target)
            if score == -np.inf:
                continue
            for boundary in range(3):
                for strand in "+-":
                    if _in_frame(source, target, boundary, strand):
                        pair = (a, b) if strand == "+" else (b, a)
                        result[boundary, label(strand, pair[0]), label(strand, pair[1])] = score
    first, last = STATES.index(State("utr5")), STATES.index(State("utr3"))
    result[:, 0, label("+", first)] = result[:, 0, label("-", last)] = strand_choice
    result[:, label("+", last), 0] = result[:, label("-", first), 0] = 0.0
    return result


def _next(parameters: SimulationParameters, source: State, target: State) -> float:
    """Return the log-probability that `target` follows `source` in transcript orientation, frames aside."""
    lengths, structure = parameters.lengths, parameters.structure
    split = MEMORIES[source.memory][0]
    probability = {
        ("utr5", "utr_intron"): structure.utr_intron,
        ("utr5", "start"): 1 - structure.utr_intron,
        ("utr_intron", "utr5"): 1.0,
        ("start", "single"): structure.single / lengths.single.residues()[0],
        ("start", "initial"): 1 - structure.single,
        ("single", "stop"): 1.0,
        ("initial", "intron"): 1.0,
        ("internal", "intron"): 1.0,
        ("intron", "internal"): structure.internal,
        ("intron", "terminal"): (1 - structure.internal) / lengths.terminal.residues()[-split % _CODON],
        ("terminal", "stop"): 1.0,
        ("stop", "utr3"): 1.0,
    }.get((source.kind, target.kind), 0.0)
    return float(np.log(probability)) if probability > 0 else -np.inf


def _in_frame(source: State, target: State, boundary: int, strand: str) -> bool:
    """Whether the coding exon at the boundary has used as many bases of its codon there as its neighbour says."""
    exon, other = (source, target) if source.kind in CODING else (target, source)
    if exon.kind not in CODING:
        return True
    used = MEMORIES[other.memory][0] if other.kind == "intron" else 0
    phase = boundary - exon.frame if strand == "+" else exon.frame + 1 - boundary
    return phase % _CODON == used
