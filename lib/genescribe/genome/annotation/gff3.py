"""GFF3 and GTF: reading well-formed annotation, writing valid GFF3."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path

import duckdb

from genescribe.genome.annotation.features import load_features
from genescribe.genome.annotation.locus_tags import LocusTags
from genescribe.genome.annotation.row_order import comments, write_rows
from genescribe.genome.annotation.rows import first_row, load_rows
from genescribe.genome.catalogue.tables import Rejected, fetch_genes, fetch_rejected
from genescribe.genome.catalogue.tree import load_tree
from genescribe.genome.model import Gene, Interval, Transcript, cds_phases

SOURCE = "genescribe"
_log = logging.getLogger(__name__)
_ESCAPED = re.compile(r"[\x00-\x1f\x7f%;=&,]")
_ESCAPED_BUT_COMMA = re.compile(r"[\x00-\x1f\x7f%;=&]")
_ESCAPED_SEQID = re.compile(r"[^a-zA-Z0-9.:^*$@!+_?|-]")
_MULTIPLE = {"Alias", "Note", "Dbxref", "Ontology_term"}
_OWN_KEYS = {"ID", "Parent", "biotype"}
_RNA_TYPES = {"tRNA", "rRNA", "snRNA", "snoRNA", "ncRNA", "miRNA", "lnc_RNA", "SRP_RNA", "telomerase_RNA"}


def write_gff3(
    path: str | Path,
    genes: Iterable[Gene],
    lengths: Mapping[str, int],
    header: Iterable[str] = (),
    *,
    source: str = SOURCE,
    repeated: Collection[str] = (),
    locus_tag: str | None = None,
    genetic_code: Callable[[str], int] = lambda seqid: 1,
) -> None:
    """Write genes as valid GFF3 in one step; equal genes give equal bytes.

    Rows stand by sequence and start, parents before their parts, so that tabix takes them. Rows that reach the end of a
    partial coding sequence say so (``partial``, ``start_range``, ``end_range``, as NCBI asks).

    Parameters
    ----------
    path
        GFF3 file to write; one that exists is replaced.
    genes
        In any order; written by sequence, start, end and ID.
    lengths
        Bases of each sequence, in the order to write.
    header
        Comment lines to stand at the top, without ``#``.
    source
        Name of the program, column 2 of every row.
    repeated
        Attributes of a gene that its transcripts, exons and coding sequences get as well.
    locus_tag
        Prefix: rows get what NCBI asks of a submission, `genescribe.genome.annotation.locus_tags`. Genes and mRNAs
        whose untranslated regions are not known are partial there, by the same rules.
    genetic_code
        NCBI table of a sequence, written (``transl_table``) where it is not 1.

    Raises
    ------
    InputError
        A gene on an unknown sequence or past its end; a prefix that NCBI does not allow.
    """
    tags = None if locus_tag is None else LocusTags(locus_tag)
    escaped = [name for name in lengths if _seqid(name) != name]
    if escaped:
        _log.warning(
            "%s is written as %s, as GFF3 requires%s; gffread and bedtools do not decode this: rename the "
            "sequences before annotating if you use them",
            escaped[0], _seqid(escaped[0]), f" ({len(escaped)} such names)" if len(escaped) > 1 else "",
        )  # fmt: skip
    ids = _UniqueIds()
    regions = (f"##sequence-region {_seqid(seqid)} 1 {length}\n" for seqid, length in lengths.items())
    write_rows(
        path,
        genes,
        lengths,
        lambda gene: _gene_rows(gene, source, ids, repeated, tags, genetic_code(gene.seqid)),
        ["##gff-version 3\n", *comments(header), *regions],
    )


def gff3_rows(genes: Iterable[Gene], *, source: str = SOURCE, repeated: Collection[str] = ()) -> str:
    """Return the rows of genes in their order, to be added to a file; see `write_gff3`."""
    ids = _UniqueIds()
    return "".join(row for gene in genes for _, row in _gene_rows(gene, source, ids, repeated))


class _UniqueIds:
    """Keeps the IDs of a file unique: GFF3 has one name space, the model has one for genes and one for transcripts."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def take(self, name: str, prefix: str = "") -> str:
        """Return `name`; where it was taken before, with `prefix`, and failing that `name.2`, `name.3`, ..."""
        candidate = name
        if prefix and name in self._seen:
            candidate = name = prefix + name
        while candidate in self._seen:
            self._seen[name] += 1
            candidate = f"{name}.{self._seen[name]}"
        self._seen[candidate] = 1
        return candidate


def _gene_rows(
    gene: Gene,
    source: str,
    ids: _UniqueIds,
    repeated: Collection[str],
    tags: LocusTags | None = None,
    table: int = 1,
) -> Iterator[tuple[int, str]]:
    """Yield the rows of a gene, each with its start."""
    gene_id = ids.take(gene.id, "gene:")
    attributes = {"ID": gene_id}
    if gene.biotype:
        attributes["biotype"] = gene.biotype
    attributes |= tags.next_gene() if tags else {}
    attributes |= {key: value for key, value in gene.attributes.items() if key not in _OWN_KEYS | attributes.keys()}
    shared = {key: attributes[key] for key in repeated if key in attributes}

    def row(
        kind: str, interval: Interval, columns: dict[str, str], score: float | None = None, phase: str = "."
    ) -> tuple[int, str]:
        start, end = interval
        pairs = ((key, value) for key, value in (columns | shared).items() if value)  # GFF3 has no empty ones.
        text = ";".join(f"{_escape(key)}={_escape(value, key)}" for key, value in pairs)
        shown = "." if score is None else repr(float(score))
        strand = gene.strand
        return (
            start,
            f"{_seqid(gene.seqid)}\t{source}\t{kind}\t{start + 1}\t{end}\t{shown}\t{strand}\t{phase}\t{text}\n",
        )

    cut = [_cut_ends(transcript, gene.strand, untranslated=tags is not None) for transcript in gene.transcripts]
    low = any(ends[0] and t.start == gene.start for ends, t in zip(cut, gene.transcripts, strict=True))
    high = any(ends[1] and t.end == gene.end for ends, t in zip(cut, gene.transcripts, strict=True))
    place = (gene.start, gene.end)
    yield row("gene", place, attributes | _partial(place, low, high), gene.score)
    for number, transcript in enumerate(gene.transcripts, start=1):
        transcript_id = ids.take(transcript.id, "transcript:")
        kind = "mRNA" if transcript.cds else gene.biotype if gene.biotype in _RNA_TYPES else "transcript"
        columns = {"ID": transcript_id, "Parent": gene_id} | ({"tag": "canonical"} if transcript.canonical else {})
        columns |= tags.coding(number) if tags and transcript.cds else {}
        columns |= {key: value for key, value in transcript.attributes.items() if key not in columns}
        place = (transcript.start, transcript.end)
        yield row(kind, place, columns | _partial(place, *cut[number - 1]), transcript.score)
        scores = transcript.exon_scores or [None] * len(transcript.exons)
        parts: list[_Part] = [
            (exon, 0, "exon", ".", {"Parent": transcript_id}, score)
            for exon, score in zip(transcript.exons, scores, strict=True)
        ]
        if transcript.cds:
            coding = {"ID": ids.take(f"{transcript_id}.cds"), "Parent": transcript_id}
            coding |= tags.coding(number) if tags else {}
            coding |= {} if table == 1 else {"transl_table": str(table)}
            parts += _coding_parts(transcript, gene.strand, coding)
        for interval, _, part, phase, columns, score in sorted(parts, key=lambda part: (part[0][0], part[1])):
            yield row(part, interval, columns, score, phase)


_Part = tuple[Interval, int, str, str, dict[str, str], float | None]


def _cut_ends(transcript: Transcript, strand: str, *, untranslated: bool) -> tuple[bool, bool]:
    """Whether a transcript continues beyond its first and last base: its coding sequence does, and ends there too.

    `untranslated`: or nothing is known of what lies beyond the coding sequence.
    """
    if not transcript.cds:
        return False, False
    left, right = (transcript.partial5, transcript.partial3)[:: 1 if strand == "+" else -1]
    first, last = transcript.coding_span
    return transcript.start == first and (left or untranslated), transcript.end == last and (right or untranslated)


def _partial(interval: Interval, left: bool, right: bool) -> dict[str, str]:
    """Return the attributes of a row whose feature continues to its left or right."""
    columns = {"partial": "true"} if left or right else {}
    if left:
        columns["start_range"] = f".,{interval[0] + 1}"
    if right:
        columns["end_range"] = f"{interval[1]},."
    return columns


def _coding_parts(transcript: Transcript, strand: str, columns: dict[str, str]) -> list[_Part]:
    phases = cds_phases(transcript.cds, strand, transcript.phase)
    scores = transcript.cds_scores or [None] * len(phases)
    left, right = (transcript.partial5, transcript.partial3)[:: 1 if strand == "+" else -1]
    parts: list[_Part] = []
    for number, (interval, phase, score) in enumerate(zip(transcript.cds, phases, scores, strict=True)):
        ends = _partial(interval, left and number == 0, right and number == len(phases) - 1)
        parts.append((interval, 1, "CDS", str(phase), columns | ends, score))
    parent = {"Parent": columns["Parent"]}
    names = ("five_prime_UTR", "three_prime_UTR")[:: 1 if strand == "+" else -1]
    for name, utr in zip(names, transcript.utrs, strict=True):
        parts += [(part, 2, name, ".", parent, None) for part in utr]
    return parts


def _escape(text: str, key: str = "") -> str:
    pattern = _ESCAPED_BUT_COMMA if key in _MULTIPLE or key in ("start_range", "end_range") else _ESCAPED
    return pattern.sub(lambda match: f"%{ord(match[0]):02X}", text)


def _seqid(name: str) -> str:
    return _ESCAPED_SEQID.sub(lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), name)


def read_genes(path: str | Path, rejects: list[Rejected] | None = None) -> list[Gene]:
    """Return the genes of a well-formed GFF3 or GTF file.

    The dialects of Ensembl, GENCODE, RefSeq, FlyBase, Phytozome, AUGUSTUS and Prokka are understood, plain or
    compressed. Coding sequences include the stop codon, also where GTF keeps it apart. Files with missing levels are
    for `genescribe.genome.repair.sort`.

    Parameters
    ----------
    path
        GFF3 or GTF, plain, gzip or bgzip.
    rejects
        List to which genes and transcripts that cannot be used (trans-spliced, overlapping exons, ...) are appended;
        None: their number is logged.

    Returns
    -------
    list of Gene
        By sequence in the order of the file, then by start, end and ID.

    Raises
    ------
    InputError
        A file that cannot be read, or a row that is not GFF3 or GTF.
    """
    with duckdb.connect(":memory:") as connection:
        gtf = load_rows(connection, path, None)
        load_features(connection, gtf=gtf)
        load_tree(connection, path, gtf=gtf, tolerant=False)
        rejected = fetch_rejected(connection)
        if rejects is not None:
            rejects.extend(rejected)
        elif rejected:
            # That a gene has no usable transcript follows from what is wrong with its transcripts.
            first = next((row for row in rejected if row.reason != "no_usable_transcript"), rejected[0])
            what = "1 gene or transcript" if len(rejected) == 1 else f"{len(rejected):,} genes or transcripts"
            name = first.transcript or first.gene
            place = f"line {first.line}" + (f", {name}" if name else "")
            _log.warning("%s: %s cannot be used; %s: %s", path, what, place, first.detail)
        genes = fetch_genes(connection)
        if not genes and first_row(connection, "SELECT count(*) FROM sequences")[0]:
            _log.warning("%s: it has rows, but no gene with a coding sequence", path)
        return genes
