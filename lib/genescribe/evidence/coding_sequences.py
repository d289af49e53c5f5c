"""Give coding sequences to genes whose annotation has UTRs but no CDS, from introns that RNA-seq showed.

Between the UTRs of a transcript lie its coding exons, separated by introns. A gene gets the longest coding sequence of
its transcripts that begins with a start codon, ends with a stop codon and has no stop codon inside. Introns may be in
the coordinates of a nearby release of the genome: each stretch of them is moved by the shift under which most have the
ends of introns.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from genescribe.genome.alphabet import decode, unmasked
from genescribe.genome.annotation.text import read_lines
from genescribe.genome.fasta import Genome
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Gene, Interval, Transcript
from genescribe.genome.products import coding_codes, is_complete

TOGETHER, MARGIN = 40, 10
"""Introns that are moved together, and neighbours on both sides that help to find the shift."""
AGREE, SURE = 0.7, 0.93
"""Share of introns with right ends under a shift that is used, and under one beyond which no better is sought."""
FEWEST, OF_MEDIAN = 3, 0.1
"""Reads of an intron that counts: so many, and this share of the median of its transcript."""
LONGEST_SINGLE = 1500
"""Longest coding sequence without introns: longer ones may have introns that no read showed."""


class Intron(NamedTuple):
    """An intron and the reads across it."""

    start: int
    end: int
    strand: str
    reads: int


def genes_with_coding(
    annotation: Path, introns: Path, genome: Genome, *, prefix: str = "", without: Collection[str] = (), shift: int = 0
) -> list[Gene]:
    """Return the genes of an annotation, with a CDS where introns and UTRs leave one open reading frame.

    Parameters
    ----------
    annotation
        GFF3 with rows of genes, mRNAs and UTRs.
    introns
        GFF of introns; column 6 is the number of reads.
    genome
        Sequences of the annotation.
    prefix
        Prefix of the sequence names in the annotation, which `introns` lacks.
    without
        IDs or names of genes that get no CDS.
    shift
        Most bases to move introns by.
    """
    moved = {
        seqid: _moved(decode(unmasked(genome.codes(seqid))), rows, shift)
        for seqid, rows in _read_introns(introns, prefix).items()
        if seqid in genome.lengths
    }
    return [
        _with_coding(
            gene,
            utrs,
            moved.get(gene.seqid, []),
            genome,
            closed=gene.id in without or gene.attributes["Name"] in without,
        )
        for gene, utrs in _read_utrs(annotation)
    ]


def _read_introns(path: Path, prefix: str) -> dict[str, list[Intron]]:
    """Return the introns of each sequence that more than one read showed, ascending."""
    by_seqid: dict[str, list[Intron]] = defaultdict(list)
    for line in read_lines(path):
        cells = line.rstrip("\n").split("\t")
        if len(cells) == 9 and int(float(cells[5])) > 1:
            by_seqid[prefix + cells[0]].append(Intron(int(cells[3]) - 1, int(cells[4]), cells[6], int(float(cells[5]))))
    return {seqid: sorted(introns) for seqid, introns in by_seqid.items()}


def _moved(sequence: str, introns: Sequence[Intron], most: int) -> list[Intron]:
    """Return introns where their ends are those of introns; stretches that fit nowhere are left out."""
    fitting: list[Intron] = []
    usual = 0
    for first in range(0, len(introns), TOGETHER):
        group = introns[max(0, first - MARGIN) : first + TOGETHER + MARGIN]
        best, share = usual, _share(sequence, group, usual)
        for shift in range(-most, most + 1) if share <= SURE else ():
            if (other := _share(sequence, group, shift)) > share:
                best, share = shift, other
        if share > AGREE:
            usual = best
            here = (
                intron._replace(start=intron.start + best, end=intron.end + best)
                for intron in introns[first : first + TOGETHER]
            )
            fitting += [intron for intron in here if _fits(sequence, intron, 0)]
    return sorted(fitting)


def _share(sequence: str, introns: Sequence[Intron], shift: int) -> float:
    return sum(_fits(sequence, intron, shift) for intron in introns) / len(introns)


def _fits(sequence: str, intron: Intron, shift: int) -> bool:
    start, end = intron.start + shift, intron.end + shift
    if start < 0 or end > len(sequence):
        return False
    ends = sequence[start : start + 2], sequence[end - 2 : end]
    return ends in ((("GT", "AG"), ("GC", "AG")) if intron.strand == "+" else (("CT", "AC"), ("CT", "GC")))


def _read_utrs(path: Path) -> Iterator[tuple[Gene, Mapping[str, tuple[list[Interval], list[Interval]]]]]:
    """Yield each gene that has transcripts, these without CDS, and the UTRs of each transcript, those 5' first."""
    genes: dict[str, list[str]] = {}
    transcripts: dict[str, dict[str, Interval]] = defaultdict(dict)
    utrs: dict[str, tuple[list[Interval], list[Interval]]] = defaultdict(lambda: ([], []))
    for line in read_lines(path):
        cells = line.rstrip("\n").split("\t")
        if len(cells) != 9:
            continue
        values = dict(pair.split("=", 1) for pair in cells[8].split(";") if "=" in pair)
        span = int(cells[3]) - 1, int(cells[4])
        if cells[2] == "gene":
            genes[values["ID"]] = [cells[0], cells[6], values.get("Name", "")]
        elif cells[2] == "mRNA" and "ID" in values:
            transcripts[values.get("Parent", "")][values["ID"]] = span
        elif cells[2] in ("five_prime_UTR", "three_prime_UTR") and "Parent" in values:
            utrs[values["Parent"]][cells[2] == "three_prime_UTR"].append(span)
    for name, (seqid, strand, other) in genes.items():
        if name in transcripts:
            made = tuple(Transcript(identifier, (span,)) for identifier, span in sorted(transcripts[name].items()))
            yield Gene(name, seqid, strand, made, attributes={"Name": other}), utrs


def _with_coding(
    gene: Gene,
    utrs: Mapping[str, tuple[list[Interval], list[Interval]]],
    introns: Sequence[Intron],
    genome: Genome,
    *,
    closed: bool,
) -> Gene:
    """Return a gene with one transcript: its longest coding sequence, or its span where none was found."""
    complete: list[Transcript] = []
    for transcript in gene.transcripts:
        five, three = utrs.get(transcript.id, ([], []))
        if closed or not five or not three:
            continue
        low, high = (five, three) if gene.strand == "+" else (three, five)
        parts = _exons(max(b for _, b in low), min(a for a, _ in high), introns, gene.strand)
        if parts and (len(parts) > 1 or parts[0][1] - parts[0][0] <= LONGEST_SINGLE):
            candidate = Transcript(transcript.id, parts, parts)
            if is_complete(coding_codes(genome, gene, candidate), candidate, GeneticCode.from_table(1)):
                complete.append(candidate)
    span = ((gene.start, gene.end),)
    best = max(complete, key=lambda candidate: candidate.cds_length, default=Transcript(f"{gene.id}.span", span))
    return Gene(gene.id, gene.seqid, gene.strand, (best,), attributes=gene.attributes)


def _exons(start: int, end: int, introns: Sequence[Intron], strand: str) -> tuple[Interval, ...]:
    """Return the exons between two UTRs: what the introns of most reads leave, of which no two overlap."""
    first = bisect_left(introns, start, key=lambda intron: intron.start)
    last = bisect_left(introns, end, key=lambda intron: intron.start)
    inside = [intron for intron in introns[first:last] if intron.strand == strand and intron.end <= end]
    reads = sorted(intron.reads for intron in inside)
    least = max(FEWEST, OF_MEDIAN * reads[len(reads) // 2]) if reads else 0
    kept: list[Intron] = []
    for intron in sorted(inside, key=lambda intron: -intron.reads):
        if intron.reads >= least and all(intron.end < other.start or other.end < intron.start for other in kept):
            kept.append(intron)
    borders = [start, *(at for intron in sorted(kept) for at in intron[:2]), end]
    parts = tuple(zip(borders[::2], borders[1::2], strict=True))
    return parts if all(a < b for a, b in parts) else ()
