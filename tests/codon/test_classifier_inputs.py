"""Labelled sequences, k-mers and measures of classifiers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from genescribe.codon.classify.metrics import calibration, measure
from genescribe.codon.classify.sequences import kmer_features, read_sequences
from genescribe.errors import InputError


def test_sequences_from_fasta_and_csv(tmp_path: Path) -> None:
    (tmp_path / "a.fa").write_text(">x label=red origin=real\nATGAAA\nTAA\n>y label=blue\natgccctaa\n")
    found = read_sequences(tmp_path / "a.fa")
    assert (found.ids, found.dna, found.labels) == (("x", "y"), ("ATGAAATAA", "ATGCCCTAA"), ("red", "blue"))
    assert found.notes == {"origin": ("real", "")}
    (tmp_path / "a.csv").write_text("seq,host,label\nATGAAATAA,E. coli,red\n")
    assert read_sequences(tmp_path / "a.csv").notes == {"host": ("E. coli",)}
    (tmp_path / "b.fa").write_text('\ufeff>x label="cell wall"\nATGAAATAA\n>z note=5>3 label=red\nATGTAA\n')
    found = read_sequences(tmp_path / "b.fa")
    assert (found.ids, found.labels) == (("x", "z"), ("cell wall", "red"))
    (tmp_path / "b.csv").write_text('\ufeffid, seq,label\na,ATGTAA,"red, dark"\n')
    assert read_sequences(tmp_path / "b.csv").labels == ("red, dark",)
    for text, message in (
        ("id,seq\na,\n", "'a' is empty"),
        ("id,seq\na,ATG,red\n", "more cells than columns"),
        ("a,b\n1,2\n", "no column `seq`"),
        ("seq\nATGA\n", "no multiple of three"),
        ("id,seq\na,ATG\na,ATG\n", "occurs twice"),
    ):
        (tmp_path / "bad.csv").write_text(text)
        with pytest.raises(InputError, match=message):
            read_sequences(tmp_path / "bad.csv")


def test_words() -> None:
    assert kmer_features(["ACGTAC"], 2).sum() == pytest.approx(1)
    codons = kmer_features(["AAAAACAAA"], 1, "codon")[0]
    assert codons[0] == pytest.approx(2 / 3) and codons[1] == pytest.approx(1 / 3)
    with pytest.raises(InputError, match="k is 3"):
        kmer_features(["ATG"], 3, "codon")


def test_metrics() -> None:
    truth = np.array([0, 0, 1, 1, 1])
    perfect = np.eye(2)[truth]
    found = measure(truth, perfect, draws=50, seed=0)
    assert all(found[name]["value"] == 1 for name in ("balanced_accuracy", "macro_f1", "auroc", "auprc"))
    assert measure(truth, np.full((5, 2), 0.5), draws=0, seed=0)["auroc"]["value"] == 0.5
    half = np.tile([0.6, 0.4], (5, 1))
    assert calibration(truth, half)[2] == pytest.approx(0.2)
