"""Small genomes with coding sequences of every kind, as GenBank and as FASTA + GFF3."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genescribe.codon.sequences.cds import dna_of
from genescribe.genome.genetic_code import GeneticCode

_COMPLEMENT = str.maketrans("ACGT", "TGCA")


def reverse(dna: str) -> str:
    return dna.translate(_COMPLEMENT)[::-1]


def random_cds(generator: np.random.Generator, codons: int, usage: NDArray[np.float64] | None = None) -> str:
    """Return ATG, so many codons, TAA."""
    stops = GeneticCode.from_table(11).always_stop[:64]
    chances = np.where(stops, 0.0, np.ones(64) if usage is None else usage)
    middle = generator.choice(64, codons, p=chances / chances.sum()).astype(np.uint8)
    return f"ATG{dna_of(middle)}TAA"


def protein(dna: str, table: int = 11) -> str:
    """Translate, independently of the code under test: by Biopython."""
    from Bio.Seq import Seq

    letters = str(Seq(dna[: len(dna) // 3 * 3]).translate(table=table))
    return "M" + letters[1:].removesuffix("*")


class GenBank:
    """Collects features on one circular record of random bases and writes it."""

    def __init__(self, length: int, seed: int = 0) -> None:
        generator = np.random.default_rng(seed)
        self.bases = list(generator.choice(list("ACGT"), length))
        self.features: list[str] = []

    def put(self, start: int, dna: str) -> None:
        for i, base in enumerate(dna):
            self.bases[(start + i) % len(self.bases)] = base

    def feature(self, location: str, **notes: str | None) -> None:
        lines = [f"     CDS             {location}"]
        for key, value in notes.items():
            text = f"/{key}" if value is None else f'/{key}="{value}"' if not value.isdecimal() else f"/{key}={value}"
            lines += [f"                     {text[i : i + 58]}" for i in range(0, len(text), 58)]
        self.features.append("\n".join(lines))

    def write(self, path: Path) -> Path:
        sequence = "".join(self.bases).lower()
        lines = [f"LOCUS       TEST            {len(sequence):>12} bp    DNA     circular BCT 01-JAN-2026"]
        lines += [
            "DEFINITION  test.",
            "ACCESSION   TEST",
            "VERSION     TEST.1",
            "FEATURES             Location/Qualifiers",
        ]
        lines += [f"     source          1..{len(sequence)}", *self.features, "ORIGIN"]
        for i in range(0, len(sequence), 60):
            parts = [sequence[j : j + 10] for j in range(i, min(i + 60, len(sequence)), 10)]
            lines.append(f"{i + 1:>9} {' '.join(parts)}")
        path.write_text("\n".join([*lines, "//", ""]))
        return path


def write_genome(path: Path, genes: int, seed: int, usage: NDArray[np.float64] | None = None, codons: int = 60) -> Path:
    """Write a genome of so many plain genes on both strands, products included, and return its GenBank file."""
    generator = np.random.default_rng(seed)
    products = ("50S ribosomal protein L1", "ABC transporter", "transcriptional regulator", "hypothetical protein")
    genome = GenBank(genes * (3 * codons + 60) + 100, seed)
    place = 20
    for number in range(genes):
        dna = random_cds(generator, codons - 2 - int(generator.integers(0, 20)), usage)
        start, end = place, place + len(dna)
        place = end + 30
        forward = number % 2 == 0
        genome.put(start, dna if forward else reverse(dna))
        where = f"{start + 1}..{end}"
        genome.feature(
            where if forward else f"complement({where})",
            locus_tag=f"g{seed}_{number}",
            product=products[number % len(products)],
            translation=protein(dna),
        )
    return genome.write(path)
