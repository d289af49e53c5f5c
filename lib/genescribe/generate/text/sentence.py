"""Gene sentences: all transcripts of a gene as one line of text, and back, without loss.

``start|TYPEn|end|strand|phase;...>TYPE1|TYPE2;TYPE1|TYPE3``: the features that the transcripts are made of, each once,
then every transcript as a list of features. Coordinates are relative to a window of the forward strand, 0-based
half-open. The formal grammar stands in ``docs/generate.md``.

One annotation has one sentence. Features stand in the order in which the gene is transcribed, so that the reverse
complement changes coordinates and strands and nothing else; those of a type are numbered in that order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

from genescribe.genome.intervals import union
from genescribe.genome.model import Gene, Interval, Transcript, cds_phases


class Kind(IntEnum):
    """Type of a feature, in the order of a transcript."""

    UTR5 = 0
    CDS = 1
    UTR3 = 2


NAMES = {Kind.CDS: "CDS", Kind.UTR5: "five_prime_UTR", Kind.UTR3: "three_prime_UTR"}
KINDS = {name: kind for kind, name in NAMES.items()}
LIMITS = {Kind.CDS: 150, Kind.UTR5: 50, Kind.UTR3: 50}
"""Most features of a type: as many as the published vocabulary has tokens for."""
PHASES = {"A": 0, "B": 1, "C": 2, ".": None}
_LETTERS = {phase: letter for letter, phase in PHASES.items()}
_NUMBER = r"(?:0|[1-9]\d*)"
_FEATURE = re.compile(rf"({_NUMBER})\|({'|'.join(KINDS)})([1-9]\d*)\|({_NUMBER})\|([+-])\|([ABC.])", re.ASCII)
_MEMBER = re.compile(rf"({'|'.join(KINDS)})([1-9]\d*)", re.ASCII)


class SentenceError(ValueError):
    """A text that is no sentence, or a gene that has none; `reason` is short and countable."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Feature:
    """A stretch of one type.

    Attributes
    ----------
    start, end
        In the window, 0-based half-open, forward strand.
    kind
        Coding sequence or untranslated region.
    phase
        GFF3 phase of a coding feature, None of the others.
    """

    start: int
    end: int
    kind: Kind
    phase: int | None = None


@dataclass(frozen=True, slots=True)
class GeneSentence:
    """A gene on a window.

    Attributes
    ----------
    strand
        Strand of the gene, "+" or "-".
    features
        In the order of transcription; see `canonical`.
    transcripts
        Each the places of its features, ascending. In ascending order, all different; every feature is in one.
    """

    strand: str
    features: tuple[Feature, ...]
    transcripts: tuple[tuple[int, ...], ...]

    def __str__(self) -> str:
        names = feature_names(self.features)
        rows = [
            f"{f.start}|{name}|{f.end}|{self.strand}|{_LETTERS[f.phase]};"
            for f, name in zip(self.features, names, strict=True)
        ]
        return "".join(rows) + ">" + ";".join("|".join(names[i] for i in chain) for chain in self.transcripts)

    @classmethod
    def parse(cls, text: str) -> GeneSentence:
        """Return the sentence that a text spells.

        The last feature's ``;`` before ``>`` may be missing. What is grammatical but not canonical (order, numbers)
        is made canonical.

        Raises
        ------
        SentenceError
            The text breaks the grammar.
        """
        head, mark, tail = text.strip().partition(">")
        if not mark:
            raise SentenceError("no >", text[:60])
        features: dict[str, Feature] = {}
        strands = set()
        for part in head.removesuffix(";").split(";"):
            match = _FEATURE.fullmatch(part)
            if match is None:
                raise SentenceError("not a feature", part[:60])
            start, kind, number, end, strand, phase = match.groups()
            feature = Feature(int(start), int(end), KINDS[kind], PHASES[phase])
            if kind + number in features:
                raise SentenceError("feature named twice", kind + number)
            features[kind + number] = feature
            strands.add(strand)
        if len(strands) != 1:
            raise SentenceError("two strands")
        chains = []
        for part in tail.split(";"):
            members = part.split("|")
            for member in members:
                if _MEMBER.fullmatch(member) is None:
                    raise SentenceError("not a feature's name", member[:60])
                if member not in features:
                    raise SentenceError("transcript of an undeclared feature", member)
            chains.append([features[member] for member in members])
        return canonical(strands.pop(), chains, declared=features.values())

    def reverse_complement(self, length: int) -> GeneSentence:
        """Return the sentence of the same gene on the reverse complement of a window of `length` bases."""
        turned = tuple(Feature(length - f.end, length - f.start, f.kind, f.phase) for f in self.features)
        return GeneSentence("-" if self.strand == "+" else "+", turned, self.transcripts)

    def shifted(self, offset: int) -> GeneSentence:
        """Return the sentence on a window that begins `offset` bases before this one."""
        moved = tuple(Feature(f.start + offset, f.end + offset, f.kind, f.phase) for f in self.features)
        return GeneSentence(self.strand, moved, self.transcripts)

    @property
    def span(self) -> Interval:
        """First base, and one past the last."""
        return min(f.start for f in self.features), max(f.end for f in self.features)


def transcription_order(feature: Feature, strand: str) -> tuple[int, int, int, int]:
    """Return the key that puts features into the order of transcription."""
    start, end = (feature.start, feature.end) if strand == "+" else (-feature.end, -feature.start)
    return start, end, feature.kind, -1 if feature.phase is None else feature.phase


def feature_names(features: Iterable[Feature]) -> list[str]:
    """Return CDS1, CDS2, five_prime_UTR1, ...: the type and its running number."""
    counts = dict.fromkeys(Kind, 0)
    names = []
    for feature in features:
        counts[feature.kind] += 1
        names.append(f"{NAMES[feature.kind]}{counts[feature.kind]}")
    return names


def canonical(
    strand: str, chains: Iterable[Sequence[Feature]], *, declared: Iterable[Feature] | None = None
) -> GeneSentence:
    """Return the one sentence of some transcripts, each given by its features in any order.

    Parameters
    ----------
    strand
        Strand of the gene, "+" or "-".
    chains
        Features of each transcript.
    declared
        Features that must all be used; None: those of the transcripts.

    Raises
    ------
    SentenceError
        A transcript that is none (see `fault`), twice the same transcript, an unused feature, or too many features.
    """
    ordered = [sorted(chain, key=lambda f: transcription_order(f, strand)) for chain in chains]
    if not ordered:
        raise SentenceError("no transcript")
    features = sorted({f for chain in ordered for f in chain}, key=lambda f: transcription_order(f, strand))
    if declared is not None and set(declared) != set(features):
        raise SentenceError("feature in no transcript")
    for kind, limit in LIMITS.items():
        if sum(f.kind is kind for f in features) > limit:
            raise SentenceError(f"more than {limit} {NAMES[kind]} features")
    for chain in ordered:
        if problem := fault(chain, strand):
            raise SentenceError(problem)
    place = {feature: i for i, feature in enumerate(features)}
    transcripts = sorted(tuple(place[f] for f in chain) for chain in ordered)
    if len(set(transcripts)) != len(transcripts):
        raise SentenceError("the same transcript twice")
    return GeneSentence(strand, tuple(features), tuple(transcripts))


def fault(chain: Sequence[Feature], strand: str) -> str | None:
    """Return why features in the order of transcription are no transcript, or None where they are one."""
    for f in chain:
        if not 0 <= f.start < f.end:
            return "empty or reversed feature"
        if (f.kind is Kind.CDS) != (f.phase is not None):
            return "phase and type do not match"
    if not any(f.kind is Kind.CDS for f in chain):
        return "no coding feature"
    for before, after in pairwise(chain):
        if before.kind > after.kind:
            return "types out of order"
        reach, begin = (before.end, after.start) if strand == "+" else (after.end, before.start)
        if reach > begin:
            return "features overlap"
        # Only where translation begins or ends may two features touch: an exon holds one feature of a type.
        if reach == begin and before.kind is after.kind:
            return "features of one type touch"
        length = before.end - before.start
        if before.phase is not None and after.phase is not None and after.phase != (before.phase - length) % 3:
            return "phases do not follow"
    return None


def sentence_of(gene: Gene, offset: int = 0) -> GeneSentence:
    """Return the sentence of a gene, all transcripts included, on a window that begins at base `offset`.

    Raises
    ------
    SentenceError
        Something of the gene cannot be said: see `inexpressible`, and `canonical`.
    """
    chains = []
    for transcript in gene.transcripts:
        if reason := inexpressible(transcript):
            raise SentenceError(reason, transcript.id)
        chains.append(_features(transcript, gene.strand, offset))
    return canonical(gene.strand, chains)


def inexpressible(transcript: Transcript) -> str | None:
    """Return why a sentence cannot express a transcript, or None."""
    if not transcript.cds:
        return "non-coding transcript"
    if transcript.partial5 or transcript.partial3:
        return "partial coding sequence"
    if any(before[1] >= after[0] for before, after in pairwise(transcript.exons)):
        return "exons touch"
    inside = [sum(a <= start and end <= b for start, end in transcript.cds) for a, b in transcript.exons]
    if sum(inside) != len(transcript.cds):
        return "coding sequence outside the exons"
    if max(inside) > 1:
        return "coding sequence with a gap inside an exon"
    first, last = transcript.coding_span
    for (a, b), count in zip(transcript.exons, inside, strict=True):
        if not count and b > first and a < last:
            return "untranslated exon between coding ones"
    for start, end in transcript.cds:
        a, b = next((a, b) for a, b in transcript.exons if a <= start and end <= b)
        if (a < start and start != first) or (end < b and end != last):
            return "exon partly coding inside the coding sequence"
    return None


def _features(transcript: Transcript, strand: str, offset: int) -> list[Feature]:
    phases = cds_phases(transcript.cds, strand, transcript.phase)
    features = [
        Feature(start - offset, end - offset, Kind.CDS, phase)
        for (start, end), phase in zip(transcript.cds, phases, strict=True)
    ]
    kinds = (Kind.UTR5, Kind.UTR3) if strand == "+" else (Kind.UTR3, Kind.UTR5)
    for kind, utr in zip(kinds, transcript.utrs, strict=True):
        features += [Feature(start - offset, end - offset, kind) for start, end in utr]
    return features


def gene_of(sentence: GeneSentence, identifier: str, seqid: str, offset: int = 0) -> Gene:
    """Return the gene of a sentence on a window that begins at base `offset`; transcripts are `identifier.t1`, ...

    Parameters
    ----------
    sentence
        All isoforms of a gene.
    identifier
        ID of the gene.
    seqid
        Name of the sequence.
    offset
        Base of the sequence at which the window begins, on the forward strand.
    """
    structures = []
    for chain in sentence.transcripts:
        features = sorted((sentence.features[i] for i in chain), key=lambda f: f.start)
        coding = [f for f in features if f.kind is Kind.CDS]
        first = coding[0] if sentence.strand == "+" else coding[-1]
        assert first.phase is not None
        exons = tuple((a + offset, b + offset) for a, b in union((f.start, f.end) for f in features))
        cds = tuple((f.start + offset, f.end + offset) for f in coding)
        structures.append((exons, cds, first.phase))
    structures.sort()
    transcripts = (
        Transcript(f"{identifier}.t{n}", exons, cds, phase) for n, (exons, cds, phase) in enumerate(structures, 1)
    )
    return Gene(identifier, seqid, sentence.strand, tuple(transcripts), biotype="protein_coding")


@dataclass(frozen=True, slots=True)
class Expressible:
    """The part of a gene that a sentence can express, and reasons for the rest.

    Attributes
    ----------
    gene
        The gene with the transcripts that can be expressed, each once; None where there is none.
    left_out
        (transcript, reason) of the others.
    reason
        Why `gene` is None.
    """

    gene: Gene | None
    left_out: tuple[tuple[str, str], ...] = ()
    reason: str | None = None


def expressible_part(gene: Gene) -> Expressible:
    """Return the part of a gene that a sentence can express.

    A transcript that no sentence can express is left out with its reason, and so is one that repeats another; the
    rest of the gene is kept whole.
    """
    left_out: list[tuple[str, str]] = []
    distinct: dict[tuple[object, ...], Transcript] = {}
    for transcript in gene.transcripts:
        key = (transcript.exons, transcript.cds, transcript.phase)
        reason = inexpressible(transcript)
        if reason is None and key in distinct:
            reason = "repeats another transcript"
        if reason is None:
            distinct[key] = transcript
        else:
            left_out.append((transcript.id, reason))
    if not distinct:
        return Expressible(None, tuple(left_out), left_out[0][1])
    part = Gene(
        gene.id, gene.seqid, gene.strand, tuple(distinct.values()), gene.score, gene.biotype, dict(gene.attributes)
    )
    try:
        sentence_of(part)
    except SentenceError as error:
        return Expressible(None, tuple(left_out), error.reason)
    return Expressible(part, tuple(left_out))
