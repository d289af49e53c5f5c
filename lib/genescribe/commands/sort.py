"""Repair and sort an annotation: any GFF3 or GTF in, well-formed GFF3 out.

All changes and their reasons are listed in <target>.repairs.tsv.

    genescribe sort genes.gtf genes.gff3
"""

from __future__ import annotations

import argparse
import logging

from genescribe.cli import Parser, comma_list
from genescribe.paths import InputPath, OutputFile


def add_arguments(parser: Parser) -> None:
    """Add the options of this command."""
    from genescribe.genome.repair.sort import LOCUS_TAGS, SORTERS

    parser.add_argument("source", type=InputPath(), help="GFF3 or GTF, plain, gzip or bgzip")
    parser.add_argument("target", type=OutputFile("{name}.repairs.tsv", forms=("GFF3",)), help="GFF3 to write")
    parser.add_argument(
        "--sorter", choices=SORTERS, default="builtin", help="agat needs AGAT on PATH; auto uses it if it is installed"
    )
    parser.add_argument(
        "--merge-loci", action="store_true", help="join loci of one strand whose coding sequences overlap"
    )
    parser.add_argument(
        "--group-by",
        dest="locus_tag",
        type=comma_list,
        default=list(LOCUS_TAGS),
        metavar="NAME[,NAME]",
        help="attributes that group the rows of a locus if Parent is missing",
    )


def main(args: argparse.Namespace) -> None:
    """Run the command."""
    from genescribe.genome.repair.sort import sort_annotation

    report = sort_annotation(
        args.source, args.target, sorter=args.sorter, merge_loci=args.merge_loci, locus_tag=args.locus_tag
    )
    logging.getLogger("sort").info(
        "%s: %d rows in, %d rows out, %d repairs", report.sorter, report.rows_in, report.rows_out, len(report.repairs)
    )
