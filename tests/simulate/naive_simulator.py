"""The simulator's law written down base by base, without its tables of scores: what the chain is compared with."""

from __future__ import annotations

from itertools import product
from math import exp, inf, log

import numpy as np

from genescribe.genome.alphabet import Codes, decode, reverse_complement
from genescribe.genome.model import Gene, mirror
from genescribe.simulate.chains import MarkovChain
from genescribe.simulate.codons import CodonModel
from genescribe.simulate.lengths import LengthModel
from genescribe.simulate.loci import Isoform, Segment, segments_of
from genescribe.simulate.parameters import SimulationParameters

BASES = "ACGT"
CODING = ("single", "initial", "internal", "terminal")


def log_density(parameters: SimulationParameters, codes: Codes, genes: list[Gene]) -> float:
    """Log-probability of a sequence and its major isoforms, strand by strand, segment by segment."""
    total, last = 0.0, 0
    for gene in sorted(genes, key=lambda g: g.start):
        major = next(t for t in gene.transcripts if t.canonical)
        total += space(parameters, decode(codes[last : major.start]))
        piece = codes[major.start : major.end]
        shifted = Gene(gene.id, gene.seqid, gene.strand, (major,))
        if gene.strand == "-":
            piece = reverse_complement(piece)
            shifted = mirror(shifted, len(codes))
            offset = len(codes) - major.end
        else:
            offset = major.start
        transcript = shifted.transcripts[0]
        exons = tuple((a - offset, b - offset) for a, b in transcript.exons)
        isoform = Isoform(exons, (transcript.cds[0][0] - offset, transcript.cds[-1][1] - offset))
        total += log(0.5) + one_gene(parameters, decode(piece), segments_of(isoform))
        last = major.end
    return total + space(parameters, decode(codes[last:]))


def space(parameters: SimulationParameters, text: str) -> float:
    chain = parameters.chains.intergenic
    return length(parameters.lengths.intergenic, len(text)) + stretch(chain, text)


def stretch(chain: MarkovChain, text: str) -> float:
    """Log-probability of a text that starts its chain anew; masked bases are given."""
    return sum(markov(chain, text[max(0, i - 3) : i], base) for i, base in enumerate(text) if base.isupper())


def one_gene(parameters: SimulationParameters, text: str, segments: list[Segment]) -> float:
    signals, structure = parameters.signals, parameters.structure
    total = 0.0
    kinds = [segment.kind for segment in segments]
    phase = 0
    for i, (kind, start, end) in enumerate(segments):
        if kind not in ("start", "stop", "terminal", "single"):
            total += length(getattr(parameters.lengths, kind), end - start)
        if kind in ("terminal", "single"):
            total += length_in_frame(getattr(parameters.lengths, kind), end - start, -phase % 3)
        if kind in CODING:
            phase = (phase + end - start) % 3
        if kind == "utr5":
            followed = kinds[i + 1] == "utr_intron"
            total += log(structure.utr_intron if followed else 1 - structure.utr_intron)
            plain = end if followed else end - 9
            total += stretch(parameters.chains.utr5, text[start:plain])
            total += 0.0 if followed else matrix(signals.kozak, text[end - 9 : end])
        if kind == "start":
            assert text[start:end] == "ATG"
            total += log(structure.single if kinds[i + 1] == "single" else 1 - structure.single)
        if kind in ("intron", "utr_intron"):
            total += intron(parameters, text, start, end)
        if kind == "intron":
            total += log(structure.internal if kinds[i + 1] == "internal" else 1 - structure.internal)
        if kind == "stop":
            shares = dict(zip(("TAA", "TAG", "TGA"), parameters.codons.stops, strict=True))
            total += log(shares[text[start:end]] / sum(shares.values()))
        if kind == "utr3":
            total += stretch(parameters.chains.utr3, text[start:end])
    return total + coding(parameters.codons, [text[s.start : s.end] for s in segments if s.kind in CODING])


def intron(parameters: SimulationParameters, text: str, start: int, end: int) -> float:
    """Sum over the places of the branch point, each a product over all bases."""
    signals, chain = parameters.signals, parameters.chains.intron

    def with_branch(first: int, rows: tuple[tuple[float, ...], ...]) -> float:
        total = matrix(signals.donor, text[start : start + 6]) + matrix(signals.acceptor, text[end - 15 : end])
        total += matrix(rows, text[first : first + len(rows)])
        free = [j for j in range(start + 6, end - 15) if not first <= j < first + len(rows)]
        return total + sum(markov(chain, text[j - 3 : j], text[j]) for j in free)

    if signals.branch is None:
        return with_branch(start, ())
    shares = np.array(signals.branch.distances) / sum(signals.branch.distances)
    places = [(end - signals.branch.nearest - d, share) for d, share in enumerate(shares) if share > 0]
    return log(sum(share * exp(with_branch(place, signals.branch.matrix)) for place, share in places))


def coding(model: CodonModel, exons: list[str]) -> float:
    codons = ["".join(c) for c in product(BASES, repeat=3)]
    usage = dict(zip(codons, np.array(model.usage) / sum(model.usage), strict=True))

    def prefix_mass(word: str) -> float:
        return sum(p for codon, p in usage.items() if codon.startswith(word))

    def memory(word: str) -> str:
        return word if word in ("T", "TA", "TG") else ""

    def suffix(before: str, after: str) -> float:
        chosen = {c: p for c, p in usage.items() if memory(c[: len(before)]) == memory(before)}
        return sum(p for c, p in chosen.items() if c.endswith(after)) / sum(chosen.values())

    def exon_end(used: int, context: str, word: str) -> float:
        """Probability of the last three bases of an exon, given the two before them, without weights."""
        if used == 0:
            return usage[word]
        if used == 1:
            return usage[context[1] + word[:2]] / prefix_mass(context[1]) * prefix_mass(word[2])
        return usage[context + word[0]] / prefix_mass(context) * prefix_mass(word[1:])

    def weight(word: str) -> float:
        return float(np.prod([model.donor_weights[i][BASES.index(b)] for i, b in enumerate(word)]))

    total, text, cut = 0.0, "".join(exons), set(np.cumsum([len(e) for e in exons])[:-1].tolist())
    for i in range(0, len(text), 3):
        inside = [split - i for split in (i + 1, i + 2) if split in cut]
        codon = text[i : i + 3]
        if inside:
            total += log(prefix_mass(codon[: inside[0]])) + log(suffix(codon[: inside[0]], codon[inside[0] :]))
        else:
            total += log(usage[codon])
    for split in cut:
        context, word, used = text[split - 5 : split - 3], text[split - 3 : split], split % 3
        total += log(weight(word)) - log(sum(exon_end(used, context, w) * weight(w) for w in codons))
    return total


def markov(chain: MarkovChain, context: str, base: str) -> float:
    """Log-probability of a base after a context of up to three; only what follows the last masked base counts."""
    while not context.isupper() and context:
        context = context[1:]
    words = zip(product(BASES, repeat=4), chain.kmers, strict=True)
    counts = dict.fromkeys(BASES, 0.0)
    for word, count in words:
        if "".join(word[3 - len(context) : 3]) == context:
            counts[word[3]] += count
    return log(counts[base] / sum(counts.values()))


def matrix(rows: tuple[tuple[float, ...], ...], text: str) -> float:
    shares = [row[BASES.index(base)] / sum(row) for row, base in zip(rows, text, strict=True)]
    return sum(map(log, shares)) if all(shares) else -inf


def probabilities(model: LengthModel, longest: int) -> np.ndarray:
    """P(1), ..., P(longest)."""
    k = np.arange(1, longest + 1)
    terms = [w / (k * s) * np.exp(-0.5 * ((np.log(k) - m) / s) ** 2) for w, m, s in model.components]
    density = np.where((k >= model.minimum) & (k <= model.head), sum(terms, np.zeros(longest)), 0.0)
    tail = model.tail_mass / model.tail_mean * (1 - 1 / model.tail_mean) ** (k - model.head - 1.0)
    head = (1 - model.tail_mass) * density / density.sum() if model.components else 0.0
    return np.where(k <= model.head, head, tail)


def length(model: LengthModel, k: int) -> float:
    return log(probabilities(model, max(k, model.head))[k - 1])


def length_in_frame(model: LengthModel, k: int, residue: int) -> float:
    """Log-probability of a length among those of its residue modulo 3."""
    assert k % 3 == residue
    every = probabilities(model, int(model.head + 40 * model.tail_mean))
    return log(every[k - 1] / every[(residue - 1) % 3 :: 3].sum())
