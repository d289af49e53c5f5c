"""The genome-wide driver: the same genes whatever the workers and batches; files whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genescribe.genome.alphabet import Codes, decode, encode, reverse_complement
from genescribe.genome.fasta import Genome, write_fasta
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.gff import read_genes
from genescribe.genome.model import Transcript
from genescribe.predict.config import PredictConfig
from genescribe.predict.genome import GenomePrediction, predict_genome
from genescribe.predict.strand import PredictedTranscript, Reject, StrandPrediction, StrandPredictor
from genescribe.predict.write import join_parts, read_rejects, write_prediction

GENE = "ATGAAACCCGGGTTTGCTGCAGATGAACATCACTTGAAGTAA"


class MotifPredictor:
    """Finds `GENE` by its letters, and rejects any lone ATGTAA."""

    def predict_strand(self, codes: Codes) -> StrandPrediction:
        text, found = decode(codes).upper(), StrandPrediction()
        position = text.find(GENE)
        while position >= 0:
            span = (position, position + len(GENE))
            found.transcripts.append(PredictedTranscript(Transcript("", (span,), (span,)), float(len(GENE))))
            position = text.find(GENE, position + 1)
        if (lone := text.find("ATGTAA")) >= 0:
            found.rejects.append(Reject(lone, lone + 6, "no room"))
        return found


class MotifFactory:
    def __call__(self) -> StrandPredictor:
        return MotifPredictor()

    def genetic_code(self) -> GeneticCode:
        return GeneticCode.from_table(1)

    def provenance(self) -> dict[str, Any]:
        return {"model": "motif"}


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


def predict(fasta: Path, seqids: list[str], workers: int = 1) -> GenomePrediction:
    config = PredictConfig(workers=workers, minimum_cds=30)
    return predict_genome(MotifFactory(), fasta, seqids, config)


def test_genes_of_both_strands_and_rejects(fasta: Path) -> None:
    found = predict(fasta, ["b", "a", "c"])
    assert [(g.id, g.seqid, g.start, g.strand) for g in found.genes] == [
        ("b_g000001", "b", 100, "+"),
        ("b_g000002", "b", 192, "-"),
        ("a_g000001", "a", 0, "+"),
    ]
    assert found.rejects == [{"seqid": "a", "strand": "+", "start": 82, "end": 88, "reason": "no room"}]


def test_workers_change_nothing(fasta: Path) -> None:
    assert predict(fasta, ["b", "a", "c"], workers=2) == predict(fasta, ["b", "a", "c"])


def test_short_coding_sequences_are_rejected(fasta: Path) -> None:
    found = predict_genome(MotifFactory(), fasta, ["b"], PredictConfig(workers=1, minimum_cds=300))
    assert found.genes == []
    assert [row["reason"] for row in found.rejects] == ["short coding sequence"] * 2


def test_batches_join_to_the_same_bytes(fasta: Path, tmp_path: Path) -> None:
    genome, code = Genome.open(fasta), GeneticCode.from_table(1)
    whole, joined = tmp_path / "whole", tmp_path / "joined"
    write_prediction(whole, predict(fasta, ["b", "a", "c"]), genome, {"model": "motif"}, code)
    parts = [tmp_path / "part_0", tmp_path / "part_1"]
    for part, seqids in zip(parts, (["a"], ["b", "c"]), strict=True):
        write_prediction(part, predict(fasta, seqids), genome, {"model": "motif"})
    write_prediction(joined, join_parts(parts, genome), genome, {"model": "motif"}, code)
    for name in ("annotation.gff3", "proteins.fa", "cds.fa", "rejects.jsonl"):
        assert (whole / name).read_bytes() == (joined / name).read_bytes()
    assert len(read_genes(whole / "annotation.gff3")) == 3
    assert read_rejects(joined / "rejects.jsonl")[0]["reason"] == "no room"
    assert json.loads((joined / "rejects.jsonl").read_text().splitlines()[0])["seqid"] == "a"


def test_a_prediction_without_genes_is_a_prediction(fasta: Path, tmp_path: Path) -> None:
    genome = Genome.open(fasta)
    write_prediction(tmp_path / "part", predict(fasta, ["c"]), genome, {}, GeneticCode.from_table(1))
    assert join_parts([tmp_path / "part"], genome).genes == []


def test_nothing_is_left_when_writing_fails(fasta: Path, tmp_path: Path) -> None:
    broken = GenomePrediction([], [{"seqid": object()}])
    with pytest.raises(TypeError):
        write_prediction(tmp_path / "out", broken, Genome.open(fasta), {})
    assert not list(tmp_path.glob("*out*"))
