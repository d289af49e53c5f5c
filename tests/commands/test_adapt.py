"""`genescribe adapt`: a model of a genome without annotation, from its own predicted genes."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from genescribe.commands import console
from genescribe.errors import InputError
from genescribe.evaluate.metrics import measure
from genescribe.families import predictor_for
from genescribe.files import read_json
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.genome.fasta import Genome, write_fasta
from genescribe.genome.model import Gene
from genescribe.labels.gene_labels import CHANNELS
from genescribe.models import model_folder, read_card
from genescribe.predict import genome as prediction
from genescribe.predict.config import PredictConfig
from genescribe.predict.stretches import pieces_of
from genescribe.segment.adaptation import rounds
from genescribe.segment.adaptation.counting import count_model
from genescribe.segment.composition.tables import CountedEvidence
from genescribe.segment.network.gene_scores import SIGNALS
from genescribe.segment.network.model import SegmentModel, read_config
from genescribe.segment.network.species import POOLED
from genescribe.segment.prediction.factory import SegmentPredictorFactory
from genescribe.segment.prediction.predictor import SegmentPredictor
from genescribe.simulate import load_parameters, simulate


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, which is empty."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Gene]]:
    """Return a genome like that of Arabidopsis, with a mitochondrion of N, and its genes."""
    sequences, genes = simulate(load_parameters("arabidopsis_thaliana"), 5, total_bases=300_000, n_sequences=2)
    fasta = tmp_path_factory.mktemp("plant") / "plant.fa"
    write_fasta(fasta, [*sequences.items(), ("MT", np.full(500, 4, dtype=np.uint8))])
    return fasta, genes


def adapt(fasta: Path, *words: str) -> None:
    """Run the command, beginning with the model of a fission yeast."""
    console.main(["adapt", str(fasta), "--model", "pombe", "--workers", "1", *words])


def test_rounds_make_a_model_that_annotates(
    plant: tuple[Path, list[Gene]],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    fasta, _ = plant
    monkeypatch.setattr(rounds, "FEWEST", 20)
    monkeypatch.setattr(rounds, "ROUNDS", 2)
    caplog.set_level(logging.INFO)
    adapt(fasta, "-o", "first")
    assert capsys.readouterr().out.strip().endswith(f"genescribe annotate {fasta} --model first")
    assert "round 0: " in caplog.text and "round 1: " in caplog.text
    assert sorted(path.name for path in folder.iterdir()) == ["first"]

    console.main(["annotate", str(fasta), "--model", "first", "--workers", "1", "-o", "first.gff3"])
    assert len(read_genes(folder / "first.gff3")) > 20
    card = read_card("first")
    assert "plant.fa" in card.species and "no annotation" in card.trained_on and "not measured" in card.text
    assert read_json(folder / "first.summary.json")["calibrated"] is False
    assert read_json(folder / "first" / "statistics.json")["genes_per_mb"] > 0
    sites = SegmentModel.load(folder / "first").sites
    network = SegmentModel.load(model_folder(rounds.NETWORK)).sites
    assert sites is not None and network is not None
    weights = sites.ensembles.state_dict()
    assert all(torch.equal(weights[name], value) for name, value in network.ensembles.state_dict().items())
    gains = dict(zip(SIGNALS, sites.gain[0].tolist(), strict=True))
    assert gains == pytest.approx({name: values[0] for name, values in rounds.GAINS.items()})

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    # Stopped in the second round and run again: the same model, and the first round is not read again.
    with monkeypatch.context() as stop:
        stop.setattr(rounds, "SegmentPredictorFactory", interrupted)
        with pytest.raises(KeyboardInterrupt):
            adapt(fasta, "-o", "second")
    assert not (folder / "second").exists()
    caplog.clear()
    adapt(fasta, "-o", "second")
    assert "strands are done from an earlier run" in caplog.text
    for name in ("config.json", "model.safetensors", "README.md"):
        assert (folder / "first" / name).read_bytes() == (folder / "second" / name).read_bytes()


def test_the_first_round_is_read_by_the_code_that_is_given(
    plant: tuple[Path, list[Gene]], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(start: SegmentPredictorFactory, *_: object) -> None:
        raise InputError(f"table {start.genetic_code().number}", where="here", remedy="")

    monkeypatch.setattr(rounds, "adapt", stopped)
    for words, table in (([], 1), (["--genetic-code", "6"], 6)):
        with pytest.raises(InputError, match=f"table {table}"):
            adapt(plant[0], "-o", "model", *words)
    with pytest.raises(InputError, match="7"):
        adapt(plant[0], "-o", "model", "--genetic-code", "7")


def test_a_model_that_is_counted_from_true_genes_finds_them(plant: tuple[Path, list[Gene]]) -> None:
    fasta, genes = plant
    genome = Genome.open(fasta)
    pieces = [piece for piece in pieces_of(genome, [], 0, where=fasta) if piece.seqid != "MT"]
    model, statistics = count_model(read_config(model_folder(rounds.OPTIONS)), genome, pieces, genes)
    assert statistics["mean_exons"] == pytest.approx(mean_exons(genes), rel=0.2)
    predictor, config = SegmentPredictor(model), PredictConfig(posteriors=False)
    codes = genome.codes("chr1")
    predicted = predictor.finish(codes, predictor.read(codes, 0, len(codes)), config).transcripts
    truth = {t.cds for gene in genes if (gene.seqid, gene.strand) == ("chr1", "+") for t in gene.transcripts}
    assert sum(found.transcript.cds in truth for found in predicted) > 0.4 * len(predicted) > 0


def test_cut_genes_are_not_the_space_between_genes(plant: tuple[Path, list[Gene]]) -> None:
    """As if ends of contigs cut half of the genes: what codes between genes is not taken for the space between them."""
    fasta, genes = plant
    genome, options = Genome.open(fasta), read_config(model_folder(rounds.OPTIONS))
    pieces = [piece for piece in pieces_of(genome, [], 0, where=fasta) if piece.seqid != "MT"]
    half, others = genes[::2], genes[1::2]
    cut = [replace(g, transcripts=tuple(replace(t, partial3=True) for t in g.transcripts)) for g in half]

    def odds(counted: list[Gene]) -> torch.Tensor:
        evidence = count_model(options, genome, pieces, counted)[0].evidence
        assert isinstance(evidence, CountedEvidence)
        return evidence.content[..., CHANNELS.index("codon1")]

    known, masked, missed = odds(genes), odds([*others, *cut]), odds(others)
    typical = known > 0.5
    assert (masked - missed)[typical].mean() > 0.02


def test_codons_are_read_by_the_code_of_the_first_model(
    plant: tuple[Path, list[Gene]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ciliate's TAA and TAG are no stops, in no round."""
    fasta, genes = plant
    genome = Genome.open(fasta)
    pieces = [piece for piece in pieces_of(genome, [], 0, where=fasta) if piece.seqid != "MT"]
    monkeypatch.setattr(rounds, "FEWEST", 20)
    monkeypatch.setattr(rounds, "predict_genome", lambda *_: prediction.GenomePrediction(genes, []))
    start = SegmentPredictorFactory(model_folder("pombe"), "cpu", code=6)
    *_, last = rounds.annotate_in_rounds(start, genome, pieces, PredictConfig(workers=1), tmp_path)
    assert last.factory is not start and last.factory.genetic_code().number == 6


def mean_exons(genes: list[Gene]) -> float:
    """Return coding exons per gene, of the first transcript of each."""
    return sum(len(gene.transcripts[0].cds) for gene in genes) / len(genes)


def test_plasmodium_under_parameters_of_strangers_becomes_its_own(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = data_dir / "eukaryotes" / "Plasmodium.falciparum_chr1-8"
    genome = Genome.open(folder / "genome.fa.gz", scratch=tmp_path)
    pieces = pieces_of(genome, ["Pf3D7_01_v3"], 0, where=folder)
    genes = [gene for gene in read_genes(folder / "annotation.gff3.gz") if gene.seqid == "Pf3D7_01_v3"]
    monkeypatch.setattr(rounds, "FEWEST", 30)
    monkeypatch.setattr(rounds, "ROUNDS", 2)
    config = PredictConfig(workers=1, device="cpu", species=POOLED)
    start = predictor_for(model_folder("all_genomes"), genome, pieces, config)
    first, *_, last = rounds.annotate_in_rounds(start, genome, pieces, config, tmp_path)
    before, after = (measure(genes, annotated.genes)["cds"]["exon"]["f1"] for annotated in (first, last))
    assert after > before + 0.05


def test_rounds_end_where_the_genes_no_longer_change(
    plant: tuple[Path, list[Gene]], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fasta, genes = plant
    monkeypatch.setattr(rounds, "FEWEST", 20)
    monkeypatch.setattr(rounds, "predict_genome", lambda *_: prediction.GenomePrediction(genes, []))
    adapt(fasta, "-o", "model")
    assert "| 1 |" in read_card("model").text and "| 2 |" not in read_card("model").text
    assert "still differ" not in read_card("model").text


def test_a_first_model_that_leads_to_spurious_introns_is_not_learned_from(
    plant: tuple[Path, list[Gene]], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the second round the longest exon of each gene has an intron, anywhere."""
    fasta, genes = plant
    monkeypatch.setattr(rounds, "FEWEST", 20)
    predicted = iter([genes, [with_an_intron(gene) for gene in genes]])
    monkeypatch.setattr(rounds, "predict_genome", lambda *_: prediction.GenomePrediction(next(predicted), []))
    with pytest.raises(InputError, match=r"spurious introns; annotate with pombe"):
        adapt(fasta, "-o", "model")
    assert not (folder / "model").exists()


def with_an_intron(gene: Gene) -> Gene:
    """Return a gene with an intron of 30 bases in its longest exon."""
    first = gene.transcripts[0]
    start, end = max(first.cds, key=lambda exon: exon[1] - exon[0])
    middle = (start + end) // 2
    parts = [(start, middle - 15), (middle + 15, end)] if end - start > 60 else [(start, end)]
    cds = tuple(sorted([*(exon for exon in first.cds if exon != (start, end)), *parts]))
    return replace(gene, transcripts=(replace(first, cds=cds, exons=cds),))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (">a\n" + "ACGT" * 5_000, r"a.fa: too little to learn from: \d+ genes found in 20,000 bases, 100 needed; give"),
        (">MT\n" + "ACGT" * 5_000, "nothing but organelles"),
        (">a\n" + "N" * 5_000, r"a.fa: no stretch of known bases; give a genome that is not all N"),
        (">a\nMKWVTFISLLFLFSSAYSRGVFRRDAHKSEVAHRFKDLGEENFKALVLIAFAQYLQQCPFEDHVK\n", "a.fa"),
        ("", "a.fa"),
    ],
)
def test_what_is_no_genome_to_learn_from_is_refused(folder: Path, text: str, message: str) -> None:
    (folder / "a.fa").write_text(text + "\n")
    with pytest.raises(InputError, match=message):
        adapt(Path("a.fa"), "-o", "model")
    assert not (folder / "model").exists()


def test_a_folder_that_holds_something_stays(folder: Path) -> None:
    (folder / "a.fa").write_text(">a\nACGT\n")
    (folder / "model").mkdir()
    (folder / "model" / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="model: exists already; give another name"):
        adapt(Path("a.fa"), "-o", "model")
    assert (folder / "model" / "thesis.txt").read_text() == "mine"


def test_a_genome_in_the_folder_of_unfinished_work_stays(folder: Path) -> None:
    (folder / "model.work").mkdir()
    fasta = folder / "model.work" / "a.fa"
    fasta.write_text(">a\nACGT\n")
    with pytest.raises(InputError, match=r"model\.work: would be replaced, and with it .*a\.fa, which is read"):
        adapt(fasta, "-o", "model")
    assert fasta.exists()


def test_of_a_large_genome_stretches_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_fasta(tmp_path / "a.fa", [("a", np.zeros(1_000, np.uint8)), ("b", np.zeros(700, np.uint8))])
    genome = Genome.open(tmp_path / "a.fa")
    pieces = pieces_of(genome, [], 0, where="a.fa")
    assert rounds.pieces_to_read(genome, pieces) == pieces
    monkeypatch.setattr(rounds, "MOST", 400)
    monkeypatch.setattr(rounds, "STRETCH", 100)
    some = rounds.pieces_to_read(genome, pieces)
    assert {piece.seqid for piece in some} == {"a", "b"}
    assert 300 <= sum(piece.end - piece.start for piece in some) <= 400
