from __future__ import annotations

from genescribe.cli import program, run
from genescribe.commands import report

__doc__ = report.__doc__
main = program(report)

if __name__ == "__main__":
    run(main)
