"""Join the batches of a genome into one annotation: GFF3, FASTA files, and the rejected genes with reasons."""

from __future__ import annotations

from dataclasses import replace

from genescribe.cli import parser, run
from genescribe.families import predictor_for
from genescribe.genome.fasta import Genome
from genescribe.models import DEFAULT, ModelPath
from genescribe.paths import InputPath, NameList, OutputFolder
from genescribe.predict.file_names import ANNOTATION
from genescribe.predict.options import add_arguments, config_of
from genescribe.predict.organelles import add_argument, with_organelles
from genescribe.predict.output_files import join_batches, write_annotation
from genescribe.predict.stretches import pieces_of
from genescribe.predict.support import with_support
from genescribe.report.annotation.finished import Annotation
from genescribe.report.annotation.page import REPORT, write_annotation_report


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("parts", type=InputPath(), nargs="+", help="folders that predict.py wrote")
    arguments.add_argument("--model", type=ModelPath(), default=DEFAULT, help="as predict.py was given")
    arguments.add_argument("--fasta", type=InputPath(), required=True, help="genome")
    arguments.add_argument("--regions", type=NameList(), default=[], help="as given to predict.py")
    arguments.add_argument("--output", type=OutputFolder(), required=True, help="folder to write")
    arguments.add_argument("--evidence", type=InputPath(), help="folder that collect_evidence.py wrote")
    arguments.add_argument("--report", action="store_true", help="also write report.html into the folder")
    add_argument(arguments)
    add_arguments(arguments)
    args = arguments.parse_args()

    config, genome = config_of(args), Genome.open(args.fasta)
    pieces = pieces_of(genome, args.regions, config.flank, where=args.fasta)
    factory = predictor_for(args.model, genome, pieces, replace(config, device="auto"), args.evidence)
    factory, pieces, warnings = with_organelles(factory, genome, pieces, args.genetic_code_of)
    joined = with_support(join_batches(args.parts, pieces, config), args.evidence, config)
    warnings = write_annotation(args.output, joined, genome, pieces, factory, config, warnings)
    if args.report:
        written = Annotation.of(joined, genome, pieces, factory, config, warnings, args.evidence)
        write_annotation_report(args.output / REPORT, written)
    print(f"{len(joined.genes)} genes: {args.output / ANNOTATION}")


if __name__ == "__main__":
    run(main)
