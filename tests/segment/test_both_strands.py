"""Both strands as one path: genes of the two exclude each other, and neither strand is preferred."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.augustus.toy_species import write_species

from genescribe.augustus.convert import convert
from genescribe.augustus.species import read_species
from genescribe.crf.config import SemiCRFConfig
from genescribe.crf.head import SemiCRF
from genescribe.evidence.table import INTRON, RNA, Collector
from genescribe.genome.alphabet import Codes, reverse_complement
from genescribe.genome.fasta import Genome, write_fasta
from genescribe.kernels.semicrf.dispatch import viterbi
from genescribe.kernels.semicrf.potentials import Potentials, Segmentation
from genescribe.predict.config import PredictConfig
from genescribe.predict.genome import predict_genome
from genescribe.predict.stretches import pieces_of
from genescribe.segment.network.model import Scores, SegmentModel
from genescribe.segment.prediction.both_strands import BothStrands
from genescribe.segment.prediction.factory import SegmentPredictorFactory
from genescribe.segment.prediction.predictor import SegmentPredictor

CONFIG = PredictConfig(posteriors=False)


def strand_scores(rng: np.random.Generator, length: int, labels: int) -> Scores:
    content, begin, end = (torch.from_numpy(rng.normal(size=(1, length, labels))) for _ in range(3))
    return Scores(content, begin, end, content)


def path_score(p: Potentials, scores: Scores, path: Segmentation, length: int) -> float:
    """Return the score of a strand's path, content against between genes."""
    total, before = 0.0, -1
    assert scores.begin is not None and scores.end is not None
    for start, end, label in zip(path.starts.tolist(), path.ends.tolist(), path.labels.tolist(), strict=True):
        content = scores.content[0, start:end]
        total += float((content[:, label] - content[:, 0]).sum())
        if label:
            total += float(p.duration[end - start - 1, label] + scores.begin[0, start, label])
            total += float(scores.end[0, end - 1, label])
        if before >= 0:
            total += float(p.transition[start % 3, before, label])
        before = label
    return (
        total
        + float(p.start[path.labels[0]] if path.labels[0] else 0.0)
        + (float(p.final[path.labels[-1]]) if path.labels[-1] else 0.0)
    )


@pytest.mark.parametrize("seed", range(6))
def test_best_path_is_that_of_two_strands_which_exclude_each_other(seed: int) -> None:
    """The one path is worth the sum of its two strands' paths, and no path of one strand alone is worth more."""
    rng, labels, length = np.random.default_rng(seed), 4, 40 + seed
    torch.manual_seed(seed)
    config = SemiCRFConfig(
        labels=labels,
        max_duration=6,
        open_ended=False,
        geometric=(0,),
        period=3,
        allowed_transitions=((0, 1), (1, 2), (2, 0), (2, 3), (3, 0)),
        init_scale=1.0,
        first_labels=(0, 1),
        last_labels=(0, 2, 3),
    )
    crf = SemiCRF(config)
    with torch.no_grad():
        # Between genes nothing costs anything: then scores of strands add up.
        crf.durations.score[:, 0], crf.durations.decay[0], crf.start[0], crf.final[0] = 0.0, -30.0, 0.0, 0.0
        one = crf.potentials(torch.zeros(1, 1, labels), torch.ones(1, dtype=torch.int64))
    plus, minus = strand_scores(rng, length, labels), strand_scores(rng, length, labels)
    for scores in (plus, minus):
        scores.begin[..., 0] = scores.end[..., 0] = 0.0  # type: ignore[index]
    both = BothStrands(one, 0, length)
    content, begin, end = (torch.from_numpy(part)[None].double() for part in both.scores(plus, minus))
    whole = Potentials(
        **{name: getattr(both.potentials, name) for name in ("transition", "duration", "tail", "start", "final")},
        explicit=both.potentials.explicit,
        content=content,
        begin=begin,
        end=end,
        lengths=torch.tensor([length]),
    )
    score, paths = viterbi(whole, "reference")
    found = both.split(paths[0])
    parts = [path_score(one, scores, path, length) for scores, path in zip((plus, minus), found, strict=True)]
    assert float(score[0]) == pytest.approx(sum(parts), abs=1e-3)
    covered = [path.per_base() > 0 for path in found]
    assert not bool((covered[0] & covered[1].flip(0)).any())
    for scores, single in ((plus, found[0]), (minus, found[1])):
        alone = Potentials(
            **{name: getattr(one, name) for name in ("transition", "duration", "tail", "start", "final", "explicit")},
            content=scores.content - scores.content[..., :1],
            begin=scores.begin,
            end=scores.end,
            lengths=torch.tensor([length]),
        )
        assert float(viterbi(alone, "reference")[0][0]) <= float(score[0]) + 1e-3
        assert single.length == length


def model_and_codes(folder: Path, length: int) -> tuple[SegmentModel, Codes]:
    """Return a model that finds many genes, and a sequence."""
    model = convert(read_species(write_species(folder)))
    with torch.no_grad():
        model.signal_gain *= 1.5
        model.crf.transition[:, 0, 3:9] += 12.0
    rng = np.random.default_rng(5)
    words = ("ATG", "GTA", "CAG", "TAA", "A", "C", "G", "T", "GGC", "TTC")
    text = "".join(rng.choice(words, length))[:length]
    bases = np.array(["ACGT".index(letter) for letter in text], dtype=np.uint8)
    return model, np.concatenate([bases[: length // 2], reverse_complement(bases[length // 2 :])])


def test_neither_strand_is_preferred(tmp_path: Path) -> None:
    model, codes = model_and_codes(tmp_path, 4000)
    predictor = SegmentPredictor(model)
    strands = [codes, reverse_complement(codes)]
    rows = [predictor.read(strand, 0, len(codes)) for strand in strands]
    forward = predictor.finish_both(strands, rows, CONFIG)
    backward = predictor.finish_both(strands[::-1], rows[::-1], CONFIG)
    found = [[item.transcript.cds for item in strand.transcripts] for strand in forward]
    assert found == [[item.transcript.cds for item in strand.transcripts] for strand in backward[::-1]]
    assert all(found)
    spans = [(cds[0][0], cds[-1][1]) for cds in found[0]]
    spans += [(len(codes) - cds[-1][1], len(codes) - cds[0][0]) for cds in found[1]]
    spans.sort()
    assert all(first[1] <= second[0] for first, second in pairwise(spans))


def test_chunks_and_workers_change_nothing(tmp_path: Path) -> None:
    model, codes = model_and_codes(tmp_path, 5000)
    folder = tmp_path / "model"
    folder.mkdir()
    small = SegmentModel(model.config.__class__(**{**model.config.__dict__, "tile": 100, "halo": 200}))
    small.load_state_dict(model.state_dict())
    small.save(folder)
    fasta = tmp_path / "genome.fa"
    write_fasta(fasta, [("a", codes), ("b", codes[1000:1900])])
    factory = SegmentPredictorFactory(folder, "cpu")
    assert factory.both_strands
    pieces = pieces_of(Genome.open(fasta), [], 0, where=fasta)
    found = [
        predict_genome(factory, fasta, pieces, PredictConfig(workers=1, chunk=chunk, posteriors=posteriors))
        for chunk, posteriors in ((400, True), (1200, True), (10_000, True), (800, False))
    ]
    assert len(found[0].genes) > 3 and {gene.strand for gene in found[0].genes} == {"+", "-"}
    assert found[0] == found[1] == found[2]
    assert [gene.transcripts[0].cds for gene in found[3].genes] == [gene.transcripts[0].cds for gene in found[0].genes]


def test_evidence_of_both_strands_is_used(tmp_path: Path) -> None:
    model, codes = model_and_codes(tmp_path, 4000)
    length, folder, fasta = len(codes), tmp_path / "model", tmp_path / "genome.fa"
    folder.mkdir()
    model.save(folder)
    (folder / "support.json").write_text(json.dumps({f"intron.rna.{bin}": 40.0 for bin in range(5)}))
    write_fasta(fasta, [("a", codes)])
    collector, given = Collector({"a": length}), set[tuple[int, int, str]]()
    for sign, low, high in (("+", 0, length // 2), ("-", length // 2, length)):
        strand = codes if sign == "+" else reverse_complement(codes)
        text = "".join("ACGT"[code] for code in strand)
        at = low if sign == "+" else length - high
        stop = at + high - low
        while (start := text.find("GT", at)) >= 0 and (end := text.find("AG", start + 60) + 2) > 1 and end < stop:
            place = (start, end) if sign == "+" else (length - end, length - start)
            collector.add("a", *place, INTRON, 1 if sign == "+" else -1, RNA, 20.0)
            given.add((*place, sign))
            at = end + 200
    evidence, nothing = tmp_path / "evidence", tmp_path / "nothing"
    collector.table().save(evidence)
    Collector({"a": length}).table().save(nothing)
    factory = SegmentPredictorFactory(folder, "cpu")
    pieces = pieces_of(Genome.open(fasta), [], 0, where=fasta)
    runs = {}
    for name, table, chunk in (
        ("none", None, 10_000),
        ("nothing", nothing, 10_000),
        ("all", evidence, 10_000),
        ("chunks", evidence, 400),
    ):
        used = factory if table is None else factory.with_evidence(table)
        config = PredictConfig(workers=1, chunk=chunk, min_cds=6)
        runs[name] = predict_genome(used, fasta, pieces, config).genes
    assert runs["none"] == runs["nothing"]
    assert runs["all"] == runs["chunks"]
    introns = {(*intron, gene.strand) for gene in runs["all"] for intron in gene.transcripts[0].introns}
    before = {(*intron, gene.strand) for gene in runs["none"] for intron in gene.transcripts[0].introns}
    for sign in "+-":
        wanted = {intron for intron in given if intron[2] == sign}
        assert len(introns & wanted) > len(before & wanted) + 1
    spans = sorted((gene.transcripts[0].cds[0][0], gene.transcripts[0].cds[-1][1]) for gene in runs["all"])
    assert all(first[1] <= second[0] for first, second in pairwise(spans))
    assert all(gene.transcripts[0].score is not None for gene in runs["all"])
