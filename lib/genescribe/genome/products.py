"""Proteins and coding sequences of genes as FASTA."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from genescribe.genome.alphabet import Codes, reverse_complement
from genescribe.genome.codons import read_codons
from genescribe.genome.fasta import Genome, write_fasta
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Gene, Transcript

PROTEINS, CODING = "proteins.fa", "cds.fa"
EXONS, INTRONS = "exons.fa", "introns.fa"
LONGEST_PROTEINS, LONGEST_CODING = "proteins.longest.fa", "cds.longest.fa"


def write_products(
    genes: Iterable[Gene], genome: Genome, code: GeneticCode | Callable[[str], GeneticCode], directory: str | Path
) -> None:
    """Write the proteins and coding sequences of all isoforms, and again of each gene's longest.

    Records are named by their transcript and ordered by sequence, start, end and ID. Coding sequences include the
    stop codon; proteins do not. ``complete=yes`` in a header says that a protein begins at a start codon and ends
    at a stop, in frame and with no other stop before it.

    Parameters
    ----------
    genes
        Genes; those without coding sequence are passed over.
    genome, code
        Where to read, and how to translate: one code, or that of each sequence.
    directory
        Gets `proteins.fa`, `cds.fa`, `proteins.longest.fa` and `cds.longest.fa`.
    """
    directory = Path(directory)
    order = {seqid: number for number, seqid in enumerate(genome.lengths)}
    proteins: list[tuple[str, str]] = []
    coding: list[tuple[str, Codes]] = []
    longest: list[int] = []
    for gene in sorted(genes, key=lambda gene: (order[gene.seqid], gene.start, gene.end, gene.id)):
        transcripts = [transcript for transcript in gene.transcripts if transcript.cds]
        if not transcripts:
            continue
        lengths = [transcript.cds_length for transcript in transcripts]
        longest.append(len(coding) + lengths.index(max(lengths)))
        own = code if isinstance(code, GeneticCode) else code(gene.seqid)
        for transcript in transcripts:
            bases = coding_codes(genome, gene, transcript)
            protein = translate(bases, transcript, own)
            complete = is_complete(bases, transcript, own)
            name = (
                f"{transcript.id} gene={gene.id} {gene.seqid}:{transcript.cds[0][0] + 1}-{transcript.cds[-1][1]}"
                f"({gene.strand}) complete={'yes' if complete else 'no'}"
            )
            coding.append((name, bases))
            proteins.append((name, protein))
    write_fasta(directory / PROTEINS, proteins)
    write_fasta(directory / CODING, coding)
    write_fasta(directory / LONGEST_PROTEINS, (proteins[index] for index in longest))
    write_fasta(directory / LONGEST_CODING, (coding[index] for index in longest))


def write_parts(genes: Iterable[Gene], genome: Genome, directory: str | Path) -> None:
    """Write the exons and introns of all transcripts, in reading direction: `exons.fa` and `introns.fa`.

    Records are named by their transcript and their number in it, from its 5' end, and ordered as in `write_products`.

    Parameters
    ----------
    genes
        Genes whose parts are written.
    genome
        Genome that the genes lie on.
    directory
        Existing folder to write into.
    """
    directory = Path(directory)
    order = {seqid: number for number, seqid in enumerate(genome.lengths)}
    ordered = sorted(genes, key=lambda gene: (order[gene.seqid], gene.start, gene.end, gene.id))
    for name, kind in ((EXONS, "exon"), (INTRONS, "intron")):
        write_fasta(directory / name, (record for gene in ordered for record in _parts(gene, genome, kind)))


def _parts(gene: Gene, genome: Genome, kind: str) -> Iterator[tuple[str, Codes]]:
    for transcript in gene.transcripts:
        intervals = transcript.exons if kind == "exon" else transcript.introns
        for number, (start, end) in enumerate(intervals[:: 1 if gene.strand == "+" else -1], start=1):
            codes = genome.codes(gene.seqid, start, end)
            place = f"{gene.seqid}:{start + 1}-{end}({gene.strand})"
            header = f"{transcript.id}.{kind}{number} gene={gene.id} {place}"
            yield header, codes if gene.strand == "+" else reverse_complement(codes)


def coding_codes(genome: Genome, gene: Gene, transcript: Transcript) -> Codes:
    """Return the base codes of a transcript's coding sequence in reading direction.

    Parameters
    ----------
    genome
        Genome that the gene lies on.
    gene
        For sequence and strand.
    transcript
        One of the gene's transcripts.
    """
    joined = np.concatenate([genome.codes(gene.seqid, start, end) for start, end in transcript.cds])
    return joined if gene.strand == "+" else reverse_complement(joined)


def translate(bases: Codes, transcript: Transcript, code: GeneticCode) -> str:
    """Return the protein of a coding sequence, read at the transcript's phase, without the stop at its end.

    Parameters
    ----------
    bases : (n,) uint8
        Coding sequence in reading direction.
    transcript
        Its phase says how many bases come before the first codon.
    code
        Genetic code to translate with.
    """
    protein = code.translate(bases[transcript.phase :], complete=not (transcript.partial5 or transcript.partial3))
    return protein.removesuffix("*")


def is_complete(bases: Codes, transcript: Transcript, code: GeneticCode) -> bool:
    """Whether a coding sequence is a start codon, whole codons without a stop, and a stop codon.

    Parameters
    ----------
    bases : (n,) uint8
        Coding sequence in reading direction.
    transcript
        For phase and cut ends.
    code
        Genetic code to translate with.
    """
    reading = read_codons(bases, code)
    return bool(
        not (transcript.phase or reading.leftover or transcript.partial5 or transcript.partial3)
        and len(reading.codons) >= 2
        and reading.starts
        and reading.ends
        and not len(reading.inner_stops(open_end=False))
    )
