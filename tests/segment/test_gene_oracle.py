"""Law 2 for the scheme `gene`: what the labels hold comes back from every real genome, and no mask forbids it.

The rest is counted by reason, and the counts stand here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.labels.test_oracle import by_strand, crop, load, structure

from genescribe.crf import SemiCRF
from genescribe.crf.runs import batch_runs
from genescribe.crf.score import score
from genescribe.data.runs import Runs, cut
from genescribe.genome.alphabet import Codes, reverse_complement
from genescribe.genome.fasta import Genome
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Gene, Transcript, mirror
from genescribe.labels.gene import GeneScheme
from genescribe.labels.gene_labels import CHANNELS
from genescribe.labels.grammar import representative
from genescribe.segment.config import SegmentModelConfig
from genescribe.segment.network.gene_scores import GeneExpansion
from genescribe.segment.network.head import crf_config, scheme_of

CODE = GeneticCode.from_table(1)
CONFIG = SegmentModelConfig(scheme="gene", max_duration=30, duration_knots=0)
SCHEME = scheme_of(CONFIG)
SHARE = 20
"""Genes of each genome in the quick tests."""
MARGIN = 5

NONCODING, OVERLAP = "non-coding", "overlaps a gene on its strand"
FRAME, SLIP = "coding length not a multiple of three", "coding sequence with a gap inside an exon"
INFRAME, START, STOP = "in-frame stop", "start codon not among the allowed", "no stop codon"
SPLICE, SHORT = "splice sites not among the allowed", "intron too short"
SPLIT_START, SPLIT_STOP = "start codon split by an intron", "stop codon split by an intron"

# Annotation -> what cannot be represented, of all genes and of the share.
GENOMES: dict[str, tuple[dict[str, int], dict[str, int]]] = {
    "Arabidopsis.thaliana_1pct/annotation.gff3.gz": ({NONCODING: 37, OVERLAP: 8, SPLIT_START: 1}, {NONCODING: 1}),
    "Caenorhabditis.elegans_smallgenes/annotation.gff3.gz": ({SPLIT_STOP: 1}, {}),
    "Drosophila.melanogaster_2L_3Mb/annotation.gtf.gz": (
        {OVERLAP: 6, FRAME: 1, INFRAME: 10, START: 2, SPLIT_START: 1},
        {},
    ),
    "Homo.sapiens_chr1_chunks/annotation.gtf.gz": ({SHORT: 1, SPLIT_STOP: 1}, {}),
    "Leishmania.major_chr1/annotation.gff3.gz": ({}, {}),
    "Populus.trichocarpa_Chr01_8Mb/annotation.gff3.gz": (
        {OVERLAP: 15, START: 44, STOP: 14, SPLICE: 4, SHORT: 2, SPLIT_STOP: 2},
        {START: 2},
    ),
    "Saccharomyces.cerevisiae/annotation.gtf.gz": (
        {NONCODING: 436, OVERLAP: 212, INFRAME: 6, START: 9, SPLICE: 13, SHORT: 3, SPLIT_START: 4},
        {OVERLAP: 2},
    ),
    "Saccharomyces.cerevisiae/annotation.refseq_R64-4-1.gff3.gz": (
        {NONCODING: 450, OVERLAP: 94, SLIP: 47, INFRAME: 12, SPLICE: 14, SPLIT_START: 8},
        {},
    ),
    "Schizosaccharomyces.pombe_minigenome/annotation.gff3.gz": ({FRAME: 1, SHORT: 2}, {}),
    "Trypanosoma.brucei_chr1/annotation.gff3.gz": ({NONCODING: 42, START: 1, SPLICE: 3}, {NONCODING: 6}),
}


@cache
def sequence(path: Path, seqid: str) -> Codes:
    return Genome.open(path.parent / "genome.fa.gz").codes(seqid)


def check(path: Path, genes: Sequence[Gene]) -> Counter[str]:
    """Assert that all that labels can hold comes back and is allowed; return what they cannot hold."""
    lengths, _ = load(path)
    problems: Counter[str] = Counter()
    for (seqid, strand), oriented in by_strand(genes, lengths).items():
        codes = sequence(path, seqid)
        codes = codes if strand == "+" else reverse_complement(codes)
        problems.update(check_strand(oriented, codes))
    return problems


def check_strand(genes: Sequence[Gene], codes: Codes) -> list[str]:
    """Check one strand; return the reason of each gene that its labels do not hold."""
    faults: dict[str, str] = {}
    for gene in genes:
        transcript = representative(gene)
        if transcript is not None and (reason := SCHEME.fault(transcript, codes, CODE)):
            faults[gene.id] = reason
    encoded = SCHEME.encode(genes, len(codes), faults, codes)
    troubled = {problem.gene_id for problem in encoded.problems}
    plain = [Gene(gene.id, "s", "+", (encoded.placed[gene.id],)) for gene in genes if gene.id not in troubled]
    runs = SCHEME.encode(plain, len(codes), codes=codes).runs
    decoded = SCHEME.decode(runs)
    assert decoded.rejects == []
    held = [gene.transcripts[0] for gene in plain]
    assert sorted(map(structure, decoded.transcripts)) == sorted(map(structure, held))
    # In the company of what is masked no gene comes out that is not there.
    assert set(map(structure, SCHEME.decode(encoded.runs).transcripts)) <= set(map(structure, held))
    for transcript in held:
        assert allowed(runs, codes, transcript), transcript
    return [problem.reason for problem in encoded.problems]


CRF = SemiCRF(crf_config(CONFIG, SCHEME))
assert isinstance(SCHEME, GeneScheme)
EXPANSION = GeneExpansion(SCHEME, CODE)


@torch.no_grad()
def allowed(runs: Runs, codes: Codes, transcript: Transcript) -> bool:
    """Return whether a window around a gene has a finite score, as baked and masked: the loss of training is finite."""
    start, end = max(0, transcript.start - MARGIN), min(len(codes), transcript.end + MARGIN)
    labels = SCHEME.shifted(cut(runs, start, end), start)
    bases, lengths = torch.from_numpy(codes[start:end].astype(np.int64))[None], torch.tensor([end - start])
    content, begin, last = EXPANSION(torch.zeros(1, end - start, len(CHANNELS)), None, bases, lengths)
    edges = (torch.tensor([start > 0]), torch.tensor([end < len(codes)]))
    p = CRF.potentials(content, lengths, *edges, begin=begin, end=last)
    return bool(score(p, batch_runs([labels], lengths, len(SCHEME.names))).isfinite().all())


@pytest.mark.parametrize("name", GENOMES)
def test_a_share_of_every_genome(name: str, data_dir: Path) -> None:
    path = data_dir / "eukaryotes" / name
    assert check(path, load(path)[1][:SHARE]) == GENOMES[name][1]


@pytest.mark.slow
@pytest.mark.parametrize("name", GENOMES)
def test_every_gene_of_every_genome(name: str, data_dir: Path) -> None:
    path = data_dir / "eukaryotes" / name
    assert check(path, load(path)[1]) == GENOMES[name][0]


@pytest.mark.parametrize("name", GENOMES)
def test_genes_cut_by_a_sequences_ends(name: str, data_dir: Path) -> None:
    """Each gene gets a sequence that ends, and one that begins, within one of its coding exons."""
    path = data_dir / "eukaryotes" / name
    lengths, genes = load(path)
    reasons: Counter[str] = Counter()
    for number, gene in enumerate(genes[:SHARE]):
        codes = sequence(path, gene.seqid)
        turned = gene if gene.strand == "+" else mirror(gene, lengths[gene.seqid])
        codes = codes if gene.strand == "+" else reverse_complement(codes)
        transcript = representative(turned)
        if transcript is None or SCHEME.fault(transcript, codes, CODE):
            continue
        start, end = transcript.cds[number % len(transcript.cds)]
        # Halves of at least three bases, so that what is left holds a codon.
        place = min(max(start + 3, (start + end) // 2), end - 3)
        whole = Gene(gene.id, "s", "+", (transcript,))
        for left, right in ((0, place), (place, len(codes))):
            if place - start >= 3 <= end - place:
                reasons.update(check_strand([crop(whole, left, right)], codes[left:right]))
    assert not reasons
