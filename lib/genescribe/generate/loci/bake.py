"""Bake the loci of one sequence after another: windows with gene sentences, in shards and a DuckDB of loci.

`loci.duckdb` of a folder has one table, ``loci``: key, species, gene, seqid, strand, start, end (the gene),
window_start, window_end, sentence (relative to the window), transcripts, features, tokens, split, shard.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import numpy as np

from genescribe import __version__
from genescribe.bake.baker import GENES, PROTEINS, STATS, word_rows
from genescribe.bake.config import BakeJob
from genescribe.bake.leakage import Sketch, sketch
from genescribe.bake.shares import by_shares
from genescribe.bake.splits import SplitRegion
from genescribe.bake.windows import Tile, window_key
from genescribe.config import to_mapping
from genescribe.data.runs import IGNORE, outside
from genescribe.data.sample import Sample, WindowMeta
from genescribe.data.shards import MANIFEST, SPLITS, ShardWriter
from genescribe.errors import InputError
from genescribe.evidence.junctions import Junctions, read_junctions
from genescribe.files import read_json, sha256, write_json
from genescribe.generate.loci.tiles import TileWindow, tile_windows
from genescribe.generate.loci.windows import place_window
from genescribe.generate.text import tokenizer
from genescribe.generate.text.sentence import GeneSentence, SentenceError, expressible_part, sentence_of
from genescribe.genome.alphabet import Codes, reverse_complement
from genescribe.genome.catalogue.tables import Rejected
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.intervals import union
from genescribe.genome.model import Gene, Interval, mirror
from genescribe.labels.decode import coding_codes, validate_gene

LOCI = "loci.duckdb"
_TABLE = """CREATE TABLE loci ("key" VARCHAR, species VARCHAR, gene VARCHAR, seqid VARCHAR, strand VARCHAR,
    "start" INTEGER, "end" INTEGER, window_start INTEGER, window_end INTEGER, sentence VARCHAR,
    transcripts INTEGER, features INTEGER, tokens INTEGER, split VARCHAR, shard VARCHAR)"""


class SentenceBaker:
    """Loci of one sequence after another; to be used as `genescribe.bake.baker.Baker` is.

    Parameters
    ----------
    job
        Windows, splits. A genome without splits is divided 75 : 10 : 15; see `by_shares`.
    lengths
        Bases of every sequence of the genome.
    loci
        Places of the genes of every sequence.
    """

    target: ClassVar[str] = "sentences"

    def __init__(
        self, job: BakeJob, lengths: Mapping[str, int], loci: Mapping[str, Sequence[int]] | None = None
    ) -> None:
        self.job, self.config = job, job.bake.loci
        self.code = GeneticCode.from_table(job.genetic_code)
        usable = {seqid: length for seqid, length in lengths.items() if seqid not in job.skip}
        if unknown := set(job.skip) - set(lengths):
            raise InputError(f"no sequence {min(unknown)!r} to skip", where="skip", remedy="correct the name")
        self.regions = job.splits.regions(usable) or by_shares(usable, seed=job.bake.seed, loci=loci)
        self.index: dict[str, dict[str, Any]] = {}
        self.inputs: dict[str, dict[str, str]] = {}
        self.rejected: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        self.splits = {split: Counter[str]() for split in SPLITS}
        self.junctions = Junctions()
        if job.hints is not None:
            self.junctions = read_junctions(job.hints, lengths, job.hints_source)
        self._sketches: dict[str, Sketch] = {}
        self._rows: list[tuple[Any, ...]] = []
        self._empty: set[str] = set()
        self._strands: dict[str, Codes] = {}

    def writing(self, folder: Path) -> ShardWriter:
        """Begin to write into an empty folder."""
        self.folder, self.writer = folder, ShardWriter(folder, self.job.bake.windows_per_shard)
        return self.writer

    def add(self, seqid: str, codes: Codes, genes: Sequence[Gene], rejected: Sequence[Rejected] = ()) -> None:
        """Bake the loci of a sequence; every gene ends in the index, in a window or with the reason why not.

        For the arguments see `SequenceBaker.add`.
        """
        digests = {"sequence": codes.tobytes(), "genes": repr(genes).encode(), "rejected": repr(rejected).encode()}
        self.inputs[seqid] = {name: hashlib.sha256(data).hexdigest() for name, data in digests.items()}
        self._strands = {"+": codes, "-": reverse_complement(codes)}
        known = {gene.id for gene in genes}
        for item in rejected:
            if item.gene is not None and item.gene not in known:
                place = {"seqid": seqid, "strand": item.strand, "start": item.start, "end": item.end}
                self._reject(item.gene, place, f"catalogue: {item.reason}")
        if self.config.tile_step:
            lost = [item for item in rejected if item.gene not in known]
            for strand in "+-":
                here = [
                    (r.start, r.end) for r in lost if r.strand == strand and r.start is not None and r.end is not None
                ]
                self._bake_tiles(seqid, codes, [gene for gene in genes if gene.strand == strand], here, strand)
            return
        for gene in genes:
            place = place_of(gene)
            reason = self._bake(gene, codes, place)
            if reason is not None:
                self._reject(gene.id, place, reason)
        if self.config.empty:
            occupied = [(gene.start, gene.end) for gene in genes]
            occupied += [(r.start, r.end) for r in rejected if r.start is not None and r.end is not None]
            self._bake_empty(seqid, codes, occupied)

    def _reject(self, gene: str, place: dict[str, Any], reason: str) -> None:
        self.index[gene] = {**place, "splits": [], "windows": [], "reason": reason}
        self.rejected[reason] += 1

    def _bake(self, gene: Gene, codes: Codes, place: dict[str, Any]) -> str | None:
        """Write the window of a gene, or return why it has none."""
        part, left_out = self._part(gene, codes)
        if part is None:
            return left_out[0]
        region = self._region(gene)
        if region is None:
            return self._outside(gene.seqid)
        window = place_window(
            gene.start,
            gene.end,
            (region.start, region.end),
            flank=self.config.flank,
            step=self.config.window_step,
            limit=self.config.window_limit,
        )
        if window is None:
            return "longer than the longest window"
        try:
            sentence = sentence_of(part, window[0])
        except SentenceError as error:
            return error.reason
        self.left_out.update(left_out)
        suffix = hashlib.sha256(gene.id.encode()).hexdigest()[:6]
        tile = Tile(part.start, part.end, part.start, part.end)
        key = f"{window_key(self.job.genome, gene.seqid, tile, gene.strand)}-{suffix}"
        self._write(key, [part], sentence, codes, window, region.split)
        self.index[gene.id] |= place
        return None

    def _bake_tiles(
        self, seqid: str, codes: Codes, genes: Sequence[Gene], lost: Sequence[Interval], strand: str
    ) -> None:
        """Write the windows of one strand of a sequence; `lost` is where genes are that the catalogue refused."""
        parts = [self._part(gene, codes) for gene in genes]
        # What does not code is as good as not there; what codes and cannot be said spoils a window, and so does `lost`.
        coding = [i for i, gene in enumerate(genes) if any(t.cds for t in gene.transcripts)]
        spans = [*((genes[i].start, genes[i].end) for i in coding), *lost]
        expressed = [*(parts[i] for i in coding), *((None, list[str]()) for _ in lost)]
        size, step = self.config.window_step, self.config.tile_step
        for region in self.regions.get(seqid, []):
            for window in tile_windows((region.start, region.end), spans, size, step):
                self._bake_tile(seqid, codes, window, [expressed[i] for i in window.members], region.split, strand)
        for gene, (part, reasons) in zip(genes, parts, strict=True):
            if gene.id in self.index:
                self.index[gene.id] |= place_of(gene)
                continue
            reason = "in no window" if self._region(gene) else self._outside(seqid)
            self._reject(gene.id, place_of(gene), reasons[0] if part is None else reason)

    def _bake_tile(
        self,
        seqid: str,
        codes: Codes,
        window: TileWindow,
        parts: Sequence[tuple[Gene | None, list[str]]],
        split: str,
        strand: str,
    ) -> None:
        bounds, tile = (window.start, window.end), Tile(window.start, window.end, window.start, window.end)
        key = f"{window_key(self.job.genome, seqid, tile, strand)}-{window.end - window.start}"
        expressed = [gene for gene, _ in parts if gene is not None]
        if len(expressed) < len(parts):
            self.left_out["window with a gene that cannot be said"] += 1
        elif not expressed:
            # The same windows for any order of sequences; those of validation and test would ask for nothing.
            chance = int.from_bytes(hashlib.sha256(f"{self.job.bake.seed} {key}".encode()).digest()[:4], "big") / 2**32
            if split == "train" and chance < self.config.empty:
                self._write_empty(seqid, codes, bounds, strand)
        else:
            try:
                all_genes = Gene("window", seqid, strand, tuple(t for gene in expressed for t in gene.transcripts))
                sentence = sentence_of(all_genes, window.start)
            except SentenceError as error:
                self.left_out[f"window: {error.reason}"] += 1
                return
            self.left_out.update(reason for _, reasons in parts for reason in reasons)
            self._write(key, expressed, sentence, codes, bounds, split)

    def _region(self, gene: Gene) -> SplitRegion | None:
        """Return the region of a split that holds a gene."""
        regions = self.regions.get(gene.seqid, [])
        return next((r for r in regions if r.start <= gene.start and gene.end <= r.end), None)

    def _outside(self, seqid: str) -> str:
        """Return why a gene of a sequence is in no region."""
        return "crosses the edge of a split" if self.regions.get(seqid) else "its sequence is in no split"

    def _part(self, gene: Gene, codes: Codes) -> tuple[Gene | None, list[str]]:
        """Return the part of a gene that its sentence holds (None: nothing), and why the rest is left out."""
        part = expressible_part(gene)
        if part.gene is None:
            return None, [part.reason or "no transcript"]
        sound, faults = self._sound(part.gene, codes)
        return sound, faults if sound is None else [*(reason for _, reason in part.left_out), *faults]

    def _bake_empty(self, seqid: str, codes: Codes, occupied: Sequence[tuple[int, int]]) -> None:
        """Write windows of a sequence's training regions that hold nothing of a gene, as long as its loci are."""
        rows = [row for row in self.index.values() if row["seqid"] == seqid and "train" in row["splits"]]
        sizes = sorted(row["end"] - row["start"] + 2 * self.config.flank for row in rows)
        regions = [(r.start, r.end) for r in self.regions.get(seqid, []) if r.split == "train"]
        seed = hashlib.sha256(f"{self.job.bake.seed}\0{self.job.genome}\0{seqid}".encode()).digest()
        rng = np.random.default_rng(int.from_bytes(seed[:8], "big"))
        for _ in range(round(self.config.empty * len(sizes))):
            size = sizes[int(rng.integers(len(sizes)))]
            free = outside([(a, b, 0) for a, b in sorted(regions)], union(occupied))
            gaps = [(a, b - size + 1) for a, b, _ in free if b - a >= size]
            if not gaps:
                continue
            # Every place is as likely as another.
            place = int(rng.integers(sum(b - a for a, b in gaps)))
            for a, b in gaps:
                if place < b - a:
                    break
                place -= b - a
            self._write_empty(seqid, codes, (a + place, a + place + size), "+-"[int(rng.integers(2))])

    def _write_empty(self, seqid: str, codes: Codes, window: tuple[int, int], strand: str) -> None:
        start, end = window
        key = f"{window_key(self.job.genome, seqid, Tile(start, end, start, end), strand)}-{end - start}-empty"
        if key in self._empty:
            return
        self._empty.add(key)
        junctions = self.junctions.within(seqid, start, end)
        hints = tuple((hint.start - start, hint.end - start, hint.strand, hint.score) for hint in junctions)
        censored = (start > 0, end < len(codes)) if strand == "+" else (end < len(codes), start > 0)
        meta = WindowMeta(self.job.genome, seqid, strand, start, end, "train", *censored, hints=hints)
        bases = codes[start:end] if strand == "+" else reverse_complement(codes[start:end])
        self.writer.add(Sample(key, bases, np.array([[end - start, IGNORE]], dtype=np.int32), meta))
        self.splits["train"].update(empty=1)

    def _sound(self, gene: Gene, codes: Codes) -> tuple[Gene | None, list[str]]:
        """Return the gene with the transcripts that make a protein, and why the others do not."""
        turned = gene if gene.strand == "+" else mirror(gene, len(codes))
        faults = {t.id: validate_gene(t, self._strands[gene.strand], self.code) for t in turned.transcripts}
        sound = tuple(t for t in gene.transcripts if faults[t.id] is None)
        reasons = [reason for reason in faults.values() if reason is not None]
        if not sound:
            return None, reasons
        return replace(gene, transcripts=sound), reasons

    def _write(
        self,
        key: str,
        genes: Sequence[Gene],
        sentence: GeneSentence,
        codes: Codes,
        window: tuple[int, int],
        split: str,
    ) -> None:
        """Write a window and the sentence of its genes, which are of one strand."""
        job, (start, end) = self.job, window
        seqid, strand, names = genes[0].seqid, genes[0].strand, tuple(gene.id for gene in genes)
        text = str(sentence)
        junctions = self.junctions.within(seqid, start, end)
        hints = tuple((hint.start - start, hint.end - start, hint.strand, hint.score) for hint in junctions)
        core = window if self.config.tile_step else None
        cut = (start > 0, end < len(codes))
        meta = WindowMeta(job.genome, seqid, "+", start, end, split, *cut, names, core, text, hints)
        runs = np.array([[end - start, IGNORE]], dtype=np.int32)
        shard = self.writer.add(Sample(key, codes[start:end], runs, meta))
        counts = {"transcripts": len(sentence.transcripts), "features": len(sentence.features)}
        tokens = len(tokenizer.encode(sentence))
        self.splits[split].update(
            loci=1, bases=end - start, tokens=tokens, several_transcripts=int(counts["transcripts"] > 1), **counts
        )
        span = (min(gene.start for gene in genes), max(gene.end for gene in genes))
        row = (key, job.genome, ",".join(names), seqid, strand, *span, start, end, text)
        self._rows.append((*row, counts["transcripts"], counts["features"], tokens, split, shard))
        for gene in genes:
            entry = self.index.setdefault(gene.id, {"splits": [split], "windows": [], "reason": None})
            entry["windows"].append([shard, key])
            if gene.id not in self._sketches:
                first = (gene if strand == "+" else mirror(gene, len(codes))).transcripts[0]
                protein = self.code.translate(coding_codes(first, self._strands[strand]))
                self._sketches[gene.id] = sketch(protein)

    def finish(self) -> dict[str, Any]:
        """Write the loci, the index, the statistics and the manifest; return the statistics."""
        self.writer.finish()
        stats = {
            "target": "sentences",
            "splits": {split: dict(sorted(counts.items())) for split, counts in self.splits.items()},
            "rejected": dict(sorted(self.rejected.items())),
            "left_out": dict(sorted(self.left_out.items())),
        }
        write_json(self.folder / STATS, stats)
        write_json(self.folder / GENES, self.index)
        np.save(self.folder / PROTEINS, word_rows(self.index, self._sketches), allow_pickle=False)
        digests = {path.name: sha256(path) for path in sorted(self.folder.iterdir())}
        # Where a file lies is not what it holds.
        job = to_mapping(self.job) | ({"hints": sha256(self.job.hints)} if self.job.hints is not None else {})
        manifest = {"version": __version__, "job": job, "inputs": self.inputs, "outputs": digests}
        write_json(self.folder / MANIFEST, manifest)
        with duckdb.connect(str(self.folder / LOCI)) as connection:
            connection.execute(_TABLE)
            if self._rows:
                marks = ", ".join("?" * len(self._rows[0]))
                connection.executemany(f"INSERT INTO loci VALUES ({marks})", sorted(self._rows))
        return stats


def place_of(gene: Gene) -> dict[str, Any]:
    """Return where a gene is, as the index says it."""
    return {"seqid": gene.seqid, "strand": gene.strand, "start": gene.start, "end": gene.end}


def genetic_codes(folders: Iterable[str | Path]) -> set[int]:
    """Return the NCBI tables of baked genomes.

    Raises
    ------
    InputError
        Shards that hold no sentences.
    """
    codes = set()
    for folder in folders:
        job = read_json(Path(folder) / MANIFEST)["job"]
        if job["bake"].get("target") != "sentences":
            raise InputError("shards without sentences", where=folder, remedy="bake with target: sentences")
        codes.add(int(job["genetic_code"]))
    return codes
