"""Reading FASTA at random places, whatever its lines, and writing it."""

from __future__ import annotations

import gzip
import os
import pickle
import shutil
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from textwrap import wrap

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genescribe.genome.alphabet import decode, encode
from genescribe.genome.fasta import Genome, expand_fasta, write_fasta
from genescribe.genome.fasta_index import index_fasta, write_index

quick = settings(max_examples=60, deadline=None)
SEQUENCE = st.text(alphabet="ACGTNacgtnRy", min_size=1, max_size=200)
RECORDS = st.dictionaries(st.text(alphabet="chrX10.:-", min_size=1, max_size=6), SEQUENCE, min_size=1, max_size=4)


def plain(records: dict[str, str]) -> dict[str, str]:
    """Return sequences as base codes keep them: ambiguity letters are N; no lower case where there is no upper case."""
    kept = {name: decode(encode(text)) for name, text in records.items()}
    masked = any(set(text) & set("ACGT") for text in records.values())
    return kept if masked else {name: text.upper() for name, text in kept.items()}


def contents(genome: Genome) -> dict[str, str]:
    return {name: decode(genome.codes(name)) for name in genome.lengths}


@quick
@given(RECORDS, st.integers(1, 70), st.sampled_from([b"\n", b"\r\n"]), st.booleans(), st.booleans(), st.data())
def test_any_stretch_of_any_file(
    tmp_path: Path,
    records: dict[str, str],
    width: int,
    newline: bytes,
    last_newline: bool,
    compressed: bool,
    data: st.DataObject,
) -> None:
    lines = []
    for name, text in records.items():
        lines += [f">{name} some words".encode(), *(text[i : i + width].encode() for i in range(0, len(text), width))]
    raw = newline.join(lines) + (newline if last_newline else b"")
    path = tmp_path / "genome.fa"
    path.write_bytes(gzip.compress(raw) if compressed else raw)
    (tmp_path / "genome.fa.fai").unlink(missing_ok=True)
    genome = Genome.open(path)
    assert genome.lengths == {name: len(text) for name, text in records.items()}
    assert contents(genome) == plain(records)
    name = data.draw(st.sampled_from(list(records)))
    start = data.draw(st.integers(0, len(records[name])))
    end = data.draw(st.integers(start, len(records[name])))
    assert decode(genome.codes(name, start, end)) == plain(records)[name][start:end]


@quick
@given(RECORDS)
def test_what_is_written_is_read(tmp_path: Path, records: dict[str, str]) -> None:
    path = tmp_path / "written.fa"
    write_fasta(path, records.items())
    assert contents(Genome.open(path)) == plain(records)
    assert max(map(len, path.read_text().splitlines())) <= max(60, *(len(name) + 1 for name in records))
    write_fasta(path, ((name, encode(text)) for name, text in records.items()))
    assert contents(Genome.open(path)) == plain(records)


def test_a_genome_in_lower_case_is_not_masked(tmp_path: Path) -> None:
    """As some databases write them: without this, every base would count as a repeat, and few genes be found."""
    path = tmp_path / "lower.fa"
    path.write_text(">Chr1 ACGT\nacgtn\nacgtN\n>Chr2\nggg\n")
    assert contents(Genome.open(path)) == {"Chr1": "ACGTNACGTN", "Chr2": "GGG"}
    path.write_text(">Chr1\n" + "acgta\n" * 30_000 + ">Chr2\nggA\n")
    genome = Genome.open(path)
    assert contents(genome) == {"Chr1": "acgta" * 30_000, "Chr2": "ggA"}
    assert contents(pickle.loads(pickle.dumps(genome)))["Chr2"] == "ggA"


def test_lines_of_unequal_length_and_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "uneven.fa"
    path.write_text(">a\nACGTA\nAC\n\nACGTA\n>b\n\nacgt\n\n")
    assert contents(Genome.open(path)) == {"a": "ACGTAACACGTA", "b": "acgt"}
    assert not (tmp_path / "uneven.fa.fai").exists()


def test_old_macintosh_lines(tmp_path: Path) -> None:
    path = tmp_path / "mac.fa"
    path.write_bytes(b">a x\rACGT\rAC\r>b\rGG\r")
    assert contents(Genome.open(path)) == {"a": "ACGTAC", "b": "GG"}


def test_sequences_longer_than_a_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genescribe.genome.fasta_index.CHUNK", 16)
    rng = np.random.default_rng(1)
    records = {name: "".join(rng.choice(list("ACGTacgt"), length)) for name, length in (("a", 333), ("b", 40))}
    for width in (7, 16, 60, 1000):
        lines = (f">{name}\n{chr(10).join(wrap(text, width))}\n" for name, text in records.items())
        (tmp_path / "long.fa").write_text("".join(lines))
        (tmp_path / "long.fa.fai").unlink(missing_ok=True)
        assert contents(Genome.open(tmp_path / "long.fa")) == records


def test_the_index_is_that_of_samtools(tmp_path: Path) -> None:
    path = tmp_path / "genome.fa"
    path.write_bytes(b">one first\nACGTA\nACGTA\nAC\n>two\nACGTACG\n")
    Genome.open(path)
    # name, bases, offset, bases a line, bytes a line: as `samtools faidx` 1.16 wrote for these bytes.
    assert (tmp_path / "genome.fa.fai").read_text() == "one\t12\t11\t5\t6\ntwo\t7\t31\t7\t8\n"


def test_an_index_is_used_until_it_is_stale(tmp_path: Path) -> None:
    path = tmp_path / "genome.fa"
    path.write_text(">a\nACGT\n")
    Genome.open(path)
    index = tmp_path / "genome.fa.fai"
    before = index.stat().st_mtime_ns
    Genome.open(path)
    assert index.stat().st_mtime_ns == before
    path.write_text(">a\nACGTAC\n>b\nGG\n")
    os.utime(index, (1, 1))
    assert contents(Genome.open(path)) == {"a": "ACGTAC", "b": "GG"}
    # As new as the file, but of another file: the sizes tell.
    write_index(index, {"a": index_fasta(path)["a"]._replace(length=2)})
    assert contents(Genome.open(path)) == {"a": "ACGTAC", "b": "GG"}
    index.write_text("no index\n")
    assert contents(Genome.open(path)) == {"a": "ACGTAC", "b": "GG"}


def test_an_index_that_cannot_be_written_stays_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "genome.fa"
    path.write_text(">a\nACGT\n")
    # A folder of that name stands in the way, for the superuser too.
    (tmp_path / "genome.fa.fai").mkdir()
    assert contents(Genome.open(path)) == {"a": "ACGT"}


def test_bgzip_is_many_gzip_members(tmp_path: Path) -> None:
    raw = b">a\n" + b"ACGTACGTAC\n" * 50
    path = tmp_path / "genome.fa.gz"
    path.write_bytes(b"".join(gzip.compress(raw[i : i + 100]) for i in range(0, len(raw), 100)) + gzip.compress(b""))
    assert contents(Genome.open(path)) == {"a": "ACGTACGTAC" * 50}


def test_a_temporary_copy_lives_as_long_as_its_genome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    path = tmp_path / "genome.fa.gz"
    path.write_bytes(gzip.compress(b">a\nACGT\n"))
    genome = Genome.open(path)
    copy = pickle.loads(pickle.dumps(genome))
    del copy
    assert contents(genome) == {"a": "ACGT"}
    del genome
    assert not list((tmp_path / "scratch").iterdir())


def test_workers_read_the_same_sequences(tmp_path: Path) -> None:
    path = tmp_path / "genome.fa.gz"
    path.write_bytes(gzip.compress(b">a\nACGT\nAC\n"))
    genome = Genome.open(path)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert pool.submit(genome.codes, "a", 1, 5).result().tolist() == [1, 2, 3, 0]
    assert contents(genome) == {"a": "ACGTAC"}


def test_expanded_files_are_plain_and_even(tmp_path: Path) -> None:
    source, target = tmp_path / "genome.fa.gz", tmp_path / "out" / "genome.fa"
    source.write_bytes(gzip.compress(b">a\r\nACG\r\nTACG\r\n>b\r\nG\r\n"))
    index = expand_fasta(source, target)
    assert target.read_bytes() == b">a\nACGTACG\n>b\nG\n"
    assert index == index_fasta(target)
    assert [path.name for path in target.parent.iterdir()] == ["genome.fa"]


@pytest.mark.parametrize("name", ["Saccharomyces.cerevisiae", "Homo.sapiens_chr1_chunks"])
def test_real_genomes_against_a_plain_reading(data_dir: Path, tmp_path: Path, name: str) -> None:
    source = data_dir / "eukaryotes" / name / "genome.fa.gz"
    with gzip.open(source, "rb") as zipped, (tmp_path / "genome.fa").open("wb") as out:
        shutil.copyfileobj(zipped, out)
    text = (tmp_path / "genome.fa").read_text()
    expected = {part.split()[0]: part.partition("\n")[2].replace("\n", "") for part in text.split(">")[1:]}
    genome = Genome.open(tmp_path / "genome.fa")
    assert genome.lengths == {seqid: len(sequence) for seqid, sequence in expected.items()}
    for seqid, sequence in expected.items():
        assert decode(genome.codes(seqid)) == sequence
