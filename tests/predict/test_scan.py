"""A segment model over real chromosomes: chunks, workers and kills change no byte; genes that ends cut; regions."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.predict.noisy_model import CONFIG, DividedFactory, NoisyFactory, noisy_model

from genescribe.genome.alphabet import decode, reverse_complement
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.genome.fasta import Genome, write_fasta
from genescribe.predict import scan
from genescribe.predict.config import PredictConfig
from genescribe.predict.genome import predict_genome
from genescribe.predict.output_files import write_annotation
from genescribe.predict.stretches import pieces_of
from genescribe.predict.work_folder import Work
from genescribe.segment.network.model import SegmentModel
from genescribe.segment.prediction.batches import read_batches
from genescribe.segment.prediction.predictor import SegmentPredictor, grain_of

GRAIN = grain_of(CONFIG)
RUN = PredictConfig(workers=1, chunk=GRAIN)


def annotate(
    fasta: Path,
    target: Path,
    config: PredictConfig = RUN,
    work: Path | None = None,
    factory: NoisyFactory | None = None,
) -> bytes:
    genome, factory = Genome.open(fasta), factory or NoisyFactory()
    pieces = pieces_of(genome, [], config.flank, where=fasta)
    found = predict_genome(factory, fasta, pieces, config, work)
    write_annotation(target, found, genome, pieces, factory, config)
    return (target / "annotation.gff3").read_bytes()


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("genome") / "genome.fa"
    random = np.random.default_rng(4)
    records = [("one", 10 * GRAIN + 77), ("two", 3 * GRAIN), ("three", CONFIG.tile), ("four", 7)]
    write_fasta(path, [(name, random.integers(0, 4, n).astype(np.uint8)) for name, n in records])
    return path


def assert_borders_cut(annotation: Path, lengths: dict[str, int], chunk: int) -> None:
    """Assert that some chunk borders lie within an intron, and some within a coding exon."""
    introns = exons = 0
    for gene in read_genes(annotation):
        length = lengths[gene.seqid]
        for border in range(chunk, length, chunk):
            place = border if gene.strand == "+" else length - border
            introns += sum(start < place < end for start, end in gene.transcripts[0].introns)
            exons += sum(start < place < end for start, end in gene.transcripts[0].cds)
    assert introns
    assert exons


def test_chunk_borders_in_introns_and_exons_change_nothing(simulated: Path, tmp_path: Path) -> None:
    whole = annotate(simulated, tmp_path / "whole", replace(RUN, chunk=10**9))
    assert_borders_cut(tmp_path / "whole" / "annotation.gff3", Genome.open(simulated).lengths, GRAIN)
    for factor in (1, 2, 3):
        assert annotate(simulated, tmp_path / str(factor), replace(RUN, chunk=factor * GRAIN)) == whole


def test_a_process_that_reads_and_others_that_finish_give_the_same_bytes(simulated: Path, tmp_path: Path) -> None:
    plain, work = annotate(simulated, tmp_path / "plain"), tmp_path / "work"
    assert annotate(simulated, tmp_path / "divided", RUN, work, DividedFactory()) == plain
    assert not list((work / "scores").iterdir())


def test_strands_that_are_read_batches_do_not_depend_on_each_other() -> None:
    """In batches of one and of many, in any order: the same bytes; and what `read` says of each, but for rounding."""
    random = np.random.default_rng(6)
    lengths = [7, GRAIN, 1, 90, 101, 92, 2 * CONFIG.tile + 1, 250, CONFIG.tile, GRAIN - 1]
    strands = [random.integers(0, 5, n).astype(np.uint8) for n in lengths]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = SegmentModel(CONFIG)
    predictor = SegmentPredictor(model)
    together = read_batches(model.eval(), strands, GRAIN)
    backwards = read_batches(model, strands[::-1], GRAIN)[::-1]
    assert [len(rows) for rows in together] == lengths
    for strand, rows, again in zip(strands, together, backwards, strict=True):
        (alone,) = read_batches(model, [strand], GRAIN)
        np.testing.assert_array_equal(rows, alone)
        np.testing.assert_array_equal(rows, again)
        np.testing.assert_allclose(rows, predictor.read(strand, 0, len(strand)), atol=1e-4)


def test_short_sequences_are_kept_by_the_dozen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(5)
    records = [(f"s{i}", random.integers(0, 4, 400 + i).astype(np.uint8)) for i in range(50)]
    write_fasta(tmp_path / "many.fa", records)
    kept: list[int] = []
    add = Work.add

    def counted(self: Work, found, chunks) -> None:  # type: ignore[no-untyped-def]
        kept.append(len(found))
        add(self, found, chunks)

    monkeypatch.setattr(Work, "add", counted)
    whole = replace(RUN, partial=True, chunk=10**6)
    together = annotate(tmp_path / "many.fa", tmp_path / "together", whole)
    assert kept == [100]
    # Each by itself: what a sequence's genes are does not depend on its company.
    monkeypatch.setattr(scan, "UNIT", 1)
    assert annotate(tmp_path / "many.fa", tmp_path / "apart", whole) == together
    assert kept[1:] == [1] * 100


@pytest.mark.slow
def test_three_chunk_sizes_on_a_real_chromosome(data_dir: Path, tmp_path: Path) -> None:
    genome = Genome.open(data_dir / "eukaryotes" / "Saccharomyces.cerevisiae" / "genome.fa.gz")
    fasta = tmp_path / "I.fa"
    write_fasta(fasta, [("I", genome.codes("I"))])
    whole = annotate(fasta, tmp_path / "whole", replace(RUN, chunk=10**9))
    assert_borders_cut(tmp_path / "whole" / "annotation.gff3", Genome.open(fasta).lengths, 5 * GRAIN)
    for factor in (5, 16, 100):
        assert annotate(fasta, tmp_path / str(factor), replace(RUN, chunk=factor * GRAIN, workers=2)) == whole


KILLED = """
import sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from tests.predict import test_scan
from genescribe.predict import scan
def slow(path, rows, save=scan.save_scores):
    save(path, rows)
    if len(list(path.parent.glob("*.scores"))) == 3:
        time.sleep(600)  # To be killed.
scan.save_scores = slow
test_scan.annotate(Path(sys.argv[2]), Path(sys.argv[3]), work=Path(sys.argv[4]))
"""


def test_killed_and_run_again_it_goes_on_and_gives_the_same_bytes(
    simulated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    command = [
        sys.executable,
        "-c",
        KILLED,
        str(Path(__file__).parents[2]),
        str(simulated),
        str(tmp_path / "out"),
        str(work),
    ]
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(chunks := list((work / "scores").glob("*.scores"))) < 3:
        assert started.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    os.kill(started.pid, signal.SIGKILL)
    started.wait()
    assert not (tmp_path / "out").exists()
    read: list[int] = []
    original = SegmentPredictor.read

    def counted(self: SegmentPredictor, codes, start: int, end: int):  # type: ignore[no-untyped-def]
        read.append(start)
        return original(self, codes, start, end)

    monkeypatch.setattr(SegmentPredictor, "read", counted)
    again = annotate(simulated, tmp_path / "again", work=work)
    resumed = len(read)
    assert again == annotate(simulated, tmp_path / "whole")
    assert resumed <= len(read) - resumed - len(chunks), "chunks that were there were read again"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux starts workers from a server, at a socket")
def test_workers_start_where_the_path_of_a_socket_would_be_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    module = "genescribe.segment.prediction.predictor"
    monkeypatch.setattr(tempfile, "tempdir", "/tmp")
    assert scan.start_method(module).get_start_method() == "forkserver"
    monkeypatch.setattr(tempfile, "tempdir", "/tmp/" + 80 * "x")
    assert scan.start_method(module).get_start_method() == "spawn"


def test_work_of_other_options_is_thrown_away(simulated: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    annotate(simulated, tmp_path / "a", RUN, work)
    partial = replace(RUN, partial=True)
    assert annotate(simulated, tmp_path / "b", partial, work) == annotate(simulated, tmp_path / "c", partial)


@pytest.mark.parametrize("strand", ["+", "-"])
def test_genes_cut_by_an_end_are_found_when_asked_for(tmp_path: Path, strand: str) -> None:
    """A sequence ends within a gene: it is given as partial, with its phase and its open end."""
    codes = np.random.default_rng(4).integers(0, 4, 4_000).astype(np.uint8)
    predictor, partial = (
        SegmentPredictor(noisy_model()),
        replace(RUN, partial=True, opposite_strands="allow", min_cds=6),
    )
    middle = next(
        end
        for end in range(3_000, 3_100)
        if any(
            item.transcript.partial3 and item.transcript.end == end
            for item in predictor.predict_strand(codes[:end], partial).transcripts
        )
    )
    left = codes[:middle]
    fasta = tmp_path / "g.fa"
    write_fasta(fasta, [("s", left if strand == "+" else reverse_complement(left))])
    assert not [g for g in genes_of(fasta, tmp_path, replace(partial, partial=False)) if g.transcripts[0].partial3]
    (cut,) = [g for g in genes_of(fasta, tmp_path, partial) if g.transcripts[0].partial3 and g.strand == strand]
    assert cut.strand == strand
    assert (cut.end if strand == "+" else cut.start) == (middle if strand == "+" else 0)
    text = (tmp_path / "out" / "annotation.gff3").read_text()
    assert f"partial=true;{'end' if strand == '+' else 'start'}_range=" in text
    assert f"{cut.transcripts[0].id} " in (tmp_path / "out" / "proteins.fa").read_text()


def genes_of(fasta: Path, folder: Path, config: PredictConfig):  # type: ignore[no-untyped-def]
    annotate(fasta, folder / "out", config)
    return read_genes(folder / "out" / "annotation.gff3")


def test_proteins_begin_with_m_and_hold_no_stop(simulated: Path, tmp_path: Path) -> None:
    annotate(simulated, tmp_path / "out")
    records = (tmp_path / "out" / "proteins.fa").read_text().split(">")[1:]
    assert len(records) > 5
    for record in records:
        header, _, protein = record.partition("\n")
        assert header.endswith("complete=yes")
        assert protein.startswith("M")
        assert "*" not in protein


def test_introns_are_those_of_the_genes(simulated: Path, tmp_path: Path) -> None:
    annotate(simulated, tmp_path / "out")
    genome, found = Genome.open(simulated), {}
    for record in (tmp_path / "out" / "introns.fa").read_text().split(">")[1:]:
        header, _, text = record.partition("\n")
        found[header.split()[0]] = text.replace("\n", "")
    expected = {}
    for gene in read_genes(tmp_path / "out" / "annotation.gff3"):
        introns = gene.transcripts[0].introns[:: 1 if gene.strand == "+" else -1]
        for number, (start, end) in enumerate(introns, 1):
            codes = genome.codes(gene.seqid, start, end)
            codes = codes if gene.strand == "+" else reverse_complement(codes)
            expected[f"{gene.transcripts[0].id}.intron{number}"] = decode(codes)
    assert found == expected
    assert {text[:2] for text in found.values()} <= {"GT", "GC"}
