"""Random genes for hypothesis: valid by construction, in the order in which they are written and read."""

from __future__ import annotations

from hypothesis import strategies as st

from genescribe.genome.model import Gene, Interval, Transcript

SEQUENCES = {"I": 4000, "2L:1-3000000": 5000, "chr 3;x": 3000}
"""Names that need escaping in GFF3 too."""

_NAME = st.text(alphabet="abcXYZ019._|:-;=,& %é", min_size=1, max_size=8).map(str.strip).filter(bool)


@st.composite
def transcripts(draw: st.DrawFn, name: str, length: int, strand: str) -> Transcript:
    """Exons that do not touch; a coding part that is a run of their bases, or none."""
    edges = draw(st.lists(st.integers(0, length), min_size=2, max_size=10, unique=True).map(sorted))
    exons = tuple(zip(edges[0::2], edges[1::2], strict=False))
    score = draw(st.none() | st.floats(0, 1))
    canonical = draw(st.booleans())
    if draw(st.booleans()):
        return Transcript(name, exons, score=score, canonical=canonical)
    first, last = sorted(draw(st.lists(st.integers(exons[0][0], exons[-1][1]), min_size=2, max_size=2, unique=True)))
    cds: tuple[Interval, ...] = tuple((max(a, first), min(b, last)) for a, b in exons if max(a, first) < min(b, last))
    if not cds:
        return Transcript(name, exons, score=score, canonical=canonical)
    five = cds[0] if strand == "+" else cds[-1]
    phase = draw(st.integers(0, min(2, five[1] - five[0] - 1)))
    partial5, partial3 = phase > 0 or draw(st.booleans()), draw(st.booleans())
    return Transcript(name, exons, cds, phase, score, canonical, partial5, partial3)


@st.composite
def gene_sets(draw: st.DrawFn, names: st.SearchStrategy[str] = _NAME) -> list[Gene]:
    """Genes of `SEQUENCES`, ordered; gene and transcript names may be equal to one another."""
    genes = []
    used: set[str] = set()
    for gene_name in draw(st.lists(names, max_size=4, unique=True)):
        seqid = draw(st.sampled_from(list(SEQUENCES)))
        strand = draw(st.sampled_from("+-"))
        members = [name for name in draw(st.lists(names, min_size=1, max_size=3, unique=True)) if name not in used]
        used.update(members)
        if not members:
            continue
        found = [draw(transcripts(name, SEQUENCES[seqid], strand)) for name in members]
        ordered = tuple(sorted(found, key=lambda t: (t.start, t.end, t.id)))
        score = draw(st.none() | st.floats(-5, 5))
        biotype = draw(st.sampled_from(["", "protein_coding", "lncRNA; odd=1"]))
        extra = draw(st.dictionaries(st.sampled_from(["Name", "note", "locus_tag"]), names, max_size=2))
        genes.append(Gene(gene_name, seqid, strand, ordered, score, biotype, extra))
    order = list(SEQUENCES)
    return sorted(genes, key=lambda gene: (order.index(gene.seqid), gene.start, gene.end, gene.id))


def structure(gene: Gene) -> object:
    """Return what a reader must give back of a gene, whatever else it keeps."""
    return gene.id, gene.seqid, gene.strand, [(t.id, t.exons, t.cds, t.phase) for t in gene.transcripts]
