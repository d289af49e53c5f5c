"""Load a genome's annotation into a DuckDB catalogue, check it against the genome, and print a summary.

Genes that cannot be used are listed in the catalogue with the reason.

    genescribe catalogue --fasta genome.fa --annotation genes.gff3 -o genome.duckdb
    genescribe catalogue genome.duckdb
"""

from __future__ import annotations

import argparse

from genescribe.cli import Parser, integer
from genescribe.errors import InputError
from genescribe.files import write_text
from genescribe.paths import InputPath, OutputFile


def add_arguments(parser: Parser) -> None:
    """Add the options of this command."""
    parser.add_argument("catalogue", nargs="?", type=InputPath(), help="print this catalogue instead of building one")
    building = parser.add_argument_group("to build a catalogue")
    building.add_argument("--fasta", type=InputPath(), help="genome: FASTA, plain, gzip or bgzip")
    building.add_argument("--annotation", type=InputPath(), help="GFF3 or GTF; plain, gzip or bgzip")
    building.add_argument("--genetic-code", type=integer(1), default=1, help="NCBI translation table")
    building.add_argument(
        "--tolerant", action="store_true", help="reject the genes of malformed rows, instead of stopping at the first"
    )
    building.add_argument("-o", "--output", type=OutputFile("{name}.wal", forms=("DuckDB",)), help="catalogue to write")
    parser.add_argument("--stats", type=OutputFile(), help="also write the printed table to this file")
    parser.only(
        ["fasta", "annotation", "genetic_code", "tolerant", "output"],
        lambda args: args.catalogue is None,
        "no catalogue to print",
    )


def main(args: argparse.Namespace) -> None:
    """Run the command."""
    from genescribe.genome.catalogue.database import Catalogue, build_catalogue
    from genescribe.genome.catalogue.stats import format_stats

    path = args.catalogue
    if path is None:
        if not (args.fasta and args.annotation and args.output):
            raise InputError("nothing to do", where="catalogue", remedy="give --fasta, --annotation and --output")
        build_catalogue(args.fasta, args.annotation, args.output, args.genetic_code, tolerant=args.tolerant)
        path = args.output
    with Catalogue(path) as catalogue:
        table = format_stats(catalogue.stats(), title=str(path))
    if args.stats:
        write_text(args.stats, table)
    print(table, end="")
