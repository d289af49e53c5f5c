"""The most and the least probable genes, and the genome browser, or still pictures where it would be too large."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from genescribe.evidence.table import EvidenceTable
from genescribe.figures.blocks import Block, Cell, Row, Section, Table, Text
from genescribe.genome.model import Gene
from genescribe.report.annotation import charts
from genescribe.report.annotation.browser import LARGEST, browser_names, genome_browser, place_of
from genescribe.report.annotation.evidence import intron_support
from genescribe.report.annotation.finished import Annotation

SHOWN = 10
STILLS = 6
"""Pictures in place of a browser."""
NEIGHBOURS = 4
"""Genes of such a picture."""
_NONE = "–"


def places(annotation: Annotation, evidence: EvidenceTable | None, largest: int = LARGEST) -> list[Section]:
    """Return the sections that show single genes; none where there are no genes.

    Parameters
    ----------
    annotation
        The finished annotation.
    evidence
        Evidence on the genome; None: not shown.
    largest
        Bytes of a page.
    """
    if not annotation.genes:
        return []
    most, least = most_and_least_probable(annotation.genes)
    names = browser_names(dict.fromkeys(piece.seqid for piece in annotation.pieces))
    shown = (most or annotation.genes)[0]
    lengths = annotation.genome.lengths
    first = place_of(shown, names, lengths, max(shown.end - shown.start, 8_000))
    caption = (
        "Genes have the colour of their probability: blue 0.9 or more, light blue 0.5 to 0.9, orange below 0.5. Drag "
        "to move, type a place or the ID of a gene to go there, click a gene for its attributes. The browser is igv.js."
    )
    browser = genome_browser(annotation.genes, annotation.genome, annotation.pieces, evidence, first, caption, largest)
    links = {} if browser is None else {g.id: place_of(g, names, lengths) for g in (*most, *least)}
    sections = []
    for degree, genes in (("most", most), ("least", least)):
        if genes:
            name = f"{degree} probable gene"
            caption = f"The {name}" if len(genes) == 1 else f"The {len(genes)} {name}s, each"
            blocks = _drawn(f"{degree}-probable", caption, genes, links, evidence is not None)
            sections.append(Section(f"The {name}s", blocks))
    return [*sections, Section("Browse the annotation", [browser]) if browser else _stills(annotation, largest)]


def most_and_least_probable(genes: Sequence[Gene]) -> tuple[list[Gene], list[Gene]]:
    """Return the genes with the highest and those with the lowest probability, the extremes first, none in both.

    Of equally probable genes, those with more coding exons come first.
    """
    known = sorted(
        (gene for gene in genes if gene.score is not None),
        key=lambda gene: (-(gene.score or 0.0), -len(gene.transcripts[0].cds), gene.seqid, gene.start, gene.id),
    )
    most = known[:SHOWN]
    return most, known[len(most) :][-SHOWN:][::-1]


def _drawn(name: str, title: str, genes: Sequence[Gene], links: Mapping[str, str], supported: bool) -> list[Block]:
    caption = (
        f"{title} over the whole width. Boxes are coding exons in the colour of their probability; the "
        "point shows the direction. Right: probability of the gene and its length."
    )
    columns = ["probability", "least\nprobable\nexon", "coding\nexons", "coding\nbases"]
    columns += ["introns with\nevidence"] if supported else []
    columns += ["strand", "place"]
    rows = [Row(gene.id, _cells(gene, links.get(gene.id, ""), supported)) for gene in genes]
    where = "Click a place to see it in the browser below." if links else "Places are 1-based, both ends included."
    return [charts.drawn(name, genes, caption), Table(where, "gene", columns, rows)]


def _cells(gene: Gene, place: str, supported: bool) -> list[Cell]:
    transcript = gene.transcripts[0]
    scores = [score for score in transcript.cds_scores or () if score is not None]
    cells = [
        Cell(_NONE if gene.score is None else f"{gene.score:.3f}"),
        Cell(f"{min(scores):.3f}" if scores else _NONE),
        Cell(f"{len(transcript.cds):,}"),
        Cell(f"{transcript.cds_length:,}"),
    ]
    if supported:
        have, introns = intron_support(transcript)
        cells.append(Cell(f"{have} of {introns}" if introns else _NONE))
    where = f"{gene.seqid}:{gene.start + 1:,}-{gene.end:,}"
    return [*cells, Cell("−" if gene.strand == "-" else gene.strand), Cell(where, place=place)]


def _stills(annotation: Annotation, largest: int) -> Section:
    """Draw stretches of neighbouring genes, evenly over the annotation."""
    genes = annotation.genes
    text = (
        f"With this genome the page would be larger than {largest / 1e6:.0f} MB: pictures of {STILLS} stretches stand "
        "in place of a browser. Open the FASTA and the GFF3 in IGV or JBrowse to see all."
    )
    blocks: list[Block] = [Text(text, "note")]
    step = max(len(genes) // STILLS, 1)
    for number, start in enumerate(range(step // 2, len(genes), step)[:STILLS], 1):
        seqid = genes[start].seqid
        stretch = [gene for gene in genes[start : start + NEIGHBOURS] if gene.seqid == seqid]
        blocks.append(charts.neighbours(f"stretch-{number}", stretch))
    return Section("Stretches of the annotation", blocks)
