from __future__ import annotations

from genescribe.cli import program, run
from genescribe.commands import simulate

__doc__ = simulate.__doc__
main = program(simulate)

if __name__ == "__main__":
    run(main)
