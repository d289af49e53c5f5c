"""What may be tested on what: disjoint always; synthetic and real where the protocol says so."""

from __future__ import annotations

from genescribe.codon.cds import codons_of
from genescribe.codon.classify.config import ClassifierConfig
from genescribe.codon.classify.sequences import Sequences
from genescribe.codon.homology import protein_of, similar_pairs
from genescribe.errors import InputError

ORIGIN, REAL, SYNTHETIC = "origin", "real", "synthetic"
PROTOCOLS = {"real": (REAL, REAL), "tstr": (SYNTHETIC, REAL), "trts": (REAL, SYNTHETIC)}
"""Protocol -> what training and test must be."""

ALIKE = 0.5
"""Share of the words of two proteins in common from which one is a near-duplicate of the other."""


def check_protocol(train: Sequences, test: Sequences, config: ClassifierConfig) -> int:
    """Refuse what the protocol does not allow.

    Returns
    -------
    int
        Test sequences whose protein (code 11) is a near-duplicate of a training sequence's.

    Raises
    ------
    InputError
        Train and test share ids or sequences; a file holds synthetic sequences where the protocol wants real ones, or
        the reverse, or does not say; under `tstr` and `trts`, near-duplicates.
    """
    sides = ((train, config.train), (test, config.test))
    for (sequences, path), wanted in zip(sides, PROTOCOLS[config.protocol], strict=True):
        _check_origin(sequences, path, wanted, config.protocol)
    for kind, one, other in (("ids", train.ids, test.ids), ("sequences", train.dna, test.dna)):
        shared = set(one) & set(other)
        if shared:
            raise InputError(
                f"{len(shared)} {kind} are in {config.train} too (protocol {config.protocol})",
                where=config.test,
                remedy="take them out of one of the two",
            )
    proteins = [protein_of(codons_of(dna), 11) for dna in (*train.dna, *test.dna)]
    pairs, _ = similar_pairs(proteins, ALIKE)
    across = pairs[(pairs[:, 0] < len(train)) & (pairs[:, 1] >= len(train))]
    alike = len(set(across[:, 1].tolist()))
    if alike and config.protocol != REAL:
        raise InputError(
            f"{alike} sequences resemble one of {config.train} (protocol {config.protocol})",
            where=config.test,
            remedy="take them out: what was generated from a test sequence is no training data",
        )
    return alike


def _check_origin(sequences: Sequences, path: str, wanted: str, protocol: str) -> None:
    origins = sequences.notes.get(ORIGIN, () if protocol != REAL else (REAL,) * len(sequences))
    wrong = sum(origin != wanted for origin in origins)
    if not origins or wrong:
        found = f"{wrong} sequences are not {wanted}" if origins else f"no {ORIGIN} of the sequences"
        raise InputError(
            f"{found} (protocol {protocol})",
            where=path,
            remedy=f"mark each with {ORIGIN}={wanted} (FASTA), or in a column {ORIGIN}",
        )
