"""Intron evidence: files, strands, flags, what training does to it, and that a model that reads it uses it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.generate.toy_loci import LENGTH, SPLITS, random_model, toy_config, toy_genome

from genescribe.bake.batch import bake_batch
from genescribe.bake.config import BakeConfig, BakeJob, LociConfig
from genescribe.data.dataset import ShardDataset
from genescribe.errors import InputError
from genescribe.evidence.junctions import Hint, read_junctions
from genescribe.generate.annotation.annotate import Annotator
from genescribe.generate.annotation.job import AnnotationJob, run_job
from genescribe.generate.annotation.score import accuracy, annotated, locus_of, write_loci
from genescribe.generate.config import HintConfig, ScoreConfig
from genescribe.generate.loci.bake import SentenceBaker
from genescribe.generate.loci.hint_flags import (
    FLAGS,
    MISSING,
    MISTAKEN,
    SHIFT,
    SHIFTED,
    SPURIOUS,
    WITHOUT,
    hint_tracks,
    marked,
    oriented,
    spoiled,
)
from genescribe.generate.model import load_model
from genescribe.generate.training.task import GenerateTask
from genescribe.genome.alphabet import reverse_complement, unmasked
from genescribe.genome.catalogue.database import build_catalogue
from genescribe.genome.model import Gene, gaps
from genescribe.train.config import TrainConfig
from genescribe.train.engine import train

SIZES = {"t": 40, "v": 12, "x": 2}


def write_evidence(path: Path, genes: list[Gene]) -> None:
    """Write the introns of the annotation as strong evidence, and one weak false intron a gene."""
    rows = []
    for gene in genes:
        for start, end in sorted({intron for t in gene.transcripts for intron in gaps(t.exons)}):
            rows.append([gene.seqid, "rna", "intron", start + 1, end, 250, gene.strand, ".", ""])
        rows.append([gene.seqid, "rna", "intron", 5, 30, 2, ".", ".", ""])
        rows.append([gene.seqid, "rna", "exon", 5, 30, 2, ".", ".", ""])
    path.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))


@pytest.fixture(scope="module")
def baked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hints")
    fasta, annotation, genes = toy_genome(folder, SIZES)
    write_evidence(folder / "evidence.gff", genes)
    build_catalogue(fasta, annotation, folder / "catalogue.duckdb")
    config = BakeConfig(target="sentences", loci=LociConfig(flank=40, window_step=64))
    job = BakeJob("toy", config, SPLITS, hints=str(folder / "evidence.gff"))
    names = [f"{prefix}{number}" for prefix, count in SIZES.items() for number in range(count)]
    bake_batch(folder / "catalogue.duckdb", fasta, job, names, folder / "baked", SentenceBaker)
    return folder / "baked"


def test_files_of_junctions(tmp_path: Path) -> None:
    gff, bed = tmp_path / "a.gff3", tmp_path / "a.bed"
    gff.write_text("##gff-version 3\nc\tx\tintron\t11\t20\t7.5\t-\t.\tID=i\nc\ty\tgene\t1\t90\t.\t+\t.\tID=g\n")
    bed.write_text("track\nc\t10\t20\tj\t3\t-\nc\t0\t60\tj\t4\t+\t0\t60\t0\t3\t5,10,10\t0,20,50\n")
    assert read_junctions(gff, {"c": 90}, "x").within("c", 0, 90) == (Hint(10, 20, "-", 7.5),)
    with pytest.raises(InputError, match="type gene is no evidence"):
        read_junctions(gff, {"c": 90})
    with pytest.raises(InputError, match="no evidence"):
        read_junctions(gff, {"c": 90}, "z")
    found = read_junctions(bed, {"c": 90})
    assert found.within("c", 0, 90) == (Hint(5, 20, "+", 4.0), Hint(10, 20, "-", 3.0), Hint(30, 50, "+", 4.0))
    assert found.within("c", 10, 49) == (Hint(10, 20, "-", 3.0),)
    assert found.within("d", 0, 90) == ()
    assert len(found) == 3
    for text, message in (("c\tx\tintron\t11\t200\t1\t+\t.\t.", "outside the genome"), ("c\tx", "not a GFF row")):
        gff.write_text(f"{text}\n")
        with pytest.raises(InputError, match=message):
            read_junctions(gff, {"c": 90})
    gff.write_text("c\tx\texon\t11\t20\t1\t+\t.\t.\n")
    with pytest.raises(InputError, match="no intron"):
        read_junctions(gff, {"c": 90})


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 79), st.integers(1, 40), st.sampled_from("+-."), st.integers(0, 20)), max_size=6)
)
def test_hints_turn_with_their_window(rows: list[tuple[int, int, str, int]]) -> None:
    hints = [Hint(start, min(80, start + size), strand, float(score)) for start, size, strand, score in rows]
    forward = oriented(hints, "+", 0, 80)
    assert all(hint in [h._replace(strand="+") for h in hints] for hint in forward)
    turned = oriented([hint._replace(strand="-") for hint in forward], "-", 0, 80)
    assert sorted(oriented([hint._replace(strand="-") for hint in turned], "-", 0, 80)) == sorted(forward)
    codes = np.random.default_rng(0).choice(5, size=80).astype(np.uint8)
    flags = marked(codes, forward, 10)
    assert (unmasked(flags) == codes).all(), "what reads bases does not see evidence"
    tracks = hint_tracks(torch.from_numpy(flags.astype(np.int64))[None])[0]
    for hint in forward:
        part = int(hint.score < 10)
        assert tracks[hint.start, part] == tracks[hint.end - 1, 2 + part] == 1
        assert bool((tracks[hint.start : hint.end, 4 + part] == 1).all())
    assert tracks.shape == (80, len(FLAGS))
    assert not forward or float(tracks[:, 4:].amax(dim=1).sum()) == len(
        {place for hint in forward for place in range(hint.start, hint.end)}
    )


def test_training_spoils_evidence_at_its_rates() -> None:
    torch.manual_seed(0)
    hints = [Hint(100 * i, 100 * i + 50, "+", 20.0 if i % 2 else 3.0) for i in range(20)]
    counts: Counter[str] = Counter()
    shown = 0
    for _ in range(600):
        found = spoiled(hints, 2_000, 10.0)
        if not found:
            counts["none"] += 1
            continue
        shown += 1
        kept = {(hint.start, hint.end): hint for hint in found}
        for hint in hints:
            same = kept.get((hint.start, hint.end))
            counts["exact"] += same is not None
            counts["mistaken"] += same is not None and (same.score >= 10) != (hint.score >= 10)
        counts["spurious"] += sum(
            not any(abs(a - h.start) <= SHIFT and abs(b - h.end) <= SHIFT for h in hints) for a, b in kept
        )
        assert all(0 <= hint.start < hint.end <= 2_000 for hint in found)
    assert counts["none"] / 600 == pytest.approx(WITHOUT, abs=0.06)
    # The first hint begins at base 0: moved out, it is gone.
    assert counts["exact"] / (20 * shown) == pytest.approx((1 - MISSING) * (1 - SHIFTED), abs=0.03)
    assert counts["mistaken"] / counts["exact"] == pytest.approx(MISTAKEN, abs=0.02)
    assert counts["spurious"] / shown == pytest.approx(SPURIOUS, abs=0.1)


def test_evidence_is_baked_and_lies_on_the_strand_of_its_gene(baked: Path) -> None:
    task = GenerateTask(toy_config(hints=HintConfig()), [baked])
    strands = Counter()
    for number in range(len(task.training)):
        sample = task.training[number]
        gene = annotated(sample)
        locus = task._locus(sample, shift=0)
        strands[gene.strand] += 1
        tracks = hint_tracks(torch.from_numpy(locus.codes.astype(np.int64))[None])[0]
        introns = {
            (a, b)
            for chain in locus.sentence.transcripts
            for a, b in gaps([(locus.sentence.features[i].start, locus.sentence.features[i].end) for i in chain])
            if a < b
        }
        assert np.flatnonzero(tracks[:, 0]).tolist() == sorted({a for a, _ in introns})
        assert np.flatnonzero(tracks[:, 2]).tolist() == sorted({b - 1 for _, b in introns})
        # As an annotator sees it.
        pieces = list(Annotator(load_once(baked, task))._pieces(0, locus_of(sample)))
        assert any(np.array_equal(piece.codes, locus.codes) for piece in pieces)
    assert len(strands) == 2
    plain = GenerateTask(toy_config(), [baked])._locus(ShardDataset([baked], "train")[0], shift=0)
    assert plain.codes.dtype == np.uint8


_MODELS: dict[Path, torch.nn.Module] = {}


def load_once(baked: Path, task: GenerateTask) -> torch.nn.Module:
    if baked not in _MODELS:
        torch.manual_seed(0)
        _MODELS[baked] = task.build()
    return _MODELS[baked]


def test_a_model_that_reads_evidence_uses_it(baked: Path, tmp_path: Path) -> None:
    """Trained shortly with evidence, then scored with it and with it taken away."""
    config = TrainConfig(max_steps=24, batch_size=8, lr=5e-3, validate_epochs=5, device="cpu")
    options = toy_config(hints=HintConfig())
    folder = train(GenerateTask(options, [baked]), config, tmp_path / "run")
    model = load_model(folder)
    scoring = ScoreConfig(split="validation", bootstrap=10)
    with_hints = accuracy(write_loci(model, [baked], scoring), scoring)["levels"]["exon"]["f1"]
    task = GenerateTask(model.config, [baked])  # type: ignore[arg-type]
    losses = {}
    for name, task_ in (
        ("with", task),
        ("without", GenerateTask(replace(options, hints=HintConfig(high=1e9)), [baked])),
    ):
        loci = [task_._locus(task_.validation[i], shift=0) for i in range(len(task_.validation))]
        with torch.no_grad():
            found, _ = task._losses(model, loci)
        losses[name] = float(found.nll.sum())
    assert losses["with"] < losses["without"], "evidence of high confidence says more than of low"
    assert with_hints > 0


def test_hints_on_the_command_line(baked: Path, tmp_path: Path) -> None:
    folder = baked.parent
    loci = tmp_path / "loci.bed"
    loci.write_text("".join(f"t{n}\t40\t{LENGTH - 40}\tg{n}\t0\t+\n" for n in range(4)))
    jobs = {}
    for name, options in (("with", {"hints": HintConfig()}), ("plain", {})):
        model = random_model(tmp_path / name, **options)
        jobs[name] = AnnotationJob(
            str(folder / "genome.fa"), str(loci), str(tmp_path / f"{name}.gff3"), model=str(model), num_workers=0
        )
    evidence = str(folder / "evidence.gff")
    assert run_job(jobs["with"]) == 0
    before = (tmp_path / "with.gff3").read_text()
    assert run_job(replace(jobs["with"], hints=evidence)) == 0
    assert (tmp_path / "with.gff3").read_text() != before
    with pytest.raises(InputError, match="reads no evidence"):
        run_job(replace(jobs["plain"], hints=evidence))
    assert reverse_complement(np.zeros(2, dtype=np.uint8)).tolist() == [3, 3]
