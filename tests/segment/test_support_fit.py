"""Weights of evidence from annotated genes: what the labels are, what is left out, and that evidence is believed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.predict.noisy_model import noisy_model

from genescribe.evidence.table import INTRON, RNA, Collector, EvidenceTable
from genescribe.genome.fasta import Genome
from genescribe.genome.model import Gene
from genescribe.genome.strand import GenomeStrand
from genescribe.labels.gene_labels import NAMES, UTR3, UTR3_INTRON, UTR5, UTR5_INTRON
from genescribe.predict.config import PredictConfig
from genescribe.segment.prediction.predictor import SegmentPredictor
from genescribe.segment.support import fit
from genescribe.segment.support.features import SLOTS
from genescribe.segment.support.fit import fit_support, fit_windows, window_loss

SIZE = 6_000
UTRS = (UTR5, UTR5_INTRON, UTR3, UTR3_INTRON)


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> Genome:
    torch.set_num_threads(1)
    path = tmp_path_factory.mktemp("fit") / "g.fa"
    path.write_text(f">c\n{''.join(np.random.default_rng(4).choice(list('ACGT'), size=SIZE))}\n")
    return Genome.open(path)


@pytest.fixture(scope="module")
def genes(genome: Genome) -> list[Gene]:
    """Genes that the model can read, some with UTRs."""
    strand, config = GenomeStrand(genome, "c", 0, SIZE, "+"), PredictConfig(workers=0, min_cds=6, posteriors=False)
    found = [item.transcript for item in SegmentPredictor(noisy_model()).predict_strand(strand, config).transcripts]
    assert any(t.exons != t.cds for t in found) and any(t.cds_introns for t in found)
    return [Gene(f"g{number}", "c", "+", (replace(t, id=f"t{number}"),)) for number, t in enumerate(found)]


@pytest.fixture(scope="module")
def table(genes: list[Gene]) -> EvidenceTable:
    collector = Collector({"c": SIZE})
    for gene in genes:
        for start, end in gene.transcripts[0].cds_introns:
            collector.add("c", start, end, INTRON, 1, RNA, 40.0)
    return collector.table()


@pytest.mark.parametrize("closed", [False, True])
def test_a_model_without_utrs_learns_from_coding_parts_alone(
    genome: Genome, genes: list[Gene], table: EvidenceTable, closed: bool
) -> None:
    model = noisy_model()
    model.config = replace(model.config, closed=[NAMES[label] for label in UTRS] if closed else [])
    windows = fit_windows(model, genome, genes, table, [("c", 0, SIZE)])
    labels = {label for window in windows for label in window.runs[:, 1].tolist()}
    assert windows and bool(labels & set(UTRS)) is not closed
    weights = torch.zeros(len(SLOTS), dtype=torch.float64)
    losses = [window_loss(window, window.rows, window.depths[1.0], weights) for window in windows]
    assert all(loss is None or bool(torch.isfinite(loss)) for loss in losses)


def test_introns_of_genes_become_worth_something_unless_the_labels_are_implausible(
    genome: Genome, genes: list[Gene], table: EvidenceTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows = fit_windows(noisy_model(), genome, genes, table, [("c", 0, SIZE)])
    monkeypatch.setattr(fit, "FALSE", 0.0)
    monkeypatch.setattr(fit, "THINNED", (1.0,))
    # Of the windows some end within a gene, as the noisy model has them: their labels are out of the question.
    weights = torch.zeros(len(SLOTS), dtype=torch.float64)
    losses = [window_loss(window, window.rows, window.depths[1.0], weights) for window in windows]
    assert {loss is not None and bool(loss > fit.IMPLAUSIBLE) for loss in losses} == {True, False}
    assert fit_support(windows, passes=4, batch=2)[SLOTS["intron.rna.4"]] > 0
    monkeypatch.setattr(fit, "IMPLAUSIBLE", 1e6)
    assert fit_support(windows, passes=4, batch=2)[SLOTS["intron.rna.4"]] < 0, "they would count as much as all others"
    monkeypatch.setattr(fit, "IMPLAUSIBLE", -1.0)
    assert not fit_support(windows, passes=1, batch=2).any(), "nothing but the prior is left"


def test_weights_of_a_tempered_model_shrink_as_log_odds(
    genome: Genome, genes: list[Gene], table: EvidenceTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit, "IMPLAUSIBLE", -1.0)
    initial = np.ones(len(SLOTS))
    moved = []
    for temperature in (1.0, 100.0):
        windows = fit_windows(noisy_model(), genome, genes, table, [("c", 0, SIZE)], temperature)
        monkeypatch.setattr(torch.optim, "Adam", lambda given, lr, betas: torch.optim.SGD(given, lr=lr))
        moved.append(float(np.abs(fit_support(windows, passes=1, batch=2, initial=initial) - 1).max()))
    assert moved[1] < 1e-3 * moved[0]
