from __future__ import annotations

from genescribe.cli import program, run
from genescribe.commands import predict

__doc__ = predict.__doc__
main = program(predict)

if __name__ == "__main__":
    run(main)
