from __future__ import annotations

from genescribe.cli import program, run
from genescribe.commands import bake

__doc__ = bake.__doc__
main = program(bake)

if __name__ == "__main__":
    run(main)
