"""Transcripts as BED12: blocks for genome browsers and for arithmetic on intervals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from genescribe.files import atomic_path
from genescribe.genome.annotation.row_order import in_order, ordered_genes
from genescribe.genome.model import Gene, Transcript

_LARGEST_SCORE = 1000


def write_bed(path: str | Path, genes: Iterable[Gene], lengths: Mapping[str, int], header: Iterable[str] = ()) -> None:
    """Write a row for each transcript, by sequence and start, in one step.

    Blocks are exons, the thick part is the coding sequence (empty for a transcript without one), and the score is 1000
    times the probability, 0 without one. Phases and partial ends have no place in BED.

    Parameters
    ----------
    path
        BED file to write; one that exists is replaced.
    genes, lengths
        As of `genescribe.genome.annotation.gff3.write_gff3`.
    header
        Comment lines to stand at the top, without ``#``.

    Raises
    ------
    InputError
        A gene on an unknown sequence or past its end.
    """
    ordered = ordered_genes(genes, lengths, path)
    rows = ((gene, ((t.start, _row(gene, t)) for t in gene.transcripts)) for gene in ordered)
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as out:
        out.writelines(f"#{' '.join(line.split())}\n" for line in header)
        out.writelines(in_order(rows))


def _row(gene: Gene, transcript: Transcript) -> str:
    start = transcript.start
    thick = transcript.coding_span if transcript.cds else (start, start)
    probability = transcript.score if transcript.score is not None else gene.score or 0
    score = round(_LARGEST_SCORE * min(1, max(0, probability)))
    sizes = ",".join(str(high - low) for low, high in transcript.exons)
    starts = ",".join(str(low - start) for low, _ in transcript.exons)
    columns = (gene.seqid, start, transcript.end, transcript.id, score, gene.strand, *thick, 0)
    return "\t".join(map(str, (*columns, len(transcript.exons), sizes, starts))) + "\n"
