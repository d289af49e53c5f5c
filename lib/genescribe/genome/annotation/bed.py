"""Transcripts as BED12: blocks for genome browsers and for arithmetic on intervals."""

from __future__ import annotations

from collections.abc import Iterator

from genescribe.genome.model import Gene, Transcript

_LARGEST_SCORE = 1000


def bed_rows(gene: Gene) -> Iterator[tuple[int, str]]:
    """Yield a row for each transcript, with its start.

    Blocks are exons, the thick part is the coding sequence (empty for a transcript without one), and the score is 1000
    times the probability, 0 without one. Phases and partial ends have no place in BED.
    """
    return ((transcript.start, _row(gene, transcript)) for transcript in gene.transcripts)


def _row(gene: Gene, transcript: Transcript) -> str:
    start = transcript.start
    thick = transcript.coding_span if transcript.cds else (start, start)
    probability = transcript.score if transcript.score is not None else gene.score or 0
    score = round(_LARGEST_SCORE * min(1, max(0, probability)))
    sizes = ",".join(str(high - low) for low, high in transcript.exons)
    starts = ",".join(str(low - start) for low, _ in transcript.exons)
    columns = (gene.seqid, start, transcript.end, transcript.id, score, gene.strand, *thick, 0)
    return "\t".join(map(str, (*columns, len(transcript.exons), sizes, starts))) + "\n"
