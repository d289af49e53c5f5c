"""Bake one batch of sequences into shards, statistics and a gene index, atomically.

A folder of a batch holds

* `train-00000.tar`, ...: windows (see `genescribe.data.shards`), `windows.npy`: where each stands;
* `index.json`: gene -> its windows and shards, or why it stands in none;
* `stats.json`: see `genescribe.bake.stats`; `proteins.npy`: word hashes for the search for homologues;
* `bake.json`: every parameter, and digests of what went in and what came out.

The same genes, bases, parameters and seed give the same bytes, wherever the files lie.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from tqdm import tqdm

from genescribe.bake.baker import GENES, PROTEINS, Baker
from genescribe.bake.config import BakeJob
from genescribe.bake.leakage import Sketch, leakage
from genescribe.data.shards import MANIFEST, SPLITS, ShardWriter
from genescribe.errors import InputError
from genescribe.files import atomic_directory, read_json
from genescribe.genome.alphabet import Codes
from genescribe.genome.catalogue.database import Catalogue
from genescribe.genome.catalogue.tables import Rejected
from genescribe.genome.fasta import Genome
from genescribe.genome.model import Gene


class SequenceBaker(Protocol):
    """Converts sequences with their genes into the training data of a family, one sequence at a time.

    Attributes
    ----------
    target
        Value of `BakeConfig.target` that selects this class.
    """

    target: ClassVar[str]

    def __init__(
        self, job: BakeJob, lengths: Mapping[str, int], loci: Mapping[str, Sequence[int]] | None = None
    ) -> None: ...

    def writing(self, folder: Path) -> ShardWriter:
        """Begin to write into an empty folder."""

    def add(self, seqid: str, codes: Codes, genes: Sequence[Gene], rejected: Sequence[Rejected] = ()) -> None:
        """Bake a sequence with all its genes.

        Parameters
        ----------
        seqid
            Name of the sequence.
        codes : (n,) uint8
            Its base codes, softmask bit included.
        genes
            All usable genes of the catalogue on it, in any order.
        rejected
            Spans of the genes that the catalogue rejected.
        """

    def finish(self) -> dict[str, Any]:
        """Write the index and the statistics; return the statistics."""


def bake_batch(
    catalogue: str | Path,
    fasta: str | Path,
    job: BakeJob,
    seqids: Sequence[str],
    target: str | Path,
    baker_class: type[SequenceBaker] = Baker,
) -> dict[str, Any]:
    """Bake some sequences of a genome into the folder `target`; return the contents of its `stats.json`.

    Parameters
    ----------
    catalogue, fasta
        The genome's catalogue and sequences.
    job
        Windows, splits, masks. Sequences of the genome that are not in `seqids` are left to other batches.
    seqids
        Sequences of this batch. There may be none: the number of batches is fixed before the sequences are known.
    target
        Folder to write; made in one step.
    baker_class
        The class for the target of `job`: `genescribe.families.baker_class`.

    Raises
    ------
    InputError
        A parameter or split that makes no sense, or a file that cannot be read.
    """
    genome = Genome.open(fasta)
    if baker_class.target != job.bake.target:
        raise ValueError(f"{baker_class.__name__} writes {baker_class.target}, not {job.bake.target}")
    genes: dict[str, list[Gene]] = {seqid: [] for seqid in seqids}
    rejected: dict[str, list[Rejected]] = {seqid: [] for seqid in seqids}
    contents = Catalogue(catalogue)
    _check_match(contents, genome, job)
    baker = baker_class(job, genome.lengths, contents.middles())
    for gene in contents.genes(seqids):
        genes[gene.seqid].append(gene)
    for seqid, code in contents.genetic_codes.items():
        # A model reads with one genetic code: what an organelle's genes say, it must not learn.
        for gene in genes.get(seqid, []):
            place = (gene.start, gene.end, gene.strand)
            rejected[seqid].append(Rejected(gene.id, None, seqid, *place, f"genetic code {code}", 0, ""))
        genes[seqid] = []
    for item in contents.rejected():
        if item.seqid in rejected:
            rejected[item.seqid].append(item)
    with atomic_directory(target) as folder:
        total = sum(genome.lengths[seqid] for seqid in seqids)
        with baker.writing(folder), tqdm(total=total, unit="b", unit_scale=True, desc="bake", disable=None) as bar:
            for seqid in seqids:
                baker.add(seqid, genome.codes(seqid), genes[seqid], rejected[seqid])
                bar.update(genome.lengths[seqid])
        return baker.finish()


def _check_match(catalogue: Catalogue, genome: Genome, job: BakeJob) -> None:
    if catalogue.sequences() != genome.lengths:
        raise InputError(
            "the catalogue belongs to another genome", where=catalogue.path, remedy="build it from this FASTA file"
        )
    if catalogue.genetic_code.number != job.genetic_code:
        raise InputError(
            f"the catalogue was checked with genetic code {catalogue.genetic_code.number}, not {job.genetic_code}",
            where=catalogue.path,
            remedy="give both the same",
        )


def homologues_across_splits(folders: Iterable[str | Path]) -> dict[str, Any]:
    """Return the homologous genes on different sides of the splits of baked folders, of one genome or several.

    Parameters
    ----------
    folders
        Folders that `bake_batch` wrote.

    Returns
    -------
    dict
        See `genescribe.bake.leakage.leakage`; genes are named `genome:gene`.

    Raises
    ------
    InputError
        A folder was not baked.
    """
    proteins: dict[str, list[tuple[str, Sketch]]] = {split: [] for split in SPLITS}
    for folder in map(Path, folders):
        try:
            for split, genome, gene, words in read_proteins(folder):
                proteins[split].append((f"{genome}:{gene}", words))
        except FileNotFoundError as error:
            raise InputError(
                f"no {Path(error.filename).name}", where=folder, remedy="give a folder written by bake"
            ) from None
    return leakage(proteins)


def describe_homologues(folders: Sequence[str | Path]) -> list[str]:
    """Return a line for the log on homologous genes across the splits of baked folders, and the closest pairs.

    Nothing is said of folders that hold no proteins, such as prompts.
    """
    if not all((Path(folder) / PROTEINS).is_file() for folder in folders):
        return []
    homologues = homologues_across_splits(folders)
    if not homologues["shared"]:
        return ["no homologous genes on two sides of the splits"]
    shared = ", ".join(
        f"{count:,} genes of {pair.replace('/', ' have one in ')}" for pair, count in homologues["shared"].items()
    )
    closest = "; ".join(f"{' ~ '.join(pair['genes'])} ({pair['share']})" for pair in homologues["pairs"][:3])
    return [f"homologous genes on two sides of the splits: {shared}; closest {closest}"]


def read_proteins(folder: Path) -> Iterator[tuple[str, str, str, Sketch]]:
    """Yield split, genome, gene and word hashes of a folder's proteins."""
    index = read_json(folder / GENES)
    genome = read_json(folder / MANIFEST)["job"]["genome"]
    names = sorted(index)
    words = np.load(folder / PROTEINS, allow_pickle=False)
    for rows in np.split(words, np.flatnonzero(np.diff(words["gene"].astype(np.int64))) + 1):
        if len(rows):
            name = names[rows["gene"][0]]
            yield index[name]["splits"][0], genome, name, rows["word"]
