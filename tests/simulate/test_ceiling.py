from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.simulate.true_paths import log_likelihood

from genescribe.evaluate.accuracy import compare
from genescribe.evaluate.baselines import orf_rule
from genescribe.genome.alphabet import Codes
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.genome.fasta import Genome
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Gene, cds_phases
from genescribe.kernels.semicrf.dispatch import viterbi
from genescribe.simulate import (
    load_parameters,
    parameter_sets,
    save_parameters,
    simulate,
    write_simulation,
)
from genescribe.simulate.ceiling import ceiling
from genescribe.simulate.states import potentials

Simulated = tuple[dict[str, Codes], list[Gene], list[Gene]]


@pytest.fixture(scope="module")
def decoded() -> Simulated:
    parameters = load_parameters("arabidopsis_thaliana").sharpened(2.0)
    sequences, genes = simulate(parameters, 31, total_bases=40_000, n_sequences=2)
    return sequences, genes, ceiling(parameters, sequences)


def test_high_and_far_above_the_orf_rule(decoded: Simulated, tmp_path: Path) -> None:
    sequences, genes, found = decoded
    write_simulation(sequences, genes, tmp_path / "a.fa", tmp_path / "a.gff3")
    orfs = orf_rule(Genome.open(tmp_path / "a.fa"), GeneticCode.from_table(1), minimum=150)
    best, trivial = compare(genes, found), compare(genes, orfs)
    assert best["exon"]["f1"] > 0.9
    assert best["gene"]["f1"] > 0.7
    assert trivial["gene"]["f1"] < 0.4
    assert {gene.strand for gene in found} == {"+", "-"}


def test_what_is_found_is_valid(decoded: Simulated, tmp_path: Path) -> None:
    sequences, _, found = decoded
    write_simulation(sequences, found, tmp_path / "a.fa", tmp_path / "a.gff3")
    assert [g.transcripts for g in read_genes(tmp_path / "a.gff3")] == [g.transcripts for g in found]
    for gene in found:
        (transcript,) = gene.transcripts
        assert cds_phases(transcript.cds, gene.strand)[0 if gene.strand == "+" else -1] == 0
        assert transcript.cds_length % 3 == 0


@pytest.mark.parametrize("name", parameter_sets())
def test_never_less_likely_than_the_truth(name: str) -> None:
    parameters = load_parameters(name)
    sequences, genes = simulate(parameters, 33, total_bases=8_000, n_sequences=1)
    score, _ = viterbi(potentials(parameters, sequences["chr1"]))
    assert float(score) >= log_likelihood(parameters, sequences["chr1"], genes) - 1e-6


def test_a_sequence_without_genes() -> None:
    parameters = load_parameters("arabidopsis_thaliana")
    assert ceiling(parameters, {"a": np.zeros(500, np.uint8), "b": np.full(300, 8, np.uint8)}) == []


def test_scripts(tmp_path: Path, repository: Path) -> None:
    save_parameters(load_parameters("saccharomyces_cerevisiae"), tmp_path / "p.json")

    def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(repository / "scripts" / script), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    fasta, truth, found = (str(tmp_path / name) for name in ("a.fa", "a.gff3", "b.gff3"))
    law = ["--parameters", str(tmp_path / "p.json"), "--durations", "uninformative", "--sharpness", "1.5"]
    size = ["--seed", "3", "--total-bases", "6000", "--n-sequences", "1"]
    assert run("simulate.py", *law, *size, "--output-fasta", fasta, "--output-gff3", truth).returncode == 0
    assert run("ceiling.py", *law, "--fasta", fasta, "--output", found).returncode == 0
    assert len(read_genes(found)) > 0
    wrong = run("ceiling.py", "--parameters", "nobody", "--fasta", fasta, "--output", found)
    assert wrong.returncode == 2
    assert "no such simulation parameters" in wrong.stderr
