"""Genes with evidence: what it changes, what it leaves alone, what is said of it, and further transcripts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.predict.noisy_model import noisy_model

from genescribe.errors import InputError
from genescribe.evaluate.support import intron_support
from genescribe.evidence.table import CDSPART, INTRON, PROTEIN, RNA, Collector, EvidenceTable
from genescribe.families import predictor_for
from genescribe.genome.fasta import Genome
from genescribe.genome.model import Gene, Transcript
from genescribe.predict.config import PredictConfig
from genescribe.predict.genome import GenomePrediction
from genescribe.predict.strand import GenomeStrand, StrandPrediction
from genescribe.predict.support import with_support
from genescribe.segment import isoforms
from genescribe.segment.config import SegmentModelConfig
from genescribe.segment.model import SegmentModel
from genescribe.segment.predictor import SegmentPredictor, SegmentPredictorFactory
from genescribe.segment.support import SLOTS
from genescribe.segment.supported import GenomeSupport

SIZE = 3_000
CONFIG = PredictConfig(workers=0, minimum_cds=6)


@dataclass
class World:
    """A genome of one sequence."""

    genome: Genome

    def strand(self, sign: str = "+") -> GenomeStrand:
        return GenomeStrand(self.genome, "c", 0, SIZE, sign)

    def found(self, table: EvidenceTable | None, weight: float, sign: str = "+", **given: object) -> StrandPrediction:
        """Return the genes with introns worth so much."""
        weights = np.zeros(len(SLOTS))
        weights[SLOTS["intron.rna.0"] : SLOTS["coding.rna.0"]] = weight
        support = None if table is None else GenomeSupport(table, weights)
        config = PredictConfig(**{"workers": 0, "minimum_cds": 6, **given})  # type: ignore[arg-type]
        return SegmentPredictor(noisy_model(), support=support).predict_strand(self.strand(sign), config)

    def table(self, introns: list[tuple[int, int]], reads: float = 9.0, strand: int = 1) -> EvidenceTable:
        collector = Collector({"c": SIZE})
        for start, end in introns:
            collector.add("c", start, end, INTRON, strand, RNA, reads)
        return collector.table()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    torch.set_num_threads(1)
    path = tmp_path_factory.mktemp("evidence") / "g.fa"
    path.write_text(f">c\n{''.join(np.random.default_rng(4).choice(list('ACGT'), size=SIZE))}\n")
    return World(Genome.open(path))


def introns_of(found: StrandPrediction) -> set[tuple[int, int]]:
    return {intron for item in found.transcripts for intron in item.transcript.introns}


def candidates(world: World, sign: str = "+") -> list[tuple[int, int]]:
    """Return pairs of sites of 60 to 90 bases that lie apart, in the coordinates of the strand."""
    bases = "".join("ACGT"[code] for code in world.strand(sign)[0:SIZE])
    found: list[tuple[int, int]] = []
    for start in range(100, SIZE - 200):
        if bases[start : start + 2] != "GT" or (found and start < found[-1][1] + 60):
            continue
        for end in range(start + 60, start + 90):
            if bases[end - 2 : end] == "AG":
                found.append((start, end))
                break
    return found


def test_genes_without_evidence_are_the_same_with_a_table_that_holds_none(world: World) -> None:
    alone = world.found(None, 5.0)
    assert len(alone.transcripts) > 3
    assert world.found(world.table([]), 5.0) == alone
    assert world.found(world.table(candidates(world), strand=-1), 5.0) == alone, "the other strand's says nothing"


@pytest.mark.parametrize("sign", ["+", "-"])
def test_supported_introns_are_found_and_no_others_are_made(world: World, sign: str) -> None:
    given = candidates(world, sign)
    forward = given if sign == "+" else [(SIZE - b, SIZE - a) for a, b in given]
    table = world.table(forward, strand=1 if sign == "+" else -1)
    found, alone = world.found(table, 300.0, sign), world.found(None, 0.0, sign)
    used = introns_of(found) & set(given)
    assert len(used) > len(introns_of(alone) & set(given)) + 5
    assert all(item.transcript.score is not None and item.transcript.score <= 1 for item in found.transcripts)


def test_a_probability_counts_an_intron_with_and_without_its_evidence(world: World) -> None:
    # Worth nothing, evidence is a second way to read an intron: no gene of these alone becomes less probable.
    alone = world.found(None, 0.0)
    held = sorted(introns_of(alone))
    assert held
    doubled = world.found(world.table(held), 0.0)
    before = {item.transcript.cds: item.transcript.score for item in alone.transcripts}
    after = {item.transcript.cds: item.transcript.score for item in doubled.transcripts}
    with_introns = [cds for cds in before if len(cds) > 1 and cds in after]
    assert with_introns
    for cds in with_introns:
        assert before[cds] is not None and after[cds] is not None
        assert after[cds] >= before[cds] - 1e-4  # type: ignore[operator]
    total = sum(after[cds] or 0 for cds in with_introns), sum(before[cds] or 0 for cds in with_introns)
    assert total[0] > total[1]


def test_further_transcripts_share_start_and_stop_and_have_an_intron_that_the_first_lacks(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isoforms, "ODDS", 1e-12)
    alone = world.found(None, 0.0)
    longest = max(alone.transcripts, key=lambda item: item.transcript.cds_length).transcript
    low, high = longest.cds[0][0], longest.cds[-1][1]
    bases = "".join("ACGT"[code] for code in world.strand()[0:SIZE])
    inside = [
        (a, b)
        for a in range(low + 6, high - 40)
        if bases[a : a + 2] == "GT"
        for b in range(a + 30, min(high - 6, a + 200))
        if bases[b - 2 : b] == "AG" and (a, b) not in longest.introns
    ]
    assert inside
    table = world.table(inside)
    plain = world.found(table, -1.0)
    found = world.found(table, -1.0, isoforms="supported")
    several = [item for item in found.transcripts if item.gene is not None]
    assert len(found.transcripts) > len(plain.transcripts) and several
    for gene in {item.gene for item in several}:
        first, *others = [item.transcript for item in several if item.gene == gene]
        for other in others:
            assert (other.cds[0][0], other.cds[-1][1]) == (first.cds[0][0], first.cds[-1][1])
            assert set(other.introns) - set(first.introns) & set(inside)
            assert other.score is not None and first.score is not None and other.score <= first.score + 1e-4
    assert {item.transcript.cds for item in plain.transcripts} <= {item.transcript.cds for item in found.transcripts}


def test_transcripts_say_what_supports_them(world: World, tmp_path: Path) -> None:
    collector = Collector({"c": SIZE})
    collector.add("c", 130, 200, INTRON, 1, RNA, 3.0)
    collector.add("c", 100, 130, CDSPART, 1, PROTEIN, 0.9, collector.protein("P;1", 0.9))
    collector.table().save(tmp_path / "e")
    first = Transcript("t", ((100, 130), (200, 230)), ((100, 130), (200, 230)))
    other = Transcript("u", ((600, 690),), ((600, 690),))
    genes = [Gene("g", "c", "+", (first,)), Gene("h", "c", "+", (other,)), Gene("i", "c", "-", (first,))]
    prediction = GenomePrediction(genes, [])
    assert with_support(prediction, None, CONFIG) is prediction
    found = with_support(prediction, tmp_path / "e", CONFIG)
    assert [dict(gene.transcripts[0].attributes) for gene in found.genes] == [
        {"intron_support": "1/1", "protein": "P;1:0.50"},
        {},
        {"intron_support": "0/1"},
    ]
    assert found.rejects == []
    kept = with_support(prediction, tmp_path / "e", PredictConfig(require_evidence=True))
    assert [gene.id for gene in kept.genes] == ["g"]
    assert [row["reason"] for row in kept.rejects] == ["no evidence"] * 2
    table = EvidenceTable.load(tmp_path / "e")
    counted = intron_support(genes, table, [("c", 0, None)])
    assert counted == {"introns": 2, "supported": 1, "share": 0.5}


def test_models_that_can_use_no_evidence_say_so(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    SegmentModel(SegmentModelConfig(scheme="gencode", genetic_code=1)).save(folder)
    with pytest.raises(InputError, match="can use no evidence"):
        predictor_for(folder, world.genome, [], CONFIG, tmp_path)
    assert isinstance(predictor_for(folder, world.genome, [], CONFIG), SegmentPredictorFactory)
    for config, name in (
        (PredictConfig(isoforms="supported"), "--isoforms supported"),
        (PredictConfig(require_evidence=True), "--require-evidence"),
    ):
        with pytest.raises(InputError, match=f"{name} without evidence"):
            predictor_for(folder, world.genome, [], config)
