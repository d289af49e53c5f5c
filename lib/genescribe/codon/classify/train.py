"""Train a classifier, test it on separate data, and save it with all that later tests need."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray

from genescribe.codon.classify.config import ClassifierConfig
from genescribe.codon.classify.embeddings import described, embed, read_embeddings
from genescribe.codon.classify.heads import fit
from genescribe.codon.classify.protocol import Known, check_disjoint, check_origin
from genescribe.codon.classify.results import results, write_results
from genescribe.codon.classify.sequences import Sequences, kmer_features, read_sequences
from genescribe.codon.network.predictor import Network
from genescribe.config import from_mapping, to_mapping
from genescribe.errors import InputError
from genescribe.files import atomic_directory, parse_yaml, sha256
from genescribe.train.model_files import weights_digest

_NO_CLASSIFIER = (KeyError, ValueError, EOFError, TypeError, AttributeError, ImportError, pickle.UnpicklingError)
"""Errors of reading another file as one of joblib's."""

UNTRAINED, MAJORITY = "untrained embeddings", "majority"


@dataclass(frozen=True)
class Trained:
    """A classifier with its options and the data it was trained on.

    Attributes
    ----------
    config
        Options it was trained with.
    classifier
        Fitted estimator of scikit-learn or XGBoost.
    classes
        Labels in the order of its probabilities.
    counts
        Training sequences of each label, those that were too rare to be learned inside.
    known
        The training sequences, so that no test repeats them.
    made_by
        Origin of the embeddings it reads; empty for k-mers.
    """

    config: ClassifierConfig
    classifier: Any
    classes: tuple[str, ...]
    counts: dict[str, int]
    known: Known
    made_by: dict[str, Any]

    def save(self, path: Path) -> None:
        """Write everything to one file."""
        joblib.dump(vars(self) | {"config": to_mapping(self.config), "known": vars(self.known)}, path)

    @classmethod
    def load(cls, path: str | Path) -> Trained:
        """Return the classifier of a file.

        Raises
        ------
        InputError
            It holds none.
        """
        try:
            stored = dict(joblib.load(path))
            config = from_mapping(ClassifierConfig, stored.pop("config"), where=str(path))
            return cls(config=config, known=Known(**stored.pop("known")), **stored)
        except _NO_CLASSIFIER as error:
            raise InputError(
                f"no classifier ({error})", where=path, remedy="give a model.joblib of train_classifier.py"
            ) from None


def load_classifier_config(path: str | Path) -> ClassifierConfig:
    """Return the options of a YAML file; relative paths in it are relative to the working directory.

    Raises
    ------
    InputError
        It cannot be parsed, or holds unknown keys or values.
    """
    return from_mapping(ClassifierConfig, parse_yaml(Path(path), str(path)), where=str(path))


def train_classifier(config: ClassifierConfig, target: str | Path | None = None) -> dict[str, Any]:
    """Train and test a classifier.

    Parameters
    ----------
    config
        Training and test data, features, kinds of classifier.
    target
        Folder to write in place of `config.out_dir`: `model.joblib` (the classifier, its labels and options, and what
        it keeps of its training sequences), `metrics.json`, `predictions.csv`, `confusion.png`, `calibration.png`.

    Returns
    -------
    dict
        What `metrics.json` holds: `rows` of the classifier, the classifier with labels that it did not learn as errors
        (where there are such), the majority, and the same classifier on embeddings of fresh weights; `labels`, what is
        known of each.

    Raises
    ------
    InputError
        Train and test are not what the protocol says, or not labelled; fewer than two labels to learn, or none of them
        in the test.
    """
    train = _samples(config.train, config.train_embeddings, config.train_labels, config.label)
    test = _samples(config.test, config.test_embeddings, config.test_labels, config.label)
    check_origin(train, config.protocol, test=False)
    check_origin(test, config.protocol, test=True)
    known = Known.of(train)
    alike = check_disjoint(known, test, config.protocol)
    network = None if config.model is None else Network.load(config.model)
    made_by = _made_by(config, network, train)
    if made_by != test.made_by and test.vectors is not None:
        raise _other_embeddings(test, made_by)
    features = _features(config, network, train), _features(config, network, test)
    classifier, classes = fit(config, features[0], train.labels, where=train.source)
    counts = {name: train.labels.count(name) for name in sorted(set(train.labels))}
    trained = Trained(config, classifier, classes, counts, known, made_by)
    chances: dict[str, NDArray[np.float64]] = {config.kind: classifier.predict_proba(features[1])}
    frequent = np.array([counts[name] for name in classes], dtype=float)
    chances[MAJORITY] = np.tile(frequent / frequent.sum(), (len(test), 1))
    if network is not None and config.control and not config.reads_words:
        fresh = network.untrained(config.seed)
        control, _ = fit(config, _features(config, fresh, train), train.labels, where=train.source)
        chances[UNTRAINED] = control.predict_proba(_features(config, fresh, test))
    metrics = results(config, classes, counts, test, chances) | {
        "protocol": config.protocol,
        "sequences": {"train": len(train), "test": len(test), "test_resembling_train": alike},
        "options": to_mapping(config),
        "sha256": {
            "train": sha256(config.train or str(config.train_embeddings)),
            "test": sha256(config.test or str(config.test_embeddings)),
        },
    }
    with atomic_directory(target or config.out_dir) as folder:
        trained.save(folder / "model.joblib")
        write_results(folder, metrics, test, classes, chances[config.kind])
    return metrics


def eval_classifier(
    model: str | Path,
    target: str | Path,
    *,
    sequences: str | Path | None = None,
    embeddings: str | Path | None = None,
    labels: str | Path | None = None,
    kind: str | None = None,
) -> dict[str, Any]:
    """Test a saved classifier on other data; its training file need not be there.

    Parameters
    ----------
    model
        `model.joblib` of `train_classifier`.
    target
        Folder to write.
    sequences, embeddings
        Labelled FASTA or CSV, or `.npz` of `extract_embeddings`: one of the two.
    labels
        CSV with the labels of the embeddings; None: their own.
    kind
        Expected kind of the classifier, or its first word; None: any.

    Raises
    ------
    InputError
        No classifier, or one of another kind; data that it cannot read, or that it was trained on.
    """
    trained = Trained.load(model)
    config = trained.config
    if kind is not None and kind not in (config.kind, config.kind.partition("_")[0]):
        raise InputError(f"a classifier of the kind {config.kind}", where=model, remedy=f"give --kind {config.kind}")
    if (sequences is None) == (embeddings is None):
        raise InputError("neither or both given", where="sequences, embeddings", remedy="give one of the two")
    if labels is not None and embeddings is None:
        raise InputError("given without embeddings", where="labels", remedy="label the sequences in their own file")
    test = _samples(sequences, embeddings, labels, config.label)
    alike = check_disjoint(trained.known, test, config.protocol)
    check_origin(test, config.protocol, test=True)
    if test.vectors is not None and (config.reads_words or trained.made_by != test.made_by):
        raise _other_embeddings(test, trained.made_by)
    network = None
    if test.vectors is None and not config.reads_words:
        if config.model is None:
            raise InputError(
                "a classifier of stored embeddings", where=model, remedy="give --embeddings of extract_embeddings.py"
            )
        network = Network.load(config.model)
        if weights_digest(config.model) != trained.made_by["weights"]:
            raise InputError("not the weights that the classifier read", where=config.model, remedy="train it again")
    chances: dict[str, NDArray[np.float64]] = {
        config.kind: trained.classifier.predict_proba(_features(config, network, test))
    }
    metrics = results(config, trained.classes, trained.counts, test, chances) | {
        "sequences": {"test": len(test), "test_resembling_train": alike},
        "sha256": {"test": sha256(str(sequences or embeddings))},
    }
    with atomic_directory(target) as folder:
        write_results(folder, metrics, test, trained.classes, chances[config.kind])
    return metrics


def _samples(plain: str | Path | None, stored: str | Path | None, labels: str | Path | None, label: str) -> Sequences:
    samples = read_sequences(plain, label=label) if plain is not None else read_embeddings(str(stored))
    if labels is not None:
        samples = samples.with_labels(labels, label)
    return samples.labelled(label)


def _made_by(config: ClassifierConfig, network: Network | None, train: Sequences) -> dict[str, Any]:
    if train.vectors is not None:
        return dict(train.made_by)
    if config.reads_words or network is None or config.model is None:
        return {}
    return described(network, weights_digest(config.model), config.layers)


def _other_embeddings(test: Sequences, wanted: dict[str, Any]) -> InputError:
    differ = [name for name, value in test.made_by.items() if wanted.get(name) != value]
    problem = (
        f"other {', '.join(differ)} than those of training" if wanted else "the classifier reads words of sequences"
    )
    return InputError(problem, where=test.source, remedy="extract them alike" if wanted else "give sequences")


def _features(config: ClassifierConfig, network: Network | None, samples: Sequences) -> NDArray[np.float32]:
    if samples.vectors is not None:
        return samples.vectors
    if config.reads_words or network is None:
        return kmer_features(samples.dna, config.k, config.alphabet)
    return embed(network, samples.dna, layers=config.layers)
