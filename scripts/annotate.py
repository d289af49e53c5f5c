"""Annotate a genome with a trained model, without Snakemake.

FASTA in; GFF3 out, and beside it FASTA of proteins, coding sequences, exons and introns, what was rejected and why
(.rejects.jsonl), and numbers of the whole (.summary.json). One that was stopped goes on where it stood when it is
started again.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from genescribe.cli import parser, run
from genescribe.paths import InputPath, NameList, OutputFile


def main() -> None:
    # Imported here: processes that read the genome import this file too, and need none of it.
    from genescribe.evidence.collect import EvidenceFiles, add_evidence_arguments, evidence_of
    from genescribe.families import predictor_for
    from genescribe.genome.fasta import Genome
    from genescribe.genome.products import CODING, EXONS, INTRONS, PROTEINS
    from genescribe.predict.genome import predict_genome
    from genescribe.predict.options import add_arguments, config_of
    from genescribe.predict.organelles import add_argument, with_organelles
    from genescribe.predict.pieces import pieces_of
    from genescribe.predict.support import with_support
    from genescribe.predict.work import remove_work, work_folder
    from genescribe.predict.write import ANNOTATION, REJECTS, SUMMARY, write_annotation

    beside = (PROTEINS, CODING, EXONS, INTRONS, REJECTS, SUMMARY)
    arguments = parser(__doc__)
    arguments.add_argument("fasta", type=InputPath(), help="genome; plain, gzip or bgzip")
    arguments.add_argument(
        "--model", type=InputPath(), required=True, help="folder with config.json and model.safetensors"
    )
    arguments.add_argument(
        "-o",
        "--output",
        type=OutputFile("{name}.work", *(f"{{stem}}.{name}" for name in beside)),
        required=True,
        help="GFF3; all else stands beside it",
    )
    arguments.add_argument("--regions", type=NameList(), default=[], help="only these: seqid or seqid:start-end, ...")
    add_argument(arguments)
    add_evidence_arguments(arguments)
    add_arguments(arguments)
    arguments.only(["flank"], lambda args: args.regions, "--regions")
    args = arguments.parse_args()

    config, files = config_of(args), EvidenceFiles.of(args)
    with (
        work_folder(args.output.with_name(f"{args.output.name}.work")) as work,
        tempfile.TemporaryDirectory(prefix="genescribe-") as scratch,
    ):
        genome = Genome.open(args.fasta, scratch=work)
        pieces = pieces_of(genome.lengths, args.regions, config.flank, where=args.fasta)
        evidence = evidence_of(files, genome, Path(scratch) / "evidence", config.workers)
        factory, pieces, warnings = with_organelles(
            predictor_for(args.model, genome, pieces, config, evidence), genome, pieces, args.genetic_code_of
        )
        prediction = with_support(predict_genome(factory, genome, pieces, config, work), evidence, config)
        whole = work / "whole"
        write_annotation(whole, prediction, genome, pieces, factory, config, warnings)
        for name in beside:
            (whole / name).replace(args.output.with_suffix(f".{name}"))
        (whole / ANNOTATION).replace(args.output)
        remove_work(work)
    print(f"{len(prediction.genes)} genes: {args.output}; beside it .{', .'.join(beside)}")


if __name__ == "__main__":
    run(main)
