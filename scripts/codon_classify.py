"""Classify proteins across species: train on genes of the training genomes, test on the held-out ones.

The classes are words in the product names. Writes DIR/train.csv, test.csv and result/ (see train_classifier.py).
"""

from __future__ import annotations

from typing import get_args

from genescribe.cli import integer, parser, run
from genescribe.codon.classify.config import ClassifierConfig, Kind
from genescribe.codon.classify.products import classify_products
from genescribe.paths import InputPath, OutputFolder


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--model", type=InputPath(), help="folder of the model, for classifiers of embeddings")
    arguments.add_argument("--data", type=InputPath(), required=True, help="folder of codon_prepare.py")
    arguments.add_argument("--kind", choices=get_args(Kind), default="probe_logreg", help="classifier")
    arguments.add_argument(
        "--per-class", type=integer(1), default=150, help="largest number of genes per class on each side"
    )
    arguments.add_argument("--bootstrap", type=integer(0), default=300, help="bootstrap samples for the intervals")
    arguments.add_argument("--seed", type=integer(0), default=0, help="random seed")
    arguments.add_argument("--output", type=OutputFolder(), required=True, help="folder to write")
    args = arguments.parse_args()
    model = None if args.model is None else str(args.model)
    config = ClassifierConfig("", "", kind=args.kind, model=model, bootstrap=args.bootstrap, seed=args.seed, C=0.1)
    results = classify_products(args.data, args.output, config, per_class=args.per_class)
    for name, row in results["rows"].items():
        print(name, ", ".join(f"{key} {metric['value']:.3f}" for key, metric in row.items()), sep=": ")


if __name__ == "__main__":
    run(main)
