"""Score a model's labels on the test windows of baked shards: bases, boundaries, segments and their lengths.

Writes DIR/labels.json (scores), DIR/counts.npz (the underlying counts per gene) and DIR/truth.npz (the
labels, for figures).
"""

from __future__ import annotations

from genescribe.cli import integer, parser, run
from genescribe.gencode_benchmark.label_report import score_labels
from genescribe.paths import InputPath, OutputFolder


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument(
        "--model", type=InputPath(), required=True, help="folder with config.json and model.safetensors"
    )
    arguments.add_argument("--data", type=InputPath(), nargs="+", required=True, help="folders that bake wrote")
    arguments.add_argument("--split", choices=("test", "validation"), default="test", help="which windows")
    arguments.add_argument(
        "--bootstrap", type=integer(0), default=1000, help="bootstrap samples for the intervals; 0: no intervals"
    )
    arguments.add_argument("--seed", type=integer(0), default=0, help="seed of the bootstrap")
    arguments.add_argument("--output", type=OutputFolder(), required=True, help="folder to write")
    arguments.only(["seed"], lambda args: args.bootstrap > 0, "--bootstrap above 0")
    args = arguments.parse_args()
    scores = score_labels(
        args.model, args.data, args.output, split=args.split, replicates=args.bootstrap, seed=args.seed
    )
    headlines = scores["headlines"]
    print(
        f"{args.output}: segment F1 {headlines['segment_f1'] or 0:.3f}, position F1 {headlines['position_f1'] or 0:.3f}"
    )


if __name__ == "__main__":
    run(main)
