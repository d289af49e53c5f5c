from __future__ import annotations

from genescribe.cli import program, run
from genescribe.commands import annotate

__doc__ = annotate.__doc__
main = program(annotate)

if __name__ == "__main__":
    run(main)
