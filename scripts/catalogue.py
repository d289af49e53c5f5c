"""Load a genome's annotation into a DuckDB catalogue, check it against the genome, and print what it holds."""

from __future__ import annotations

from pathlib import Path

from genescribe.cli import parser, run
from genescribe.errors import InputError
from genescribe.files import write_text
from genescribe.genome.catalogue import Catalogue, build_catalogue
from genescribe.genome.catalogue_stats import format_stats


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("catalogue", nargs="?", type=Path, help="print this catalogue; build none")
    arguments.add_argument("--fasta", type=Path, help="genome; plain, gzip or bgzip")
    arguments.add_argument("--annotation", type=Path, help="GFF3 or GTF; plain, gzip or bgzip")
    arguments.add_argument("--genetic-code", type=int, default=1, help="NCBI translation table")
    arguments.add_argument(
        "--tolerant", action="store_true", help="reject the genes of ill-formed rows, instead of stopping at the first"
    )
    arguments.add_argument("-o", "--output", type=Path, help="catalogue to write")
    arguments.add_argument("--stats", type=Path, help="write the printed table here too")
    args = arguments.parse_args()

    path = args.catalogue
    if path is None:
        if not (args.fasta and args.annotation and args.output):
            raise InputError("nothing to do", where="catalogue.py", remedy="give --fasta, --annotation and --output")
        build_catalogue(args.fasta, args.annotation, args.output, args.genetic_code, tolerant=args.tolerant)
        path = args.output
    with Catalogue(path) as catalogue:
        table = format_stats(catalogue.stats(), title=str(path))
    if args.stats:
        write_text(args.stats, table)
    print(table, end="")


if __name__ == "__main__":
    run(main)
