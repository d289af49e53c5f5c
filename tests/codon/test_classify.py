"""Classifiers: disjoint data under every protocol, one label encoder, metrics with intervals, controls beside them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tests.codon.genomes import random_cds

from genescribe.codon.classify.config import ClassifierConfig
from genescribe.codon.classify.embeddings import embed, extract_embeddings
from genescribe.codon.classify.products import classify_products
from genescribe.codon.classify.results import NOT_LEARNED
from genescribe.codon.classify.sequences import read_sequences
from genescribe.codon.classify.train import (
    MAJORITY,
    UNTRAINED,
    eval_classifier,
    load_classifier_config,
    train_classifier,
)
from genescribe.codon.network.predictor import Network
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
    return ClassifierConfig(str(files[0]), str(files[1]), bootstrap=5, **options)


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
    again = eval_classifier(tmp_path / "out" / "model.joblib", tmp_path / "eval", sequences=third)
    assert again["classes"] == found["classes"]
    assert read_json(tmp_path / "eval" / "metrics.json") == again
    with pytest.raises(InputError, match="ids are in"):
        eval_classifier(tmp_path / "out" / "model.joblib", tmp_path / "leak", sequences=files[0])


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


def test_a_saved_classifier_needs_no_training_file(files: tuple[Path, Path], trained: Path, tmp_path: Path) -> None:
    train, test = (Path(shutil.copy(path, tmp_path / path.name)) for path in files)
    for kind, options in (("kmer_logreg", {}), ("probe_logreg", {"model": str(trained / "train" / "model")})):
        train_classifier(config((train, test), kind=kind, control=False, **options), tmp_path / kind)
    leak = tmp_path / "leak.csv"
    leak.write_text("\n".join(["id,seq,label", "other," + train.read_text().splitlines()[2].split(",", 1)[1], ""]))
    train.unlink()
    third = write_csv(tmp_path / "third.csv", 3)
    for kind in ("kmer_logreg", "probe_logreg"):
        model = tmp_path / kind / "model.joblib"
        found = eval_classifier(model, tmp_path / "eval", sequences=third)
        assert found["sequences"] == {"test": 50, "test_resembling_train": 0}
        with pytest.raises(InputError, match=r"1 sequences are in .*train\.csv too"):
            eval_classifier(model, tmp_path / "leaking", sequences=leak)
    assert not (tmp_path / "leaking").exists()


def embeddings(trained: Path, source: Path, target: Path, **options: Any) -> str:
    extract_embeddings(trained / "train" / "model", source, target, **options)
    return str(target)


def test_classifiers_read_saved_embeddings(files: tuple[Path, Path], trained: Path, tmp_path: Path) -> None:
    train, test = (embeddings(trained, path, tmp_path / f"{path.stem}.npz") for path in files)
    stored = ClassifierConfig(train_embeddings=train, test_embeddings=test, bootstrap=5)
    found = train_classifier(stored, tmp_path / "stored")
    plain = train_classifier(config(files, model=str(trained / "train" / "model"), control=False), tmp_path / "plain")
    assert found["rows"] == plain["rows"]
    # A classifier of one is tested with the other.
    third = write_csv(tmp_path / "third.csv", 3)
    vectors = embeddings(trained, third, tmp_path / "third.npz")
    answers = [
        eval_classifier(tmp_path / name / "model.joblib", tmp_path / "eval", **source)  # type: ignore[arg-type]
        for name in ("stored", "plain")
        for source in ({"embeddings": vectors}, {"sequences": third})
        if (name, *source) != ("stored", "sequences")
    ]
    assert answers[0]["rows"] == answers[1]["rows"] == answers[2]["rows"]
    with pytest.raises(InputError, match="classifier of stored embeddings"):
        eval_classifier(tmp_path / "stored" / "model.joblib", tmp_path / "eval", sequences=third)
    with pytest.raises(InputError, match="50 ids are in"):
        eval_classifier(tmp_path / "stored" / "model.joblib", tmp_path / "eval", embeddings=train)
    with pytest.raises(InputError, match="other layers than those of training"):
        eval_classifier(
            tmp_path / "stored" / "model.joblib",
            tmp_path / "eval",
            embeddings=embeddings(trained, third, tmp_path / "first.npz", layers=[0]),
        )
    with pytest.raises(InputError, match="other weights than those of training"):
        train_classifier(
            replace(stored, test_embeddings=embeddings(trained, files[1], tmp_path / "fresh.npz", untrained=True)),
            tmp_path / "out",
        )


def test_labels_of_embeddings_may_come_from_a_file(files: tuple[Path, Path], trained: Path, tmp_path: Path) -> None:
    rows = [line.split(",") for line in files[0].read_text().splitlines()]
    bare = tmp_path / "bare.csv"
    bare.write_text("\n".join(",".join(row[:2]) for row in rows) + "\n")
    train, test = (embeddings(trained, path, tmp_path / f"{path.stem}.npz") for path in (bare, files[1]))
    stored = ClassifierConfig(train_embeddings=train, test_embeddings=test, bootstrap=5)
    with pytest.raises(InputError, match="sequences without 'label'"):
        train_classifier(stored, tmp_path / "out")
    by_id, in_order, short = (tmp_path / name for name in ("id.csv", "order.csv", "short.csv"))
    by_id.write_text("\ufeff" + "\n".join(f"{row[2]},{row[0]}" for row in [rows[0], *rows[:0:-1]]) + "\n")
    in_order.write_text("\n".join(row[2] for row in rows) + "\n")
    found = [train_classifier(replace(stored, train_labels=str(one)), tmp_path / "out") for one in (by_id, in_order)]
    assert found[0]["rows"] == found[1]["rows"]
    assert found[0]["rows"]["probe_logreg"]["balanced_accuracy"]["value"] > 0.8
    short.write_text("label\nred\n")
    with pytest.raises(InputError, match="1 labels for 50 embeddings"):
        train_classifier(replace(stored, train_labels=str(short)), tmp_path / "out")
    short.write_text("id,label\ns1_0,red\n")
    with pytest.raises(InputError, match="49 of 50 sequences have no 'label', first s1_1"):
        train_classifier(replace(stored, train_labels=str(short)), tmp_path / "out")


@pytest.mark.parametrize(("kind", "rare"), [("kmer_logreg", 1), ("kmer_logreg", 3), ("kmer_svm", 1), ("mlp", 1)])
def test_unseen_and_rare_labels_are_a_row_of_the_result(
    kind: Any, rare: int, files: tuple[Path, Path], trained: Path, tmp_path: Path
) -> None:
    generator = np.random.default_rng(9)
    extra = [f"e{n},{random_cds(generator, 40)},{label}" for n, label in enumerate(["once", "once", "never", "blue"])]
    train, test = (tmp_path / name for name in ("train.csv", "test.csv"))
    train.write_text(files[0].read_text() + extra[0] + "\n")
    test.write_text(files[1].read_text() + "\n".join(extra[1:]) + "\n")
    options = {} if kind.startswith("kmer") else {"model": str(trained / "train" / "model"), "control": False}
    found = train_classifier(config((train, test), kind=kind, rare=rare, **options), tmp_path / "out")
    learns_one = rare == 1 and kind == "kmer_logreg"
    assert found["classes"] == ["blue", "once", "red"] if learns_one else ["blue", "red"]
    labels = {one["label"]: one for one in found["labels"]}
    assert {name: (one["train"], one["test"], one["learned"]) for name, one in labels.items()} == {
        "blue": (25, 26, True),
        "red": (25, 25, True),
        "once": (1, 1, learns_one),
        "never": (0, 1, False),
    }
    assert labels["never"]["recall"] == 0
    rows = found["rows"]
    whole, learned = rows[f"{kind}, {NOT_LEARNED}"], rows[kind]
    share = (3 if learns_one else 2) / 4
    value = learned["balanced_accuracy"]["value"]
    assert whole["balanced_accuracy"]["value"] == pytest.approx(share * value)
    assert len((tmp_path / "out" / "predictions.csv").read_text().splitlines()) == 54
    again = eval_classifier(tmp_path / "out" / "model.joblib", tmp_path / "eval", sequences=without(test, "e2"))
    assert (f"{kind}, {NOT_LEARNED}" in again["rows"]) is not learns_one
    only = tmp_path / "only.csv"
    only.write_text("seq,label\nATGAAATAA,never\n")
    with pytest.raises(InputError, match=r"none of its labels \(never\) was learned"):
        eval_classifier(tmp_path / "out" / "model.joblib", tmp_path / "eval", sequences=only)


def without(source: Path, name: str) -> Path:
    """Copy a CSV without a row, so that it is another file."""
    target = source.with_name("fewer.csv")
    target.write_text("\n".join(row for row in source.read_text().splitlines() if not row.startswith(name)) + "\n")
    return target


def test_one_label_is_nothing_to_learn(files: tuple[Path, Path], tmp_path: Path) -> None:
    train = tmp_path / "train.csv"
    train.write_text("seq,label\nATGAAATAA,a\nATGCCCTAA,a\nATGCCATAA,a\nATGGGGTAA,b\n")
    with pytest.raises(InputError, match=r"fewer than two labels with 3 sequences or more \(a: 3, b: 1\)"):
        train_classifier(config((train, files[1]), kind="kmer_logreg"), tmp_path / "out")


@pytest.mark.parametrize("kind", ["kmer_logreg", "kmer_svm", "kmer_xgb", "mlp"])
def test_unbalanced_classes_count_alike(kind: Any, trained: Path, tmp_path: Path) -> None:
    if kind == "kmer_xgb":
        pytest.importorskip("xgboost", reason="an optional dependency")
    rows = write_csv(tmp_path / "all.csv", 5, each=120).read_text().splitlines()
    train = tmp_path / "train.csv"
    train.write_text("\n".join(row for i, row in enumerate(rows) if not row.endswith("blue") or i % 24 == 2) + "\n")
    test = write_csv(tmp_path / "test.csv", 6, each=40)
    model = {} if kind.startswith("kmer") else {"model": str(trained / "train" / "model"), "control": False}
    values = {}
    for weight in ("none", "balanced"):
        options = {"kind": kind, "class_weight": weight, "C": 1.0 if "svm" in kind else 0.01, "hidden": 8, **model}
        found = train_classifier(config((train, test), **options), tmp_path / weight)
        recall = {one["label"]: one["recall"] for one in found["labels"]}
        values[weight] = recall["blue"]
    assert values["balanced"] >= values["none"]
    if kind == "kmer_logreg":
        assert values["none"] < 0.5 < values["balanced"]


@pytest.mark.parametrize("blank", ["", "  "])
def test_blank_labels_are_told_not_dropped(
    blank: str, files: tuple[Path, Path], trained: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = files[0].read_text().splitlines()
    rows[2:4] = [f"{row.rpartition(',')[0]},{blank}" for row in rows[2:4]]
    some = tmp_path / "some.csv"
    some.write_text("\n".join(rows) + "\n")
    with pytest.raises(InputError, match=r"some.csv: 2 of 50 sequences have no 'label', first s1_1"):
        train_classifier(config((some, files[1]), kind="kmer_logreg"), tmp_path / "out")
    with caplog.at_level("WARNING", logger="genescribe.codon"):
        extract_embeddings(trained / "train" / "model", some, tmp_path / "e.npz")
    assert "2 of 50 sequences have no 'label'" in caplog.text
    with np.load(tmp_path / "e.npz") as stored:
        assert stored["labels"].tolist()[:4] == ["red", "", "", "blue"]


def test_options_that_would_do_nothing_are_refused() -> None:
    for options, message in (
        ({"train": "a"}, "neither given"),
        ({"train": "a", "train_embeddings": "b", "test": "c"}, "both given"),
        ({"train": "a", "test_embeddings": "b", "model": "m"}, "one side has sequences"),
        ({"train": "a", "test": "b", "model": "m", "test_labels": "c"}, "test_labels: given without"),
        ({"train": "a", "test": "b"}, "probe_logreg reads embeddings"),
        ({"train": "a", "test": "b", "kind": "kmer_svm", "model": "m"}, "kmer_svm reads no embeddings"),
        ({"train_embeddings": "a", "test_embeddings": "b", "kind": "kmer_svm"}, "kmer_svm reads sequences"),
        ({"train_embeddings": "a", "test_embeddings": "b", "layers": [1]}, "given beside stored embeddings"),
    ):
        with pytest.raises(InputError, match=message):
            ClassifierConfig(**options)  # type: ignore[arg-type]


def test_what_is_no_file_of_embeddings_or_classifier_is_refused(
    files: tuple[Path, Path], trained: Path, tmp_path: Path
) -> None:
    np.savez(tmp_path / "other.npz", embeddings=np.zeros((2, 3)))
    (tmp_path / "text.npz").write_text("no archive")
    for name in ("other.npz", "text.npz"):
        path = str(tmp_path / name)
        with pytest.raises(InputError, match="no embeddings of sequences"):
            train_classifier(ClassifierConfig(train_embeddings=path, test_embeddings=path), tmp_path / "out")
    (tmp_path / "text.joblib").write_text("no classifier")
    with pytest.raises(InputError, match="no classifier"):
        eval_classifier(tmp_path / "text.joblib", tmp_path / "out", sequences=files[0])
    train_classifier(config(files, kind="kmer_logreg"), tmp_path / "kmers")
    with pytest.raises(InputError, match="a classifier of the kind kmer_logreg"):
        eval_classifier(tmp_path / "kmers" / "model.joblib", tmp_path / "out", sequences=files[0], kind="probe")
    vectors = embeddings(trained, write_csv(tmp_path / "third.csv", 3), tmp_path / "third.npz")
    with pytest.raises(InputError, match="reads words of sequences"):
        eval_classifier(tmp_path / "kmers" / "model.joblib", tmp_path / "out", embeddings=vectors)


def test_embeddings_do_not_depend_on_their_neighbours(trained: Path, files: tuple[Path, Path], tmp_path: Path) -> None:
    network = Network.load(trained / "train" / "model")
    some = ["ATGAAACCC", "ATG", "ATG" + "GCT" * 50]
    together = embed(network, some, layers=[0, -1])
    assert together.shape == (3, 64)
    alone = np.concatenate([embed(network, [one], layers=[0, -1]) for one in some])
    assert np.allclose(together, alone, atol=1e-5)
    source = marked(files[0], tmp_path / "marked.csv", "real")
    extract_embeddings(trained / "train" / "model", source, tmp_path / "e.npz")
    with np.load(tmp_path / "e.npz") as stored:
        assert stored["embeddings"].shape == (50, 32)
        assert stored["labels"].tolist()[:2] == ["red", "blue"]
        assert set(stored["note_origin"].tolist()) == {"real"}
    with pytest.raises(InputError, match="layers"):
        extract_embeddings(trained / "train" / "model", files[0], tmp_path / "f.npz", layers=[9])


def test_products_across_species(prepared: Path, tmp_path: Path) -> None:
    found = classify_products(prepared, tmp_path, ClassifierConfig("", "", kind="kmer_logreg", bootstrap=10))
    assert all(label["learned"] for label in found["labels"])
    assert found["classes"] == ["regulation", "ribosome", "transport"]
    train, test = (read_sequences(found["options"][name]) for name in ("train", "test"))
    assert not set(train.dna) & set(test.dna)


def test_options_come_from_yaml(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(yaml.safe_dump({"train": "a", "test": "b", "kind": "kmer_svm", "k": 4}))
    assert load_classifier_config(tmp_path / "c.yaml").k == 4
    (tmp_path / "d.yaml").write_text(yaml.safe_dump({"train": "a", "test": "b", "kernel": "rbf"}))
    with pytest.raises(InputError, match="unknown key `kernel`"):
        load_classifier_config(tmp_path / "d.yaml")
