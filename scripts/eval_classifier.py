"""Test a saved classifier on other sequences, with the label encoder that was saved with it."""

from __future__ import annotations

from genescribe.cli import parser, run
from genescribe.codon.classify.train import eval_classifier
from genescribe.paths import InputPath, OutputFolder


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--model", type=InputPath(), required=True, help="model.joblib of train_classifier.py")
    arguments.add_argument("--seqs", type=InputPath(), required=True, help="labelled FASTA or CSV")
    arguments.add_argument("--output", "--out", type=OutputFolder(), required=True, help="folder to write")
    args = arguments.parse_args()
    found = eval_classifier(args.model, args.seqs, args.output)
    for name, row in found["rows"].items():
        print(name, ", ".join(f"{key} {one['value']:.3f}" for key, one in row.items()), sep=": ")


if __name__ == "__main__":
    run(main)
