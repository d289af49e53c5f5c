from __future__ import annotations

from genescribe.cli import program, run
from genescribe.commands import evaluate

__doc__ = evaluate.__doc__
main = program(evaluate)

if __name__ == "__main__":
    run(main)
