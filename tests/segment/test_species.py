"""A model of several genomes: what it keeps of each, whose windows teach what, and which genome a sequence is like."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.segment.test_gene_evidence import COUNTED
from tests.segment.toy_shards import bake_toy, toy_sequence
from torch import Tensor

from genescribe.crf.head import SemiCRF
from genescribe.crf.statistics import RunStatistics
from genescribe.data.batching import Batch, collate
from genescribe.errors import InputError
from genescribe.files import read_json, write_json
from genescribe.genome.alphabet import Codes, N, reverse_complement
from genescribe.genome.fasta import Genome, write_fasta
from genescribe.predict.config import PredictConfig
from genescribe.predict.file_names import SUMMARY
from genescribe.predict.genome import predict_genome
from genescribe.predict.interface import CHOICE, DOUBT, SCORES
from genescribe.predict.output_files import write_annotation
from genescribe.predict.scan import job_of
from genescribe.predict.stretches import pieces_of
from genescribe.segment.config import SpeciesConfig
from genescribe.segment.network.model import SPECIES, STATISTICS, SegmentModel
from genescribe.segment.network.species import AUTO, EACH, POOLED, with_pool, word_counts
from genescribe.segment.prediction import choice
from genescribe.segment.prediction.choice import FARTHEST, STRANGER, choose, gene_score
from genescribe.segment.prediction.factory import EachPredictor, SegmentPredictorFactory
from genescribe.segment.prediction.predictor import SegmentPredictor
from genescribe.segment.training.task import SegmentTask
from genescribe.segment.training.temperature import temperature_of
from genescribe.train.config import TrainConfig
from genescribe.train.engine import train
from genescribe.train.model_files import CONFIG

MODEL = replace(COUNTED, species=SpeciesConfig(pool_genes=0.0, pooled=0.0), crf_weight=1.0)
AT = {"plain": 0.8, "rich": 0.3}
"""The genomes of the toy: the share of A and T between their genes."""


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("species")
    return [bake_toy(folder / name, scheme="gene", genome=name, at=at) for name, at in AT.items()]


@pytest.fixture(scope="module")
def task(shards: list[Path]) -> SegmentTask:
    return SegmentTask(MODEL, shards)


@pytest.fixture
def model(task: SegmentTask) -> SegmentModel:
    torch.manual_seed(1)
    built = task.build()
    assert isinstance(built, SegmentModel) and built.species is not None
    assert built.species.names == ("plain", "rich")
    return built


@pytest.fixture(scope="module")
def trained(task: SegmentTask, tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = TrainConfig(max_steps=12, batch_size=4, lr=0.01, validate_epochs=1.0, device="cpu")
    return train(task, config, tmp_path_factory.mktemp("trained"))


def windows(task: SegmentTask, *genomes: str) -> Batch:
    samples = [task.training[i] for i in range(len(task.training))]
    chosen = [next(s for s in samples if s.meta.genome == genome and len(s.runs) > 1) for genome in genomes]
    return collate(chosen)


def renamed(batch: Batch, name: str) -> Batch:
    return replace(batch, metas=tuple(replace(meta, genome=name) for meta in batch.metas))


# -- counting ----------------------------------------------------------------------------------------------------
def test_a_genome_begins_with_what_a_model_of_its_own_begins_with(model: SegmentModel, shards: list[Path]) -> None:
    for name, folder in zip(AT, shards, strict=True):
        alone = SegmentTask(replace(MODEL, species=None), [folder]).build()
        mine = model.specialised(name)
        for part in ("crf.", "evidence."):
            for key, value in alone.state_dict().items():
                if key.startswith(part):
                    torch.testing.assert_close(mine.state_dict()[key], value, atol=1e-5, rtol=1e-5)


def test_what_all_share_begins_with_the_counts_of_all(model: SegmentModel, shards: list[Path]) -> None:
    together = SegmentTask(replace(MODEL, species=None), shards).build()
    mine = model.specialised(POOLED)
    assert mine.config == together.config
    for key, value in together.state_dict().items():
        if key.startswith(("crf.", "evidence.")):
            torch.testing.assert_close(mine.state_dict()[key], value)


def test_genes_of_the_pool_draw_a_genome_towards_it(model: SegmentModel, shards: list[Path]) -> None:
    def distance(pool_genes: float) -> float:
        config = replace(MODEL, species=SpeciesConfig(pool_genes=pool_genes))
        built = SegmentTask(config, shards).build()
        own, pool = (built.specialised(name).state_dict()["evidence.content"] for name in ("rich", POOLED))
        return float((own - pool).abs().mean())

    assert distance(0.0) > distance(2.0) > distance(6.0) > 0


def test_counts_with_a_share_of_the_pools() -> None:
    own = RunStatistics(({3: 2}, {}), torch.ones(1, 2, 2), torch.ones(2), bases=torch.ones(2))
    pool = RunStatistics(({3: 4, 9: 1}, {1: 8}), 4 * torch.ones(1, 2, 2), torch.ones(2), bases=6 * torch.ones(2))
    mixed = with_pool(own, pool, 0.5)
    assert mixed.durations == ({3: 4.0, 9: 0.5}, {1: 4.0})
    assert mixed.bases is not None
    assert mixed.transitions.unique().tolist() == [3.0] and mixed.bases.tolist() == [4.0, 4.0]


# -- training ----------------------------------------------------------------------------------------------------
def offset_gradients(model: SegmentModel, task: SegmentTask, batch: Batch) -> dict[str, float]:
    model.zero_grad()
    task.loss(model, batch).total.backward()
    assert model.species is not None
    total = torch.zeros(len(model.species.names))
    for offset in model.species.offsets.values():
        assert offset.grad is not None
        total += offset.grad.flatten(1).abs().sum(1)
    return dict(zip(model.species.names, total.tolist(), strict=True))


def test_a_window_teaches_its_own_genome_and_what_all_share(task: SegmentTask, model: SegmentModel) -> None:
    found = offset_gradients(model, task, windows(task, "rich"))
    assert found["rich"] > 0 and found["plain"] == 0
    assert model.crf.transition.grad is not None and model.crf.transition.grad.abs().sum() > 0
    assert min(offset_gradients(model, task, windows(task, "rich", "plain")).values()) > 0


def test_a_window_of_an_unknown_genome_is_read_with_what_all_share(task: SegmentTask, model: SegmentModel) -> None:
    batch = windows(task, "rich")
    with torch.no_grad():
        unknown = float(task.loss(model.eval(), renamed(batch, "new")).total)
        pooled, own = (float(task.loss(model.specialised(name), batch).total) for name in (POOLED, "rich"))
    assert unknown == pytest.approx(pooled, rel=1e-6)
    assert own != pytest.approx(pooled, rel=1e-3)
    assert set(offset_gradients(model, task, renamed(batch, "new")).values()) == {0.0}


def test_at_random_training_reads_a_window_as_of_an_unknown_genome(shards: list[Path], model: SegmentModel) -> None:
    always = SegmentTask(replace(MODEL, species=SpeciesConfig(pool_genes=0.0, pooled=1.0)), shards)
    batch = windows(always, "rich")
    assert set(offset_gradients(model.train(), always, batch).values()) == {0.0}
    assert offset_gradients(model.eval(), always, batch)["rich"] > 0


@torch.no_grad()
def test_a_batch_is_the_sum_of_its_genomes(task: SegmentTask, model: SegmentModel) -> None:
    model.eval()
    both = task.loss(model, windows(task, "plain", "rich", "plain"))
    apart = [task.loss(model.specialised(name), windows(task, name)) for name in ("plain", "plain", "rich")]
    assert float(both.total) == pytest.approx(sum(float(part.total) for part in apart), rel=1e-5)
    assert int(both.weight) == sum(int(part.weight) for part in apart)
    counts = task.validate(model, windows(task, "plain", "rich"))
    parts = [task.validate(model.specialised(name), windows(task, name)) for name in AT]
    assert torch.equal(counts["bases"], parts[0]["bases"] + parts[1]["bases"])


def test_a_specialised_model_is_what_training_saw(task: SegmentTask, model: SegmentModel) -> None:
    assert model.species is not None
    with torch.no_grad():
        for offset in model.species.offsets.values():
            offset.add_(0.1 * torch.randn_like(offset))
    batch = windows(task, "plain")
    model.eval()

    def read(one: SegmentModel) -> Tensor:
        scores = one.scores(batch.codes, batch.lengths)
        assert isinstance(one.crf, SemiCRF)
        return one.crf.loss(scores.content, list(batch.runs), batch.lengths, **scores.boundaries)

    with torch.no_grad():
        inside = model.as_species(model.species.number("plain"), read)
        torch.testing.assert_close(inside, read(model.specialised("plain")))
        assert not torch.allclose(inside, read(model))


def test_both_genomes_are_drawn(task: SegmentTask) -> None:
    assert task.draw is not None and task.samples() == len(task.draw)
    epoch = task.draw.order(1, 0)
    assert Counter(task.training[int(i)].meta.genome for i in epoch).keys() == AT.keys()


# -- a model's folder --------------------------------------------------------------------------------------------
def test_a_folder_gives_the_same_model_back(trained: Path) -> None:
    model = SegmentModel.load(trained)
    assert model.species is not None and model.species.names == ("plain", "rich")
    assert any(float(offset.detach().abs().max()) > 0 for offset in model.species.offsets.values())
    known = read_json(trained / STATISTICS)[SPECIES]
    assert known.keys() == AT.keys() and all(row["genes_per_mb"] > 0 for row in known.values())


def test_a_folder_with_other_names_is_refused(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes((trained / "model.safetensors").read_bytes())
    stored = read_json(trained / CONFIG)
    stored["model"]["species"]["names"] = ["plain"]
    write_json(tmp_path / CONFIG, stored)
    with pytest.raises(InputError, match="species"):
        SegmentModel.load(tmp_path)
    stored["model"]["species"]["entries"] = 2
    write_json(tmp_path / CONFIG, stored)
    with pytest.raises(InputError, match="unknown key"):
        SegmentModel.load(tmp_path)


@pytest.mark.parametrize("names", [["a", "a"], ["a", POOLED], ["a", AUTO], ["a", EACH], []])
def test_names_that_cannot_be_told_apart_are_refused(names: list[str]) -> None:
    with pytest.raises(InputError, match=r"model\.species\.names"):
        SegmentModel(replace(MODEL, species=SpeciesConfig(names=names), genetic_code=1))


def test_species_without_evidence_are_refused() -> None:
    with pytest.raises(InputError, match=r"model\.species"):
        SegmentModel(replace(MODEL, species=SpeciesConfig(names=["a"]), evidence=None, genetic_code=1))


# -- which genome a sequence is like -------------------------------------------------------------------------------
def sequence(name: str, seed: int = 50) -> Codes:
    codes, _ = toy_sequence("s", np.random.default_rng(seed), AT[name])
    return codes


def test_a_sequence_is_like_its_own_genome(model: SegmentModel) -> None:
    assert model.species is not None
    for name in AT:
        counts = word_counts(sequence(name))
        assert model.species.nearest(counts) == name
        assert np.array_equal(counts, word_counts(reverse_complement(sequence(name))))
    # Halves of both are like no one of them.
    assert model.species.nearest(word_counts(sequence("plain")) + word_counts(sequence("rich"))) == POOLED
    assert model.species.nearest(word_counts(sequence("rich")[:500])) == POOLED


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    path = tmp_path / "genome.fa"
    write_fasta(path, [("p", sequence("plain")), ("r", sequence("rich")), ("q", sequence("plain", 51))])
    return path


def factories(trained: Path, fasta: Path, species: str, *regions: str) -> Iterator[SegmentPredictorFactory]:
    genome = Genome.open(fasta)
    pieces = pieces_of(genome, regions, 0, where=fasta)
    yield SegmentPredictorFactory(trained, "cpu").for_genome(genome, pieces, species)


def test_the_genome_is_chosen_from_the_regions_that_are_annotated(trained: Path, fasta: Path) -> None:
    for regions, expected in ((("p", "q"), "plain"), (("r",), "rich"), (("p:1-300",), POOLED)):
        (factory,) = factories(trained, fasta, AUTO, *regions)
        assert factory.species == expected and factory.provenance()["species"] == expected
        assert factory.recoded(2).provenance() == {**factory.provenance(), "genetic-code": "2"}
        assert DOUBT in factory.provenance()  # So few bases leave a doubt.
    (factory,) = factories(trained, fasta, "rich", "p")
    assert factory.species == "rich" and factory.statistics() == read_json(trained / STATISTICS)[SPECIES]["rich"]
    (factory,) = factories(trained, fasta, POOLED, "p")
    assert SPECIES not in factory.statistics() and factory.statistics()["genes_per_mb"] > 0
    with pytest.raises(InputError, match="it has plain, rich"):
        list(factories(trained, fasta, "fly", "p"))


def test_a_strange_sequence_is_far_from_every_genome(model: SegmentModel) -> None:
    assert model.species is not None
    for name in AT:
        near = model.species.distance(word_counts(sequence(name)))
        assert min(near, key=lambda other: near[other]) == name and near[name] <= FARTHEST
    strange = np.random.default_rng(2).choice(4, 20_000, p=[0.48, 0.02, 0.02, 0.48]).astype(np.uint8)
    assert min(model.species.distance(word_counts(strange)).values()) > FARTHEST
    chosen = choose(model, word_counts(strange), [strange])
    assert chosen.species == POOLED and "nothing like it" in chosen.reason and "expect little" in chosen.warning
    assert chosen.scores.keys() == {*AT, POOLED}


def test_a_choice_is_the_same_whatever_the_strand_and_the_threads(model: SegmentModel) -> None:
    codes = sequence("rich")
    threads = torch.get_num_threads()
    found = choose(model, word_counts(codes), [codes])
    try:
        torch.set_num_threads(2)
        assert choose(model, word_counts(codes), [codes]) == found and torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    turned = reverse_complement(codes)
    assert choose(model, word_counts(turned), [turned]) == found
    assert found.species == "rich" and found.scores["rich"].total > found.scores[POOLED].total


def test_genes_score_more_than_the_same_bases_in_disorder(model: SegmentModel) -> None:
    predictor = SegmentPredictor(model.specialised("rich"))
    codes = sequence("rich")
    assert gene_score(predictor, [codes]) > 2 * gene_score(predictor, [np.random.default_rng(1).permutation(codes)]) > 0
    assert gene_score(predictor, [codes, codes[:900]]) == gene_score(predictor, [codes])
    # Hardly any in a gap, of which all that is not an exon may be part: the sum, since no base is known.
    assert 0 <= gene_score(predictor, [np.full(3_000, N, dtype=np.uint8)]) < 1


def test_each_sequence_has_its_own_genome_on_both_strands(trained: Path, fasta: Path) -> None:
    (factory,) = factories(trained, fasta, EACH)
    predictor = factory()
    assert isinstance(predictor, EachPredictor)
    for name in AT:
        codes = sequence(name)
        chosen = predictor.predictor(codes)
        assert chosen is predictor.predictor(reverse_complement(codes))
        alone = SegmentPredictor(SegmentModel.load(trained).specialised(name))
        np.testing.assert_array_equal(chosen.read(codes, 0, len(codes)), alone.read(codes, 0, len(codes)))


@pytest.mark.parametrize("species", [AUTO, EACH, "rich"])
def test_chunks_change_no_gene(trained: Path, fasta: Path, tmp_path: Path, species: str) -> None:
    genome = Genome.open(fasta)
    pieces = pieces_of(genome, [], 0, where=fasta)
    (factory,) = factories(trained, fasta, species)
    config = PredictConfig(workers=1, min_cds=6, species=species)
    whole = predict_genome(factory, fasta, pieces, config)
    for chunk in (1, 1000):
        assert predict_genome(factory, fasta, pieces, replace(config, chunk=chunk)) == whole
    write_annotation(tmp_path / "out", whole, genome, pieces, factory, config)
    assert read_json(tmp_path / "out" / SUMMARY)["species"] == factory.species
    header = (tmp_path / "out" / "annotation.gff3").read_text()
    assert f"species: {factory.species}" in header
    told, known = read_json(tmp_path / "out" / SUMMARY), factory.provenance()
    assert SCORES not in known or f"species-scores: {json.dumps(known[SCORES])}" in header
    assert told.get("species_scores") == known.get(SCORES) and told.get("species_choice") == known.get(CHOICE)
    assert (SCORES in known) == (species == AUTO)
    # A run that is resumed knows by these values that it is the same.
    (again,) = factories(trained, fasta, species)
    assert json.loads(json.dumps(job_of(factory, fasta, pieces, config))) == job_of(again, fasta, pieces, config)
    assert [known[DOUBT]] == told["warnings"][:1] if DOUBT in known else species != AUTO


def test_a_model_of_one_set_of_parameters_knows_no_species(trained: Path, tmp_path: Path) -> None:
    SegmentModel.load(trained).specialised("rich").save(tmp_path)
    factory = SegmentPredictorFactory(tmp_path, "cpu")
    assert "species" not in factory.provenance()
    with pytest.raises(InputError, match="no species"):
        SegmentPredictorFactory(tmp_path, "cpu", "rich")
    assert isinstance(SegmentPredictorFactory(tmp_path, "cpu", EACH)(), SegmentPredictor)


def test_validation_may_read_some_windows_only(shards: list[Path]) -> None:
    few = SegmentTask(replace(MODEL, validation_windows=3), shards)
    keys = [key for batch in few.validation_batches(0, 1, 4, 0) for key in batch.keys]
    every = [few.validation[i].key for i in range(len(few.validation))]
    assert len(every) > 3 and len(keys) == 3
    assert {keys.index(every[0]), keys.index(every[-1])} <= {0, 1, 2}


@pytest.mark.parametrize(("lead", "reads"), [(-1.0, 2), (1e9, 6)])
def test_a_third_of_a_sample_is_enough_for_a_clear_choice(
    model: SegmentModel, monkeypatch: pytest.MonkeyPatch, lead: float, reads: int
) -> None:
    codes, read = sequence("rich"), list[int]()
    sample = np.array_split(np.tile(codes, 6), 6)
    monkeypatch.setattr(choice, "LEAST", 1)
    monkeypatch.setattr(choice, "CLEAR", lead)

    def odds(predictor: SegmentPredictor, part: Codes) -> float:
        read.append(len(part))
        return float(len(part))

    monkeypatch.setattr(choice, "_log_odds", odds)
    found = choose(model, word_counts(codes), sample)
    assert len(read) == 2 * reads * len(found.scores)
    assert found.scores[POOLED].genes == pytest.approx(2, rel=1e-6)  # Of both strands, over the bases that were read.


def test_a_stranger_is_read_with_less_confidence(trained: Path, fasta: Path) -> None:
    own, pooled = SegmentPredictorFactory(trained, "cpu", "rich"), SegmentPredictorFactory(trained, "cpu", POOLED)
    assert own.temperature == temperature_of(trained)
    assert pooled.temperature == pytest.approx(STRANGER * own.temperature)
    each = SegmentPredictorFactory(trained, "cpu", EACH)()
    assert isinstance(each, EachPredictor)
    few = sequence("rich")[:100]
    assert each.predictor(few).temperature == pytest.approx(pooled.temperature)
    assert each.predictor(sequence("rich")).temperature == pytest.approx(own.temperature)
