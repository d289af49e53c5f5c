"""The family over whole genomes: a segment model proposes loci, its posteriors are read, isoforms stay together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from tests.generate.toy_loci import random_model, toy_genome
from tests.predict.plain_factory import PlainFactory

from genescribe.errors import InputError
from genescribe.families import load_predictor
from genescribe.generate.annotation.annotate import Annotator
from genescribe.generate.annotation.predictor import GeneratePredictor, joined
from genescribe.generate.model import load_model
from genescribe.genome.alphabet import N, reverse_complement
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.genome.fasta import Genome
from genescribe.genome.intervals import touched
from genescribe.genome.model import Gene, mirror
from genescribe.genome.strand import StrandCodes
from genescribe.labels.decode import GAP_REASON
from genescribe.nn.config import EncoderConfig
from genescribe.predict.config import PredictConfig
from genescribe.predict.genome import predict_genome
from genescribe.predict.interface import (
    Halves,
    PredictedTranscript,
    PredictorFactory,
    Rows,
    StrandPrediction,
    StrandPredictor,
    StrandRows,
)
from genescribe.predict.output_files import write_annotation
from genescribe.predict.stretches import pieces_of
from genescribe.segment.config import SegmentModelConfig
from genescribe.segment.network.model import SegmentModel


class Oracle:
    """Proposes where the genes of a strand are; stands for a trained segment model."""

    def __init__(self, genome: Genome, genes: list[Gene]) -> None:
        self.known = []
        for seqid, length in genome.lengths.items():
            codes = genome.codes(seqid)
            for strand, bases in (("+", codes), ("-", reverse_complement(codes))):
                here = [g for g in genes if g.seqid == seqid and g.strand == strand]
                turned = here if strand == "+" else [mirror(gene, length) for gene in here]
                self.known.append((bases, [gene.transcripts[0] for gene in turned]))

    def read(self, codes: StrandCodes, start: int, end: int) -> Rows:
        return np.zeros((end - start, 1), dtype=np.float32)

    def finish(self, codes: StrandCodes, rows: StrandRows, config: PredictConfig) -> StrandPrediction:
        found = next(genes for bases, genes in self.known if np.array_equal(bases, codes[0 : len(codes)]))
        return StrandPrediction([PredictedTranscript(t, 1.0) for t in found])


class Factory(PlainFactory):
    """Gives the predictor as it is."""

    def __init__(self, predictor: GeneratePredictor) -> None:
        self.predictor = predictor

    def __call__(self, worker: int = 0) -> GeneratePredictor:
        return self.predictor


def test_proposed_loci_become_genes_or_rejects(tmp_path: Path) -> None:
    fasta, annotation, _ = toy_genome(tmp_path, {"t": 8})
    genome, truth = Genome.open(fasta), read_genes(annotation)
    predictor = GeneratePredictor(Annotator(load_model(random_model(tmp_path / "model"))), Oracle(genome, truth))
    options = PredictConfig(workers=1, min_cds=6)
    pieces = pieces_of(genome, [], 0, where=fasta)
    factory = Factory(predictor)
    found = predict_genome(factory, fasta, pieces, options)  # type: ignore[arg-type]
    assert len(found.genes) + len(found.rejects) == len(truth)
    assert any(len(gene.transcripts) > 1 for gene in found.genes)
    write_annotation(tmp_path / "out", found, genome, pieces, factory, options)  # type: ignore[arg-type]
    again = read_genes(tmp_path / "out" / "annotation.gff3")
    isoforms = [
        [sorted((t.exons, t.cds) for t in gene.transcripts) for gene in genes] for genes in (again, found.genes)
    ]
    assert isoforms[0] == isoforms[1]
    spans = {(gene.seqid, gene.strand): (gene.start, gene.end) for gene in truth}
    for gene in found.genes:
        start, end = spans[gene.seqid, gene.strand]
        assert start - 30 <= gene.start < gene.end <= end + 30


class ReadAndWritten(Factory):
    """Proposals in other processes than what is read and written, as with a GPU."""

    def halves(self) -> Halves:
        reader, finisher = (cast(PredictorFactory, one) for one in (self, OnlyProposes(self.predictor)))
        return Halves(reader, finisher, 1, writes=True)


class OnlyProposes(Factory):
    """Gives the proposer alone."""

    def __call__(self, worker: int = 0) -> StrandPredictor:  # type: ignore[override]
        return self.predictor.proposer


def test_loci_of_many_strands_are_written_together_and_alone_alike(tmp_path: Path) -> None:
    fasta, annotation, _ = toy_genome(tmp_path, {"t": 8})
    genome, truth = Genome.open(fasta), read_genes(annotation)
    predictor = GeneratePredictor(Annotator(load_model(random_model(tmp_path / "model"))), Oracle(genome, truth))
    options = PredictConfig(workers=1, min_cds=6)
    pieces = pieces_of(genome, [], 0, where=fasta)

    def annotated(name: str, factory: Factory, config: PredictConfig = options) -> list[Gene]:
        found = predict_genome(factory, fasta, pieces, config)  # type: ignore[arg-type]
        write_annotation(tmp_path / name, found, genome, pieces, factory, config)  # type: ignore[arg-type]
        return read_genes(tmp_path / name / "annotation.gff3")

    # One strand's loci at a time, and those of all strands of a job: the digits of a probability may differ in the end.
    alone, together = annotated("alone", Factory(predictor)), annotated("together", ReadAndWritten(predictor))
    assert len(alone) > 2
    for one, other in zip(alone, together, strict=True):
        assert (one.id, one.seqid, one.strand) == (other.id, other.seqid, other.strand)
        assert [(t.exons, t.cds) for t in one.transcripts] == [(t.exons, t.cds) for t in other.transcripts]
        scores = [[t.score for t in gene.transcripts] for gene in (one, other)]
        assert scores[0] == pytest.approx(scores[1], abs=1e-4)
    # Which are written together follows from the genome: no byte depends on chunks and workers.
    annotated("again", ReadAndWritten(predictor), replace(options, workers=2, chunk=10**6))
    first, second = ((tmp_path / name / "annotation.gff3").read_bytes() for name in ("together", "again"))
    assert first == second


@pytest.fixture(scope="module")
def segment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("segment")
    torch.manual_seed(0)
    encoder = EncoderConfig("conv", hidden_dim=8, num_layers=1, conv_width=6)
    SegmentModel(SegmentModelConfig(genetic_code=1, max_duration=20, encoder=encoder)).save(folder)
    return folder


def test_a_segment_model_travels_with_the_model(segment: Path, tmp_path: Path) -> None:
    folder = random_model(tmp_path / "model", segment=str(segment))
    model = load_model(folder)
    assert (folder / "segment" / "config.json").is_file()
    assert not any("segment" in name for name in model.state_dict())
    fasta, _, _ = toy_genome(tmp_path, {"t": 1})
    factory = load_predictor(folder, device="cpu")
    genome = Genome.open(fasta)
    pieces = pieces_of(genome, [], 0, where=fasta)
    found = predict_genome(factory, fasta, pieces, PredictConfig(workers=1))
    assert found.genes or found.rejects is not None
    assert "encoder_decoder" in factory.provenance()["model"]
    result = Annotator(model).sequence(genome.codes("t0"), strand=".")
    assert result.status in ("accepted", "repaired")


def test_without_a_proposer_the_remedy_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run_genome_annotation"):
        load_predictor(random_model(tmp_path / "model"), device="cpu")


def test_overlapping_proposals_are_one_locus() -> None:
    assert joined([]) == []
    assert joined([(5, 9), (0, 6), (9, 12), (20, 30), (22, 25)]) == [(0, 9), (9, 12), (20, 30)]


@pytest.mark.parametrize("constraint", ["orf", "grammar"])
def test_no_exon_of_a_generated_gene_lies_in_a_gap(tmp_path: Path, constraint: str) -> None:
    """`grammar` knows no bases: a transcript that it writes over a gap is refused."""
    annotator = Annotator(load_model(random_model(tmp_path / "model", constraint=constraint)))
    codes = np.random.default_rng(0).integers(0, 4, 240).astype(np.uint8)
    codes[5:235] = N
    result = annotator.sequence(codes)
    exons = [exon for t in (result.gene.transcripts if result.gene else ()) for exon in t.exons]
    assert not any(touched(exon, [(5, 235)]) for exon in exons)
    assert constraint == "orf" or GAP_REASON in result.reason
