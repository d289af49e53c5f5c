"""Score a model that writes genes on baked loci: F1 of bases, exons, introns, transcripts and genes, with intervals.

The locus and its strand are given, as in training. With --against the gain over another model, paired by locus.
"""

from __future__ import annotations

from genescribe.cli import JsonText, json_options, parser, run
from genescribe.config import from_mapping
from genescribe.files import sha256, write_json
from genescribe.generate.config import ScoreConfig
from genescribe.generate.model import load_model
from genescribe.generate.score import accuracy, gain, write_loci
from genescribe.paths import InputPath, OutputFile
from genescribe.train.model_files import WEIGHTS


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--model", type=InputPath(), required=True, help="folder of the model")
    arguments.add_argument("--data", type=InputPath(), nargs="+", required=True, help="folders of loci that bake wrote")
    arguments.add_argument("--options", type=JsonText(), default="{}", help="JSON object with the keys of `eval_f1`")
    arguments.add_argument("--against", type=InputPath(), help="folder of another model")
    arguments.add_argument("--output", type=OutputFile(), required=True, help="JSON file to write")
    args = arguments.parse_args()
    config = from_mapping(ScoreConfig, json_options(args.options), where="--options")
    found = write_loci(load_model(args.model), args.data, config)
    scores = accuracy(found, config) | {"weights_sha256": sha256(args.model / WEIGHTS)}
    if args.against is not None:
        before = write_loci(load_model(args.against), args.data, config)
        scores["against"] = accuracy(before, config) | {"weights_sha256": sha256(args.against / WEIGHTS)}
        scores["gain"] = gain(before, found, config)
    write_json(args.output, scores)
    levels = scores["levels"]
    shown = ", ".join(f"{level} {levels[level]['f1'] or 0:.3f}" for level in ("base", "exon", "transcript", "gene"))
    print(f"{args.output}: {scores['loci']['total']} loci, F1 {shown}")


if __name__ == "__main__":
    run(main)
