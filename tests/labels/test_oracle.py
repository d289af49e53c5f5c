"""Law 2: annotation -> labels -> decode -> GFF3 gives back the annotation, on every real genome.

Everything that one label a base can hold comes back exactly: the chosen isoform of each gene, where no two overlap on
a strand. The rest is counted by reason, and the counts stand here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from genescribe.evaluate.accuracy import LEVELS, compare
from genescribe.genome.annotation.gff3 import read_genes, write_gff3
from genescribe.genome.fasta import Genome
from genescribe.genome.model import Gene, Interval, Transcript, mirror
from genescribe.labels.schemes import SCHEMES

SCHEME = SCHEMES["gencode"]
SHARE = 60
"""Genes of each genome in the quick tests."""

NONCODING, OVERLAP = "non-coding", "overlaps a gene on its strand"
SHORT = "intron too short"
FRAME, SLIP = "coding length not a multiple of three", "coding sequence with a gap inside an exon"

# Annotation -> what cannot be represented, of all genes and of the share.
GENOMES: dict[str, tuple[dict[str, int], dict[str, int]]] = {
    "Arabidopsis.thaliana_1pct/annotation.gff3.gz": ({NONCODING: 37, OVERLAP: 8}, {NONCODING: 4}),
    "Caenorhabditis.elegans_smallgenes/annotation.gff3.gz": ({}, {}),
    "Drosophila.melanogaster_2L_3Mb/annotation.gtf.gz": ({FRAME: 1, OVERLAP: 6}, {OVERLAP: 2}),
    "Homo.sapiens_chr1_chunks/annotation.gtf.gz": ({SHORT: 1}, {SHORT: 1}),
    "Leishmania.major_chr1/annotation.gff3.gz": ({}, {}),
    "Populus.trichocarpa_Chr01_8Mb/annotation.gff3.gz": ({OVERLAP: 17, SHORT: 2}, {OVERLAP: 2}),
    "Saccharomyces.cerevisiae/annotation.gtf.gz": (
        {NONCODING: 436, OVERLAP: 227, SHORT: 3},
        {NONCODING: 1, OVERLAP: 4},
    ),
    "Saccharomyces.cerevisiae/annotation.refseq_R64-4-1.gff3.gz": (
        {SLIP: 47, NONCODING: 450, OVERLAP: 108},
        {NONCODING: 1},
    ),
    "Schizosaccharomyces.pombe_minigenome/annotation.gff3.gz": ({FRAME: 1, SHORT: 2}, {}),
    "Trypanosoma.brucei_chr1/annotation.gff3.gz": ({NONCODING: 42}, {NONCODING: 16}),
}
Strand = tuple[str, str]


@cache
def load(path: Path) -> tuple[dict[str, int], list[Gene]]:
    genes = read_genes(path)
    lengths = Genome.open(path.parent / "genome.fa.gz").lengths
    return lengths, sorted(genes, key=lambda gene: (gene.seqid, gene.start, gene.end, gene.id))


def by_strand(genes: Sequence[Gene], lengths: dict[str, int]) -> dict[Strand, list[Gene]]:
    """Return the genes of each strand in its own coordinates."""
    strands: dict[Strand, list[Gene]] = {}
    for gene in genes:
        turned = gene if gene.strand == "+" else mirror(gene, lengths[gene.seqid])
        strands.setdefault((gene.seqid, gene.strand), []).append(turned)
    return strands


def round_trip(genes: Sequence[Gene], lengths: dict[str, int]) -> tuple[list[Gene], list[Gene], Counter[str]]:
    """Return the genes that labels can hold, reduced to one isoform; what comes back; and the rest by reason."""
    held: list[Gene] = []
    decoded: list[Gene] = []
    problems: Counter[str] = Counter()
    for (seqid, strand), oriented in by_strand(genes, lengths).items():
        length = lengths[seqid]
        encoded = SCHEME.encode(oriented, length)
        problems.update(problem.reason for problem in encoded.problems)
        troubled = {problem.gene_id for problem in encoded.problems}
        plain = [Gene(gene.id, seqid, "+", (encoded.placed[gene.id],)) for gene in oriented if gene.id not in troubled]
        alone = SCHEME.decode(SCHEME.encode(plain, length).runs)
        assert alone.rejects == []
        # In the company of what is masked no gene comes out that is not there.
        beside = SCHEME.decode(encoded.runs).transcripts
        assert set(map(structure, beside)) <= set(map(structure, alone.transcripts))
        found = [
            Gene(f"{seqid}{strand}{t.id}", seqid, "+", (replace(t, id=f"{seqid}{strand}{t.id}.t"),))
            for t in alone.transcripts
        ]
        turn = strand == "-"
        held += [mirror(gene, length) if turn else gene for gene in plain]
        decoded += [mirror(gene, length) if turn else gene for gene in found]
    return held, decoded, problems


def structure(transcript: Transcript) -> tuple[object, ...]:
    return transcript.exons, transcript.cds, transcript.phase, transcript.partial5, transcript.partial3


def structures(genes: Sequence[Gene]) -> list[tuple[object, ...]]:
    return sorted((gene.seqid, gene.strand, *structure(gene.transcripts[0])) for gene in genes)


def check(genes: Sequence[Gene], lengths: dict[str, int], folder: Path) -> Counter[str]:
    """Assert that all that labels can hold comes back, also through a GFF3 file; return what they cannot."""
    held, decoded, problems = round_trip(genes, lengths)
    assert held, "nothing to check"
    assert len(held) + problems.total() == len(genes)
    assert structures(decoded) == structures(held)
    target = folder / "decoded.gff3"
    write_gff3(target, decoded, lengths)
    written = read_genes(target)
    assert structures(written) == structures(held)
    for level in ("cds", "exon"):
        scores = compare(held, written, level=level)
        assert {scores[name]["f1"] for name in LEVELS} <= {1.0, None}
        assert scores["gene"]["f1"] == 1.0
    return problems


@pytest.mark.parametrize("name", GENOMES)
def test_a_share_of_every_genome(name: str, data_dir: Path, tmp_path: Path) -> None:
    lengths, genes = load(data_dir / "eukaryotes" / name)
    assert check(genes[:SHARE], lengths, tmp_path) == GENOMES[name][1]


@pytest.mark.slow
@pytest.mark.parametrize("name", GENOMES)
def test_every_gene_of_every_genome(name: str, data_dir: Path, tmp_path: Path) -> None:
    lengths, genes = load(data_dir / "eukaryotes" / name)
    assert check(genes, lengths, tmp_path) == GENOMES[name][0]


@pytest.mark.parametrize("name", GENOMES)
def test_genes_at_both_ends_of_a_sequence(name: str, data_dir: Path, tmp_path: Path) -> None:
    """Each sequence is cropped to its genes, so that the outermost touch its ends."""
    lengths, genes = load(data_dir / "eukaryotes" / name)
    held, _, _ = round_trip(genes[:SHARE], lengths)
    cropped: list[Gene] = []
    ends: dict[str, int] = {}
    for (seqid, strand), oriented in by_strand(held, lengths).items():
        if strand == "-":
            oriented = [mirror(gene, lengths[seqid]) for gene in oriented]
        start, end = min(gene.start for gene in oriented), max(gene.end for gene in oriented)
        name = f"{seqid} {strand}"
        ends[name] = end - start
        cropped += [replace(crop(gene, start, end), seqid=name) for gene in oriented]
    assert not check(cropped, ends, tmp_path)


@pytest.mark.parametrize("name", GENOMES)
def test_genes_cut_by_a_sequences_ends(name: str, data_dir: Path, tmp_path: Path) -> None:
    """Each gene gets a sequence that ends, and one that begins, within one of its coding exons."""
    lengths, genes = load(data_dir / "eukaryotes" / name)
    held, _, _ = round_trip(genes[:SHARE], lengths)
    cut: list[Gene] = []
    ends: dict[str, int] = {}
    for number, gene in enumerate(held):
        cds = gene.transcripts[0].cds
        start, end = cds[number % len(cds)]
        place = (start + end) // 2
        for side, (left, right) in {"left": (0, place), "right": (place, lengths[gene.seqid])}.items():
            part = replace(crop(gene, left, right), seqid=f"{number} {side}")
            # Less than a codon beside the cut is not a gene to anyone.
            if part.transcripts[0].cds_length >= 6:
                cut.append(part)
                ends[part.seqid] = right - left
    assert cut
    assert not check(cut, ends, tmp_path)


def crop(gene: Gene, start: int, end: int) -> Gene:
    """Return the gene as it lies on the bases ``[start, end)`` of its sequence."""

    def clip(parts: Sequence[Interval]) -> tuple[Interval, ...]:
        return tuple((max(a, start) - start, min(b, end) - start) for a, b in parts if a < end and b > start)

    (whole,) = gene.transcripts
    exons, cds = clip(whole.exons), clip(whole.cds)
    lost_left = sum(min(b, start) - a for a, b in whole.cds if a < start)
    lost_right = sum(b - max(a, end) for a, b in whole.cds if b > end)
    lost5, lost3 = (lost_left, lost_right) if gene.strand == "+" else (lost_right, lost_left)
    transcript = Transcript(
        whole.id,
        exons,
        cds,
        phase=(whole.phase - lost5) % 3 if lost5 else whole.phase,
        partial5=whole.partial5 or lost5 > 0,
        partial3=whole.partial3 or lost3 > 0,
    )
    return replace(gene, transcripts=(transcript,))
