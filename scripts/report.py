"""Put everything that a results folder holds on one self-contained HTML page."""

from __future__ import annotations

from genescribe import __version__
from genescribe.cli import parser, run
from genescribe.paths import OutputFile, OutputFolder, SharedFolder
from genescribe.report import write_figures, write_report
from genescribe.report.collect import collect


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument(
        "--results",
        type=SharedFolder("*.json", "*.csv", "*.tsv", "*.npz", "*.gff3", "*.fa", "*.fai", "*.duckdb"),
        required=True,
        help="folder that the workflow wrote",
    )
    arguments.add_argument("--title", default="Genome annotation benchmark", help="heading of the page")
    arguments.add_argument(
        "--figures", type=OutputFolder(), help="folder to write each figure and its caption into as well"
    )
    arguments.add_argument("--output", type=OutputFile(), required=True, help="HTML file to write")
    args = arguments.parse_args()

    sections = collect(args.results)
    subtitle = f"Written by genescribe {__version__}. Figures and tables are made from the files in the results folder."
    write_report(args.output, sections, title=args.title, subtitle=subtitle)
    if args.figures:
        write_figures(args.figures, sections)
    print(args.output)


if __name__ == "__main__":
    run(main)
