"""Reads in BAM: introns, strands, what is left out, coverage; and files that are not what they should be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest

from genescribe.errors import InputError
from genescribe.evidence import bam as reader
from genescribe.evidence.bam import read_bams
from genescribe.evidence.table import EXONPART, INTRON, Collector, EvidenceTable
from genescribe.genome.fasta import Genome

LENGTHS = {"c": 2_000, "d": 500}
Read = dict[str, Any]


def genome_of(folder: Path) -> Genome:
    letters = np.random.default_rng(0).choice(list("ACGT"), size=2_000)
    letters[100:102], letters[198:200] = list("GT"), list("AG")
    letters[300:302], letters[398:400] = list("CT"), list("AC")
    letters[500:502], letters[598:600] = list("CC"), list("CC")
    path = folder / "g.fa"
    path.write_text(f">c\n{''.join(letters)}\n>d\n{'ACGTA' * 100}\n")
    return Genome.open(path)


def write_bam(path: Path, reads: list[Read], lengths: dict[str, int] | None = None, order: str = "coordinate") -> Path:
    header = {
        "HD": {"VN": "1.6", "SO": order},
        "SQ": [{"SN": name, "LN": n} for name, n in (lengths or LENGTHS).items()],
    }
    with pysam.AlignmentFile(str(path), "wb", header=header) as out:
        for number, read in enumerate(reads):
            row = pysam.AlignedSegment(out.header)
            row.query_name, row.flag = f"r{number}", read.get("flag", 0)
            row.reference_id, row.reference_start = read.get("sequence", 0), read["start"]
            row.mapping_quality, row.cigarstring = read.get("quality", 60), read["cigar"]
            size = row.infer_query_length() or 0
            row.query_sequence, row.query_qualities = "A" * size, pysam.qualitystring_to_array("I" * size)
            row.set_tags(list(read.get("tags", {}).items()))
            out.write(row)
    return path


def indexed(path: Path, reads: list[Read], **given: Any) -> Path:
    write_bam(path, reads, **given)
    pysam.index(str(path))
    return path


def table_of(paths: list[Path], genome: Genome, workers: int = 1) -> EvidenceTable:
    collector = Collector(genome.lengths)
    read_bams(paths, genome, collector, workers)
    return collector.table()


def introns(table: EvidenceTable) -> list[tuple[int, int, int, float]]:
    rows = table.rows[table.rows["kind"] == INTRON]
    return [(int(r["start"]), int(r["end"]), int(r["strand"]), float(r["weight"])) for r in rows]


def test_introns_have_strands_and_the_reads_that_support_them(tmp_path: Path) -> None:
    genome, over = genome_of(tmp_path), "20M100N20M"
    reads = [
        {"start": 80, "cigar": over, "tags": {"XS": "+", "NH": 1}},
        {"start": 80, "cigar": over, "flag": 16, "tags": {"XS": "+"}},
        {"start": 80, "cigar": over, "flag": 16, "tags": {"ts": "-"}},  # antisense of a reverse read: forward
        {"start": 80, "cigar": over},  # by its sites GT-AG
        {"start": 80, "cigar": over, "tags": {"NH": 3}},
        {"start": 80, "cigar": over, "quality": 0},
        {"start": 80, "cigar": over, "flag": 256},
        {"start": 80, "cigar": over, "flag": 2048},
        {"start": 93, "cigar": "7M100N30M"},  # too few bases on a side
        {"start": 280, "cigar": "10M1D9M100N8M5S", "tags": {"ts": "."}},  # CT-AC: reverse
        {"start": 280, "cigar": "20M100N7M"},
        {"start": 480, "cigar": "20M100N20M100N20M"},  # no known sites
    ]
    found = introns(table_of([indexed(tmp_path / "a.bam", reads)], genome))
    assert found == [(100, 200, 1, 4.0), (300, 400, -1, 1.0), (500, 600, 0, 1.0), (620, 720, 0, 1.0)]


@pytest.mark.parametrize("held", [2, 1 << 19])
def test_coverage_is_that_of_each_base(held: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_HELD", held)
    genome, rng = genome_of(tmp_path), np.random.default_rng(1)
    starts = np.sort(rng.integers(0, 1_800, size=300)).tolist()
    reads = [{"start": start, "cigar": str(rng.choice(["30M", "20M50N20M", "10M5D10M2I5M"]))} for start in starts]
    depth = np.zeros(2_100, dtype=int)
    for read in reads:
        start = read["start"]
        blocks = {"30M": [(0, 30)], "20M50N20M": [(0, 20), (70, 90)], "10M5D10M2I5M": [(0, 30)]}[read["cigar"]]
        for low, high in blocks:
            depth[start + low : start + high] += 1
    table = table_of([indexed(tmp_path / "a.bam", reads)], genome)
    level = np.zeros(2_100)
    for row in table.rows[table.rows["kind"] == EXONPART]:
        level[row["start"] : row["end"]] = row["weight"]
    assert (level == np.array([0, *reader.LEVELS])[np.searchsorted(reader.LEVELS, depth, side="right")]).all()
    rows = table.rows[table.rows["kind"] == EXONPART]
    same = (rows["start"][1:] == rows["end"][:-1]) & (rows["weight"][1:] == rows["weight"][:-1])
    assert not same.any(), "neighbouring runs of a level are one row"


def test_files_and_workers_add_up(tmp_path: Path) -> None:
    genome = genome_of(tmp_path)
    read = {"start": 80, "cigar": "20M100N20M"}
    paths = [indexed(tmp_path / f"{n}.bam", [read, {**read, "sequence": 1}]) for n in "ab"]
    alone, shared = table_of(paths, genome), table_of(paths, genome, workers=2)
    assert [row[3] for row in introns(alone)] == [2.0, 2.0]
    assert alone.digest() == shared.digest()


def test_bad_files_are_named_in_one_line(tmp_path: Path) -> None:
    genome, reads = genome_of(tmp_path), [{"start": n, "cigar": "100M"} for n in range(1_500)]
    bare = write_bam(tmp_path / "bare.bam", reads)
    unsorted = write_bam(tmp_path / "unsorted.bam", reads[::-1], order="unsorted")
    other = indexed(tmp_path / "other.bam", reads, lengths={"c": 1_999, "d": 500})
    named = indexed(tmp_path / "named.bam", reads, lengths={"chrC": 2_000})
    cut = indexed(tmp_path / "cut.bam", reads)
    cut.write_bytes(cut.read_bytes()[:-200])
    bald = tmp_path / "bald.bam"
    pysam.AlignmentFile(str(bald), "wb", header={"HD": {"VN": "1.6", "SO": "coordinate"}}).close()
    text = tmp_path / "text.bam"
    text.write_text("c\t1\t2\n")
    sam, cram = tmp_path / "reads.sam", tmp_path / "reads.cram"
    sam.write_text("@HD\tVN:1.6\tSO:coordinate\n@SQ\tSN:c\tLN:2000\n")
    cram.write_bytes(b"CRAM\3\0")
    (tmp_path / "folder.bam").mkdir()
    for path, message in (
        (bare, "no index"),
        (unsorted, "not sorted"),
        (other, "c has 1999 bases, 2000 in the genome"),
        (named, "no sequence of this genome; the first is chrC"),
        (cut, "truncated"),
        (bald, "not a BAM file with a header"),
        (text, "not a BAM file"),
        (tmp_path / "none.bam", "no such file"),
        (sam, "a SAM file, not BAM; samtools sort"),
        (cram, "a CRAM file, not BAM; samtools view"),
        (tmp_path / "folder.bam", "is a folder, not a file"),
    ):
        with pytest.raises(InputError, match=message) as error:
            table_of([path], genome)
        assert "\n" not in str(error.value) and path.name in str(error.value)
