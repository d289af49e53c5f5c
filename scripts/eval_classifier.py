"""Test a saved classifier on other sequences or embeddings, with the labels that were saved with it.

Writes DIR/metrics.json, predictions.csv, confusion.png and calibration.png. The training file is not needed.
"""

from __future__ import annotations

from typing import get_args

from genescribe.cli import parser, run
from genescribe.codon.classify.config import Kind
from genescribe.codon.classify.train import eval_classifier
from genescribe.paths import InputPath, OutputFolder


def main() -> None:
    arguments = parser(__doc__)
    kinds = ("probe", "kmer", *get_args(Kind))
    arguments.add_argument("--kind", choices=kinds, help="refuse a classifier of another kind")
    arguments.add_argument("--model", type=InputPath(), required=True, help="model.joblib of train_classifier.py")
    source = arguments.add_mutually_exclusive_group(required=True)
    source.add_argument("--seqs", type=InputPath(), help="labelled FASTA or CSV")
    source.add_argument("--embeddings", type=InputPath(), help=".npz of extract_embeddings.py")
    arguments.add_argument(
        "--labels",
        type=InputPath(),
        help="CSV with the labels of --embeddings, matched by id or order; none: the labels in the .npz file",
    )
    arguments.add_argument("--output", "--out", type=OutputFolder(), required=True, help="folder to write")
    args = arguments.parse_args()
    results = eval_classifier(
        args.model, args.output, sequences=args.seqs, embeddings=args.embeddings, labels=args.labels, kind=args.kind
    )
    for name, row in results["rows"].items():
        print(name, ", ".join(f"{key} {metric['value']:.3f}" for key, metric in row.items()), sep=": ")


if __name__ == "__main__":
    run(main)
