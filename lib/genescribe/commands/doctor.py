"""Show which optional programs and packages are installed, and what each is for.

Only Python and PyTorch are needed to annotate a genome; everything else adds speed, comparisons or the workflow.

    genescribe doctor
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from genescribe import __version__
from genescribe.cli import Parser

MISSING = "-"
PACKAGES = {
    "snakemake": "the workflow: genescribe run; pip install 'genescribe[workflow]'",
    "triton": "fast CRF and attention kernels on a GPU",
}
PROGRAMS = {
    "agat": (("agat_convert_sp_gxf2gxf.pl",), "another sorter of annotations: genescribe sort --sorter agat"),
    "augustus": (("augustus",), "a baseline in the benchmark"),
    "busco": (("busco",), "completeness of an annotation: genescribe annotate --busco, and the benchmark"),
    "hmmer": (("hmmsearch",), "used by BUSCO"),
    "miniprot": (("miniprot",), "aligns proteins of relatives: genescribe annotate --proteins relatives.fa"),
    "hisat2": (("hisat2",), "maps short RNA reads: genescribe run annotate --config reads=..."),
    "minimap2": (("minimap2",), "maps long RNA reads: genescribe run annotate --config long_reads=..."),
    "samtools": (("samtools",), "indexes genomes and alignments of RNA reads"),
    "gffread": (("gffread",), "checks annotations in the tests"),
    "genometools": (("gt",), "checks annotations in the tests"),
    "conda": (("conda", "mamba", "micromamba"), "installs the programs above: genescribe run --sdm conda"),
}
"""Tool -> names of its program, one of which is enough, and what it is for."""


def add_arguments(parser: Parser) -> None:
    """Add the options of this command: none."""


def main(args: argparse.Namespace) -> None:
    """Run the command."""
    del args
    rows = [("genescribe", __version__, str(Path(__file__).parents[1])), *_python(), *_native()]
    rows += [(name, _program(*programs), purpose) for name, (programs, purpose) in PROGRAMS.items()]
    names, states = (max(len(row[column]) for row in rows) for column in (0, 1))
    for name, state, purpose in rows:
        print(f"{name:<{names}}  {state:<{states}}  {purpose}")


def _python() -> Iterator[tuple[str, str, str]]:
    yield "python", platform.python_version(), "runs everything; 3.11 or newer"
    yield "torch", _version("torch"), "models"
    yield "gpu", _gpu(), "training and annotation many times as fast; a PyTorch built for CUDA sees it"
    for package, purpose in PACKAGES.items():
        yield package, _version(package), purpose


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return MISSING


def _gpu() -> str:
    if importlib.util.find_spec("torch") is None:
        return MISSING
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return f"{count} x {torch.cuda.get_device_name(0)}" if count else MISSING


def _native() -> Iterator[tuple[str, str, str]]:
    names = dict.fromkeys([os.environ.get("CXX", "").split(" ")[0], "c++", "g++", "clang++"])
    yield "compiler", _program(*names), "C++17: builds the native code when genescribe is installed"
    if importlib.util.find_spec("torch") is None:
        state = MISSING
    else:
        from genescribe.kernels.native_library import library

        state = MISSING if library() is None else "built"
    yield "native code", state, "annotation on a CPU several times as fast, with the same genes"


def _program(*names: str) -> str:
    return next((path for name in names if name and (path := shutil.which(name))), MISSING)
