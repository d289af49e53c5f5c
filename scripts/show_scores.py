"""Print the scores that a results folder holds, and where its report lies."""

from __future__ import annotations

from pathlib import Path

from genescribe.cli import parser, run
from genescribe.evaluate.summary import score_table
from genescribe.paths import InputPath


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument(
        "results", type=InputPath(), nargs="?", default=Path("results"), help="folder of the workflow"
    )
    args = arguments.parse_args()
    print(score_table(args.results))
    report = args.results / "report.html"
    if report.exists():
        print(f"report: {report.resolve()}")


if __name__ == "__main__":
    run(main)
