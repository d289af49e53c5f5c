"""Show all results in a folder on one self-contained HTML page.

It has tables, curves and figures of genes, and needs no network.

    genescribe report --results results --output report.html
"""

from __future__ import annotations

import argparse

from genescribe import __version__
from genescribe.cli import Parser
from genescribe.paths import OutputFile, OutputFolder, SharedFolder


def add_arguments(parser: Parser) -> None:
    """Add the options of this command."""
    parser.add_argument(
        "--results",
        type=SharedFolder("*.json", "*.csv", "*.tsv", "*.npz", "*.gff3", "*.fa", "*.fai", "*.duckdb"),
        required=True,
        help="results folder of the workflow",
    )
    parser.add_argument("--title", default="Genome annotation benchmark", help="heading of the page")
    parser.add_argument(
        "--without-augustus",
        action="append",
        default=[],
        metavar="GENOME=REASON",
        help="why AUGUSTUS has no row for a genome; repeatable, given by the workflow",
    )
    parser.add_argument(
        "--figures", type=OutputFolder(), help="folder in which to also write each figure and its caption"
    )
    parser.add_argument("--output", type=OutputFile(forms=("HTML",)), required=True, help="HTML file to write")


def main(args: argparse.Namespace) -> None:
    """Run the command."""
    from genescribe.report import write_figures, write_report
    from genescribe.report.collect import collect

    absent = dict(pair.partition("=")[::2] for pair in args.without_augustus)
    sections = collect(args.results, absent)
    subtitle = f"Written by genescribe {__version__}. Figures and tables are made from the files in the results folder."
    write_report(args.output, sections, title=args.title, subtitle=subtitle)
    if args.figures:
        write_figures(args.figures, sections)
    print(args.output)
