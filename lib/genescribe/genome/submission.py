"""The rules that NCBI's table2asn checks in an annotated eukaryotic genome, so that they can be checked before.

Sources: NCBI's "Annotating Genomes with GFF3 or GTF files", "Eukaryotic Genome Annotation Guide" and "Validation Error
Explanations for Genomes". Rules are named as in NCBI's validator where it has a name. Not checked: the submission
template, descriptions of organism and assembly, and names of products.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import numpy as np

from genescribe.errors import InputError
from genescribe.genome.alphabet import N, gaps, reverse_complement, unmasked
from genescribe.genome.annotation.locus_tags import PREFIX
from genescribe.genome.annotation.text import gff3_attributes, table_rows
from genescribe.genome.codons import read_codons
from genescribe.genome.fasta import Genome
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Interval, cds_phases

GAP = 10
"""Bases of the shortest run of N that table2asn takes for a gap (``-gaps-min``)."""
SHORTEST_INTRON = 10
SHORTEST_SEQUENCE = 200
LONGEST_NAME = 50
NEAR = 2
"""Bases that a partial end may lie away from the end of its sequence or from a gap."""
_COLUMNS = 9
_NAME = re.compile(r"[A-Za-z0-9_.:*#-]+")
_TAG = re.compile(rf"({PREFIX.pattern})_[A-Za-z0-9]+")
_GENERAL_ID = re.compile(r"gnl\|[A-Za-z0-9]+\|[A-Za-z0-9_.:-]+")


class Problem(NamedTuple):
    """A rule that an annotation breaks.

    Attributes
    ----------
    rule
        Name of the rule.
    where
        The ID of the feature, or the sequence.
    what
        The fault, in words.
    """

    rule: str
    where: str
    what: str


class _Row(NamedTuple):
    seqid: str
    kind: str
    start: int
    end: int
    strand: str
    phase: str
    attributes: dict[str, str]

    @property
    def name(self) -> str:
        return self.attributes.get("ID") or f"{self.seqid}:{self.start + 1}-{self.end}"

    @property
    def place(self) -> Interval:
        return self.start, self.end

    def open_ends(self) -> tuple[bool, bool]:
        """Whether the feature continues to the left and to the right of the row."""
        return "start_range" in self.attributes, "end_range" in self.attributes


@dataclass
class _Transcript:
    row: _Row
    exons: list[_Row] = field(default_factory=list)
    cds: list[_Row] = field(default_factory=list)


def check_submission(annotation: str | Path, genome: Genome) -> list[Problem]:
    """Return the problems that table2asn would report.

    Parameters
    ----------
    annotation
        GFF3 with locus tags, as `genescribe.genome.annotation.formats.AnnotationForm` writes it.
    genome
        The sequences to be submitted.

    Raises
    ------
    InputError
        A row that is not GFF3.
    """
    genes: list[_Row] = []
    transcripts: dict[str, _Transcript] = {}
    parts: list[_Row] = []
    for row in _read(annotation):
        if row.kind == "gene":
            genes.append(row)
        elif row.kind in ("exon", "CDS"):
            parts.append(row)
        elif "Parent" in row.attributes and row.kind.lower().endswith(("rna", "transcript")):
            transcripts[row.name] = _Transcript(row)
    problems = [*_sequences(genome)]
    if not genes:
        problems.append(Problem("gene", Path(annotation).name, "there is no row of type gene"))
    for part in parts:
        owner = transcripts.get(part.attributes.get("Parent", ""))
        if owner is None:
            problems.append(Problem("parent", part.name, f"a row of type {part.kind} belongs to no mRNA"))
        else:
            (owner.cds if part.kind == "CDS" else owner.exons).append(part)
    problems += _places([*genes, *(t.row for t in transcripts.values()), *parts], genome)
    if problems and any(problem.rule == "seqid" for problem in problems):
        return problems
    problems += _tags(genes)
    problems += _identifiers(transcripts.values())
    by_name = {gene.name: gene for gene in genes}
    for transcript in transcripts.values():
        problems += _structure(transcript, by_name.get(transcript.row.attributes["Parent"]))
        problems += _sequence_rules(transcript, genome)
    return problems


def _read(path: str | Path) -> Iterator[_Row]:
    for number, columns in table_rows(path):
        numbers = len(columns) == _COLUMNS and columns[3].isdigit() and columns[4].isdigit()
        if not numbers or ("=" not in columns[8] and columns[8] != "."):
            remedy = "give GFF3, as genescribe convert --locus-tag writes it"
            raise InputError("is no row of GFF3", where=path, line=number, remedy=remedy)
        seqid, _, kind, start, end, _, strand, phase = columns[:8]
        yield _Row(unquote(seqid), kind, int(start) - 1, int(end), strand, phase, gff3_attributes(columns[8]))


def _sequences(genome: Genome) -> Iterator[Problem]:
    for seqid, length in genome.lengths.items():
        if length < SHORTEST_SEQUENCE:
            yield Problem("ShortSeq", seqid, f"{length} bases; at least {SHORTEST_SEQUENCE} are needed")
        if len(seqid) > LONGEST_NAME or not _NAME.fullmatch(seqid):
            yield Problem("BadSeqIdFormat", seqid, f"names are up to {LONGEST_NAME} letters, digits and _.:*#-")
        if any(unmasked(genome.codes(seqid, at, at + 1))[0] == N for at in {0, length - 1} if length):
            yield Problem("TerminalNs", seqid, "begins or ends with N: trim it before annotating")


def _places(rows: Iterable[_Row], genome: Genome) -> Iterator[Problem]:
    for row in rows:
        length = genome.lengths.get(row.seqid)
        if length is None:
            yield Problem("seqid", row.seqid, "is not in the FASTA file")
        elif not 0 <= row.start < row.end <= length:
            yield Problem("seqid", row.name, f"lies outside {row.seqid}, which has {length} bases")
        elif row.strand not in ("+", "-"):
            yield Problem("strand", row.name, f"strand {row.strand!r}")
        left, right = row.open_ends()
        says = row.attributes.get("partial") == "true"
        values = (
            row.attributes.get("start_range", f".,{row.start + 1}"),
            row.attributes.get("end_range", f"{row.end},."),
        )
        if says != (left or right) or values != (f".,{row.start + 1}", f"{row.end},."):
            yield Problem("partial", row.name, "partial, start_range and end_range do not fit each other and the row")


def _tags(genes: Iterable[_Row]) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    prefixes: set[str] = set()
    for gene in genes:
        tag = gene.attributes.get("locus_tag", "")
        match = _TAG.fullmatch(tag)
        if not tag:
            yield Problem("locus_tag", gene.name, "no locus_tag")
        elif match is None:
            yield Problem("locus_tag", gene.name, f"{tag!r} is not PREFIX_NUMBER")
        elif tag in seen:
            yield Problem("locus_tag", gene.name, f"{tag} is also that of {seen[tag]}")
        elif prefixes and match[1] not in prefixes:
            yield Problem("locus_tag", gene.name, f"prefix {match[1]} beside {', '.join(prefixes)}")
        seen.setdefault(tag, gene.name)
        prefixes |= {match[1]} if match and not prefixes else set()


def _identifiers(transcripts: Iterable[_Transcript]) -> Iterator[Problem]:
    owners: dict[str, str] = {}
    for transcript in transcripts:
        if not transcript.cds:
            continue
        for row in (transcript.row, *transcript.cds):
            if not row.attributes.get("product"):
                yield Problem("product", row.name, f"a row of type {row.kind} without a product")
            wanted = ("transcript_id", "protein_id") if row.kind == "CDS" else ("transcript_id",)
            for key in wanted:
                value = row.attributes.get(key, "")
                if not _GENERAL_ID.fullmatch(value):
                    yield Problem(key, row.name, f"{key} {value!r} is not gnl|NAME|ID")
                elif owners.setdefault(f"{key} {value}", transcript.row.name) != transcript.row.name:
                    yield Problem(key, row.name, f"{value} is also that of {owners[f'{key} {value}']}")
        for key in ("transcript_id", "protein_id", "locus_tag"):
            values = {row.attributes.get(key, "") for row in transcript.cds}
            if key == "transcript_id":
                values.add(transcript.row.attributes.get(key, ""))
            if len(values) > 1:
                yield Problem(key, transcript.row.name, f"rows of one coding sequence differ in {key}")


def _structure(transcript: _Transcript, gene: _Row | None) -> Iterator[Problem]:
    row = transcript.row
    if gene is None:
        yield Problem("parent", row.name, "belongs to no gene")
    elif gene.strand != row.strand or not (gene.start <= row.start and row.end <= gene.end):
        yield Problem("parent", row.name, f"does not lie within {gene.name}")
    exons = sorted(exon.place for exon in transcript.exons)
    if not exons or (exons[0][0], exons[-1][1]) != row.place:
        yield Problem("parent", row.name, "its exons do not reach from its start to its end")
    for (_, left), (right, _) in pairwise(exons):
        if right - left < SHORTEST_INTRON:
            yield Problem("ShortIntron", row.name, f"an intron of {right - left} bases; {SHORTEST_INTRON} are needed")
    for part in transcript.cds:
        if part.strand != row.strand or not any(low <= part.start and part.end <= high for low, high in exons):
            yield Problem("CDSmRNArange", row.name, "a CDS row lies in no exon")
            break


def _sequence_rules(transcript: _Transcript, genome: Genome) -> Iterator[Problem]:
    row = transcript.row
    for part in [*transcript.exons, *transcript.cds]:
        if gaps(genome.codes(part.seqid, part.start, part.end), GAP):
            yield Problem("FeatureBeginsOrEndsInGap", row.name, f"a row of type {part.kind} over {GAP} or more N")
            break
    cds = sorted(transcript.cds, key=lambda part: part.place)
    if not cds:
        return
    left, right = cds[0].open_ends()[0], cds[-1].open_ends()[1]
    if any(part.open_ends()[0] for part in cds[1:]) or any(part.open_ends()[1] for part in cds[:-1]):
        yield Problem("partial", row.name, "a CDS is partial in its middle")
    for is_open, place in ((left, cds[0].start), (right, cds[-1].end)):
        if is_open and not _at_an_end(genome, row.seqid, place):
            yield Problem("PartialProblem", row.name, "partial, but neither at the end of the sequence nor at a gap")
    open5, open3 = (left, right) if row.strand == "+" else (right, left)
    yield from _reading(transcript, cds, genome, open5=open5, open3=open3)


def _reading(
    transcript: _Transcript, cds: list[_Row], genome: Genome, *, open5: bool, open3: bool
) -> Iterator[Problem]:
    row = transcript.row
    first = cds[0] if row.strand == "+" else cds[-1]
    skipped = int(first.phase) if first.phase in "012" else 0
    if skipped and not open5:
        yield Problem("PartialProblem", row.name, f"begins with phase {skipped} but is not partial")
    places = tuple(part.place for part in cds)
    if [part.phase for part in cds] != [str(phase) for phase in cds_phases(places, row.strand, skipped)]:
        yield Problem("phase", row.name, "phases do not follow from the lengths of the CDS rows")
    bases = np.concatenate([genome.codes(row.seqid, *place) for place in places])
    bases = (bases if row.strand == "+" else reverse_complement(bases))[skipped:]
    table = first.attributes.get("transl_table", "1")
    code = GeneticCode.from_table(int(table) if table.isdigit() else 1)
    reading = read_codons(bases, code)
    if reading.leftover and not open3:
        yield Problem("TransLen", row.name, f"{len(bases)} coding bases are no whole codons")
        return
    if not len(reading.codons):
        yield Problem("TransLen", row.name, "no whole codon")
        return
    if len(reading.inner_stops(open3)):
        yield Problem("InternalStop", row.name, "a stop codon inside")
    if not open5 and not reading.starts:
        yield Problem("StartCodon", row.name, "does not begin with a start codon, and is not partial")
    if not open3 and not reading.ends:
        yield Problem("NoStop", row.name, "does not end with a stop codon, and is not partial")


def _at_an_end(genome: Genome, seqid: str, place: int) -> bool:
    """Whether the end of a sequence or a gap is near."""
    length = genome.lengths[seqid]
    if place <= NEAR or place >= length - NEAR:
        return True
    around = genome.codes(seqid, max(0, place - NEAR - GAP), min(length, place + NEAR + GAP))
    return bool(gaps(around, GAP))
