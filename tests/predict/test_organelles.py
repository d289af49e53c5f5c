"""A genome with organelles: they are read with their own genetic code, or left out with a warning."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.predict.noisy_model import NoisyFactory, NoisyModel, noisy_model

from genescribe.errors import InputError
from genescribe.families import predictor_for
from genescribe.files import read_json
from genescribe.genome.alphabet import decode
from genescribe.genome.fasta import Genome, write_fasta
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.strand import GenomeStrand
from genescribe.predict.config import PredictConfig
from genescribe.predict.genome import predict_genome
from genescribe.predict.interface import read_all
from genescribe.predict.organelles import RecodedFactory, with_organelles
from genescribe.predict.output_files import write_annotation
from genescribe.predict.scan import job_of
from genescribe.predict.stretches import pieces_of
from genescribe.segment.network.model import SegmentModel
from genescribe.segment.prediction.factory import SegmentPredictorFactory
from genescribe.segment.prediction.predictor import SegmentPredictor


class Factory(NoisyFactory):
    """The noisy model with any code."""

    def __init__(self, code: int = 1) -> None:
        super().__init__()
        self.code = code

    def __call__(self, worker: int = 0) -> SegmentPredictor:
        predictor = super().__call__(worker)
        if self.code != 1:
            model = NoisyModel(_config(self.code)).eval()
            model.load_state_dict(noisy_model().state_dict())
            predictor = SegmentPredictor(model)
        return predictor

    def recoded(self, code: int) -> Factory:  # type: ignore[override]
        return Factory(code)

    def genetic_code(self, seqid: str = "") -> GeneticCode:
        return GeneticCode.from_table(self.code)


def _config(code: int):  # type: ignore[no-untyped-def]
    from dataclasses import replace

    from tests.predict.noisy_model import CONFIG

    return replace(CONFIG, genetic_code=code)


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    bases = decode(np.random.default_rng(1).integers(0, 4, 6000).astype(np.uint8))
    write_fasta(
        tmp_path / "g.fa", [("chr1", bases), ("MT", bases), ("x9 Zea mays chloroplast, complete genome", bases)]
    )
    return tmp_path / "g.fa"


def test_each_sequence_is_read_with_its_code(fasta: Path, tmp_path: Path) -> None:
    genome, config = Genome.open(fasta), PredictConfig(workers=1, partial=True, posteriors=False)
    pieces = pieces_of(genome, [], 0, where=fasta)
    factory, kept, warnings = with_organelles(Factory(), genome, pieces, ["MT=2"])
    assert warnings == [] and kept == pieces
    assert isinstance(factory, RecodedFactory) and factory.codes == {"MT": 2, "x9": 11}
    assert factory.provenance()["genetic-codes"] == "MT=2 x9=11"
    found = predict_genome(factory, fasta, kept, config)
    write_annotation(tmp_path / "out", found, genome, kept, factory, config)
    by_seqid = {s: [g for g in found.genes if g.seqid == s] for s in genome.lengths}
    for seqid, number in (("chr1", 1), ("MT", 2)):
        alone = predict_genome(Factory(number), fasta, pieces_of(genome, [seqid], 0, where=fasta), config)
        assert alone.genes and [t.cds for g in alone.genes for t in g.transcripts] == [
            t.cds for g in by_seqid[seqid] for t in g.transcripts
        ]
    assert [t.cds for g in by_seqid["chr1"] for t in g.transcripts] != [
        t.cds for g in by_seqid["MT"] for t in g.transcripts
    ]
    proteins = (tmp_path / "out" / "proteins.fa").read_text()
    assert "*" not in "".join(line for line in proteins.splitlines() if not line.startswith(">"))


def test_the_nucleus_may_have_another_code_than_the_model(fasta: Path, tmp_path: Path) -> None:
    """As of a ciliate, in which TAA and TAG are no stops; unfinished work of the usual code is not gone on with."""
    genome = Genome.open(fasta)
    pieces = pieces_of(genome, ["chr1"], 0, where=fasta)
    (tmp_path / "model").mkdir()
    noisy_model().save(tmp_path / "model")
    stops, jobs = [], []
    for code in (0, 6):
        config = PredictConfig(workers=1, posteriors=False, min_cds=6, genetic_code=code)
        factory = predictor_for(tmp_path / "model", genome, pieces, config)
        jobs.append(job_of(factory, fasta, pieces, config))
        found = predict_genome(factory, fasta, pieces, config)
        write_annotation(tmp_path / "out", found, genome, pieces, factory, config)
        assert factory.genetic_code().number == (code or 1)
        assert ("transl_table=6" in (tmp_path / "out" / "annotation.gff3").read_text()) == (code == 6)
        records = (tmp_path / "out" / "cds.fa").read_text().split(">")[1:]
        stops.append({"".join(record.splitlines()[1:])[-3:] for record in records})
        proteins = (tmp_path / "out" / "proteins.fa").read_text()
        assert "*" not in "".join(line for line in proteins.splitlines() if not line.startswith(">"))
    assert stops == [{"TAA", "TAG", "TGA"}, {"TGA"}]
    assert jobs[0] != jobs[1] and jobs[1]["model"]["genetic-code"] == "6"


class Marked(Factory):
    """Adds its code to what is read."""

    def __call__(self, worker: int = 0) -> SegmentPredictor:
        predictor = super().__call__(worker)
        plain = predictor.read_all
        predictor.read_all = lambda strands: [rows + self.code for rows in plain(strands)]  # type: ignore[method-assign]
        return predictor

    def recoded(self, code: int) -> Marked:
        return Marked(code)


def test_strands_of_several_codes_are_read_together(fasta: Path) -> None:
    genome = Genome.open(fasta)
    predictor = RecodedFactory(Marked(), {"MT": 2, "x9": 11})()
    strands = [GenomeStrand(genome, seqid, 0, 300, sign) for sign in "+-" for seqid in ("MT", "chr1", "x9")]
    found = read_all(predictor, strands)
    plain = Factory()().read_all(strands)
    added = [float((rows - other).mean().round()) for rows, other in zip(found, plain, strict=True)]
    assert added == [2, 1, 11, 2, 1, 11]


def test_a_mitochondrion_without_a_code_is_left_out_and_warned_of(
    fasta: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    genome, config = Genome.open(fasta), PredictConfig(workers=1, posteriors=False)
    pieces = pieces_of(genome, [], 0, where=fasta)
    with caplog.at_level(logging.WARNING):
        factory, kept, warnings = with_organelles(Factory(), genome, pieces, [])
    assert [piece.seqid for piece in kept] == ["chr1", "x9"]
    assert (
        "MT is a mitochondrion, whose genetic code is not known: not annotated; give --genetic-code-of MT=N"
        in warnings[0]
    )
    assert warnings[0] in caplog.text
    found = predict_genome(factory, fasta, kept, config)
    write_annotation(tmp_path / "out", found, genome, kept, factory, config, warnings)
    assert read_json(tmp_path / "out" / "summary.json")["warnings"][0] == warnings[0]
    assert not any(gene.seqid == "MT" for gene in found.genes)


def test_the_usual_code_may_be_asked_for(fasta: Path) -> None:
    genome = Genome.open(fasta)
    pieces = pieces_of(genome, ["chr1", "MT"], 0, where=fasta)
    factory, kept, warnings = with_organelles(Factory(), genome, pieces, ["MT=1"])
    assert isinstance(factory, Factory) and kept == pieces and warnings == []


def test_a_genome_of_one_mitochondrion_is_an_error_that_says_what_to_give(fasta: Path) -> None:
    genome = Genome.open(fasta)
    pieces = pieces_of(genome, ["MT"], 0, where=fasta)
    with pytest.raises(InputError, match=r"MT is a mitochondrion, .*; give --genetic-code-of MT=N"):
        with_organelles(Factory(), genome, pieces, [])
    # A model of mitochondria is meant for them.
    assert with_organelles(Factory(4), genome, pieces, [])[1] == pieces


def test_a_stored_model_reads_another_code(repository: Path) -> None:
    folder = repository / "models" / "yeast"
    factory = SegmentPredictorFactory(folder, "cpu").recoded(3)
    assert factory.genetic_code().number == 3
    predictor = factory()
    plain = SegmentModel.load(folder)
    tga = 6 * 6 * 3 + 6 * 2
    assert bool(plain.expansion.stop[tga]) and not bool(predictor.model.expansion.stop[tga])
    assert torch.equal(plain.head.weight, predictor.model.head.weight)


def test_strands_that_are_finished_together_are_so_beside_an_organelle(fasta: Path, repository: Path) -> None:
    # This model reads both strands as one path, in which genes exclude each other.
    plain = SegmentPredictorFactory(repository / "models" / "insects", "cpu")
    factory = RecodedFactory(plain, {"MT": 2})
    assert plain.both_strands and factory.both_strands
    genome, config = Genome.open(fasta), PredictConfig(workers=1, partial=True, posteriors=False)
    pieces = pieces_of(genome, ["chr1"], 0, where=fasta)
    assert predict_genome(factory, fasta, pieces, config) == predict_genome(plain, fasta, pieces, config)
