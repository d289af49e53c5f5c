from __future__ import annotations

from genescribe.cli import program, run
from genescribe.commands import sort

__doc__ = sort.__doc__
main = program(sort)

if __name__ == "__main__":
    run(main)
