"""The choice of a species by words and genes, and the models that come with the project."""

from __future__ import annotations

from pathlib import Path

import pytest

from genescribe.genome.fasta import Genome
from genescribe.models import model_folder
from genescribe.predict.interface import CHOICE, DOUBT, SCORES
from genescribe.predict.stretches import pieces_of
from genescribe.segment.network.species import AUTO, POOLED, STRETCH, stretches
from genescribe.segment.prediction.choice import Score, decide
from genescribe.segment.prediction.factory import SegmentPredictorFactory
from genescribe.segment.prediction.predictor import SegmentPredictor


@pytest.mark.parametrize("length", [0, 100, 1 << 20, (1 << 20) + 1, 3_000_001])
def test_stretches_lie_in_the_sequence_and_are_alike_from_both_ends(length: int) -> None:
    found = stretches(length)
    assert found == [(length - end, length - start) for start, end in reversed(found)]
    assert all(0 <= start <= end <= length for start, end in found)
    assert sum(end - start for start, end in found) <= 1 << 20
    assert length <= 1 << 20 or {end - start for start, end in found} == {STRETCH}


NEAR = Score(-1.30, 0.02, 0.01)


@pytest.mark.parametrize(
    ("near", "pooled", "expected"),
    [
        (NEAR, Score(-1.31, 0.01, 0.05), "a"),
        (NEAR, Score(-1.30, 0.0195, 0.05), POOLED),  # better by less than the margin
        (NEAR, Score(-1.31, 0.028, 0.05), POOLED),  # its genes are better read with all together
        (NEAR._replace(distance=0.2), Score(-1.40, 0.01, 0.05), POOLED),  # far from all
    ],
)
def test_words_and_genes_decide(near: Score, pooled: Score, expected: str) -> None:
    scores = {"b": NEAR._replace(words=-1.35), "a": near, POOLED: pooled}
    scores["b"] = scores["b"]._replace(distance=near.distance)
    chosen = decide(scores, 100_000)
    assert chosen.species == expected and bool(chosen.warning) == (expected == POOLED)
    totals = [score.total for score in chosen.scores.values()]
    assert totals == sorted(totals, reverse=True)
    assert bool(decide(scores, 5_000).warning)


GENOMES = {
    "Arabidopsis.thaliana_1pct": "arabidopsis",
    "Caenorhabditis.elegans_smallgenes": "celegans",
    "Drosophila.melanogaster_2L_3Mb": "drosophila",
    "Homo.sapiens_chr1_chunks": "human",
    "Leishmania.major_chr1": "leishmania",
    "Plasmodium.falciparum_chr1-8": POOLED,
    "Populus.trichocarpa_Chr01_8Mb": "populus",
    "Saccharomyces.cerevisiae": "yeast",
    "Schizosaccharomyces.pombe_I_II": "pombe",
    "Trypanosoma.brucei_chr1": "trypanosoma",
}


@pytest.mark.parametrize("name", GENOMES)
def test_real_genomes_have_their_own_parameters_and_strangers_none(data_dir: Path, name: str, tmp_path: Path) -> None:
    genome = Genome.open(data_dir / "eukaryotes" / name / "genome.fa.gz", scratch=tmp_path)
    pieces = pieces_of(genome, [], 0, where=genome.path)
    factory = SegmentPredictorFactory(model_folder("all_genomes"), "cpu").for_genome(genome, pieces, AUTO)
    told = factory.provenance()
    assert told["species"] == GENOMES[name] and {GENOMES[name], POOLED} <= told[SCORES].keys()
    assert ("nothing like it" in told[CHOICE]) == (GENOMES[name] == POOLED) == (DOUBT in told)


@pytest.mark.parametrize("name", ["yeast", "all_genomes"])
def test_the_models_that_come_with_the_project_load(name: str) -> None:
    factory = SegmentPredictorFactory(Path(__file__).parents[2] / "models" / name, "cpu")
    predictor = factory()
    assert isinstance(predictor, SegmentPredictor) and predictor.model.species is None
    known = factory.config.species.names if factory.config.species else []
    assert ("yeast" in known) == (name == "all_genomes")
