"""An annotated coding sequence, and its check: codons to learn from, or a reason for rejection."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from genescribe.genome.alphabet import decode, encode, reverse_complement
from genescribe.genome.codons import Reading, read_codons
from genescribe.genome.genetic_code import AMBIGUOUS, GeneticCode, codon_numbers

Part = tuple[int, int, int]
"""[start, end) of the forward strand, 0-based, and 1 or -1."""

RECODED = "UO"
"""Selenocysteine and pyrrolysine: amino acids that a stop codon may stand for."""

PSEUDO = "pseudogene"
PARTIAL = "partial"
OUTSIDE = "outside the sequence"
UNREADABLE = "location cannot be read"
ELSEWHERE = "location on another sequence"
TWO_STRANDS = "parts on two strands"
FRAME = "length is no multiple of three"
EMPTY = "no codon"
AMBIGUOUS_CODON = "ambiguous codon"
SHORT_PIECE = "piece between ambiguous codons shorter than min_len"
INTERNAL_STOP = "internal stop"
NO_START = "no start codon"
NO_STOP = "no stop codon"
MISMATCH = "translation differs from the annotated one"
UNKNOWN_TABLE = "unknown genetic code"
SHORT = "shorter than min_len"


@dataclass(frozen=True, slots=True)
class Annotated:
    """A CDS as its file has it.

    Attributes
    ----------
    id
        Unique in its file: locus tag, protein ID or place.
    seqid
        Name of its sequence.
    parts
        In reading order, so that a CDS over the origin of a circle is its two ends one after the other.
    codon_start
        1, 2 or 3: the base of the first part that begins the first whole codon.
    table
        Number of the NCBI translation table.
    partial5, partial3
        Continues beyond its first (last) base.
    pseudo
        Marked as a pseudogene.
    translation
        The annotated protein; empty where there is none.
    exceptions
        First base (0-based, forward strand) of each codon that is read otherwise than the code says -> amino acid.
    product
        Name of the product.
    elsewhere
        Another sequence that a part of it lies on; empty where there is none.
    fault
        A reason for which its file cannot be believed here, such as `TWO_STRANDS`; empty where there is none.
    """

    id: str
    seqid: str
    parts: tuple[Part, ...]
    codon_start: int = 1
    table: int = 11
    partial5: bool = False
    partial3: bool = False
    pseudo: bool = False
    translation: str = ""
    exceptions: tuple[tuple[int, int, str], ...] = ()
    product: str = ""
    elsewhere: str = ""
    fault: str = ""

    @property
    def place(self) -> str:
        """Location in 1-based, closed coordinates."""
        return ",".join(f"{start + 1}-{end}({'+' if strand > 0 else '-'})" for start, end, strand in self.parts)


@dataclass(frozen=True, slots=True)
class Cds:
    """A coding sequence fit for use.

    Attributes
    ----------
    annotated
        Where it comes from.
    codons : (n,) uint8
        Numbers 0..63, 16 a + 4 b + c; start and stop inside, where it has them.
    protein
        Its translation without the final stop.
    """

    annotated: Annotated
    codons: NDArray[np.uint8]
    protein: str

    @property
    def id(self) -> str:
        """Name in its file."""
        return self.annotated.id


@dataclass(frozen=True, slots=True)
class Rejected:
    """A coding sequence that is not used, and why."""

    annotated: Annotated
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Outcome of one annotated CDS.

    Attributes
    ----------
    result
        The codons, or why the CDS is not used.
    agrees
        Whether its translation is the annotated one; None where there is none to compare, or nothing to translate.
    """

    result: Cds | Rejected
    agrees: bool | None = None


def spliced(annotated: Annotated, codes: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the bases of a CDS in reading order, and the forward-strand position of each.

    Parameters
    ----------
    annotated
        Its parts must lie inside the sequence.
    codes : (n,)
        Base codes of the sequence.
    """
    bases, places = [], []
    for start, end, strand in annotated.parts:
        part, place = codes[start:end], np.arange(start, end)
        bases.append(part if strand > 0 else reverse_complement(part))
        places.append(place if strand > 0 else place[::-1])
    return np.concatenate(bases), np.concatenate(places)


def judge(
    annotated: Annotated, codes: NDArray[np.uint8], *, min_len: int = 0, partial: bool = False, ambiguous: bool = False
) -> Judgement:
    """Turn an annotated CDS into codons, or say why it cannot be used.

    Parameters
    ----------
    annotated
        The CDS with its parts and qualifiers.
    codes : (n,)
        Base codes of its sequence.
    min_len
        Fewest codons, the stop not counted.
    partial
        Use coding sequences that are cut at an end, too.
    ambiguous
        Use coding sequences with ambiguous codons, too, which stay `AMBIGUOUS`; see `pieces`.

    Returns
    -------
    Judgement
        A pseudogene is not translated; every other CDS is, and is compared with its annotated protein, whatever else
        speaks against it.
    """
    if annotated.pseudo:
        return Judgement(Rejected(annotated, PSEUDO))
    if not annotated.parts:
        return Judgement(Rejected(annotated, UNREADABLE))
    if annotated.elsewhere:
        return Judgement(Rejected(annotated, ELSEWHERE, annotated.elsewhere))
    if annotated.fault:
        return Judgement(Rejected(annotated, annotated.fault))
    if any(not 0 <= start < end <= len(codes) for start, end, _ in annotated.parts):
        return Judgement(Rejected(annotated, OUTSIDE, f"{annotated.place} on {len(codes)} bases"))
    try:
        code = GeneticCode.from_table(annotated.table)
    except ValueError:
        return Judgement(Rejected(annotated, UNKNOWN_TABLE, str(annotated.table)))
    bases, places = spliced(annotated, codes)
    bases, places = bases[annotated.codon_start - 1 :], places[annotated.codon_start - 1 :]
    numbers = codon_numbers(bases)
    protein, recoded = _translate(annotated, numbers, places, code)
    unfinished = _unfinished(bases, code) if annotated.partial3 else ""
    agrees = None if not annotated.translation else _same(protein, unfinished, annotated)
    reading = read_codons(bases, code, recoded=recoded)
    fault = _fault(annotated, reading, min_len=min_len, partial=partial, ambiguous=ambiguous)
    if fault is None and agrees is False:
        fault = (MISMATCH, _difference(protein, annotated.translation))
    if fault is not None:
        return Judgement(Rejected(annotated, *fault), agrees)
    return Judgement(Cds(annotated, numbers, protein.removesuffix("*")), agrees)


def _translate(
    annotated: Annotated, numbers: NDArray[np.uint8], places: NDArray[np.int64], code: GeneticCode
) -> tuple[str, NDArray[np.bool_]]:
    """Return the protein, stop included, and which codons are read otherwise than the code says."""
    letters = code.amino_acids[numbers]
    recoded = np.zeros(len(numbers), dtype=bool)
    if not len(numbers):
        return "", recoded
    # An annotated protein that begins with the codon's own amino acid knows better.
    own = annotated.translation[:1] == chr(letters[0])
    if code.is_start[numbers[0]] and not annotated.partial5 and annotated.codon_start == 1 and not own:
        letters[0] = ord("M")
    first, last = places[0 : 3 * len(numbers) : 3], places[2 : 3 * len(numbers) : 3]
    lows = np.minimum(first, last)
    for start, _, amino_acid in annotated.exceptions:
        hit = lows == start
        letters[hit], recoded[hit] = ord(amino_acid), amino_acid != "*"
    # The annotated protein may name a recoded stop without a note of its own.
    for place in np.flatnonzero(letters == ord("*"))[:-1].tolist():
        if annotated.translation[place : place + 1] in tuple(RECODED):
            letters[place], recoded[place] = ord(annotated.translation[place]), True
    return letters.tobytes().decode("ascii"), recoded


def _unfinished(bases: NDArray[np.uint8], code: GeneticCode) -> str:
    """Return the amino acid of a last codon that lacks its third base, where that base does not matter; else nothing.

    NCBI's translations of a CDS that continues beyond its 3' end count it.
    """
    if len(bases) % 3 != 2:
        return ""
    completed = np.array([[*bases[-2:].tolist(), base] for base in range(4)], dtype=np.uint8)
    letters = code.amino_acids[codon_numbers(completed.ravel())]
    unambiguous = bool((letters == letters[0]).all()) and chr(letters[0]) not in "X*"
    return chr(letters[0]) if unambiguous else ""


def _same(protein: str, unfinished: str, annotated: Annotated) -> bool:
    """Whether two proteins agree: where a codon is ambiguous, only the annotation may know the amino acid."""
    theirs = annotated.translation.removesuffix("*")
    return any(
        len(ours) == len(theirs) and all(a in (b, "X") for a, b in zip(ours, theirs, strict=True))
        for ours in {protein.removesuffix("*"), protein.removesuffix("*") + unfinished}
    )


def _difference(ours: str, theirs: str) -> str:
    ours, theirs = ours.removesuffix("*"), theirs.removesuffix("*")
    if len(ours) != len(theirs):
        return f"{len(ours)} amino acids, annotated {len(theirs)}"
    place = next(i for i, (a, b) in enumerate(zip(ours, theirs, strict=True)) if a != b)
    return f"{ours[place]} at {place + 1}, annotated {theirs[place]}"


def _fault(
    annotated: Annotated, reading: Reading, *, min_len: int, partial: bool, ambiguous: bool
) -> tuple[str, str] | None:
    """Return why a CDS cannot be used, the most telling reason first."""
    cut5, numbers = annotated.partial5 or annotated.codon_start > 1, reading.codons
    if reading.leftover and not annotated.partial3:
        return FRAME, f"{3 * len(numbers) + reading.leftover} bases"
    if not len(numbers):
        return EMPTY, ""
    if (numbers == AMBIGUOUS).any() and not ambiguous:
        return AMBIGUOUS_CODON, f"codon {int(np.argmax(numbers == AMBIGUOUS)) + 1}"
    if len(reading.inner_stops(open_end=False)):
        return INTERNAL_STOP, f"codon {reading.stops[0] + 1} of {len(numbers)}"
    if (cut5 or annotated.partial3) and not partial:
        return PARTIAL, "5'" * cut5 + "3'" * annotated.partial3
    if not cut5 and reading.starts is False:
        return NO_START, decode(_bases(int(numbers[0])))
    if not annotated.partial3 and reading.ends is False:
        return NO_STOP, decode(_bases(int(numbers[-1])))
    amino_acids = len(numbers) - bool(reading.ends)
    if amino_acids < max(min_len, 1):
        return SHORT, f"{amino_acids} codons"
    return None


def pieces(cds: Cds, min_len: int) -> list[Cds | Rejected]:
    """Split a coding sequence at its ambiguous codons; a piece that ends at one is partial there.

    Parameters
    ----------
    cds
        From `judge` with `ambiguous`; without such a codon it is returned as it is.
    min_len
        Fewest codons of a piece, a stop not counted; shorter ones are rejected.
    """
    gaps = np.flatnonzero(cds.codons == AMBIGUOUS)
    if not len(gaps):
        return [cds]
    code = GeneticCode.from_table(cds.annotated.table)
    parts: list[Cds | Rejected] = []
    bounds = [-1, *gaps.tolist(), len(cds.codons)]
    for number, (before, after) in enumerate(pairwise(bounds), 1):
        codons, protein = cds.codons[before + 1 : after], cds.protein[before + 1 : after]
        if not len(codons):
            continue
        note = replace(
            cds.annotated,
            id=f"{cds.id}.piece{number}",
            codon_start=cds.annotated.codon_start if before < 0 else 1,
            partial5=cds.annotated.partial5 or before >= 0,
            partial3=cds.annotated.partial3 or after < len(cds.codons),
        )
        size = len(codons) - bool(after == len(cds.codons) and code.is_stop[codons[-1]])
        if size < max(min_len, 1):
            parts.append(Rejected(note, SHORT_PIECE, f"{size} codons"))
        else:
            parts.append(Cds(note, codons, protein))
    return parts


def _bases(number: int) -> NDArray[np.uint8]:
    return np.array([number // 16, number // 4 % 4, number % 4], dtype=np.uint8)


def codons_of(dna: str) -> NDArray[np.uint8]:
    """Return the codon numbers of a coding sequence as text; up to two bases left over are dropped.

    Examples
    --------
    >>> codons_of("ATGAAATAA").tolist()
    [14, 0, 48]
    """
    return codon_numbers(encode(dna))


def dna_of(codons: NDArray[np.uint8]) -> str:
    """Return codon numbers as text.

    Examples
    --------
    >>> dna_of(codons_of("ATGAAATAA"))
    'ATGAAATAA'
    """
    bases = np.stack([codons // 16, codons // 4 % 4, codons % 4], axis=1).astype(np.uint8)
    return decode(bases.ravel())
