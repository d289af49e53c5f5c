"""Write the windows of one sequence after another into the shards, index and statistics of a folder."""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from genescribe import __version__
from genescribe.bake.config import BakeJob
from genescribe.bake.leakage import Sketch, sketch
from genescribe.bake.splits import SplitRegion
from genescribe.bake.stats import BakeStats
from genescribe.bake.windows import Strand, Tile, chance, label_strands, tiles, turn, window_key
from genescribe.config import to_mapping
from genescribe.data.runs import IGNORE, Runs, cut
from genescribe.data.sample import Sample, WindowMeta
from genescribe.data.shards import MANIFEST, ShardWriter
from genescribe.errors import InputError
from genescribe.files import sha256, write_json, write_records
from genescribe.genome.alphabet import Codes
from genescribe.genome.catalogue.tables import Rejected
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Gene, Interval
from genescribe.labels.decode import coding_codes
from genescribe.labels.schemes import SCHEMES, LabelScheme

STATS, GENES, PROTEINS = "stats.json", "index.json", "proteins.npy"
WORDS = np.dtype([("gene", "<u4"), ("word", "<u8")])


class Baker:
    """Windows of one sequence after another.

    Parameters
    ----------
    job
        Options: windows, splits, and what is masked.
    lengths
        Bases of every sequence of the genome, for the splits.

    Raises
    ------
    InputError
        A parameter or split that makes no sense.
    """

    target: ClassVar[str] = "labels"

    def __init__(
        self, job: BakeJob, lengths: Mapping[str, int], loci: Mapping[str, Sequence[int]] | None = None
    ) -> None:
        del loci  # Splits are given.
        self.job, self.config = job, job.bake
        self.scheme = _scheme(job)
        self.code = GeneticCode.from_table(job.genetic_code)
        for seqid in job.skip:
            if seqid not in lengths:
                raise InputError(f"no sequence {seqid!r} to skip", where="skip", remedy="correct the name")
        usable = {seqid: length for seqid, length in lengths.items() if seqid not in job.skip}
        self.regions = job.splits.regions(usable)
        if not self.regions:
            raise InputError(
                f"genome {job.genome!r} has no splits", where="splits", remedy='name sequences, or give train: ["*"]'
            )
        self.stats = BakeStats(self.scheme.name, self.scheme.names)
        self.index: dict[str, dict[str, Any]] = {}
        self.sketches: dict[str, Sketch] = {}
        self.inputs: dict[str, dict[str, str]] = {}

    def writing(self, folder: Path) -> ShardWriter:
        """Begin to write into an empty folder."""
        self.folder, self.writer = folder, ShardWriter(folder, self.config.windows_per_shard)
        return self.writer

    def add(self, seqid: str, codes: Codes, genes: Sequence[Gene], rejected: Sequence[Rejected] = ()) -> None:
        """Bake a sequence with all its genes; mask those that the catalogue rejected; see `SequenceBaker.add`."""
        digests = {"sequence": codes.tobytes(), "genes": repr(genes).encode(), "rejected": repr(rejected).encode()}
        self.inputs[seqid] = {name: hashlib.sha256(data).hexdigest() for name, data in digests.items()}
        for gene in genes:
            self._enter(gene.id, seqid, gene.strand, gene.start, gene.end)
        unknown: list[tuple[str, Interval]] = []
        for item in rejected:
            if item.gene is None or item.gene in self.index or item.start is None or item.end is None:
                continue
            unknown.append((item.strand or ".", (item.start, item.end)))
            self._enter(item.gene, seqid, item.strand, item.start, item.end, f"catalogue: {item.reason}")
            self.stats.rejected[f"catalogue: {item.reason}"] += 1
        strands = label_strands(codes, genes, self.scheme, self.code, mask_ends=self.job.mask_ends, unknown=unknown)
        for strand in strands:
            for problem in strand.encoded.problems:
                self.index[problem.gene_id]["reason"] = problem.reason
        for region in self.regions.get(seqid, []):
            for strand in strands:
                self._add_region(seqid, region, strand)
        for strand in strands:
            self._account(strand)

    def _enter(
        self, gene: str, seqid: str, strand: str | None, start: int, end: int, reason: str | None = None
    ) -> None:
        place = {"seqid": seqid, "strand": strand, "start": start, "end": end}
        self.index[gene] = {**place, "splits": [], "windows": [], "reason": reason}

    def _add_region(self, seqid: str, region: SplitRegion, strand: Strand) -> None:
        length, runs = len(strand.codes), strand.encoded.runs
        grid = tiles(region.start, region.end, self.config.window, self.config.overlap)
        holds = _genes_of_tiles(grid, strand)
        stats = self.stats.splits[region.split]
        start, end = turn(region.start, region.end, length, strand.strand)
        stats.add_region(runs, start, end)
        for tile, genes in zip(grid, holds, strict=True):
            start, end = turn(tile.start, tile.end, length, strand.strand)
            labels = self.scheme.shifted(cut(runs, start, end), start)
            key = window_key(self.job.genome, seqid, tile, strand.strand)
            reason = self._unwanted(labels, region.split, key)
            if reason is not None:
                stats.dropped[reason] += 1
                continue
            meta = WindowMeta(
                self.job.genome,
                seqid,
                strand.strand,
                tile.start,
                tile.end,
                region.split,
                left_censored=start > 0,
                right_censored=end < length,
                genes=tuple(genes),
                core=(tile.core_start, tile.core_end),
            )
            shard = self.writer.add(Sample(key, strand.codes[start:end], labels, meta))
            stats.add_window(labels, meta.core_slice)
            for gene in genes:
                entry = self.index[gene]
                entry["windows"].append([shard, key])
                if region.split not in entry["splits"]:
                    entry["splits"].append(region.split)

    def _unwanted(self, labels: Runs, split: str, key: str) -> str | None:
        """Return why a window is not written, or None."""
        if (labels[:, 1] == IGNORE).all():
            return "all masked"
        # Only training windows are chosen among: what is measured must be the whole sequence.
        if split == "train" and self.config.empty_rate < 1:
            empty = np.isin(labels[:, 1], (IGNORE, self.scheme.background)).all()
            if empty and chance(self.config.seed, key) >= self.config.empty_rate:
                return "no gene"
        return None

    def _account(self, strand: Strand) -> None:
        """Record the fate of each gene of a strand."""
        for gene in strand.genes:
            entry = self.index[gene.id]
            if entry["windows"]:
                name = entry["splits"][0] if len(entry["splits"]) == 1 else "in two splits"
                self.stats.genes[name] += 1
                if len(entry["splits"]) == 1:
                    transcript = strand.encoded.placed[gene.id]
                    self.stats.splits[name].lengths.add(transcript)
                    coding = coding_codes(transcript, strand.codes)
                    self.sketches[gene.id] = sketch(self.code.translate(coding))
            elif entry["reason"] is None:
                usable = entry["seqid"] in self.regions
                entry["reason"] = "masked or in no split" if usable else "its sequence is in no split"
            if entry["reason"] is not None:
                self.stats.rejected[entry["reason"]] += 1

    def finish(self) -> dict[str, Any]:
        """Write the index, the statistics and the manifest; return the statistics."""
        self.writer.finish()
        stats = self.stats.to_json()
        write_records(self.folder / STATS, stats)
        write_records(self.folder / GENES, self.index)
        np.save(self.folder / PROTEINS, word_rows(self.index, self.sketches), allow_pickle=False)
        digests = {path.name: sha256(path) for path in sorted(self.folder.iterdir())}
        manifest = {"version": __version__, "job": to_mapping(self.job), "inputs": self.inputs, "outputs": digests}
        write_json(self.folder / MANIFEST, manifest)
        return stats


def word_rows(index: Collection[str], sketches: Mapping[str, Sketch]) -> NDArray[Any]:
    """Return the word hashes of proteins, each with its gene's place in the sorted index."""
    known = [(number, sketches[gene]) for number, gene in enumerate(sorted(index)) if gene in sketches]
    words = np.zeros(sum(len(hashes) for _, hashes in known), dtype=WORDS)
    if known:
        words["gene"] = np.repeat([number for number, _ in known], [len(hashes) for _, hashes in known])
        words["word"] = np.concatenate([hashes for _, hashes in known])
    return words


def _scheme(job: BakeJob) -> LabelScheme:
    if job.bake.scheme not in SCHEMES:
        raise InputError(
            f"no label scheme {job.bake.scheme!r}", where="bake.scheme", remedy=f"known: {', '.join(SCHEMES)}"
        )
    if job.bake.overlap >= job.bake.window:
        raise InputError(
            f"an overlap of {job.bake.overlap} in windows of {job.bake.window}",
            where="bake.overlap",
            remedy="make it smaller than the window",
        )
    return SCHEMES[job.bake.scheme].configured(job.bake.gene)


def _genes_of_tiles(grid: Sequence[Tile], strand: Strand) -> list[list[str]]:
    """Return, for each window, the genes of which it holds labels that are not masked."""
    length = len(strand.codes)
    starts, ends = [tile.start for tile in grid], [tile.end for tile in grid]
    holds: list[list[str]] = [[] for _ in grid]
    for identifier, transcript in strand.encoded.placed.items():
        start, end = turn(transcript.start, transcript.end, length, strand.strand)
        for place in range(bisect_right(ends, start), bisect_left(starts, end)):
            a, b = turn(max(start, starts[place]), min(end, ends[place]), length, strand.strand)
            if (cut(strand.encoded.runs, a, b)[:, 1] != IGNORE).any():
                holds[place].append(identifier)
    return holds
