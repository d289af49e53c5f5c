"""Fitting: a law is found again from the genome it wrote, and the sets that come along are what the data give."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from genescribe.errors import InputError
from genescribe.genome.alphabet import Codes
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.genome.fasta import Genome
from genescribe.genome.model import Gene, Transcript
from genescribe.simulate import AssumedUtrs, SimulationParameters, fit, load_parameters, simulate
from genescribe.simulate.models import gene_models, with_utrs


class InMemory(NamedTuple):
    sequences: dict[str, Codes]

    @property
    def lengths(self) -> dict[str, int]:
        return {seqid: len(codes) for seqid, codes in self.sequences.items()}

    def codes(self, seqid: str, start: int = 0, end: int | None = None) -> Codes:
        return self.sequences[seqid][start:end]


Refitted = tuple[SimulationParameters, SimulationParameters, InMemory, list[Gene]]


@pytest.fixture(scope="module")
def refitted() -> Refitted:
    law = load_parameters("arabidopsis_thaliana")
    sequences, genes = simulate(law, 41, total_bases=3_000_000, n_sequences=5)
    genome = InMemory(sequences)
    return law, fit(genome, genes, "again", "a simulated genome"), genome, genes


def test_every_simulated_gene_is_one_that_the_simulator_could_write(refitted: Refitted) -> None:
    _, found, genome, genes = refitted
    assert len(list(gene_models(genome, genes))) == len(genes)
    assert found.provenance["fitted_from"] == f"{len(genes)} of {len(genes)} coding genes"


def test_structure_and_lengths_are_found_again(refitted: Refitted) -> None:
    law, found, _, _ = refitted
    assert found.structure.single == pytest.approx(law.structure.single, abs=0.03)
    assert found.structure.internal == pytest.approx(law.structure.internal, abs=0.01)
    assert found.structure.utr_intron == pytest.approx(law.structure.utr_intron, abs=0.04)
    for kind in ("intergenic", "utr5", "utr3", "single", "initial", "internal", "terminal", "intron", "utr_intron"):
        true, fitted = getattr(law.lengths, kind), getattr(found.lengths, kind)
        assert fitted.mean() == pytest.approx(true.mean(), rel=0.1)
        longest = max(true.head, fitted.head) + 1
        cumulative = [np.cumsum(np.exp(model.log_probabilities(longest))) for model in (true, fitted)]
        assert np.abs(cumulative[0] - cumulative[1]).max() < 0.06


def test_content_and_signals_are_found_again(refitted: Refitted) -> None:
    law, found, _, _ = refitted
    for name in ("kozak", "donor", "acceptor"):
        assert np.array(getattr(found.signals, name)) == pytest.approx(np.array(getattr(law.signals, name)), abs=0.04)
    for name in ("intergenic", "intron", "utr5", "utr3"):
        true, fitted = getattr(law.chains, name), getattr(found.chains, name)
        # The composition of the space between genes is symmetric in the fit, and nearly so in the law.
        assert fitted.composition == pytest.approx(true.composition, abs=0.01)
    assert np.abs(found.codons.joint - law.codons.joint).sum() / 2 < 0.03
    scaled = [np.array(model.codons.donor_weights) for model in (law, found)]
    assert np.abs(np.log(scaled[0]) - np.log(scaled[1])).max() < 0.35
    assert found.signals.branch is None


def test_repeats_are_found_from_the_softmasking(refitted: Refitted) -> None:
    law, found, _, _ = refitted
    assert "softmasked" in found.provenance["repeats"]
    assert 0.5 * law.repeats.fraction < found.repeats.fraction < 1.1 * law.repeats.fraction
    assert found.repeats.lengths.mean() == pytest.approx(law.repeats.lengths.mean(), rel=0.25)


def test_utrs_are_assumed_where_there_are_none() -> None:
    law = load_parameters("arabidopsis_thaliana")
    sequences, genes = simulate(law, 42, total_bases=700_000, n_sequences=2)
    bare = []
    for gene in genes:
        major = next(t for t in gene.transcripts if t.canonical)
        bare.append(Gene(gene.id, gene.seqid, gene.strand, (Transcript(major.id, major.cds, major.cds),)))
    genome = InMemory(sequences)
    with pytest.raises(InputError, match="lengths of utr5"):
        fit(genome, bare, "bare", "a simulated genome")
    assumed = AssumedUtrs(60.0, 100.0, "a guess")
    given = with_utrs(bare, genome.lengths, assumed)
    assert all(g.start < b.start and b.end < g.end for g, b in zip(given, bare, strict=True))
    found = fit(genome, bare, "bare", "a simulated genome", assumed)
    assert found.provenance["utr_lengths"] == "assumed: a guess"
    assert 40 < found.lengths.utr5.mean() < 80


def test_too_few_genes() -> None:
    sequences, genes = simulate(load_parameters("arabidopsis_thaliana"), 43, total_bases=40_000, n_sequences=1)
    with pytest.raises(InputError, match="give at least 50 coding genes"):
        fit(InMemory(sequences), genes, "few", "a simulated genome")


REAL = {
    "arabidopsis_thaliana": (
        "Arabidopsis.thaliana_1pct",
        "annotation.gff3.gz",
        ["ChrM", "ChrC"],
        "Arabidopsis thaliana TAIR10, first 1% of Chr1-5, TAIR10 gene models",
        None,
    ),
    "populus_trichocarpa": (
        "Populus.trichocarpa_Chr01_8Mb",
        "annotation.gff3.gz",
        [],
        "Populus trichocarpa v3.0, Chr01:1-8203443, Phytozome 10 gene models",
        None,
    ),
    "drosophila_melanogaster": (
        "Drosophila.melanogaster_2L_3Mb",
        "annotation.gtf.gz",
        [],
        "Drosophila melanogaster release 6, 2L:1-3000000, FlyBase r6 coding annotation",
        AssumedUtrs(123.0, 246.0, "medians 123 and 246 of Maroni 1994, DNA Seq 4:347"),
    ),
    "saccharomyces_cerevisiae": (
        "Saccharomyces.cerevisiae",
        "annotation.refseq_R64-4-1.gff3.gz",
        ["Mito"],
        "Saccharomyces cerevisiae S288C R64-1-1 without Mito, RefSeq annotation SGD R64-4-1",
        AssumedUtrs(50.0, 104.0, "medians 50 and 104 of Nagalakshmi et al. 2008, Science 320:1344"),
    ),
}


@pytest.mark.parametrize(
    "name", ["arabidopsis_thaliana", *(pytest.param(n, marks=pytest.mark.slow) for n in REAL if n[0] != "a")]
)
def test_sets_that_come_along_are_what_the_real_genomes_give(name: str, data_dir: Path) -> None:
    folder, annotation, excluded, source, assumed = REAL[name]
    genes = [g for g in read_genes(data_dir / "eukaryotes" / folder / annotation) if g.seqid not in excluded]
    genome = Genome.open(data_dir / "eukaryotes" / folder / "genome.fa.gz")
    assert fit(genome, genes, name, source, assumed) == load_parameters(name)


def test_script_wants_all_of_an_assumption(tmp_path: Path, repository: Path) -> None:
    command = [sys.executable, str(repository / "scripts" / "fit_simulator.py"), "--fasta", "g", "--annotation", "a"]
    command += ["--name", "n", "--source", "s", "--output", str(tmp_path / "p.json"), "--utr5-median", "50"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "UTR lengths assumed in part" in done.stderr
