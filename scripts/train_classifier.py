"""Train a classifier of coding sequences from a YAML file and test it: probes on embeddings, or k-mer models.

Writes model.joblib, metrics.json, predictions.csv, confusion.png and calibration.png.
"""

from __future__ import annotations

from genescribe.cli import parser, run
from genescribe.codon.classify.train import load_classifier_config, train_classifier
from genescribe.paths import InputPath, OutputFolder, Source, paths_in, refuse_overwriting


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--config", type=InputPath(), required=True, help="YAML file")
    arguments.add_argument("--output", type=OutputFolder(), help="folder to write, instead of out_dir")
    args = arguments.parse_args()
    config = load_classifier_config(args.config)
    named = {name: value for name, value in vars(config).items() if name != "out_dir"}
    read = [Source(args.config), *paths_in(named)]
    refuse_overwriting(read, OutputFolder().targets(args.output or config.out_dir))
    results = train_classifier(config, args.output)
    for name, row in results["rows"].items():
        print(name, ", ".join(f"{key} {metric['value']:.3f}" for key, metric in row.items()), sep=": ")


if __name__ == "__main__":
    run(main)
