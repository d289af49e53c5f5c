"""Counted evidence in the model: counted from shards, kept with the weights, worth what training finds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.segment.test_gene_task import CONFIG
from tests.segment.toy_shards import bake_toy

from genescribe.data.batching import collate
from genescribe.errors import InputError
from genescribe.labels.gene_labels import CHANNELS
from genescribe.segment.composition.tables import SITES
from genescribe.segment.config import EvidenceConfig
from genescribe.segment.network.model import SegmentModel
from genescribe.segment.training.task import SegmentTask

COUNTED = replace(CONFIG, evidence=EvidenceConfig(order=2, window=31, branch_reach=20), halo=330)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bake_toy(tmp_path_factory.mktemp("evidence") / "batch_0", scheme="gene")


def built(shards: Path) -> tuple[SegmentTask, SegmentModel]:
    torch.manual_seed(1)
    task = SegmentTask(COUNTED, [shards])
    model = task.build()
    assert isinstance(model, SegmentModel)
    return task, model


@torch.no_grad()
def test_what_is_counted_tells_genes_from_what_is_between(shards: Path) -> None:
    task, model = built(shards)
    assert model.evidence is not None
    batch = collate([task.validation[i] for i in range(len(task.validation))])
    found, channel = model.evidence(batch.codes, batch.lengths), model.expansion.targets(batch.labels())
    # Exons of the toy genome are rich in C, introns in T.
    for name in ("codon1", "codon2", "codon3", "intron"):
        number = CHANNELS.index(name)
        values = found.content[..., number]
        assert values[channel == number].mean() > 0.3 > -0.3 > values[channel == 0].mean()
    donors = [
        (row, int(run[i - 1, 0]))
        for row, run in enumerate(batch.runs)
        for i in range(1, len(run))
        if run[i, 1] in range(16, 22) and run[i - 1, 1] >= 0
    ]
    assert donors
    signal = found.signals[..., list(SITES).index("donor")]
    assert min(float(signal[row, t]) for row, t in donors) > float(signal[signal != 0].median()) + 2


def test_training_weighs_the_evidence(shards: Path) -> None:
    task, model = built(shards)
    batch = collate([task.training[i] for i in range(4)])
    task.loss(model, batch).total.backward()
    assert model.content_gain.grad is not None and model.signal_gain.grad is not None
    coding = model.content_gain.grad[CHANNELS.index("codon1")]
    assert coding != 0 and bool((model.signal_gain.grad[: len(SITES)] != 0).all())


@torch.no_grad()
def test_gains_add_evidence_to_the_scores(shards: Path) -> None:
    task, model = built(shards)
    batch = collate([task.validation[0]])
    with_it = model.scores(batch.codes, batch.lengths)
    model.content_gain.zero_()
    model.signal_gain.zero_()
    without, evidence = model.scores(batch.codes, batch.lengths), model.evidence
    assert evidence is not None and with_it.begin is not None and without.begin is not None
    intron = 16
    counted = COUNTED.evidence
    assert counted is not None
    added = counted.content_gain * evidence(batch.codes, batch.lengths).content[..., CHANNELS.index("intron")]
    torch.testing.assert_close(
        with_it.content[..., intron] - without.content[..., intron], added.double(), atol=1e-5, rtol=0
    )
    assert torch.equal(with_it.begin.isfinite(), without.begin.isfinite())


@torch.no_grad()
def test_tables_are_part_of_the_weights(shards: Path, tmp_path: Path) -> None:
    task, model = built(shards)
    model.eval().save(tmp_path)
    again, batch = SegmentModel.load(tmp_path), collate([task.validation[0]])
    for one, other in zip(model.scores(batch.codes), again.scores(batch.codes), strict=True):
        assert one is not None and other is not None and torch.equal(one, other)
    assert again.evidence is not None and bool(again.evidence.content.any())


@torch.no_grad()
def test_the_floor_bounds_what_a_base_can_cost(shards: Path) -> None:
    model = SegmentModel(replace(CONFIG, genetic_code=1, content_scale=1.0, content_floor=0.2)).eval()
    model.head.weight *= 100
    content = model.scores(torch.randint(0, 4, (1, 200))).content
    finite = content[content.isfinite()]
    assert finite.min() >= torch.tensor(0.2 / len(CHANNELS)).log() - 1e-5 and finite.max() <= 0


@torch.no_grad()
def test_labels_that_are_not_coding_can_be_told_apart_by_less() -> None:
    plain = SegmentModel(replace(CONFIG, genetic_code=1, content_scale=1.0, content_noncoding=1.0)).eval()
    bound = SegmentModel(replace(CONFIG, genetic_code=1, content_scale=1.0, content_noncoding=0.25)).eval()
    bound.load_state_dict(plain.state_dict())
    codes, lengths = torch.randint(0, 4, (1, 200)), torch.tensor([200])
    whole, less = (model.channel_scores(codes, lengths).content for model in (plain, bound))
    coding = [CHANNELS.index(name) for name in ("codon1", "codon2", "codon3", "stop")]
    others = [channel for channel in range(len(CHANNELS)) if channel not in coding]
    assert torch.equal(whole[..., coding], less[..., coding])
    torch.testing.assert_close(less[..., others].diff(dim=-1), 0.25 * whole[..., others].diff(dim=-1))
    together = whole[..., others].exp().sum(-1, keepdim=True).log()
    torch.testing.assert_close(less[..., others], together + 0.25 * (whole[..., others] - together))


def test_it_needs_reading_frames() -> None:
    with pytest.raises(
        InputError, match=r"model.evidence: counted with the scheme 'gencode'; set model.scheme to gene"
    ):
        SegmentModel(replace(COUNTED, scheme="gencode", genetic_code=1))


def test_gains_of_channels_that_are_not_coding_may_begin_elsewhere(shards: Path) -> None:
    evidence = EvidenceConfig(order=2, window=31, branch_reach=20, content_gain=0.9, noncoding_gain=0.2)
    model = SegmentModel(replace(COUNTED, evidence=evidence, genetic_code=1))
    gains = dict(zip(CHANNELS, model.content_gain.tolist(), strict=True))
    assert {round(gains[name], 3) for name in ("codon1", "codon2", "codon3", "stop")} == {0.9}
    assert {round(gain, 3) for name, gain in gains.items() if not name.startswith(("codon", "stop"))} == {0.2}
