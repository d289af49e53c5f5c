from __future__ import annotations

from genescribe.cli import program, run
from genescribe.commands import catalogue

__doc__ = catalogue.__doc__
main = program(catalogue)

if __name__ == "__main__":
    run(main)
