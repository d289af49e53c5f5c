"""Write the support of each predicted transcript into its attributes; on request, leave out those without."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

from genescribe.evidence.table import CDSPART, EXONPART, INTRON, EvidenceTable, Rows
from genescribe.genome.intervals import shared_length, union
from genescribe.genome.model import Gene, Interval, Transcript
from genescribe.predict.config import PredictConfig
from genescribe.predict.genome import GenomePrediction

INTRONS, PROTEIN, COVERAGE = "intron_support", "protein", "coverage"
"""Attributes: supported introns of all; the protein that most coding bases are aligned to, and the share of them;
the share of coding bases that reads cover."""
REACH = 50_000
"""Bases beside a gene at which a row that reaches into it may begin."""
ENOUGH = 0.5
"""Share of coding bases that reads must cover, or a protein be aligned to, to be support by itself."""


def with_support(prediction: GenomePrediction, evidence: Path | None, config: PredictConfig) -> GenomePrediction:
    """Return genes with their support as attributes; without evidence, as they are.

    Parameters
    ----------
    prediction
        Genes of the genome.
    evidence
        Folder of its evidence.
    config
        With `require_evidence`, transcripts without a supported intron are left out, unless reads or a protein
        cover half their coding bases; genes that have no other become rejects.
    """
    if evidence is None:
        return prediction
    table = EvidenceTable.load(evidence)
    genes, rejects = [], list[dict[str, Any]]()
    for gene in prediction.genes:
        rows = table.on(gene.seqid, gene.start - REACH, gene.end + REACH)
        rows = rows[(rows["strand"] == (1 if gene.strand == "+" else -1)) | (rows["strand"] == 0)]
        transcripts = tuple(_described(transcript, rows, table) for transcript in gene.transcripts)
        kept = tuple(t for t in transcripts if not config.require_evidence or _has_support(t))
        if kept:
            genes.append(replace(gene, transcripts=kept))
        else:
            rejects.append(_reject(gene))
    if not rejects:
        return GenomePrediction(genes, prediction.rejects)
    order = {seqid: number for number, seqid in enumerate(table.seqids)}
    rejects = sorted([*prediction.rejects, *rejects], key=lambda row: (order[row["seqid"]], row["start"], row["end"]))
    return GenomePrediction(genes, rejects)


def supported_introns(transcript: Transcript, rows: Rows) -> int:
    """Return how many introns of a transcript are supported by rows of its strand."""
    introns = rows[rows["kind"] == INTRON]
    known = set(zip(introns["start"].tolist(), introns["end"].tolist(), strict=True))
    return sum(intron in known for intron in transcript.introns)


def _described(transcript: Transcript, rows: Rows, table: EvidenceTable) -> Transcript:
    attributes = dict(transcript.attributes)
    if transcript.introns:
        attributes[INTRONS] = f"{supported_introns(transcript, rows)}/{len(transcript.introns)}"
    by_protein: dict[int, list[Interval]] = defaultdict(list)
    for row in rows[(rows["kind"] == CDSPART) & (rows["protein"] >= 0)]:
        by_protein[int(row["protein"])].append((int(row["start"]), int(row["end"])))
    shares = {number: _share(transcript, parts) for number, parts in by_protein.items()}
    best = max(shares, key=lambda number: (shares[number], table.proteins[number].name), default=None)
    if best is not None and shares[best] > 0:
        attributes[PROTEIN] = f"{table.proteins[best].name}:{shares[best]:.2f}"
    covered = rows[rows["kind"] == EXONPART]
    if len(covered):
        parts = list(zip(covered["start"].tolist(), covered["end"].tolist(), strict=True))
        attributes[COVERAGE] = f"{_share(transcript, parts):.2f}"
    return replace(transcript, attributes=attributes)


def _share(transcript: Transcript, parts: list[Interval]) -> float:
    """Return the share of the coding bases that lie in some parts."""
    return shared_length(transcript.cds, union(parts)) / max(transcript.cds_length, 1)


def _has_support(transcript: Transcript) -> bool:
    introns = transcript.attributes.get(INTRONS, "0/0")
    others = (transcript.attributes.get(name, "0").rpartition(":")[2] for name in (PROTEIN, COVERAGE))
    return not introns.startswith("0/") or any(float(share) >= ENOUGH for share in others)


def _reject(gene: Gene) -> dict[str, Any]:
    row = {"seqid": gene.seqid, "strand": gene.strand, "start": gene.start, "end": gene.end, "reason": "no evidence"}
    return row if gene.score is None else {**row, "posterior": gene.score}
