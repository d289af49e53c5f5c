"""Annotate many loci: batches, a journal for resuming, a growing GFF3, and the final output files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader
from tqdm import tqdm

from genescribe import __version__
from genescribe.data.batching import pack
from genescribe.errors import InputError
from genescribe.files import read_json, write_json, write_text
from genescribe.generate.annotation.annotate import LocusResult, LocusWindow
from genescribe.generate.loci.loci import LocusDataset
from genescribe.generate.loci.tiles import genes_apart
from genescribe.genome.annotation.gff3 import SOURCE, gff3_rows, read_genes, write_gff3
from genescribe.genome.model import Gene, Transcript

Annotate = Callable[[Sequence[LocusWindow]], list[LocusResult]]
REJECT_KEYS = ("gm_id", "chrom", "start", "end", "strand", "pred_raw", "pred_clean", "error")
PART = ".part"
"""Behind the name of the output: the GFF3 of a run that is not finished."""


class Journal:
    """Results of finished batches, on disk: a file of lines, and a checkpoint that says how much of it counts.

    Parameters
    ----------
    checkpoint
        JSON file; the lines are next to it, in `<checkpoint>.results`.
    fingerprint
        Digest of all that the results depend on. A checkpoint of another fingerprint is refused.
    resume
        Resume from the checkpoint, if there is one; otherwise start afresh.

    Raises
    ------
    InputError
        The checkpoint is of other inputs, another model or other options.
    """

    def __init__(self, checkpoint: str | Path, fingerprint: str, *, resume: bool) -> None:
        self.checkpoint = Path(checkpoint)
        self.lines = self.checkpoint.with_name(self.checkpoint.name + ".results")
        self.fingerprint, self.batches, self._size = fingerprint, 0, 0
        self.counts: dict[str, int] | None = None
        """Loci by status, of a run that is finished."""
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        if resume and self.checkpoint.exists():
            state = read_json(self.checkpoint)
            if state.get("fingerprint") != fingerprint:
                raise InputError(
                    "the checkpoint is of other inputs, another model or other options",
                    where=self.checkpoint,
                    remedy="run without --resume to start afresh, or give another --checkpoint_path",
                )
            self.batches, self._size = state["batches"], state["bytes"]
            self.counts = state.get("finished")

    def restart(self) -> None:
        """Discard all results."""
        self.batches, self._size, self.counts = 0, 0, None

    def add(self, results: Iterable[tuple[int, LocusResult]]) -> None:
        """Keep the results of a batch, each with the number of its locus."""
        self.lines.touch()
        with self.lines.open("r+b") as handle:
            # What a killed run wrote after its last checkpoint does not count.
            handle.truncate(self._size)
            handle.seek(self._size)
            for number, result in results:
                handle.write(json.dumps([number, asdict(result)]).encode() + b"\n")
            handle.flush()
            os.fsync(handle.fileno())
            self.batches, self._size = self.batches + 1, handle.tell()
        write_json(self.checkpoint, {"fingerprint": self.fingerprint, "batches": self.batches, "bytes": self._size})

    def results(self) -> list[LocusResult]:
        """Return all results, in the order of the loci."""
        return [result for _, result in sorted(self.numbered(), key=lambda pair: pair[0])]

    def numbered(self) -> list[tuple[int, LocusResult]]:
        """Return all results as they came, each with the number of its locus."""
        if not self._size:
            return []
        rows = [json.loads(line) for line in self.lines.read_bytes()[: self._size].splitlines()]
        return [(int(number), _result(row)) for number, row in rows]

    def finish(self, counts: Mapping[str, int]) -> None:
        """Remember that the results are written; they are no longer kept here."""
        state = {"fingerprint": self.fingerprint, "batches": self.batches, "bytes": 0, "finished": dict(counts)}
        write_json(self.checkpoint, state)
        self.lines.unlink(missing_ok=True)


class GrowingAnnotation:
    """The GFF3 of the batches that are done, beside the output, so that users see the genes of a run so far.

    Parameters
    ----------
    output
        The output; the file has its name and `PART`.
    lengths
        Bases of each sequence.
    gm_key, source
        See `write_results`.
    """

    def __init__(self, output: str | Path, lengths: Mapping[str, int], gm_key: str, source: str) -> None:
        self.path = Path(f"{output}{PART}")
        self._lengths, self._gm_key, self._source = lengths, gm_key, source

    def begin(self, done: Iterable[tuple[int, LocusResult]]) -> None:
        """Write the results of the batches from which a run resumes."""
        write_gff3(self.path, [], self._lengths, [f"genescribe {__version__}: unfinished"])
        self.add(done)

    def add(self, results: Iterable[tuple[int, LocusResult]]) -> None:
        """Add the results of a batch, each with the number of its locus."""
        genes = [gene for number, result in results for gene in _named(result, number + 1, self._gm_key)]
        with self.path.open("a", encoding="utf-8") as handle:
            handle.write(gff3_rows(genes, source=self._source, repeated=(self._gm_key,)))

    def remove(self) -> None:
        """Remove the file, once the output is written."""
        self.path.unlink(missing_ok=True)


def annotate_loci(
    dataset: LocusDataset,
    annotate: Annotate,
    journal: Journal,
    growing: GrowingAnnotation,
    *,
    batch_size: int = 1,
    num_workers: int = 0,
    prefetch_factor: int = 2,
) -> list[LocusResult]:
    """Annotate all loci of a database, from where the journal stands.

    Batches hold loci of like length; results come back in the order of the loci.

    Parameters
    ----------
    dataset
        Loci of a database.
    annotate
        Annotates the loci of a batch.
    journal
        Keeps what is done, so that a run resumes.
    growing
        Gets the results of each batch as it is done.
    batch_size
        Number of loci in a batch.
    num_workers
        Processes that read loci; 0: this one.
    prefetch_factor
        Batches that each of them reads in advance.
    """
    batches = pack(dataset.lengths, size=batch_size)
    waiting = batches[journal.batches :]
    workers: dict[str, Any] = {"num_workers": num_workers}
    if num_workers:
        workers |= {"prefetch_factor": prefetch_factor, "multiprocessing_context": "spawn"}
    loader = DataLoader(dataset, batch_sampler=waiting, collate_fn=list, **workers)
    done = sum(map(len, batches[: journal.batches]))
    growing.begin(journal.numbered())
    with tqdm(total=len(dataset), initial=done, desc="annotate", unit="locus", disable=None) as bar:
        for numbers, loci in zip(waiting, loader, strict=True):
            results = list(zip(numbers, annotate(loci), strict=True))
            journal.add(results)
            growing.add(results)
            bar.update(len(numbers))
    return journal.results()


def write_results(
    output: str | Path,
    rejects: str | Path,
    results: Sequence[LocusResult],
    lengths: Mapping[str, int],
    provenance: Mapping[str, Any],
    merge_into: str | Path | None = None,
    gm_key: str = "GM",
    source: str = SOURCE,
) -> dict[str, int]:
    """Write GFF3 and rejects; return how many loci were accepted, repaired, rejected, and failed.

    Parameters
    ----------
    output
        GFF3. Every row names the gene that the locus was given as, under `gm_key`.
    rejects
        JSON lines with the keys `REJECT_KEYS`: start and end of what was read, 0-based half-open; the strand on which
        it was read, to which `pred_raw` belongs; `pred_clean` is on the forward strand. Where a locus was read in
        several windows, they stand under `windows`.
    results
        Results of all loci, in their order.
    lengths
        Bases of each sequence.
    provenance
        Lines at the top of the GFF3.
    merge_into
        An annotation whose genes are written instead, each with the transcripts that it lacks.
    gm_key
        GFF3 keeps attributes that begin with a capital for itself; ``gm`` passes strict validators.
    source
        Text of column 2 of the GFF3 file.
    """
    genes = [gene for number, result in enumerate(results, 1) for gene in _named(result, number, gm_key)]
    if merge_into is not None:
        genes = merged(read_genes(merge_into), genes, gm_key)
    header = [f"genescribe {__version__}", *(f"{key}: {value}" for key, value in provenance.items())]
    write_gff3(output, genes, lengths, header, source=source, repeated=(gm_key,))
    write_text(rejects, "".join(json.dumps(_reject(result)) + "\n" for result in results if result.gene is None))
    counts = {status: sum(r.status == status for r in results) for status in ("accepted", "repaired", "rejected")}
    return counts | {"failed": sum(result.failed for result in results)}


def _reject(result: LocusResult) -> dict[str, object]:
    start, end = result.windows[0][0], result.windows[-1][1]
    values = (
        result.id, result.seqid, start, end, result.strand, result.raw, result.clean, result.reason
    )  # fmt: skip
    row: dict[str, object] = dict(zip(REJECT_KEYS, values, strict=True))
    return row | ({"windows": result.windows} if len(result.windows) > 1 else {})


def _named(result: LocusResult, number: int, gm_key: str) -> list[Gene]:
    """Return a result's genes with IDs of their own, and where they come from."""
    if result.gene is None:
        return []
    identifier = f"gs{number:06d}"
    transcripts = tuple(replace(t, id=f"{identifier}.t{n}") for n, t in enumerate(result.gene.transcripts, 1))
    attributes = {gm_key: result.id} | ({"Note": f"repaired: {result.reason}"} if result.status == "repaired" else {})
    return genes_apart(replace(result.gene, id=identifier, transcripts=transcripts, attributes=attributes))


def merged(known: Sequence[Gene], written: Sequence[Gene], gm_key: str = "GM") -> list[Gene]:
    """Return the given genes, each with the transcripts found for it that it lacks; and the other found genes.

    Found genes name the given one in their attribute `gm_key`. A found transcript is new where no transcript of the
    gene has its exons and coding sequence.

    Parameters
    ----------
    known
        Genes of an annotation.
    written
        Genes that were written for them.
    gm_key
        Attribute of a found gene that names the given one.
    """
    by_name: dict[str, list[Gene]] = {}
    for gene in written:
        by_name.setdefault(gene.attributes.get(gm_key, ""), []).append(gene)
    result = []
    for gene in known:
        have = {(t.exons, t.cds) for t in gene.transcripts}
        new = []
        for gene_found in by_name.pop(gene.id, []):
            if (gene_found.seqid, gene_found.strand) == (gene.seqid, gene.strand):
                new += [t for t in gene_found.transcripts if (t.exons, t.cds) not in have]
            else:
                result.append(gene_found)
        ordered = sorted([*gene.transcripts, *new], key=lambda t: (t.start, t.end, t.id))
        result.append(replace(gene, transcripts=tuple(ordered)))
    return result + [gene for genes in by_name.values() for gene in genes]


def _result(row: Mapping[str, Any]) -> LocusResult:
    row = {**row, "windows": tuple(map(tuple, row["windows"]))}
    gene = row["gene"]
    if gene is None:
        return LocusResult(**row)
    transcripts = tuple(
        Transcript(**{**t, "exons": tuple(map(tuple, t["exons"])), "cds": tuple(map(tuple, t["cds"]))})
        for t in gene["transcripts"]
    )
    return LocusResult(**{**row, "gene": Gene(**{**gene, "transcripts": transcripts})})
