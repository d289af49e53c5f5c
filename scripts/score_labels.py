"""Score a model's labels on the test windows of baked shards: bases, boundaries, segments and their lengths.

Writes DIR/labels.json (scores), DIR/counts.npz (what they are made of, gene by gene) and DIR/truth.npz, the labels
themselves for pictures.
"""

from __future__ import annotations

from pathlib import Path

from genescribe.cli import parser, run
from genescribe.segment.label_report import score_labels


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--model", type=Path, required=True, help="folder with config.json and model.safetensors")
    arguments.add_argument("--data", type=Path, nargs="+", required=True, help="folders that bake wrote")
    arguments.add_argument("--split", choices=("test", "validation"), default="test", help="which windows")
    arguments.add_argument("--bootstrap", type=int, default=1000, help="draws for the intervals; 0: no intervals")
    arguments.add_argument("--seed", type=int, default=0, help="of the bootstrap")
    arguments.add_argument("--output", type=Path, required=True, help="folder to write")
    args = arguments.parse_args()
    scores = score_labels(
        args.model, args.data, args.output, split=args.split, replicates=args.bootstrap, seed=args.seed
    )
    found = scores["headlines"]
    print(f"{args.output}: segment F1 {found['segment_f1'] or 0:.3f}, position F1 {found['position_f1'] or 0:.3f}")


if __name__ == "__main__":
    run(main)
