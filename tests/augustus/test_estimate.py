"""A model in AUGUSTUS's form from genes: what is counted here, and that the whole finds genes."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from genescribe.augustus.estimate import ESTIMATE, Source, between_genes, estimate_model, structure
from genescribe.errors import InputError
from genescribe.evaluate.accuracy import compare
from genescribe.evaluate.tools.augustus_training import Chosen, TrainingOptions
from genescribe.families import load_predictor
from genescribe.files import read_json
from genescribe.genome.annotation.gff3 import write_gff3
from genescribe.genome.catalogue.database import Catalogue, build_catalogue
from genescribe.genome.fasta import Genome, write_fasta
from genescribe.genome.model import Gene, Transcript
from genescribe.predict.config import PredictConfig
from genescribe.predict.genome import predict_genome
from genescribe.predict.stretches import pieces_of
from genescribe.segment.network.model import STATISTICS
from genescribe.simulate import simulate
from genescribe.simulate.parameters import load_parameters


def made(strand: str, *lengths: int) -> Chosen:
    """Return a gene with exons of these lengths, in the order of the chromosome, and introns of 100 bases."""
    ends = np.cumsum([length + 100 for length in lengths])
    exons = tuple((int(end) - 100 - length, int(end) - 100) for end, length in zip(ends, lengths, strict=True))
    return Chosen(Gene("g", "s", strand, (Transcript("t", exons, exons),)), Transcript("t", exons, exons), 0, 0)


def test_phases_are_counted_along_the_gene() -> None:
    # 10, 11 and 9 bases: phases 1 and 0; on the other strand, read from the end, 0 and 2.
    plus, minus = structure([made("+", 10, 11, 9)] * 300, 1e-3), structure([made("-", 10, 11, 9)] * 300, 1e-3)
    assert np.exp(plus.initial - plus.initial.max()).argmax() == 1 and plus.terminal.argmax() == 0
    assert minus.initial.argmax() == 0 and minus.terminal.argmax() == 2
    assert plus.enter[1] == pytest.approx(math.log(301 / 302)) and plus.leave.argmax() == 0


def test_chances_add_up() -> None:
    genes = [made("+", 300)] * 3 + [made("+", 100, 200), made("-", 100, 50, 60), made("+", 30, 31, 32, 33)]
    found = structure(genes, 2e-3)
    assert math.exp(found.stay) == pytest.approx(1 - 2e-3)
    assert math.exp(found.single) + np.exp(found.initial).sum() == pytest.approx(1e-3)
    assert math.exp(found.single) == pytest.approx(1e-3 * 3 / 6)
    assert np.exp(found.leave).sum() == pytest.approx(1)
    assert np.exp(found.enter) + np.exp(found.terminal) == pytest.approx(1)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Catalogue, Genome, list[Gene]]:
    folder = tmp_path_factory.mktemp("simulated")
    sequences, genes = simulate(load_parameters("arabidopsis_thaliana"), 5, total_bases=400_000, n_sequences=2)
    write_fasta(folder / "g.fa", sequences.items())
    write_gff3(folder / "g.gff3", genes, {name: len(codes) for name, codes in sequences.items()})
    build_catalogue(folder / "g.fa", folder / "g.gff3", folder / "g.duckdb")
    return Catalogue(folder / "g.duckdb"), Genome.open(folder / "g.fa"), genes


def test_the_space_between_genes_is_that_of_complete_annotations(
    simulated: tuple[Catalogue, Genome, list[Gene]],
) -> None:
    catalogue, genome, genes = simulated
    free, count = np.ones(genome.lengths["chr2"], dtype=bool), 0
    for gene in genes:
        coding = [t.cds for t in gene.transcripts if t.cds]
        if gene.seqid == "chr2" and coding:
            free[min(cds[0][0] for cds in coding) : max(cds[-1][1] for cds in coding)] = False
            count += 1
    found = between_genes([Source("one", catalogue, genome, [("chr2", 0, None)])])
    assert found == pytest.approx(count / free.sum(), rel=1e-9)
    with pytest.raises(InputError, match="no genome whose genes are all annotated"):
        between_genes([])


def test_of_more_genes_than_shall_count_those_evenly_spaced_do(simulated: tuple[Catalogue, Genome, list[Gene]]) -> None:
    catalogue, genome, _ = simulated
    every, why = Source("one", catalogue, genome, [("chr1", 0, None)]).training_genes()
    some, alike = Source("one", catalogue, genome, [("chr1", 0, None)], most=5).training_genes()
    places = [every.index(gene) for gene in some]
    assert len(every) > 20 and why == alike
    assert places[0] == 0 and places[-1] == len(every) - 1 and np.ptp(np.diff(places)) <= 1
    assert Source("one", catalogue, genome, [("chr1", 0, None)], most=len(every)).training_genes()[0] == every


@pytest.mark.parametrize("gc_classes", [(), (0.3, 0.4)])
def test_genes_of_two_genomes_make_a_model_that_finds_genes(
    simulated: tuple[Catalogue, Genome, list[Gene]], gc_classes: tuple[float, ...], tmp_path: Path
) -> None:
    if shutil.which("etraining") is None:
        pytest.skip("AUGUSTUS is not on the PATH")
    catalogue, genome, genes = simulated
    sources = [
        Source("one", catalogue, genome, [("chr1", 0, 90_000)]),
        Source("two", catalogue, genome, [("chr1", 90_000, None)], partial=True),
    ]
    report = estimate_model(
        sources, tmp_path / "m", TrainingOptions(), gc_classes=gc_classes, noncoding=bool(gc_classes)
    )
    assert report == read_json(tmp_path / "m" / ESTIMATE) and report["genomes"].keys() == {"one", "two"}
    assert sum(report["genomes"].values()) == report["genes"]
    known = read_json(tmp_path / "m" / STATISTICS)
    numbers = {name: row["lengths"]["coding"]["number"] for name, row in known["species"].items()}
    assert numbers == report["genomes"] and known["lengths"]["coding"]["number"] == report["genes"]
    assert known["mean_exons"] == pytest.approx(known["lengths"]["exon"]["number"] / report["genes"], abs=1e-3)
    region = ("chr2", 0, 60_000)
    factory = load_predictor(tmp_path / "m")
    pieces = pieces_of(genome, ["chr2:1-60000"], 0, where="g.fa")
    found = predict_genome(factory, genome, pieces, PredictConfig(workers=1, posteriors=False), tmp_path / "work")
    assert compare(genes, found.genes, regions=[region])["base"]["f1"] > 0.8
