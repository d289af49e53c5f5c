"""Score a model that writes genes on baked loci, or one annotation against another.

F1 of bases, exons, introns, transcripts and genes, with intervals; of distinct coding sequences; and of transcripts
with their untranslated exons. On loci (--model and --data), the locus and its strand are given, as in training; with
--against, also the gain over another model, paired by locus.

    eval_f1.py reference.gff3 predicted.gff3 --output eval_f1.json
    eval_f1.py --model MODEL --data baked --output eval_f1.json
"""

from __future__ import annotations

import argparse
from typing import Any

from genescribe import __version__
from genescribe.cli import JsonText, json_options, parser, run
from genescribe.config import from_mapping
from genescribe.errors import InputError
from genescribe.evaluate.sequence_names import check_names
from genescribe.files import sha256, write_json
from genescribe.generate.annotation.score import accuracy, annotation_accuracy, gain, write_loci
from genescribe.generate.config import ScoreConfig
from genescribe.generate.model import load_model
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.paths import InputPath, OutputFile
from genescribe.train.model_files import WEIGHTS


def of_annotations(args: argparse.Namespace, config: ScoreConfig) -> dict[str, Any]:
    """Return the scores of an annotation."""
    reference, predicted = (read_genes(path) for path in args.annotations)
    check_names(predicted, {gene.seqid for gene in reference}, str(args.annotations[1]), str(args.annotations[0]))
    files = {"reference_sha256": sha256(args.annotations[0]), "predicted_sha256": sha256(args.annotations[1])}
    return {"version": __version__, **files, **annotation_accuracy(reference, predicted, config.bootstrap)}


def of_model(args: argparse.Namespace, config: ScoreConfig) -> dict[str, Any]:
    """Return the scores of a model on baked loci."""
    written = write_loci(load_model(args.model), args.data, config)
    scores = accuracy(written, config) | {"weights_sha256": sha256(args.model / WEIGHTS)}
    if args.against is not None:
        before = write_loci(load_model(args.against), args.data, config)
        scores["against"] = accuracy(before, config) | {"weights_sha256": sha256(args.against / WEIGHTS)}
        scores["gain"] = gain(before, written, config)
    return scores


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("annotations", type=InputPath(), nargs="*", help="reference and prediction: GFF3 or GTF")
    arguments.add_argument("--model", type=InputPath(), help="folder of the model")
    arguments.add_argument("--data", type=InputPath(), nargs="+", help="folders of loci that bake wrote")
    arguments.add_argument("--options", type=JsonText(), default="{}", help="JSON object with the keys of `eval_f1`")
    arguments.add_argument("--against", type=InputPath(), help="folder of another model")
    arguments.add_argument("--output", type=OutputFile(forms=("JSON",)), required=True, help="JSON file to write")
    arguments.only(["against", "data"], lambda args: args.model, "--model")
    args = arguments.parse_args()
    config = from_mapping(ScoreConfig, json_options(args.options), where="--options")
    if len(args.annotations) == 2 and args.model is None:
        scores = of_annotations(args, config)
    elif not args.annotations and args.model is not None and args.data is not None:
        scores = of_model(args, config)
    else:
        raise InputError(
            "neither two annotations nor a model and its data",
            where="command line",
            remedy="give REFERENCE PREDICTED, or --model and --data",
        )
    write_json(args.output, scores)
    levels = scores["levels"] | {name: scores[name] for name in ("coding_sequences", "transcripts")}
    shown = ", ".join(
        f"{level} {levels[level]['f1'] or 0:.3f}"
        for level in ("base", "exon", "transcript", "gene", "coding_sequences", "transcripts")
    )
    print(f"{args.output}: F1 {shown}")


if __name__ == "__main__":
    run(main)
