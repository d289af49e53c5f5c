"""The scheme `gene` in the whole pipeline: shards, training, a model's folder, and genes that are always valid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.segment.toy_shards import LENGTH, SPLITS, bake_toy, toy_sequence
from torch import Tensor

from genescribe.data.batching import collate, ordered_batches
from genescribe.data.dataset import ShardDataset
from genescribe.errors import InputError
from genescribe.genome.alphabet import Codes, reverse_complement
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Gene, Transcript, mirror
from genescribe.labels.decode import validate_gene
from genescribe.labels.gene_rules import GeneRules
from genescribe.labels.schemes import SCHEMES
from genescribe.nn.config import EncoderConfig
from genescribe.predict.config import PredictConfig
from genescribe.segment.composition.tables import Evidence
from genescribe.segment.config import SegmentModelConfig
from genescribe.segment.network.model import SegmentModel
from genescribe.segment.prediction.predictor import SegmentPredictor
from genescribe.segment.training.statistics import channel_counts, gene_statistics
from genescribe.segment.training.task import SegmentTask
from genescribe.train.config import TrainConfig
from genescribe.train.engine import train

ENCODER = EncoderConfig(hidden_dim=16, conv_width=12, conv_kernel=5, fold=3, dropout=0.0)
CONFIG = SegmentModelConfig(
    scheme="gene", encoder=ENCODER, max_duration=80, duration_knots=8, tile=90, halo=30, feature_cap=300
)
CODE = GeneticCode.from_table(1)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bake_toy(tmp_path_factory.mktemp("gene") / "batch_0", scheme="gene")


def genes_of(model: SegmentModel, codes: Codes) -> list[Transcript]:
    """Return the transcripts on a whole strand; assert that each is a gene."""
    scores = model.scores(torch.from_numpy(codes.astype(np.int64))[None])
    (path,) = model.crf.decode(scores.content, torch.tensor([len(codes)]), **scores.boundaries)
    runs = torch.stack([path.ends, path.labels], dim=1).numpy().astype(np.int32)
    transcripts = model.scheme.decode(runs).transcripts
    assert [validate_gene(transcript, codes, CODE) for transcript in transcripts] == [None] * len(transcripts)
    return transcripts


def on_strand(genes: list[Gene], strand: str) -> list[Gene]:
    return [gene if strand == "+" else mirror(gene, LENGTH) for gene in genes if gene.strand == strand]


@torch.no_grad()
def test_it_learns_the_toy_genome_and_finds_its_genes(shards: Path, tmp_path: Path) -> None:
    # So few steps need scores that count for more.
    task = SegmentTask(replace(CONFIG, content_scale=0.1), [shards])
    untrained = task.build().eval()
    assert isinstance(untrained, SegmentModel)
    with torch.enable_grad():
        train(task, TrainConfig(max_steps=100, batch_size=4, lr=0.01, validate_epochs=5), tmp_path)
    model = SegmentModel.load(tmp_path / "model")
    assert model.config.gene == GeneRules()
    codes, genes = toy_sequence("v0", np.random.default_rng(len(SPLITS.train)))
    found = 0
    for strand, bases in (("+", codes), ("-", reverse_complement(codes))):
        truth = {gene.transcripts[0].cds for gene in on_strand(genes, strand)}
        found += len(truth & {transcript.cds for transcript in genes_of(model, bases)})
        genes_of(untrained, bases)
    assert found == len(genes)


def test_what_is_baked_has_a_finite_loss(shards: Path) -> None:
    task = SegmentTask(CONFIG, [shards])
    model = task.build()
    for batch in ordered_batches(ShardDataset([shards], "train"), collate, size=4):
        assert bool(task.loss(model, batch).total.isfinite())


def test_the_signals_are_those_of_the_shards(shards: Path) -> None:
    assert SegmentTask(CONFIG, [shards]).config.gene == GeneRules()
    assert SegmentTask(replace(CONFIG, gene=GeneRules()), [shards]).config.gene == GeneRules()
    with pytest.raises(InputError, match="other signals of genes"):
        SegmentTask(replace(CONFIG, gene=GeneRules(["GT-AG"])), [shards])


def test_the_crf_starts_from_pooled_counts(shards: Path) -> None:
    task = SegmentTask(replace(CONFIG, duration_knots=0), [shards])
    model = task.build()
    assert isinstance(model, SegmentModel)
    table, _ = model.crf.durations()
    names = model.scheme.names
    for intron in ("intron0", "intron1", "intron2_TA", "utr3_intron"):
        assert int(table[:, names.index(intron)].argmax()) == 59, "introns of the toy genome last 60 bases"
    shares = model.crf.transitions().detach()[0].exp()
    initial, single = names.index("initial_0"), names.index("single_0")
    after = float(shares[0, initial] + shares[0, single])
    assert 0.7 < after <= 1.0, "genes of the toy genome have no UTR"
    assert float(shares[0, initial]) > float(shares[0, single]), "two of three genes have an intron"


def test_channels_count_each_base_once(shards: Path) -> None:
    task: Any = SegmentTask(CONFIG, [shards])
    bases = task.statistics["splits"]["train"]["bases"]
    counts = dict(zip(task.scheme.channels, channel_counts(task.scheme, bases), strict=True))
    assert sum(counts.values()) == pytest.approx(sum(bases.values()))
    assert counts["codon1"] == pytest.approx(counts["codon2"]) == pytest.approx(counts["codon3"])
    assert counts["stop"] == bases["stop"]
    assert counts["intron"] == sum(bases[name] for name in bases if name.startswith("intron"))


def test_a_model_remembers_what_its_genes_were_like() -> None:
    """Two genes, of 30 and of 60 coding bases in one and in two exons, on a kilobase of both strands."""
    scheme = SCHEMES["gene"]
    counts = {"intergenic": 1_885, "single_0": 27, "initial_1": 30, "terminal_2": 27, "stop": 6, "intron0": 25}
    split = {
        "bases": {name: counts.get(name, 0) for name in scheme.names},
        "durations": {name: [[counts[name], 1]] if name in counts else [] for name in scheme.names},
        "ignored": 0,
    }
    expected = {"genes_per_mb": 2_000.0, "mean_cds_length": 45.0, "mean_exons": 1.5}
    assert gene_statistics(split, scheme) == expected


def test_a_halo_too_short_is_refused() -> None:
    with pytest.raises(InputError, match="too short for the scheme 'gene'"):
        SegmentModel(replace(CONFIG, genetic_code=1, halo=0))


class Noisy(SegmentModel):
    """Its features are strong noise, a function of seven bases around each."""

    def features(self, codes: Tensor, lengths: Tensor, evidence: Evidence | None = None) -> Tensor:
        past = torch.arange(codes.shape[1]) >= lengths[:, None]
        bases = torch.nn.functional.one_hot(codes.masked_fill(past, 4), 5)[..., :4].float()
        weight = torch.randn(self.encoder.width, 4, 7, generator=torch.Generator().manual_seed(1))
        mixed = torch.nn.functional.conv1d(bases.transpose(1, 2), 9 * weight, padding=3)
        return mixed.sin().transpose(1, 2)

    def tiled_features(self, codes: Tensor, tiles: Sequence[tuple[int, int]], evidence: Evidence | None) -> Tensor:
        return self.features(codes, torch.tensor([codes.shape[1]]), evidence)[:, tiles[0][0] : tiles[-1][1]]


@torch.no_grad()
def test_tiles_in_every_frame_give_the_genes_of_the_whole_and_these_are_valid() -> None:
    torch.manual_seed(3)
    encoder = replace(ENCODER, fold=1)
    config = replace(CONFIG, encoder=encoder, content_scale=1.0, genetic_code=1, tile=100, halo=40, max_duration=30)
    model = Noisy(config).eval()
    model.head.weight *= 10
    model.head.bias += torch.tensor([-3.0, *[-1.0] * 2, *[1.0] * 3, 0, 0, *[-1.0] * 2, *[2.0] * 4])
    codes = np.random.default_rng(5).integers(0, 4, size=1_500).astype(np.uint8)
    introns = 0
    for strand in (codes, reverse_complement(codes)):
        found = SegmentPredictor(model).predict_strand(strand, PredictConfig(partial=True, posteriors=False))
        transcripts = [item.transcript for item in found.transcripts]
        assert transcripts == genes_of(model, strand)
        assert {reject.reason for reject in found.rejects} <= {"no coding sequence", "intron without exons"}
        introns += sum(len(transcript.cds_introns) for transcript in transcripts)
        assert len(transcripts) > 2
    assert introns > 5
