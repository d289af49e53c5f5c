"""Rules for test sets: always disjoint from training; synthetic and real if the protocol requires it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genescribe.bake.leakage import Sketch, similar_pairs
from genescribe.codon.classify.sequences import Sequences
from genescribe.codon.sequences.homology import CROWD
from genescribe.errors import InputError

ORIGIN, REAL, SYNTHETIC = "origin", "real", "synthetic"
PROTOCOLS = {"real": (REAL, REAL), "tstr": (SYNTHETIC, REAL), "trts": (REAL, SYNTHETIC)}
"""Protocol -> what training and test must be."""

ALIKE = 0.5
"""Share of the words of two proteins in common from which one is a near-duplicate of the other."""


@dataclass(frozen=True)
class Known:
    """Digests of the training sequences of a classifier, so that no test repeats them.

    Attributes
    ----------
    source
        The file that they came from, which need not be there any more.
    ids, digests, sketches
        See `genescribe.codon.classify.sequences.Sequences`.
    """

    source: str
    ids: tuple[str, ...]
    digests: tuple[str, ...]
    sketches: tuple[Sketch, ...]

    @classmethod
    def of(cls, sequences: Sequences) -> Known:
        """Return identifiers, digests and sketches of some sequences."""
        return cls(sequences.source, sequences.ids, sequences.digests, sequences.sketches)


def check_disjoint(train: Known, test: Sequences, protocol: str) -> int:
    """Refuse tests that training knows.

    Parameters
    ----------
    train
        Digests and protein words of the training sequences.
    test
        The sequences to test on.
    protocol
        `real`, `tstr` (train on synthetic, test on real) or `trts`.

    Returns
    -------
    int
        Test sequences whose protein (code 11) is a near-duplicate of a training sequence's.

    Raises
    ------
    InputError
        Train and test share ids or sequences; under `tstr` and `trts`, near-duplicates.
    """
    for kind, known, tested in (("ids", train.ids, test.ids), ("sequences", train.digests, test.digests)):
        shared = set(known) & set(tested)
        if shared:
            raise InputError(
                f"{len(shared)} {kind} are in {train.source} too (protocol {protocol})",
                where=test.source,
                remedy="take them out of one of the two",
            )
    sides = [0] * len(train.ids) + [1] * len(test.ids)
    pairs, _ = similar_pairs([*train.sketches, *test.sketches], sides, similar=ALIKE, crowd=CROWD)
    alike = len(np.unique(pairs[:, 1]))
    if alike and protocol != REAL:
        raise InputError(
            f"{alike} sequences resemble one of {train.source} (protocol {protocol})",
            where=test.source,
            remedy="take them out: what was generated from a test sequence is no training data",
        )
    return alike


def check_origin(sequences: Sequences, protocol: str, *, test: bool) -> None:
    """Refuse synthetic sequences where the protocol wants real ones, or the reverse, or a file that does not say.

    Parameters
    ----------
    sequences
        Sequences with the origin that their file states.
    protocol
        `real`, `tstr` (train on synthetic, test on real) or `trts`.
    test
        Whether they are the test set; otherwise the training set.
    """
    wanted = PROTOCOLS[protocol][test]
    origins = sequences.notes.get(ORIGIN, () if protocol != REAL else (REAL,) * len(sequences))
    wrong = sum(origin != wanted for origin in origins)
    if not origins or wrong:
        fault = f"{wrong} sequences are not {wanted}" if origins else f"no {ORIGIN} of the sequences"
        raise InputError(
            f"{fault} (protocol {protocol})",
            where=sequences.source,
            remedy=f"mark each with {ORIGIN}={wanted} (FASTA), or in a column {ORIGIN}",
        )
