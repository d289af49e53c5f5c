"""A genome of a few genes that any model learns, baked into shards."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from genescribe.bake.baker import Baker
from genescribe.bake.config import BakeConfig, BakeJob
from genescribe.bake.splits import Splits
from genescribe.genome.alphabet import Codes, decode, encode, reverse_complement
from genescribe.genome.model import Gene, Transcript, mirror

LENGTH = 2_000
SPLITS = Splits(train=["t0", "t1", "t2", "t3"], validation=["v0"])


def bake_toy(
    folder: Path,
    *,
    window: int = 700,
    genetic_code: int = 1,
    scheme: str = "gencode",
    genome: str = "toy",
    at: float = 0.8,
) -> Path:
    """Bake five sequences; each has a gene with an intron and one without, on both strands in turn.

    Of the bases between genes the share `at` is A or T.
    """
    config = BakeConfig(scheme=scheme, window=window, overlap=100)
    job = BakeJob(genome, config, SPLITS, genetic_code=genetic_code)
    names = [*SPLITS.train, *SPLITS.validation]
    baker = Baker(job, dict.fromkeys(names, LENGTH))
    folder.mkdir(parents=True)
    with baker.writing(folder):
        for number, name in enumerate(names):
            baker.add(name, *toy_sequence(name, np.random.default_rng(number), at))
    baker.finish()
    return folder


def toy_sequence(name: str, rng: np.random.Generator, at: float = 0.8) -> tuple[Codes, list[Gene]]:
    """Return a sequence rich in A and T whose exons are rich in C and whose introns are rich in T."""
    codes = rng.choice(4, size=LENGTH, p=[at / 2, (1 - at) / 2, (1 - at) / 2, at / 2]).astype(np.uint8)
    genes = []
    for start, strand, split in ((150, "+", True), (700, "-", False), (1250, "-", True)):
        bases, exons = toy_gene(rng, split)
        gene = Gene(f"{name}.{start}", name, "+", (Transcript(f"{name}.{start}.t", exons, exons),))
        if strand == "-":
            bases, gene = reverse_complement(bases), mirror(gene, len(bases))
        shifted = tuple((a + start, b + start) for a, b in gene.transcripts[0].exons)
        codes[start : start + len(bases)] = bases
        genes.append(Gene(gene.id, name, strand, (Transcript(f"{gene.id}.t", shifted, shifted),)))
    return codes, genes


def toy_gene(rng: np.random.Generator, split: bool) -> tuple[Codes, tuple[tuple[int, int], ...]]:
    """Return a gene's bases and exons: 52 to 82 codons; with an intron GT...AG of 60 bases or without."""
    codons = int(rng.integers(50, 80))
    inside = decode(rng.choice([1, 2], size=3 * codons, p=[0.8, 0.2]).astype(np.uint8))
    coding = f"ATG{inside}TAA"
    if not split:
        return encode(coding), ((0, len(coding)),)
    intron = "GTAAGT" + decode(rng.choice([0, 3], size=48, p=[0.1, 0.9]).astype(np.uint8)) + "TTTCAG"
    place = 60 + int(rng.integers(0, 3))
    bases = coding[:place] + intron + coding[place:]
    return encode(bases), ((0, place), (place + len(intron), len(bases)))
