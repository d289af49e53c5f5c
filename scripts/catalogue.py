"""Load a genome's annotation into a DuckDB catalogue, check it against the genome, and print what it holds."""

from __future__ import annotations

from genescribe.cli import integer, parser, run
from genescribe.errors import InputError
from genescribe.files import write_text
from genescribe.genome.catalogue import Catalogue, build_catalogue
from genescribe.genome.catalogue_stats import format_stats
from genescribe.paths import InputPath, OutputFile


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("catalogue", nargs="?", type=InputPath(), help="print this catalogue; build none")
    arguments.add_argument("--fasta", type=InputPath(), help="genome; plain, gzip or bgzip")
    arguments.add_argument("--annotation", type=InputPath(), help="GFF3 or GTF; plain, gzip or bgzip")
    arguments.add_argument("--genetic-code", type=integer(1), default=1, help="NCBI translation table")
    arguments.add_argument(
        "--tolerant", action="store_true", help="reject the genes of ill-formed rows, instead of stopping at the first"
    )
    arguments.add_argument("-o", "--output", type=OutputFile("{name}.wal"), help="catalogue to write")
    arguments.add_argument("--stats", type=OutputFile(), help="write the printed table here too")
    arguments.only(
        ["fasta", "annotation", "genetic_code", "tolerant", "output"],
        lambda args: args.catalogue is None,
        "no catalogue to print",
    )
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
