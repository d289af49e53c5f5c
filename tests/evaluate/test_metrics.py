"""What stands in metrics.json, and the scripts that write predictions and scores."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genescribe.bake.splits import Region
from genescribe.commands import console
from genescribe.commands.evaluate import read_groups
from genescribe.errors import InputError
from genescribe.evaluate.lengths import compare_lengths, feature_lengths
from genescribe.evaluate.metrics import is_spliced, measure
from genescribe.evaluate.perturb import perturb, random_genes
from genescribe.evaluate.regions import without_ends
from genescribe.files import read_json
from genescribe.genome.annotation.gff3 import read_genes, write_gff3
from genescribe.genome.fasta import Genome, write_fasta
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Gene, Transcript

LEVELS = {"base", "exon", "intron", "intron_chain", "transcript", "locus", "gene"}


@pytest.fixture(scope="module")
def fasta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("genome") / "genome.fa"
    bases = np.random.default_rng(1).integers(0, 4, (2, 90_000), dtype=np.uint8)
    write_fasta(path, [(f"s{i}", row) for i, row in enumerate(bases)])
    return path


def run_script(repository: Path, monkeypatch: pytest.MonkeyPatch, name: str, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
    runpy.run_path(str(repository / "scripts" / name), run_name="__main__")


class TestMeasure:
    def test_everything_is_there_and_is_json(self, fasta: Path) -> None:
        reference = random_genes(1, 60)
        predicted = perturb(reference, 2)
        found = measure(
            reference,
            predicted,
            regions=[("s0", 0, 60_000), ("s1", 0, None)],
            sequences=(Genome.open(fasta), GeneticCode.from_table(1)),
            others={"worse": perturb(reference, 3, 0.9)},
            replicates=50,
        )
        assert json.loads(json.dumps(found)) == found
        assert set(found["cds"]) == set(found["exon"]) == LEVELS
        assert found["cds"]["gene"]["interval"]["f1"][0] <= found["cds"]["gene"]["f1"]
        assert found["paired"]["worse"]["gene"]["f1"]["difference"] > 0
        parts = [found[name]["gene"]["reference"] for name in ("spliced", "unspliced")]
        assert sum(parts) == found["cds"]["gene"]["reference"]
        assert set(found["paired_spliced"]["worse"]) == LEVELS
        assert found["proteins"]["reference"] == found["cds"]["gene"]["reference"]
        assert found["proteins"]["identical"] >= found["cds"]["gene"]["tp"]

    def test_without_draws_there_are_no_intervals(self) -> None:
        found = measure(random_genes(1, 5), [], replicates=0)
        assert "interval" not in found["cds"]["gene"]
        assert "proteins" not in found

    def test_spliced_genes_are_scored_apart(self) -> None:
        genes = random_genes(4, 40)
        found = measure(genes, [gene for gene in genes if is_spliced(gene)], replicates=0)
        assert found["spliced"]["gene"]["f1"] == 1.0
        assert found["unspliced"]["gene"]["sensitivity"] == 0.0

    def test_only_labelled_places_count_where_few_genes_are_annotated(self) -> None:
        genes = random_genes(4, 40)
        spans = [genes[0], genes[-1]]
        everything, labelled = (
            measure(spans, genes, labelled_only=choice, replicates=0)["cds"]["gene"] for choice in (False, True)
        )
        assert everything["predicted"] == len(genes)
        assert labelled["predicted"] < len(genes)
        assert labelled["sensitivity"] == 1.0
        left_out = measure(spans, genes, labelled_only=True, replicates=0)["left_out"]["predicted"]
        assert left_out + labelled["predicted"] == len(genes)


class TestLengths:
    def test_parts_by_hand_on_both_strands(self) -> None:
        exons = ((10, 30), (50, 60), (80, 120))
        forward = Gene("a", "s", "+", (Transcript("a.1", exons, ((20, 30), (50, 60), (80, 95))),))
        reverse = Gene("b", "s", "-", (Transcript("b.1", ((200, 300),), ((210, 240),)),))
        found = {name: lengths.tolist() for name, lengths in feature_lengths([forward, reverse]).items()}
        assert found == {
            "single_exon": [30],
            "first_exon": [10],
            "internal_exon": [10],
            "last_exon": [15],
            "intron": [20, 20],
            "utr5": [10, 60],
            "utr3": [10, 25],
            "intergenic": [80],
        }

    @given(st.integers(0, 1000))
    @settings(max_examples=20)
    def test_histograms_hold_every_length(self, seed: int) -> None:
        genes = random_genes(seed, 20)
        found = compare_lengths(genes, perturb(genes, seed))
        bins = found.pop("bins_per_doubling")
        for name, lengths in feature_lengths(genes).items():
            if len(lengths):
                histogram = found[name]["reference"]["histogram"]
                assert sum(histogram) == found[name]["reference"]["number"] == len(lengths)
                assert 2 ** ((len(histogram) - 1) / bins) <= lengths[-1] < 2 ** (len(histogram) / bins)

    def test_a_prediction_equal_to_the_reference_has_no_distance(self) -> None:
        genes = random_genes(3, 30)
        assert compare_lengths(genes, genes)["intron"]["wasserstein"] == 0.0


def test_ends_are_cut_off() -> None:
    lengths = {"a": 100, "b": 30}
    assert without_ends([("a", 0, None), ("b", 0, 30), ("a", 30, 40)], lengths, 20) == [("a", 20, 80), ("a", 30, 40)]
    assert without_ends([("b", 5, 25)], lengths, 0) == [("b", 5, 25)]


class TestScripts:
    def test_baseline_then_evaluate(
        self, repository: Path, fasta: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        options = ("--fasta", fasta, "--minimum", 60, "--regions", "s1", "--output", tmp_path / "orf")
        run_script(repository, monkeypatch, "baseline.py", "orf", *options)
        annotation = tmp_path / "orf/annotation.gff3"
        genes = read_genes(annotation)
        assert len(genes) > 50
        assert {gene.seqid for gene in genes} == {"s1"}
        assert (tmp_path / "orf/proteins.fa").read_text(encoding="utf-8").count(">") == len(genes)

        write_gff3(tmp_path / "reference.gff3", genes[::2], Genome.open(fasta).lengths)
        common = (tmp_path / "reference.gff3", annotation, "--fasta", fasta)
        common += ("--regions", "s1", "--bootstrap", 20, "--against", f"self={annotation}")
        for name in ("one", "two"):
            run_script(repository, monkeypatch, "evaluate.py", *common, "--output", tmp_path / f"{name}.json")
        metrics = read_json(tmp_path / "one.json")
        assert metrics["cds"]["gene"]["sensitivity"] == 1.0
        assert metrics["cds"]["gene"]["precision"] == pytest.approx(0.5, abs=0.01)
        assert metrics["proteins"]["identical"] == metrics["cds"]["gene"]["reference"]
        assert metrics["paired"]["self"]["gene"]["f1"]["difference"] == 0
        assert metrics["provenance"]["regions"] == ["s1"]
        assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()

    @pytest.mark.parametrize(
        ("option", "value", "message"),
        [
            ("--regions", "nowhere", "no sequence 'nowhere'"),
            ("--regions", "s0:5-1", "ends before it starts"),
            ("--genetic-code", "99", "no NCBI table 99"),
            ("--against", "file.gff3", "is not NAME=FILE"),
            ("--fasta", "missing.fa", "missing.fa"),
        ],
    )
    def test_bad_options_are_one_line(
        self,
        repository: Path,
        fasta: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        option: str,
        value: str,
        message: str,
    ) -> None:
        write_gff3(tmp_path / "g.gff3", random_genes(1, 3), {"s0": 90_000, "s1": 90_000})
        options = {"--fasta": fasta, option: value}
        words = [tmp_path / "g.gff3", tmp_path / "g.gff3", *(word for pair in options.items() for word in pair)]
        with pytest.raises(SystemExit) as stopped:
            run_script(repository, monkeypatch, "evaluate.py", *words, "--output", tmp_path / "m.json")
        assert stopped.value.code == 2
        errors = capsys.readouterr().err.splitlines()
        assert len(errors) == 1
        assert message in errors[0]
        assert not (tmp_path / "m.json").exists()


def test_other_annotations_have_names_of_their_own(tmp_path: Path) -> None:
    write_gff3(tmp_path / "g.gff3", random_genes(1, 3), {"s0": 90_000, "s1": 90_000})
    words = [str(tmp_path / "g.gff3")] * 2 + ["--against", f"x={tmp_path / 'g.gff3'}"] * 2
    with pytest.raises(InputError, match="--against: the name 'x' is given twice; give each a name of its own"):
        console.main(["evaluate", *words])


def test_species_by_the_pattern_of_a_name(repository: Path) -> None:
    by_species = runpy.run_path(str(repository / "scripts/baseline.py"))["by_species"]
    regions = [Region("a_HUMAN", 0, 5), Region("b_FLY", 0, 5), Region("c_HUMAN", 2, 5)]
    assert by_species(regions, ["fly"]) == {"fly": regions}
    assert by_species(regions, ["*_HUMAN=human", "*=fly"]) == {"human": regions[::2], "fly": regions[1:2]}
    with pytest.raises(InputError, match="no species for the sequence b_FLY"):
        by_species(regions, ["*_HUMAN=human"])


def test_folds_that_share_a_sequence_are_no_folds(
    repository: Path, fasta: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lengths = Genome.open(fasta).lengths
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_gff3(tmp_path / name / "annotation.gff3", [g for g in random_genes(1, 9) if g.seqid == "s0"], lengths)
    options = (tmp_path / "one", tmp_path / "two", "--fasta", fasta, "--output", tmp_path / "whole")
    with pytest.raises(SystemExit):
        run_script(repository, monkeypatch, "pool_folds.py", *options)
    assert "s0 is in two folds" in capsys.readouterr().err
    assert not (tmp_path / "whole").exists()


def test_groups_come_from_a_table(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("record\tphylum\na\tx\nb\ty\n")
    assert read_groups(f"{tmp_path / 't.tsv'}:phylum") == {"a": "x", "b": "y"}
    for text, message in ((f"{tmp_path / 't.tsv'}:rank", "no column 'rank'"), ("t.tsv", "is not FILE:COLUMN")):
        with pytest.raises(InputError, match=message):
            read_groups(text)
