"""Locus tags and the other attributes that NCBI asks of an annotated genome.

Source: "Annotating Genomes with GFF3 or GTF files" and "Eukaryotic Genome Annotation Guide", NCBI.
"""

from __future__ import annotations

import re

from genescribe.errors import InputError

PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9]{2,11}")
"""3 to 12 letters and digits, a letter first."""
PRODUCT = "hypothetical protein"
"""The name of a protein of which nothing is known."""


class LocusTags:
    """Hands out the attributes of genes and of their coding transcripts, gene after gene.

    Parameters
    ----------
    prefix
        As registered with the BioProject.

    Raises
    ------
    InputError
        A prefix that NCBI does not allow.

    Examples
    --------
    >>> tags = LocusTags("ABC")
    >>> tags.next_gene()
    {'locus_tag': 'ABC_000001'}
    >>> tags.coding(2)["protein_id"]
    'gnl|ABC|ABC_000001-P2'
    """

    def __init__(self, prefix: str) -> None:
        if not PREFIX.fullmatch(prefix):
            raise InputError(
                f"{prefix!r} is no locus tag prefix",
                where="--locus-tag",
                remedy="give the one registered with your BioProject: 3 to 12 letters and digits, a letter first",
            )
        self.prefix = prefix
        self._number = 0

    def next_gene(self) -> dict[str, str]:
        """Return the attributes of the next gene."""
        self._number += 1
        return {"locus_tag": self._tag}

    def coding(self, number: int) -> dict[str, str]:
        """Return the attributes of a coding transcript of the current gene, counted from 1, and of its CDS."""
        return {
            "locus_tag": self._tag,
            "product": PRODUCT,
            "transcript_id": f"gnl|{self.prefix}|{self._tag}-R{number}",
            "protein_id": f"gnl|{self.prefix}|{self._tag}-P{number}",
        }

    @property
    def _tag(self) -> str:
        return f"{self.prefix}_{self._number:06d}"
