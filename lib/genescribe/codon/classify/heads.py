"""The classifiers, from scikit-learn: class weights, fitted to the labels that are frequent enough."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.class_weight import compute_sample_weight

from genescribe.codon.classify.config import ClassifierConfig
from genescribe.errors import InputError

FOLDS = 3
"""Parts of the cross-validation that calibrates an SVM: each must hold every class."""

STOPPING = 10
"""An MLP stops early by a tenth of its training data, which must hold every class."""


def fit(
    config: ClassifierConfig, features: NDArray[np.float32], labels: Sequence[str], *, where: str
) -> tuple[Any, tuple[str, ...]]:
    """Return a fitted classifier, and its labels in the order of its probabilities.

    Parameters
    ----------
    config
        `kind`, `class_weight`, `rare` and the options of the kind.
    features : (n, F)
    labels
        Of each; those of fewer than `rare` sequences are left out, as are those that a kind cannot be fitted with.
    where
        The file of the labels, for messages.

    Raises
    ------
    InputError
        Fewer than two labels are left.
    """
    least = max(config.rare, FOLDS if config.kind.endswith("svm") else 2 if config.kind == "mlp" else 1)
    counts = Counter(labels)
    classes = tuple(sorted(name for name, count in counts.items() if count >= least))
    if len(classes) < 2:
        shown = ", ".join(f"{name}: {count}" for name, count in counts.most_common(5))
        raise InputError(
            f"fewer than two labels with {least} sequences or more ({shown})",
            where=where,
            remedy="give more sequences, or a smaller `rare`" if config.rare == least else "give more sequences",
        )
    chosen = np.isin(np.array(labels), classes)
    numbers = np.searchsorted(classes, np.array(labels)[chosen])
    head = _head(config, numbers)
    classifier = make_pipeline(StandardScaler(), head)
    # Weights of sequences rather than of classes: every kind knows them, calibration too.
    weights = compute_sample_weight(None if config.class_weight == "none" else "balanced", numbers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # The metrics show how good it is.
        classifier.fit(features[chosen], numbers, **{f"{classifier.steps[-1][0]}__sample_weight": weights})
    return classifier, classes


def _head(config: ClassifierConfig, numbers: NDArray[np.int64]) -> Any:
    kind = config.kind.partition("_")[2] or config.kind
    if kind == "logreg":
        return LogisticRegression(C=config.C, max_iter=2000)
    if kind == "svm":
        # Platt's probabilities, from a cross-validation inside the training data.
        return CalibratedClassifierCV(SVC(C=config.C, random_state=config.seed), ensemble=False, cv=FOLDS)
    if kind == "mlp":
        enough = len(numbers) // STOPPING >= len(np.unique(numbers))
        return MLPClassifier((config.hidden,), max_iter=300, early_stopping=enough, random_state=config.seed)
    try:
        from xgboost import XGBClassifier
    except ImportError:
        raise InputError("xgboost is not installed", where="kind", remedy="pip install xgboost-cpu") from None
    return XGBClassifier(n_estimators=200, max_depth=4, n_jobs=1, random_state=config.seed)
