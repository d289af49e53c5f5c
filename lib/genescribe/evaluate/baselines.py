"""What stands beside every learned result: the rule of long open reading frames, and AUGUSTUS where it is installed."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import tempfile
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from genescribe.errors import InputError
from genescribe.evaluate.regions import Stretch
from genescribe.genome.alphabet import Codes, encode, reverse_complement
from genescribe.genome.fasta import Genome, write_fasta
from genescribe.genome.genetic_code import GeneticCode, codon_numbers
from genescribe.genome.gff import read_genes
from genescribe.genome.model import Gene, Interval, Transcript

_log = logging.getLogger(__name__)


def orf_rule(
    genome: Genome, code: GeneticCode, minimum: int = 300, regions: Iterable[Stretch] | None = None
) -> list[Gene]:
    """Return the longest open reading frames as single-exon genes.

    An open reading frame goes from the first ATG after a stop codon to the next stop codon of its frame, both inside.
    Frames of both strands compete: the longest is taken, those that share a base with it are dropped, and so on;
    of two equally long the one that begins first on the forward strand wins.

    Parameters
    ----------
    genome
        Softmasking is not regarded.
    code
        Gives the stop codons.
    minimum
        Bases of the shortest frame, its stop codon included.
    regions
        Only there, each read as a sequence of its own; the whole genome if None.
    """
    genes = []
    stretches = [(seqid, 0, None) for seqid in genome.lengths] if regions is None else list(regions)
    for seqid, start, end in stretches:
        codes = genome.codes(seqid, start, end)
        for left, right, strand in longest_first(open_frames(codes, code, minimum)):
            where = (start + left, start + right)
            name = f"{seqid}.orf{where[0] + 1}"
            genes.append(Gene(name, seqid, strand, (Transcript(f"{name}.t1", (where,), (where,)),)))
    return genes


def open_frames(codes: Codes, code: GeneticCode, minimum: int) -> list[tuple[int, int, str]]:
    """Return (start, end, strand) of every open reading frame of at least `minimum` bases, both strands."""
    starts = np.zeros_like(code.is_start)
    for codon in code.canonical_starts:
        starts[codon_numbers(encode(codon))] = True
    found = []
    for strand, bases in (("+", codes), ("-", reverse_complement(codes))):
        for frame in range(3):
            numbers = codon_numbers(bases[frame:])
            for first, last in _frames(starts[numbers], code.is_stop[numbers], minimum):
                left, right = frame + 3 * first, frame + 3 * last
                if strand == "-":
                    left, right = len(codes) - right, len(codes) - left
                found.append((left, right, strand))
    return found


def longest_first(frames: Iterable[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Return disjoint intervals, chosen greedily by length, in ascending order."""
    taken: list[tuple[int, int, str]] = []
    for frame in sorted(frames, key=lambda f: (f[0] - f[1], f)):
        index = bisect_left(taken, frame)
        clear_left = index == 0 or taken[index - 1][1] <= frame[0]
        if clear_left and (index == len(taken) or taken[index][0] >= frame[1]):
            insort(taken, frame)
    return taken


def augustus_missing() -> str | None:
    """Return why AUGUSTUS cannot be run here, or None."""
    if shutil.which("augustus"):
        return None
    return "AUGUSTUS is not installed (Debian: apt-get install augustus; bioconda: augustus): its row is left out"


def augustus(
    genome: Genome,
    species: str,
    regions: Sequence[Stretch] | None = None,
    *,
    options: Sequence[str] = (),
    jobs: int | None = None,
) -> list[Gene]:
    """Return the genes that AUGUSTUS predicts, one process a core, each sequence (or region) by itself.

    Parameters
    ----------
    genome
        Where to look.
    species
        AUGUSTUS's name of its parameters (`augustus --species=help`), or of retrained ones in $AUGUSTUS_CONFIG_PATH.
    regions
        Only there; the whole genome if None.
    options
        More options, for example ("--sample=0", "--UTR=off"), which is several times faster and leaves out
        posterior probabilities, or ("--softmasking=0",).
    jobs
        Processes at a time; all cores if None.

    Returns
    -------
    list of Gene
        Stop codons inside the coding sequence, IDs unique in the genome.

    Raises
    ------
    InputError
        AUGUSTUS is missing, does not know the species, or fails.
    """
    if reason := augustus_missing():
        raise InputError(reason, where="augustus", remedy="install it or leave this baseline out")
    wanted = [(seqid, 0, None) for seqid in genome.lengths] if regions is None else list(regions)
    stretches = [(seqid, start, genome.lengths[seqid] if end is None else end) for seqid, start, end in wanted]
    with tempfile.TemporaryDirectory(prefix="augustus.") as folder:

        def predict(number: int) -> list[Gene]:
            return _augustus_stretch(genome, species, stretches[number], options, Path(folder) / str(number))

        # The longest first, so that no core waits for it at the end.
        order = sorted(range(len(stretches)), key=lambda i: stretches[i][1] - stretches[i][2])
        with ThreadPoolExecutor(jobs or os.cpu_count()) as pool:
            done = tqdm(pool.map(predict, order), total=len(order), unit="sequence", disable=None)
            found = dict(zip(order, done, strict=True))
    return [gene for number in range(len(stretches)) for gene in found[number]]


def _frames(starts: NDArray[np.bool_], stops: NDArray[np.bool_], minimum: int) -> Iterator[tuple[int, int]]:
    """Yield (first codon, one past the stop codon) of the frames between consecutive stops."""
    at_stop = np.flatnonzero(stops)
    at_start = np.flatnonzero(starts)
    if not len(at_start):
        return
    previous = np.append(-1, at_stop[:-1])
    index = np.searchsorted(at_start, previous, side="right")
    first = at_start[np.minimum(index, len(at_start) - 1)]
    long_enough = (index < len(at_start)) & (3 * (at_stop + 1 - first) >= minimum) & (first < at_stop)
    yield from zip(first[long_enough].tolist(), (at_stop[long_enough] + 1).tolist(), strict=True)


def _augustus_stretch(
    genome: Genome, species: str, stretch: tuple[str, int, int], options: Sequence[str], folder: Path
) -> list[Gene]:
    seqid, start, end = stretch
    folder.mkdir()
    fasta, output = folder / "sequence.fa", folder / "augustus.gff3"
    write_fasta(fasta, [("s", genome.codes(seqid, start, end))])
    fixed = ["--gff3=on", "--stopCodonExcludedFromCDS=false", "--uniqueGeneId=false", "--outfile=" + str(output)]
    command = ["augustus", f"--species={species}", *fixed, *options, str(fasta)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not output.exists():
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise InputError(f"AUGUSTUS failed on {seqid}: {last}", where=species, remedy="see augustus --species=help")
    return [_shifted(gene, seqid, start) for gene in read_genes(output)]


def _shifted(gene: Gene, seqid: str, offset: int) -> Gene:
    """Return a gene found on a cut-out stretch in the coordinates and names of its sequence."""

    def move(parts: tuple[Interval, ...]) -> tuple[Interval, ...]:
        return tuple((start + offset, end + offset) for start, end in parts)

    prefix = f"{seqid}:{offset + 1}." if offset else f"{seqid}."
    transcripts = tuple(replace(t, id=prefix + t.id, exons=move(t.exons), cds=move(t.cds)) for t in gene.transcripts)
    return replace(gene, id=prefix + gene.id, seqid=seqid, transcripts=transcripts)
