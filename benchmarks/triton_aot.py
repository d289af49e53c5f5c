"""Compile every Triton kernel ahead of time and show what the programs need: registers, spills, shared memory.

No GPU is needed; nothing is run, so this says nothing of speed. Prints a table, and writes it as JSON and Markdown if
asked.
"""

from __future__ import annotations

import subprocess
from dataclasses import asdict
from pathlib import Path

from genescribe.cli import parser, run
from genescribe.errors import InputError
from genescribe.files import write_json, write_text
from genescribe.kernels import aot

COLUMNS = ("kernel", "case", "target", "warps", "registers", "spill_stores", "spill_loads", "stack", "shared", "matrix")


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--targets", type=int, nargs="+", default=list(aot.TARGETS), help="compute capabilities")
    arguments.add_argument("--write", type=Path, help="folder for triton_aot.json and triton_aot.md")
    args = arguments.parse_args()
    try:
        import triton
    except ImportError as error:
        raise InputError("triton is not installed", where="Python", remedy="pip install triton") from error
    usages = aot.compile_all(tuple(args.targets))
    versions = {"triton": triton.__version__, "ptxas": _ptxas(triton.knobs.nvidia.ptxas.path)}
    table = markdown(usages)
    print(table)
    if args.write:
        write_json(args.write / "triton_aot.json", {"versions": versions, "kernels": [asdict(u) for u in usages]})
        title = "# Triton kernels compiled ahead of time\n\nBytes and registers as ptxas reports them; spills and stack"
        title += " per thread, shared memory per program; matrix: instructions of tensor cores (DMMA in double"
        title += f" precision, HMMA of a warp, HGMMA of four). triton {versions['triton']}, ptxas {versions['ptxas']}."
        note = "Compiled, not run: no GPU was at hand, and the speed on one is not measured.\n"
        write_text(args.write / "triton_aot.md", f"{title}\n\n{table}\n{note}")


def markdown(usages: list[aot.Usage]) -> str:
    """Return the table."""
    rows = [[str(asdict(usage)[column]) for column in COLUMNS] for usage in usages]
    heads = [column.replace("_", " ") for column in COLUMNS]
    lines = [heads, ["---"] * 2 + ["---:"] * (len(heads) - 2), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _ptxas(path: str) -> str:
    """Return the version of ptxas."""
    return subprocess.run([path, "--version"], check=True, capture_output=True, text=True).stdout.splitlines()[-2]


if __name__ == "__main__":
    run(main)
