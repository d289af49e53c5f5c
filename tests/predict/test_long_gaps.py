"""No gene runs over a long gap, whatever model reads the genome: each decoder beside the same without the rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.generate.test_generate_predictor import Factory as GenerateFactory
from tests.generate.toy_loci import random_model
from tests.predict.noisy_model import NoisyFactory, noisy_model
from tests.segment.test_both_strands import model_and_codes

from genescribe.generate.annotation.annotate import Annotator, LocusResult, LocusWindow
from genescribe.generate.annotation.predictor import GeneratePredictor
from genescribe.generate.model import load_model
from genescribe.genome.alphabet import LONG_GAP, SOFTMASK, Codes, N, encode, gaps, reverse_complement
from genescribe.genome.fasta import Genome, write_fasta
from genescribe.genome.intervals import touched
from genescribe.genome.model import Gene, Interval, Transcript
from genescribe.genome.strand import StrandCodes
from genescribe.labels.decode import LONG_GAP_REASON
from genescribe.labels.gene_labels import INTERGENIC, SINGLE
from genescribe.predict import stretches
from genescribe.predict.config import PredictConfig
from genescribe.predict.genome import predict_genome
from genescribe.predict.interface import PredictedTranscript, PredictorFactory, Rows, StrandPrediction, StrandRows
from genescribe.predict.output_files import write_annotation
from genescribe.predict.stretches import Piece, pieces_of
from genescribe.segment.prediction.factory import SegmentPredictorFactory
from genescribe.segment.prediction.predictor import SegmentPredictor

GAPS = [(600, 600 + LONG_GAP), (2500, 2500 + LONG_GAP - 1), (4200, 5400)]
LONG = [GAPS[0], GAPS[2]]
RUN = PredictConfig(workers=1, min_cds=6)


def with_gaps(codes: Codes) -> Codes:
    codes = codes.copy()
    for start, end in GAPS:
        codes[start:end] = N
    codes[700:800] |= SOFTMASK
    return codes


def noisy(head: str) -> Callable[[Path], tuple[PredictorFactory, Codes]]:
    class Factory(NoisyFactory):
        def __call__(self, worker: int = 0) -> SegmentPredictor:
            return SegmentPredictor(noisy_model(head=head))

    return lambda _: (Factory(), np.random.default_rng(1).integers(0, 4, 6000).astype(np.uint8))


def both_strands(folder: Path) -> tuple[PredictorFactory, Codes]:
    model, codes = model_and_codes(folder, 6000)
    with torch.no_grad():  # Long introns are likelier than long stretches between genes.
        model.crf.durations.decay[INTERGENIC] = model.crf.durations.decay[SINGLE]
    (folder / "model").mkdir()
    model.save(folder / "model")
    factory = SegmentPredictorFactory(folder / "model", "cpu")
    assert factory.both_strands
    return factory, codes


class Ends:
    """Proposes loci from one end of a strand to the other."""

    def read(self, codes: StrandCodes, start: int, end: int) -> Rows:
        return np.zeros((end - start, 1), dtype=np.float32)

    def finish(self, codes: StrandCodes, rows: StrandRows, config: PredictConfig) -> StrandPrediction:
        span = ((0, len(codes)),)
        return StrandPrediction([PredictedTranscript(Transcript("", span, span), 1.0)])


DECODERS: dict[str, Callable[[Path], tuple[PredictorFactory, Codes]]] = {
    "semi-Markov": noisy("semicrf"),
    "linear": noisy("linear"),
    "both strands": both_strands,
}


def spans(genes: list[Gene]) -> list[Interval]:
    return [(t.start, t.end) for gene in genes for t in gene.transcripts]


@pytest.mark.parametrize("partial", [False, True])
@pytest.mark.parametrize("decoder", DECODERS)
def test_no_gene_runs_over_a_long_gap(
    decoder: str, partial: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    factory, codes = DECODERS[decoder](tmp_path)
    write_fasta(tmp_path / "g.fa", [("s", with_gaps(codes))])
    genome, options = Genome.open(tmp_path / "g.fa"), replace(RUN, partial=partial)
    pieces = pieces_of(genome, [], 0, where="g.fa")
    assert [(p.start, p.end) for p in pieces] == [(0, GAPS[0][0]), (GAPS[0][1], GAPS[2][0]), (GAPS[2][1], 6000)]
    found = predict_genome(factory, genome, pieces, options)
    assert not any(touched(span, LONG) for span in spans(found.genes))
    write_annotation(tmp_path / "out", found, genome, pieces, factory, options)
    cut = [t for gene in found.genes for t in gene.transcripts if t.partial5 or t.partial3]
    assert bool(cut) == partial
    monkeypatch.setattr(stretches, "LONG_GAP", 10**9)
    (whole,) = pieces_of(genome, [], 0, where="g.fa")
    without = predict_genome(factory, genome, [whole], options)
    assert any(touched(span, LONG) for span in spans(without.genes)), "the test could not fail"
    assert any(touched(span, [GAPS[1]]) for span in spans(without.genes))


def test_no_locus_of_the_generate_family_holds_a_long_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its proposals, the flanks beside them and so what it writes lie within one piece."""
    seen: list[LocusWindow] = []

    class Recording(Annotator):
        def __call__(self, loci: Sequence[LocusWindow]) -> list[LocusResult]:
            seen.extend(loci)
            return super().__call__(loci)

    codes = with_gaps(np.random.default_rng(0).integers(0, 4, 6000).astype(np.uint8))
    write_fasta(tmp_path / "g.fa", [("s", codes)])
    genome, model = Genome.open(tmp_path / "g.fa"), load_model(random_model(tmp_path / "model", constraint="grammar"))
    factory = GenerateFactory(GeneratePredictor(Recording(model), Ends()))
    found = predict_genome(factory, genome, pieces_of(genome, [], 0, where="g.fa"), RUN)  # type: ignore[arg-type]
    assert len(seen) == 6 and not any(gaps(locus.codes, LONG_GAP) for locus in seen)
    assert not any(touched(span, LONG) for span in spans(found.genes))
    monkeypatch.setattr(stretches, "LONG_GAP", 10**9)
    seen.clear()
    predict_genome(factory, genome, pieces_of(genome, [], 0, where="g.fa"), RUN)  # type: ignore[arg-type]
    assert any(gaps(locus.codes, LONG_GAP) for locus in seen), "the test could not fail"


def test_pieces_end_at_long_gaps_and_hold_regions(tmp_path: Path) -> None:
    n = LONG_GAP
    text = "A" * 50 + "N" * n + "C" * 30 + "n" * (n - 1) + "G" * 20 + "N" * (n + 5)
    write_fasta(tmp_path / "g.fa", [("a", encode(text)), ("b", encode("N" * n)), ("c", encode("ACGT"))])
    genome = Genome.open(tmp_path / "g.fa")
    inner = (50 + n, 50 + n + 30 + n - 1 + 20)

    def made(*regions: str, flank: int = 0) -> list[Piece]:
        return pieces_of(genome, regions, flank, where="g.fa")

    assert made() == [Piece("a", 0, 50, ((0, 50),)), Piece("a", *inner, (inner,)), Piece("c", 0, 4, ((0, 4),))]
    assert made("a:41-60", flank=10**6) == [Piece("a", 0, 50, ((40, 50),))]
    # Where a piece ends within a gap, nothing of it runs over the gap.
    assert made("a:41-60", flank=20) == [Piece("a", 20, 80, ((40, 60),))]
    assert made("b") == []


def test_a_genome_of_nothing_but_gaps_has_no_genes(tmp_path: Path) -> None:
    write_fasta(tmp_path / "g.fa", [("a", encode("N" * 5000))])
    genome, factory = Genome.open(tmp_path / "g.fa"), NoisyFactory()
    found = predict_genome(factory, genome, [], RUN)
    write_annotation(tmp_path / "out", found, genome, [], factory, RUN)
    assert found.genes == [] and (tmp_path / "out" / "summary.json").is_file()


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize(("unknown", "refused"), [(LONG_GAP - 1, False), (LONG_GAP, True)])
def test_a_given_locus_over_a_long_gap_makes_no_gene(strand: str, unknown: int, refused: bool, tmp_path: Path) -> None:
    """Loci that people name may hold gaps: what begins with the given exons is refused where the gap is long."""
    codes = encode("CC" + "ATGGCA" + "GTAAGT" + "N" * unknown + "TTTCAG" + "GCATAA" + "CC")
    exons = ((2, 8), (8 + 12 + unknown, 14 + 12 + unknown))
    turned = codes if strand == "+" else reverse_complement(codes)
    placed = exons if strand == "+" else tuple((len(codes) - b, len(codes) - a) for a, b in exons[::-1])
    annotator = Annotator(load_model(random_model(tmp_path / "model", constraint="grammar")))
    prompt = Transcript("t", placed, placed)
    locus = LocusWindow("l", "s", 0, len(codes), strand, 0, turned, prompt)
    (result,) = annotator([locus])
    made = spans([result.gene]) if result.gene else []
    gap = gaps(turned)[0]
    assert any(touched(span, [gap]) for span in made) != refused
    assert (LONG_GAP_REASON in result.reason) == refused


def test_gaps_are_found_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    from genescribe.genome import alphabet

    codes = encode("N" * 5 + "A" + "N" * 20 + "C" * 7 + "N" * 13)
    whole = alphabet.gaps(codes), alphabet.gaps(codes, 5)
    assert whole == ([(6, 26), (33, 46)], [(0, 5), (6, 26), (33, 46)])
    for block in (1, 2, 5, 7, 13, 46):
        monkeypatch.setattr(alphabet, "_BLOCK", block)
        assert (alphabet.gaps(codes), alphabet.gaps(codes, 5)) == whole
