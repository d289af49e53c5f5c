"""Check that two files use the same sequence names: `chr1` and `1` are different names."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable

from genescribe.errors import InputError
from genescribe.genome.model import Gene

SHOWN = 5
"""Names of a set that a message shows."""
_log = logging.getLogger(__name__)


def check_names(genes: Iterable[Gene], known: Collection[str], where: str, other_file: str) -> None:
    """Check that genes lie on sequences that another file has too.

    A gene on a sequence that the other file lacks counts as wrong or as missed. If this holds for every gene, the
    scores say nothing; if it holds for some, a warning names their sequences.

    Parameters
    ----------
    genes
        Genes of the annotation.
    known
        Names of sequences in the other file.
    where, other_file
        The annotation's file, and the other one, for messages.

    Raises
    ------
    InputError
        There are genes, the other file has sequences, and no name is in both.
    """
    names = {gene.seqid for gene in genes}
    strange = names - set(known)
    if not names or not known or not strange:
        return
    if strange == names:
        raise InputError(
            f"no sequence is called as in {other_file}: {listed(names)} here, {listed(known)} there",
            where=where,
            remedy="give files of the same genome, with the same names of sequences",
        )
    _log.warning("%s: %s not in %s: their genes match nothing", where, listed(strange), other_file)


def listed(names: Collection[str]) -> str:
    """Return the first names in order, and how many more there are.

    Examples
    --------
    >>> listed({"b", "a"})
    'a, b'
    >>> listed([f"chr{i}" for i in range(1, 9)])
    'chr1, chr2, chr3, chr4, chr5 and 3 more'
    """
    shown = sorted(names)
    more = f" and {len(shown) - SHOWN} more" if len(shown) > SHOWN else ""
    return ", ".join(shown[:SHOWN]) + more
