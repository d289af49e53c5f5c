"""Estimate a model in the form of AUGUSTUS's parameter sets from the genes of one or several genomes.

Needs AUGUSTUS's `etraining`. --fasta, --catalogue and --options are given once for each genome, in the same order.
Writes a model without a network, for scripts/combine_model.py, and estimate.json: how many genes, and why others were
left out.
"""

from __future__ import annotations

from genescribe.augustus.estimate import Source, estimate_model
from genescribe.bake.config import BakeJob
from genescribe.cli import JsonText, integer, json_options, number, parser, run
from genescribe.config import from_mapping
from genescribe.errors import InputError
from genescribe.evaluate.regions import training_regions
from genescribe.evaluate.tools.augustus_training import TrainingOptions
from genescribe.genome.catalogue.database import Catalogue
from genescribe.genome.fasta import Genome
from genescribe.paths import InputPath, OutputFolder


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--fasta", type=InputPath(), action="append", required=True, help="a genome")
    arguments.add_argument(
        "--catalogue", type=InputPath(), action="append", required=True, help="catalogue of its annotation"
    )
    arguments.add_argument(
        "--options",
        type=JsonText(),
        action="append",
        required=True,
        help="JSON object as for bake.py: genome, splits, skip, mask_ends",
    )
    arguments.add_argument(
        "--partial", action="append", default=[], metavar="GENOME", help="genome whose annotation lacks genes"
    )
    arguments.add_argument(
        "--parameters", type=JsonText(), default="{}", help="JSON object: lines of AUGUSTUS's parameter file"
    )
    arguments.add_argument(
        "--between",
        type=number(1),
        help="mean bases between genes; default: in the genomes of which all genes are annotated",
    )
    arguments.add_argument(
        "--gc-classes",
        type=number(0, 1),
        nargs="+",
        default=[],
        metavar="SHARE",
        help="count content and signals by class of GC content, 3 kb around a base: shares of G and C, ascending",
    )
    arguments.add_argument(
        "--gc-noncoding",
        action="store_true",
        help="count introns and intergenic sequence by class too: for genomes whose GC content differs",
    )
    arguments.add_argument(
        "--most", type=integer(1), metavar="GENES", help="genes of each genome that count, evenly spaced; default: all"
    )
    arguments.add_argument("--min-cds", type=integer(1), help="shortest CDS to predict; default: from the genes")
    arguments.add_argument(
        "-o", "--output", type=OutputFolder(), required=True, metavar="MODEL", help="folder to write"
    )
    args = arguments.parse_args()

    if not len(args.fasta) == len(args.catalogue) == len(args.options):
        raise InputError("not as many of each", where="--fasta, --catalogue, --options", remedy="give three a genome")
    sources = []
    for fasta, catalogue, options in zip(args.fasta, args.catalogue, args.options, strict=True):
        job = from_mapping(BakeJob, json_options(options), where="--options")
        genome = Genome.open(fasta)
        regions = training_regions(job, genome.lengths)
        partial = job.genome in args.partial
        sources.append(Source(job.genome, Catalogue(catalogue), genome, regions, partial, args.most))
    parameters = {name: str(value) for name, value in json_options(args.parameters).items()}
    options = TrainingOptions(min_cds=args.min_cds, parameters=parameters)
    report = estimate_model(sources, args.output, options, args.between, args.gc_classes, args.gc_noncoding)
    print(f"{args.output}: {report['genes']} genes of {len(sources)} genomes")


if __name__ == "__main__":
    run(main)
