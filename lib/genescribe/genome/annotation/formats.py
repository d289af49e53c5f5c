"""The forms in which an annotation can be written: GFF3, GTF, BED12, each plain or compressed with an index."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from genescribe.errors import InputError
from genescribe.files import atomic_path, full_disk_explained, naming
from genescribe.genome.annotation.bed import bed_rows
from genescribe.genome.annotation.gff3 import write_gff3
from genescribe.genome.annotation.gtf import gtf_rows
from genescribe.genome.annotation.locus_tags import LocusTags
from genescribe.genome.annotation.row_order import comments, write_rows
from genescribe.genome.model import Gene
from genescribe.paths import form_of, is_compressed, stem_of

Form = Literal["gff3", "gtf", "bed"]
FORMS: tuple[Form, ...] = ("gff3", "gtf", "bed")
INDEXES = (".tbi", ".csi")
"""Suffixes of the index of a compressed file: CSI where a sequence is too long for tabix's own."""
_NAMED: dict[str | None, Form] = {"GFF3": "gff3", "GTF": "gtf", "BED": "bed"}
WRITTEN = ("GFF3", "GTF", "BED")
"""Names of the forms in `genescribe.paths`."""
_LONGEST = 2**29
"""Bases of the longest sequence that a .tbi index can address."""


def genes_in_words(number: int) -> str:
    """Return a number of genes as a person says it."""
    return f"{number:,} gene{'' if number == 1 else 's'}"


@dataclass(frozen=True)
class AnnotationForm:
    """How an annotation is written.

    Attributes
    ----------
    form
        GFF3, GTF or BED12.
    compressed
        With bgzip, and with an index of tabix beside it.
    locus_tag
        Prefix of locus tags: what NCBI asks of GFF3.

    Raises
    ------
    InputError
        A prefix that NCBI does not allow, or with another form than GFF3.
    """

    form: Form = "gff3"
    compressed: bool = False
    locus_tag: str | None = None

    def __post_init__(self) -> None:
        if self.locus_tag is None:
            return
        LocusTags(self.locus_tag)  # A prefix that NCBI does not allow is refused before any work.
        if self.form != "gff3":
            raise InputError(
                f"locus tags are for GFF3, not for {self.form}",
                where="--locus-tag",
                remedy="leave it out, or write GFF3",
            )

    @classmethod
    def of(cls, path: Path | None, form: Form | None, locus_tag: str | None) -> AnnotationForm:
        """Return the form of a file: the one asked for, or else the one that its name says; GFF3 by default.

        Parameters
        ----------
        path
            The file; None: one that is not named yet.
        form
            Format that the user asks for; None: by the name of the file.
        locus_tag
            Prefix of locus tags, or None.

        Raises
        ------
        InputError
            The name of the file says another form than the one asked for.
        """
        if path is None:
            return cls(form or "gff3", False, locus_tag)
        named = _NAMED.get(form_of(path))
        if form and named and form != named:
            raise InputError(
                f"the name is that of a {named} file, and --format asks for {form}",
                where=path,
                remedy=f"leave out --format, or let the name end in .{form}",
            )
        return cls(form or named or "gff3", is_compressed(path), locus_tag)

    @property
    def suffix(self) -> str:
        """Return the usual end of a file name."""
        return f".{self.form}{'.gz' if self.compressed else ''}"

    def write(
        self,
        path: str | Path,
        genes: Iterable[Gene],
        lengths: Mapping[str, int],
        header: Iterable[str] = (),
        *,
        genetic_code: Callable[[str], int] = lambda seqid: 1,
    ) -> None:
        """Write genes, and where they are compressed the index.

        Parameters
        ----------
        path
            Annotation file to write; one that exists is replaced.
        genes
            Genes in any order.
        lengths
            Bases of each sequence, in the order to write.
        header
            Comment lines to stand at the top, without ``#``.
        genetic_code
            NCBI table of a sequence; GFF3 names it where it is not 1.

        Raises
        ------
        InputError
            A gene on an unknown sequence or past its end; a prefix that NCBI does not allow.
        """
        path = Path(path)
        if not self.compressed:
            self._write_plain(path, genes, lengths, header, genetic_code)
            return
        import pysam  # The environments of rules, which write plain GFF3, do without it.

        with (
            tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{stem_of(path)}.") as folder,
            naming(path, folder),
            full_disk_explained(path),
        ):
            plain, packed = Path(folder, f"plain.{self.form}"), Path(folder, path.name)
            self._write_plain(plain, genes, lengths, header, genetic_code)
            pysam.tabix_compress(str(plain), str(packed))
            long = max(lengths.values(), default=0) > _LONGEST
            preset: Literal["bed", "gff"] = "bed" if self.form == "bed" else "gff"
            pysam.tabix_index(str(packed), preset=preset, csi=long, force=True)
            kind, unused = INDEXES[:: -1 if long else 1]
            # An old index of the other kind would be taken for that of the new file.
            path.with_name(path.name + unused).unlink(missing_ok=True)
            for name in (path.name + kind, path.name):
                with atomic_path(path.with_name(name)) as temporary:
                    Path(folder, name).replace(temporary)

    def _write_plain(
        self,
        path: Path,
        genes: Iterable[Gene],
        lengths: Mapping[str, int],
        header: Iterable[str],
        genetic_code: Callable[[str], int],
    ) -> None:
        if self.form == "gff3":
            write_gff3(path, genes, lengths, header, locus_tag=self.locus_tag, genetic_code=genetic_code)
        else:
            write_rows(path, genes, lengths, {"gtf": gtf_rows, "bed": bed_rows}[self.form], comments(header))


PLAIN_GFF3 = AnnotationForm()
