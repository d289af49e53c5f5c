"""Train a classifier, test it on data of its own, and keep it with the one label encoder that it was fitted with."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, StandardScaler
from sklearn.svm import SVC

from genescribe.codon.classify.config import ClassifierConfig
from genescribe.codon.classify.metrics import measure, write_figures
from genescribe.codon.classify.protocol import check_protocol
from genescribe.codon.classify.sequences import Sequences, embed, kmer_features, read_sequences
from genescribe.codon.network import Network
from genescribe.config import from_mapping, parse_options, to_mapping
from genescribe.errors import InputError
from genescribe.files import atomic_directory, sha256, write_json

_logger = logging.getLogger("genescribe.codon")
UNTRAINED, MAJORITY = "untrained embeddings", "majority"


def load_classifier_config(path: str | Path) -> ClassifierConfig:
    """Return the options of a YAML file; relative paths in it are relative to the working directory."""
    return from_mapping(ClassifierConfig, parse_options(Path(path), str(path)), where=str(path))


def train_classifier(config: ClassifierConfig, target: str | Path | None = None) -> dict[str, Any]:
    """Train and test a classifier.

    Parameters
    ----------
    config
        What to train on what.
    target
        Folder to write in place of `config.out_dir`: `model.joblib` (classifier, label encoder, options),
        `metrics.json`, `predictions.csv`, `confusion.png`, `calibration.png`.

    Returns
    -------
    dict
        What `metrics.json` holds: of the classifier, of the majority, and of the same classifier on embeddings of
        fresh weights.

    Raises
    ------
    InputError
        Train and test are not what the protocol says (`check_protocol`); no labels; labels in the test that training
        does not have.
    """
    train, test = (_labelled(path, config.label) for path in (config.train, config.test))
    alike = check_protocol(train, test, config)
    encoder = LabelEncoder().fit(np.array(train.labels))
    unknown = sorted(set(test.labels) - set(encoder.classes_.tolist()))
    if unknown:
        raise InputError(f"labels that training lacks: {', '.join(unknown[:5])}", where=config.test, remedy="drop them")
    truth = encoder.transform(np.array(test.labels))
    network = _network(config)
    classifier, chances = _fit(config, network, train, test, encoder)
    rows: dict[str, Any] = {config.kind: measure(truth, chances, draws=config.bootstrap, seed=config.seed)}
    counts = np.bincount(encoder.transform(np.array(train.labels)), minlength=len(encoder.classes_))
    same = np.tile(counts / counts.sum(), (len(truth), 1))
    rows[MAJORITY] = measure(truth, same, draws=0, seed=config.seed)
    if network is not None and config.control:
        _, fresh = _fit(config, network.untrained(config.seed), train, test, encoder)
        rows[UNTRAINED] = measure(truth, fresh, draws=config.bootstrap, seed=config.seed)
    metrics = {
        "protocol": config.protocol,
        "classes": encoder.classes_.tolist(),
        "sequences": {"train": len(train), "test": len(test), "test_resembling_train": alike},
        "rows": rows,
        "options": to_mapping(config),
        "sha256": {"train": sha256(config.train), "test": sha256(config.test)},
    }
    with atomic_directory(target or config.out_dir) as folder:
        joblib.dump(
            {"classifier": classifier, "encoder": encoder, "options": to_mapping(config)}, folder / "model.joblib"
        )
        write_results(folder, metrics, test, truth, chances, encoder)
    return metrics


def eval_classifier(model: str | Path, source: str | Path, target: str | Path) -> dict[str, Any]:
    """Test a saved classifier on other sequences, with the label encoder that was saved with it."""
    try:
        stored = joblib.load(model)
        config = from_mapping(ClassifierConfig, stored["options"], where=str(model), stored=True)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # Unpickling what is no classifier may raise anything.
        raise InputError(
            f"no classifier ({error})", where=model, remedy="give a model.joblib of train_classifier"
        ) from None
    test, encoder = _labelled(source, config.label), stored["encoder"]
    alike = check_protocol(_labelled(config.train, config.label), test, replace(config, test=str(source)))
    unknown = sorted(set(test.labels) - set(encoder.classes_.tolist()))
    if unknown:
        raise InputError(f"labels that training lacks: {', '.join(unknown[:5])}", where=source, remedy="drop them")
    truth = encoder.transform(np.array(test.labels))
    chances = stored["classifier"].predict_proba(_features(config, _network(config), test))
    metrics = {
        "classes": encoder.classes_.tolist(),
        "sequences": {"test": len(test), "test_resembling_train": alike},
        "rows": {config.kind: measure(truth, chances, draws=config.bootstrap, seed=config.seed)},
        "sha256": {"test": sha256(source)},
    }
    with atomic_directory(target) as folder:
        write_results(folder, metrics, test, truth, chances, encoder)
    return metrics


def _labelled(path: str | Path, label: str) -> Sequences:
    found = read_sequences(path, label=label)
    if not found.labels:
        raise InputError(
            f"sequences without {label!r}", where=path, remedy=f"add a column {label}, or {label}= in FASTA"
        )
    return found


def _network(config: ClassifierConfig) -> Network | None:
    if config.kind.startswith("kmer"):
        return None
    if config.model is None:
        raise InputError(
            "no model", where="model", remedy="name the folder of a codon model, or use a kmer_ classifier"
        )
    return Network.load(config.model)


def _features(config: ClassifierConfig, network: Network | None, sequences: Sequences) -> NDArray[np.float32]:
    if network is None:
        return kmer_features(sequences.dna, config.k, config.alphabet)
    return embed(network, sequences.dna, layers=config.layers, pooling=config.pooling)


def _fit(
    config: ClassifierConfig, network: Network | None, train: Sequences, test: Sequences, encoder: LabelEncoder
) -> tuple[Any, NDArray[np.float64]]:
    features, labels = _features(config, network, train), encoder.transform(np.array(train.labels))
    classifier = make_pipeline(StandardScaler(), _head(config)).fit(features, labels)
    return classifier, classifier.predict_proba(_features(config, network, test))


def _head(config: ClassifierConfig) -> Any:
    kind = config.kind.partition("_")[2] or config.kind
    if kind == "logreg":
        return LogisticRegression(C=config.C, max_iter=2000)
    if kind == "svm":
        # Platt's probabilities, from a cross-validation inside the training data.
        from sklearn.calibration import CalibratedClassifierCV

        return CalibratedClassifierCV(SVC(C=config.C, random_state=config.seed), ensemble=False, cv=3)
    if kind == "mlp":
        return MLPClassifier((config.hidden,), max_iter=300, early_stopping=True, random_state=config.seed)
    try:
        from xgboost import XGBClassifier
    except ImportError:
        raise InputError("xgboost is not installed", where="kind", remedy="pip install xgboost-cpu") from None
    return XGBClassifier(n_estimators=200, max_depth=4, n_jobs=1, random_state=config.seed)


def write_results(
    folder: Path,
    metrics: dict[str, Any],
    test: Sequences,
    truth: NDArray[np.int64],
    chances: NDArray[np.float64],
    encoder: LabelEncoder,
) -> None:
    """Write `metrics.json`, `predictions.csv`, `confusion.png` and `calibration.png`."""
    write_json(folder / "metrics.json", metrics)
    names = encoder.classes_.tolist()
    predicted = chances.argmax(axis=1)
    with (folder / "predictions.csv").open("w", encoding="utf-8", newline="") as handle:
        handle.write("id,label,predicted,probability\n")
        for name, t, p, row in zip(test.ids, truth, predicted, chances, strict=True):
            handle.write(f"{name},{names[t]},{names[p]},{row[p]:.6f}\n")
    write_figures(folder, truth, chances, names)
