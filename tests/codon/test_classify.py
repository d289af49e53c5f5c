"""Classifiers: disjoint data under every protocol, one label encoder, metrics with intervals, controls beside them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tests.codon.genomes import random_cds

from genescribe.codon.classify.config import ClassifierConfig
from genescribe.codon.classify.metrics import calibration, measure
from genescribe.codon.classify.products import classify_products
from genescribe.codon.classify.sequences import embed, extract_embeddings, kmer_features, read_sequences
from genescribe.codon.classify.train import (
    MAJORITY,
    UNTRAINED,
    eval_classifier,
    load_classifier_config,
    train_classifier,
)
from genescribe.codon.network import Network
from genescribe.errors import InputError
from genescribe.files import read_json


def write_csv(path: Path, seed: int, each: int = 25) -> Path:
    """Write two classes of sequences that differ in their usage of codons."""
    generator = np.random.default_rng(seed)
    usages = [np.random.default_rng(i).gamma(0.5, size=64) for i in (100, 200)]
    rows = ["id,seq,label"]
    for number in range(2 * each):
        kind = number % 2
        rows.append(f"s{seed}_{number},{random_cds(generator, 40, usages[kind])},{('red', 'blue')[kind]}")
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("classify")
    return write_csv(folder / "train.csv", 1), write_csv(folder / "test.csv", 2)


def config(files: tuple[Path, Path], **options: Any) -> ClassifierConfig:
    return ClassifierConfig(str(files[0]), str(files[1]), bootstrap=30, **options)


@pytest.mark.parametrize("kind", ["kmer_logreg", "kmer_svm", "kmer_xgb", "mlp"])
def test_every_kind_learns_and_saves_what_it_needs(
    kind: Any, files: tuple[Path, Path], trained: Path, tmp_path: Path
) -> None:
    if kind == "kmer_xgb":
        pytest.importorskip("xgboost", reason="an optional dependency")
    model = str(trained / "train" / "model")
    options = {"k": 1, "alphabet": "codon"} if kind.startswith("kmer") else {"model": model}
    found = train_classifier(config(files, kind=kind, **options), tmp_path / "out")
    least = 0.5 if kind == "mlp" else 0.8
    assert found["rows"][kind]["balanced_accuracy"]["value"] > least
    assert found["rows"][MAJORITY]["balanced_accuracy"]["value"] == 0.5
    assert found["classes"] == ["blue", "red"]
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"model.joblib", "metrics.json", "predictions.csv", "confusion.png", "calibration.png"}


def test_a_probe_stands_beside_fresh_weights(files: tuple[Path, Path], trained: Path, tmp_path: Path) -> None:
    with_model = config(files, model=str(trained / "train" / "model"), layers=[1, -1])
    found = train_classifier(with_model, tmp_path / "out")
    assert {"probe_logreg", MAJORITY, UNTRAINED} == found["rows"].keys()
    third = write_csv(tmp_path / "third.csv", 3)
    again = eval_classifier(tmp_path / "out" / "model.joblib", third, tmp_path / "eval")
    assert again["classes"] == found["classes"]
    assert read_json(tmp_path / "eval" / "metrics.json") == again
    with pytest.raises(InputError, match="ids are in"):
        eval_classifier(tmp_path / "out" / "model.joblib", files[0], tmp_path / "leak")


def marked(source: Path, target: Path, origin: str, extra: str = "") -> str:
    """Copy a CSV of sequences with a column `origin`, and one more row."""
    head, *rows = source.read_text().splitlines()
    rows += [extra] if extra else []
    target.write_text("\n".join([f"{head},origin", *(f"{row},{origin}" for row in rows)]) + "\n")
    return str(target)


ORIGINS = {"real": ("real", "real"), "tstr": ("synthetic", "real"), "trts": ("real", "synthetic")}


@pytest.mark.parametrize("protocol", ORIGINS)
def test_no_protocol_tests_on_what_it_trained_on(protocol: Any, files: tuple[Path, Path], tmp_path: Path) -> None:
    first, second = ORIGINS[protocol]
    row = files[0].read_text().splitlines()[3].split(",")
    train = marked(files[0], tmp_path / "train.csv", first)
    leaks = {
        "1 sequences are in .*protocol": f"other,{row[1]},{row[2]}",
        "1 ids are in .*protocol": f"{row[0]},ATGTGGTAA,{row[2]}",
    }
    if protocol != "real":
        # The same protein, another stop.
        leaks["1 sequences resemble one of"] = f"other,{row[1][:-3]}TGA,{row[2]}"
    for number, (message, leak) in enumerate(leaks.items()):
        test = marked(files[1], tmp_path / f"test{number}.csv", second, leak)
        leaking = replace(config(files, kind="kmer_logreg", protocol=protocol), train=train, test=test)
        with pytest.raises(InputError, match=message):
            train_classifier(leaking, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    clean = replace(leaking, test=marked(files[1], tmp_path / "clean.csv", second))
    assert train_classifier(clean, tmp_path / "out")["sequences"]["test_resembling_train"] == 0


@pytest.mark.parametrize("protocol", ORIGINS)
def test_a_protocol_is_checked_against_the_origin(protocol: Any, files: tuple[Path, Path], tmp_path: Path) -> None:
    wrong = ("synthetic", "synthetic") if protocol == "real" else ORIGINS[protocol][::-1]
    paths = [marked(path, tmp_path / path.name, origin) for path, origin in zip(files, wrong, strict=True)]
    mixed = replace(config(files, kind="kmer_logreg", protocol=protocol), train=paths[0], test=paths[1])
    with pytest.raises(InputError, match=f"50 sequences are not {ORIGINS[protocol][0]}"):
        train_classifier(mixed, tmp_path / "out")
    if protocol != "real":
        with pytest.raises(InputError, match="no origin of the sequences"):
            train_classifier(config(files, kind="kmer_logreg", protocol=protocol), tmp_path / "out")


def test_labels_that_training_lacks_are_refused(files: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("seq,label\nATGAAATAA,green\n")
    with pytest.raises(InputError, match="labels that training lacks: green"):
        train_classifier(replace(config(files, kind="kmer_logreg"), test=str(tmp_path / "t.csv")), tmp_path / "out")


def test_embeddings_do_not_depend_on_their_neighbours(trained: Path, files: tuple[Path, Path], tmp_path: Path) -> None:
    network = Network.load(trained / "train" / "model")
    some = ["ATGAAACCC", "ATG", "ATG" + "GCT" * 50]
    for pooling in ("mean", "max", "last", "begin"):
        together = embed(network, some, layers=[0, -1], pooling=pooling)
        assert together.shape == (3, 64)
        assert np.allclose(
            together,
            np.concatenate([embed(network, [one], layers=[0, -1], pooling=pooling) for one in some]),
            atol=1e-5,
        )
    source = marked(files[0], tmp_path / "marked.csv", "real")
    extract_embeddings(trained / "train" / "model", source, tmp_path / "e.npz", pooling="max")
    with np.load(tmp_path / "e.npz") as stored:
        assert stored["embeddings"].shape == (50, 32)
        assert stored["labels"].tolist()[:2] == ["red", "blue"]
        assert str(stored["pooling"]) == "max"
        assert set(stored["note_origin"].tolist()) == {"real"}
    with pytest.raises(InputError, match="layers"):
        extract_embeddings(trained / "train" / "model", files[0], tmp_path / "f.npz", layers=[9])


def test_sequences_from_fasta_and_csv(tmp_path: Path) -> None:
    (tmp_path / "a.fa").write_text(">x label=red origin=real\nATGAAA\nTAA\n>y label=blue\natgccctaa\n")
    found = read_sequences(tmp_path / "a.fa")
    assert (found.ids, found.dna, found.labels) == (("x", "y"), ("ATGAAATAA", "ATGCCCTAA"), ("red", "blue"))
    assert found.notes == {"origin": ("real", "")}
    (tmp_path / "a.csv").write_text("seq,host,label\nATGAAATAA,E. coli,red\n")
    assert read_sequences(tmp_path / "a.csv").notes == {"host": ("E. coli",)}
    for text, message in (
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


def test_products_across_species(prepared: Path, tmp_path: Path) -> None:
    found = classify_products(prepared, tmp_path, ClassifierConfig("", "", kind="kmer_logreg", bootstrap=10))
    assert found["classes"] == ["regulation", "ribosome", "transport"]
    train, test = (read_sequences(found["options"][name]) for name in ("train", "test"))
    assert not set(train.dna) & set(test.dna)


def test_options_come_from_yaml(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(yaml.safe_dump({"train": "a", "test": "b", "kind": "kmer_svm", "k": 4}))
    assert load_classifier_config(tmp_path / "c.yaml").k == 4
    (tmp_path / "d.yaml").write_text(yaml.safe_dump({"train": "a", "test": "b", "kernel": "rbf"}))
    with pytest.raises(InputError, match="unknown key `kernel`"):
        load_classifier_config(tmp_path / "d.yaml")
