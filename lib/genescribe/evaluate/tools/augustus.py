"""AUGUSTUS (Stanke et al. 2006, Nucleic Acids Res. 34:W435), if installed: the gene finder to compare with."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from genescribe.errors import InputError
from genescribe.evaluate.regions import Stretch
from genescribe.files import temporary_folder
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.genome.fasta import Genome, write_fasta
from genescribe.genome.model import Gene, shifted

CONFIG_VARIABLE = "AUGUSTUS_CONFIG_PATH"
RETRAINED = "retrained"
"""The species' name of parameters that `genescribe.evaluate.tools.augustus_training` wrote."""

_FOLDERS = ("cgp", "extrinsic", "model", "parameters", "profile")
_DEBIAN = Path("/usr/share/augustus/config")
_CHUNK = 200_000
"""Bases that one process gets at least, where there are so many: each reads the parameters anew."""


def augustus_missing(*programs: str) -> str | None:
    """Return why AUGUSTUS (or a further program of it) cannot be run here, or None."""
    for name in ("augustus", *programs):
        if shutil.which(name) is None:
            return f"{name} is not installed (Debian: apt-get install augustus; bioconda: augustus)"
    return None


def augustus(
    genome: Genome,
    species: str,
    regions: Sequence[Stretch] | None = None,
    *,
    options: Sequence[str] = (),
    jobs: int | None = None,
    trained: str | Path | None = None,
) -> list[Gene]:
    """Return the genes that AUGUSTUS predicts, one process a core, each sequence (or region) by itself.

    Parameters
    ----------
    genome
        Sequences to annotate.
    species
        AUGUSTUS's name of its parameters (`augustus --species=help`).
    regions
        Only there; the whole genome if None.
    options
        More options, for example ("--sample=0",), which gives the same genes several times faster, without posterior
        probabilities, or ("--softmasking=0",).
    jobs
        Processes at a time; all cores if None.
    trained
        A folder that `train_augustus` wrote; its parameters are used, and `species` is not read.

    Returns
    -------
    list of Gene
        Stop codons inside the coding sequence, IDs unique in the genome; in the order of the regions.

    Raises
    ------
    InputError
        AUGUSTUS is missing, does not know the species, or fails.
    """
    if reason := augustus_missing():
        raise InputError(reason, where="augustus", remedy="install it or leave this baseline out")
    wanted = [(seqid, 0, None) for seqid in genome.lengths] if regions is None else list(regions)
    stretches = [(seqid, start, genome.lengths[seqid] if end is None else end) for seqid, start, end in wanted]
    with temporary_folder() as folder, config_folder(trained) as config:
        command = ["augustus", f"--species={RETRAINED if trained else species}", *options]

        def predict(chunk: list[int]) -> dict[int, list[Gene]]:
            fasta = folder / f"{chunk[0]}.fa"
            write_fasta(fasta, ((str(i), genome.codes(*stretches[i])) for i in chunk))
            return _run(command, fasta, config)

        by_stretch: dict[int, list[Gene]] = {}
        with ThreadPoolExecutor(jobs or os.cpu_count()) as pool, tqdm(total=len(stretches), disable=None) as bar:
            for genes in pool.map(predict, _chunks([end - start for _, start, end in stretches])):
                by_stretch |= genes
                bar.update(len(genes))
    return [_shifted(gene, *stretches[i][:2]) for i in range(len(stretches)) for gene in by_stretch.get(i, [])]


@contextmanager
def config_folder(trained: str | Path | None = None) -> Iterator[Path]:
    """Yield a configuration folder: the installed one, or a temporary one with a trained species of its own.

    Raises
    ------
    InputError
        No installed configuration is found, or `trained` holds no parameters.
    """
    stock = installed_config()
    if trained is None:
        yield stock
        return
    parameters = Path(trained) / RETRAINED
    if not (parameters / f"{RETRAINED}_parameters.cfg").is_file():
        raise InputError("no parameters of AUGUSTUS", where=trained, remedy="give a folder written by training")
    with temporary_folder() as folder:
        link_config(stock, folder)
        (folder / "species" / RETRAINED).symlink_to(parameters.resolve())
        yield folder


def link_config(stock: Path, folder: Path) -> None:
    """Make `folder` a configuration folder without species but `generic`."""
    for part in _FOLDERS:
        if (stock / part).is_dir():
            (folder / part).symlink_to(stock / part)
    (folder / "species").mkdir()
    (folder / "species" / "generic").symlink_to(stock / "species" / "generic")


def installed_config() -> Path:
    """Return the configuration folder of the installed AUGUSTUS.

    Raises
    ------
    InputError
        There is none.
    """
    program = shutil.which("augustus")
    candidates = [os.environ.get(CONFIG_VARIABLE), program and Path(program).resolve().parents[1] / "config", _DEBIAN]
    for path in candidates:
        if path and (Path(path) / "species" / "generic").is_dir():
            return Path(path)
    raise InputError(
        "no configuration folder of AUGUSTUS", where=CONFIG_VARIABLE, remedy="set that variable to AUGUSTUS's config/"
    )


def call(command: Sequence[str], config: Path, source: str, cwd: Path | None = None) -> str:
    """Run a program of AUGUSTUS with a configuration folder; return its output, warnings last.

    Parameters
    ----------
    command
        Program and its arguments.
    config
        Folder that AUGUSTUS_CONFIG_PATH is set to.
    source
        Name of the program, for messages.
    cwd
        Working directory; None: the present one.

    Raises
    ------
    InputError
        It failed; with the last line that it said.
    """
    environment = {**os.environ, CONFIG_VARIABLE: f"{config}/"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=cwd)
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise InputError(f"AUGUSTUS failed: {last}", where=source, remedy="see augustus --species=help")
    return done.stdout + done.stderr


def _chunks(lengths: Sequence[int]) -> list[list[int]]:
    """Return numbers of stretches a process: long ones alone and first, short ones together."""
    chunks: list[list[int]] = []
    total = 0
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if not chunks or total >= _CHUNK:
            chunks.append([])
            total = 0
        chunks[-1].append(i)
        total += lengths[i]
    return chunks


def _run(command: Sequence[str], fasta: Path, config: Path) -> dict[int, list[Gene]]:
    """Return the genes of each record; records are named by numbers."""
    output = fasta.with_suffix(".gff3")
    fixed = ["--gff3=on", "--stopCodonExcludedFromCDS=false", "--uniqueGeneId=false", f"--outfile={output}"]
    call([*command, *fixed, str(fasta)], config, command[1].removeprefix("--species="))
    by_record: dict[int, list[Gene]] = defaultdict(list)
    for gene in read_genes(output):
        by_record[int(gene.seqid)].append(gene)
    return by_record


def _shifted(gene: Gene, seqid: str, offset: int) -> Gene:
    """Return a gene found on a cut-out stretch in the coordinates and names of its sequence."""
    prefix = f"{seqid}:{offset + 1}." if offset else f"{seqid}."
    transcripts = tuple(replace(t, id=prefix + t.id) for t in shifted(gene, offset).transcripts)
    return replace(gene, id=prefix + gene.id, seqid=seqid, transcripts=transcripts)
