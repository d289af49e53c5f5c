"""The genome-wide driver: the same genes whatever the workers and batches; files whole or not at all."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.predict.plain_factory import PlainFactory

from genescribe.errors import InputError
from genescribe.genome.alphabet import Codes, decode, encode, reverse_complement
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.genome.fasta import Genome, write_fasta
from genescribe.genome.model import Transcript
from genescribe.genome.strand import Reject, StrandCodes
from genescribe.predict import stretches
from genescribe.predict.config import PredictConfig
from genescribe.predict.genome import GenomePrediction, assemble, predict_genome
from genescribe.predict.interface import PredictedTranscript, Rows, StrandPrediction, StrandPredictor, StrandRows
from genescribe.predict.output_files import join_batches, write_annotation, write_batch
from genescribe.predict.scan import job_of, scan
from genescribe.predict.stretches import Piece, batch_of_pieces, pieces_of
from genescribe.predict.work_folder import Work

GENE = "ATGAAACCCGGGTTTGCTGCAGATGAACATCACTTGAAGTAA"
CONFIG = PredictConfig(workers=1, min_cds=30, chunk=64)
FILES = (
    *("annotation.gff3", "proteins.fa", "cds.fa", "exons.fa", "introns.fa", "rejects.jsonl", "summary.json"),
    *("proteins.longest.fa", "cds.longest.fa"),
)


class MotifPredictor:
    """Finds `GENE` by its letters, and rejects any lone ATGTAA. What it says of a base is its code."""

    def read(self, codes: StrandCodes, start: int, end: int) -> Rows:
        return codes[start:end].astype(np.float32)[:, None]

    def finish(self, codes: StrandCodes, rows: StrandRows, config: PredictConfig) -> StrandPrediction:
        read = rows[0 : len(codes)][:, 0].astype(np.uint8)
        assert (read == codes[0 : len(codes)]).all()
        text, found = decode(read).upper(), StrandPrediction()
        position = text.find(GENE)
        while position >= 0:
            span = (position, position + len(GENE))
            posterior = 0.9 if position % 2 else 0.4
            transcript = Transcript("", (span,), (span,), score=posterior, exon_scores=(0.5,), cds_scores=(0.75,))
            found.transcripts.append(PredictedTranscript(transcript, float(len(GENE))))
            position = text.find(GENE, position + 1)
        if (lone := text.find("ATGTAA")) >= 0:
            found.rejects.append(Reject(lone, lone + 6, "no room"))
        return found


class MotifFactory(PlainFactory):
    grain = 16
    name = "motif"

    def __call__(self, worker: int = 0) -> StrandPredictor:
        del worker
        return MotifPredictor()


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)

    def filler(bases: int) -> Codes:
        return random.choice(np.array([0, 1], dtype=np.uint8), bases)

    gene, mirrored = encode(GENE), reverse_complement(encode(GENE))
    records = {
        "b": np.concatenate([filler(100), gene, filler(50), mirrored, filler(70)]),
        "a": np.concatenate([gene, filler(40), encode("ATGTAA"), filler(20)]),
        "c": filler(90),
    }
    path = tmp_path / "genome.fa"
    write_fasta(path, records.items())
    return path


def pieces(fasta: Path, *regions: str, flank: int = 0) -> list[Piece]:
    return pieces_of(Genome.open(fasta), regions, flank, where=fasta)


def predict(fasta: Path, *regions: str, **options: Any) -> GenomePrediction:
    config = replace(CONFIG, **options)
    return predict_genome(MotifFactory(), fasta, pieces(fasta, *regions, flank=config.flank), config)


def places(found: GenomePrediction) -> list[tuple[str, str, int, str]]:
    return [(gene.id, gene.seqid, gene.start, gene.strand) for gene in found.genes]


def test_what_is_too_long_to_be_read_as_one_is_refused(fasta: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    length = Genome.open(fasta).lengths["b"]
    monkeypatch.setattr(stretches, "LONGEST", length - 1)
    with pytest.raises(InputError, match=rf"b has {length} bases to be read as one; give --regions of at most"):
        pieces(fasta)
    assert len(pieces(fasta, "b:1-60", f"b:160-{length}", flank=20)) == 2


def test_genes_of_both_strands_and_rejects(fasta: Path) -> None:
    found = predict(fasta)
    assert places(found) == [("b_g000001", "b", 100, "+"), ("b_g000002", "b", 192, "-"), ("a_g000001", "a", 0, "+")]
    assert found.rejects == [{"seqid": "a", "strand": "+", "start": 82, "end": 88, "reason": "no room"}]
    assert [gene.score for gene in found.genes] == [0.4, 0.4, 0.4]


@pytest.mark.parametrize("options", [{"workers": 2}, {"chunk": 1}, {"chunk": 10_000}])
def test_workers_and_chunks_change_nothing(fasta: Path, options: dict[str, Any]) -> None:
    assert predict(fasta, **options) == predict(fasta)


def test_what_is_not_wanted_is_rejected_with_a_reason(fasta: Path) -> None:
    found = predict(fasta, "b", min_cds=300)
    assert [row["reason"] for row in found.rejects] == ["short coding sequence"] * 2
    found = predict(fasta, "b", min_posterior=0.5)
    assert [(row["reason"], row["posterior"]) for row in found.rejects] == [("improbable", 0.4)] * 2
    assert found.genes == []


def test_a_region_gives_the_genes_that_touch_it(fasta: Path) -> None:
    assert places(predict(fasta, "b:1-101", flank=50)) == [("b_g000001", "b", 100, "+")]
    assert places(predict(fasta, "b:1-100", flank=50)) == []
    assert places(predict(fasta, "b:230-240", "a", flank=50)) == [
        ("b_g000001", "b", 192, "-"),
        ("a_g000001", "a", 0, "+"),
    ]
    assert predict(fasta, "a:1-60", flank=50).rejects == []
    with pytest.raises(InputError, match="no sequence 'x'"):
        predict(fasta, "x")


def test_genes_on_opposite_strands_may_both_stay() -> None:
    def strand(start: int, odds: float) -> StrandPrediction:
        span = (start, start + 90)
        return StrandPrediction([PredictedTranscript(Transcript("", (span,), (span,), score=0.5), odds)])

    found = {("s", 0, 200, "+"): strand(20, 1.0), ("s", 0, 200, "-"): strand(60, 2.0)}
    one = assemble([Piece("s", 0, 200, ((0, 200),))], found, CONFIG)
    assert [gene.strand for gene in one.genes] == ["-"]
    assert one.rejects[0]["reason"] == "overlaps a better gene"
    assert one.rejects[0]["winner"] == [50, 140, "-"]
    both = assemble([Piece("s", 0, 200, ((0, 200),))], found, replace(CONFIG, opposite_strands="allow"))
    assert [gene.strand for gene in both.genes] == ["+", "-"]


def test_batches_join_to_the_same_bytes(fasta: Path, tmp_path: Path) -> None:
    genome, factory, chosen = Genome.open(fasta), MotifFactory(), pieces(fasta)
    write_annotation(tmp_path / "whole", predict(fasta), genome, chosen, factory, CONFIG)
    parts = []
    for index in range(2):
        batch = batch_of_pieces(chosen, index, 2)
        work = Work(tmp_path / "work", job_of(factory, fasta, batch, CONFIG))
        scan(factory, genome, batch, CONFIG, work)
        write_batch(tmp_path / f"part_{index}", batch, work.done)
        parts.append(tmp_path / f"part_{index}")
    write_annotation(tmp_path / "joined", join_batches(parts, chosen, CONFIG), genome, chosen, factory, CONFIG)
    assert sorted(path.name for path in (tmp_path / "whole").iterdir()) == sorted(FILES)
    for name in FILES:
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "joined" / name).read_bytes()
    assert len(read_genes(tmp_path / "whole" / "annotation.gff3")) == 3
    first = (tmp_path / "joined" / "rejects.jsonl").read_text().splitlines()[0]
    assert json.loads(first)["reason"] == "no room"
    with pytest.raises(InputError, match="no batch holds the strand"):
        join_batches(parts[:1], chosen, CONFIG)


def test_scores_stand_in_the_score_column(fasta: Path, tmp_path: Path) -> None:
    write_annotation(tmp_path / "out", predict(fasta), Genome.open(fasta), pieces(fasta), MotifFactory(), CONFIG)
    rows = [
        line.split("\t") for line in (tmp_path / "out" / "annotation.gff3").read_text().splitlines() if "\t" in line
    ]
    assert {(row[2], row[5]) for row in rows} == {("gene", "0.4"), ("mRNA", "0.4"), ("exon", "0.5"), ("CDS", "0.75")}
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["mean_posterior"] == 0.4


def test_a_prediction_without_genes_is_a_prediction(fasta: Path, tmp_path: Path) -> None:
    found = predict(fasta, "c")
    write_annotation(tmp_path / "out", found, Genome.open(fasta), pieces(fasta, "c"), MotifFactory(), CONFIG)
    assert read_genes(tmp_path / "out" / "annotation.gff3") == []


def test_nothing_is_left_when_writing_fails(fasta: Path, tmp_path: Path) -> None:
    broken = GenomePrediction([], [{"seqid": object()}])
    with pytest.raises(TypeError):
        write_annotation(tmp_path / "out", broken, Genome.open(fasta), pieces(fasta), MotifFactory(), CONFIG)
    assert not list(tmp_path.glob("*out*"))
