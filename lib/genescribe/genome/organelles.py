"""Mitochondria and plastids in a genome, recognised by name or description, and their genetic codes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

from genescribe.errors import InputError
from genescribe.genome.genetic_code import GeneticCode

Organelle = Literal["mitochondrion", "plastid"]

PLASTID_CODE = 11
"""Of all plastids but some apicoplasts; mitochondria have a dozen codes."""
ORGANELLE_CODES = frozenset({2, 3, 4, 5, 9, 11, 13, 14, 16, 21, 22, 23, 24, 25, 32, 33})
"""NCBI tables of mitochondria, plastids and bacteria: a model trained with one is meant for such sequences."""

_CHROMOSOME = r"(?:chr(?:omosome)?[_.-]?)"
_LETTER = re.compile(rf"{_CHROMOSOME}([a-z])", re.IGNORECASE)
_NAMES: dict[Organelle, re.Pattern[str]] = {
    "mitochondrion": re.compile(
        rf"{_CHROMOSOME}m|{_CHROMOSOME}?(?:mt(?:dna)?|mito|mitochondri(?:on|a|al)(?:[_.-](?:genome|dna))?)",
        re.IGNORECASE,
    ),
    "plastid": re.compile(
        rf"{_CHROMOSOME}c|{_CHROMOSOME}?(?:pt(?:dna)?|cp(?:dna)?|pltd|plastid|chloroplast|apicoplast)(?:[_.-](?:genome|dna))?",
        re.IGNORECASE,
    ),
}
_DESCRIPTIONS: dict[Organelle, re.Pattern[str]] = {
    "mitochondrion": re.compile(
        r"\bmitochondrion\b|\bkinetoplast\b|\bmitochondrial (?:genome|dna|chromosome|sequence|scaffold|contig)\b",
        re.IGNORECASE,
    ),
    "plastid": re.compile(
        r"\b(?:plastid|chloroplast|apicoplast|chromoplast|cyanelle)\b(?! (?:protein|gene|precursor))", re.IGNORECASE
    ),
}


def organelle_of(seqid: str, description: str = "") -> Organelle | None:
    """Return the organelle that a sequence is of, by its name or the rest of its FASTA header; None: no organelle.

    Examples
    --------
    >>> organelle_of("chrM"), organelle_of("MT"), organelle_of("ChrC"), organelle_of("chrII"), organelle_of("contig_m")
    ('mitochondrion', 'mitochondrion', 'plastid', None, None)
    >>> organelle_of("NC_012920.1", "Homo sapiens mitochondrion, complete genome")
    'mitochondrion'
    """
    for table, text in ((_NAMES, seqid), (_DESCRIPTIONS, description)):
        for kind, pattern in table.items():
            if pattern.fullmatch(text) if table is _NAMES else pattern.search(text):
                return kind
    return None


def organelles_of(descriptions: Mapping[str, str]) -> dict[str, Organelle]:
    """Return the organelles among named sequences, each with the rest of its header.

    Where chromosomes are lettered throughout, `chrC` and `chrM` are two of them.

    Examples
    --------
    >>> organelles_of({"chr1": "", "chrM": ""}), organelles_of(dict.fromkeys(["chrA", "chrB", "chrC"], ""))
    ({'chrM': 'mitochondrion'}, {})
    """
    letters = [match[1].upper() for name in descriptions if (match := _LETTER.fullmatch(name))]
    lettered = len(set(letters) - set("CMUWXYZ")) > 1
    return {
        seqid: kind
        for seqid, description in descriptions.items()
        if (kind := organelle_of("" if lettered and _LETTER.fullmatch(seqid) else seqid, description))
    }


def parse_codes(words: Iterable[str], known: Iterable[str]) -> dict[str, int]:
    """Return the NCBI table of each sequence of some ``SEQID=NUMBER``.

    Raises
    ------
    InputError
        A word of another form, an unknown sequence or table, or two tables for one sequence.

    Examples
    --------
    >>> parse_codes(["MT=2"], ["1", "MT"])
    {'MT': 2}
    """
    names, codes = set(known), dict[str, int]()
    for word in words:
        seqid, equals, number = word.rpartition("=")
        problem, remedy = "", "give SEQID=NUMBER, such as MT=2"
        if not equals or not number.strip().isdigit():
            problem = f"{word!r} is no SEQID=NUMBER"
        elif seqid not in names:
            problem, remedy = f"no sequence {seqid!r} in the genome", "give a name of the genome"
        elif codes.get(seqid, int(number)) != int(number):
            problem, remedy = f"two genetic codes for {seqid!r}", "give one"
        if problem:
            raise InputError(problem, where="--genetic-code-of", remedy=remedy)
        codes[seqid] = GeneticCode.from_table(int(number)).number
    return codes


def choose_codes(
    kinds: Mapping[str, Organelle], chosen: Mapping[str, int], usual: int
) -> tuple[dict[str, int], list[str]]:
    """Return the code of each sequence that is not read with the usual one, and the organelles that have none.

    Parameters
    ----------
    kinds
        The organelles of a genome.
    chosen
        Codes that were asked for.
    usual
        The code of all else.

    Examples
    --------
    >>> choose_codes({"MT": "mitochondrion", "Pt": "plastid"}, {}, 1)
    ({'Pt': 11}, ['MT'])
    >>> choose_codes({"MT": "mitochondrion"}, {"MT": 2}, 1)
    ({'MT': 2}, [])
    """
    codes, unknown = dict(chosen), []
    for seqid, kind in kinds.items():
        if seqid in codes or usual in ORGANELLE_CODES:
            continue
        if kind == "plastid":
            codes[seqid] = PLASTID_CODE
        else:
            unknown.append(seqid)
    return {seqid: code for seqid, code in codes.items() if code != usual}, unknown
