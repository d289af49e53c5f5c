from __future__ import annotations

from genescribe.cli import program, run
from genescribe.commands import train

__doc__ = train.__doc__
main = program(train)

if __name__ == "__main__":
    run(main)
