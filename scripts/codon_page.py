"""Write the results of a codon run as one self-contained HTML page."""

from __future__ import annotations

from genescribe import __version__
from genescribe.cli import parser, run
from genescribe.paths import OutputFile, SharedFolder
from genescribe.report import write_report
from genescribe.report.codon import run_sections


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument(
        "run", type=SharedFolder("*.json", "*.csv", "*.tsv", "*.npz", "*.fa", "*.safetensors"), help="folder of the run"
    )
    arguments.add_argument("--output", type=OutputFile(forms=("HTML",)), required=True, help="HTML file to write")
    args = arguments.parse_args()
    subtitle = f"Written by genescribe {__version__}. Figures and tables are made from the files in the run's folder."
    write_report(args.output, run_sections(args.run), title=args.run.resolve().name, subtitle=subtitle)


if __name__ == "__main__":
    run(main)
