"""Repair and sort an annotation: any GFF3 or GTF in, well-formed GFF3 out.

What was changed, and why, stands beside the result as <target>.repairs.tsv.
"""

import logging

from genescribe.cli import comma_list, parser, run
from genescribe.genome.sort import LOCUS_TAGS, SORTERS, sort_annotation
from genescribe.paths import InputPath, OutputFile


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("source", type=InputPath(), help="GFF3 or GTF, plain, gzip or bgzip")
    arguments.add_argument("target", type=OutputFile("{name}.repairs.tsv"), help="GFF3 to be written")
    arguments.add_argument(
        "--sorter", choices=SORTERS, default="builtin", help="agat needs AGAT on PATH; auto takes it where it is"
    )
    arguments.add_argument(
        "--merge-loci", action="store_true", help="join loci of one strand whose coding sequences overlap"
    )
    arguments.add_argument(
        "--locus-tag",
        type=comma_list,
        default=list(LOCUS_TAGS),
        metavar="NAME[,NAME]",
        help="attributes that group the rows of a locus where Parent is missing",
    )
    options = arguments.parse_args()
    report = sort_annotation(
        options.source,
        options.target,
        sorter=options.sorter,
        merge_loci=options.merge_loci,
        locus_tag=options.locus_tag,
    )
    logging.getLogger("sort").info(
        "%s: %d rows in, %d rows out, %d repairs", report.sorter, report.rows_in, report.rows_out, len(report.repairs)
    )


if __name__ == "__main__":
    run(main)
