"""Loci that share rows are read as they are read alone: outputs, losses, gradients, and a resumed run."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch
from tests.generate.toy_loci import bake_toy, toy_config

from genescribe.data.cursor import Cursor
from genescribe.errors import InputError
from genescribe.generate.config import ExpertsConfig, GenerateModelConfig, PrefixConfig, SparseConfig
from genescribe.generate.model import build_model
from genescribe.generate.network.packed_loci import Layout
from genescribe.generate.training.task import GenerateTask

LENGTHS = torch.tensor([31, 200, 6, 77, 95, 12])
WIDTH, FOLD = 200, 6


def config_of(form: str = "pointer", **prefix: object) -> GenerateModelConfig:
    config = replace(toy_config(form, architecture="prefix_lm"), decoder_layers=2)
    return replace(config, prefix=PrefixConfig(**prefix), genetic_code=1)  # type: ignore[arg-type]


def test_a_layout_goes_there_and_back() -> None:
    layout = Layout.of(LENGTHS, WIDTH, FOLD, reach=4, capacity=150)
    x = torch.randn(len(LENGTHS), WIDTH, 3)
    x *= (torch.arange(WIDTH) < LENGTHS[:, None]).unsqueeze(-1)
    rows = layout.pack(x)
    assert torch.equal(layout.bases_of(rows), x)
    assert rows.shape[0] < len(LENGTHS) and rows.shape[1] % FOLD == 0
    assert int(layout.covered.sum()) == int(LENGTHS.sum())
    # Each locus begins at a step; between two of a row lie at least as many bases as a convolution reaches.
    for row in layout.bases:
        there = (row >= 0).nonzero().ravel()
        ends = there[:-1][(row[there][1:] // WIDTH) != (row[there][:-1] // WIDTH)]
        for end in ends.tolist():
            begin = int(there[there > end][0])
            assert begin % FOLD == 0 and begin - end - 1 >= 4


@pytest.mark.parametrize(
    ("form", "prefix"),
    [
        ("pointer", {}),
        ("pointer", {"preset": "dnabert2"}),
        ("pointer", {"experts": ExpertsConfig(4, top_k=2)}),
        ("digits", {}),
    ],
)
def test_packed_loci_are_read_and_learned_from_as_alone(form: str, prefix: dict[str, object], tmp_path: Path) -> None:
    baked = bake_toy(tmp_path / "toy", {"t": 6, "v": 1, "x": 1})
    plain = GenerateTask(config_of(form, **prefix), [baked])
    packed = GenerateTask(config_of(form, pack=500, **prefix), [baked])
    torch.manual_seed(0)
    models = [task.build().train() for task in (plain, packed)]
    models[1].load_state_dict(models[0].state_dict())
    batch = [plain.training[i] for i in range(6)]
    losses = [task.loss(model, batch) for task, model in zip((plain, packed), models, strict=True)]
    assert losses[0].total.item() == pytest.approx(losses[1].total.item(), rel=1e-5)
    for name in plain.parts:
        assert losses[0].parts[name].item() == pytest.approx(losses[1].parts[name].item(), rel=1e-5)
    for loss in losses:
        (loss.total / loss.weight).backward()
    theirs = dict(models[1].named_parameters())
    for name, parameter in models[0].named_parameters():
        if parameter.grad is not None:
            torch.testing.assert_close(parameter.grad, theirs[name].grad, atol=1e-5, rtol=1e-4)
    loci = [plain._locus(sample, shift=0) for sample in batch]
    found = [task._losses(model, loci)[0].nll for task, model in zip((plain, packed), models, strict=True)]
    torch.testing.assert_close(found[1], found[0], atol=1e-5, rtol=1e-5)


def test_what_is_read_of_a_locus_does_not_depend_on_its_neighbours() -> None:
    torch.manual_seed(0)
    model = build_model(config_of(pack=150)).train()
    codes = torch.randint(0, 4, (len(LENGTHS), WIDTH))
    alone = build_model(config_of()).train()
    alone.load_state_dict(model.state_dict())
    reading, memory = model.decoder.read(model.reader, codes, LENGTHS)
    wanted, kept = alone.decoder.read(alone.reader, codes, LENGTHS)
    for b, length in enumerate(LENGTHS.tolist()):
        steps = -(-length // FOLD)
        torch.testing.assert_close(reading.bases[b, :length], wanted.bases[b, :length], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(reading.steps[b, :steps], wanted.steps[b, :steps], atol=1e-5, rtol=1e-5)
        for mine, theirs in zip(memory.keys + memory.values, kept.keys + kept.values, strict=True):
            torch.testing.assert_close(mine[b, :, :steps], theirs[b, :, :steps], atol=1e-5, rtol=1e-5)
    assert torch.equal(memory.mask, kept.mask) and torch.equal(reading.step_mask, wanted.step_mask)
    codes[1] = (codes[1] + 1) % 4
    again, _ = model.decoder.read(model.reader, codes, LENGTHS)
    for b in (0, 2, 3, 4, 5):
        assert torch.equal(again.bases[b], reading.bases[b])
    assert not torch.equal(again.bases[1], reading.bases[1])


def test_buckets_go_by_what_is_read_of_a_window(tmp_path: Path) -> None:
    task = GenerateTask(config_of(), [bake_toy(tmp_path / "toy", {"t": 24, "v": 1, "x": 1})])
    sizes = task._sizes()
    assert sizes.tolist() == [len(task._locus(sample, shift=0).codes) for sample in task.training]
    cursor = Cursor(1, 0, 4, 4, buckets=6)
    whole = list(islice(task.batches(cursor), 12))
    key = {sample.key: size for sample, size in zip(task.training, sizes.tolist(), strict=True)}
    spread = [max(key[s.key] for s in batch) - min(key[s.key] for s in batch) for batch in whole]
    plain = list(islice(task.batches(replace(cursor, buckets=0)), 12))
    assert sum(spread) < 0.5 * sum(max(key[s.key] for s in one) - min(key[s.key] for s in one) for one in plain)
    again = list(islice(task.batches(replace(cursor, step=5)), 7))
    assert [[s.key for s in batch] for batch in again] == [[s.key for s in batch] for batch in whole[5:]]


@pytest.mark.parametrize("prefix", [{"attention": "sparse", "sparse": SparseConfig(16, 64)}, {"tokenizer": "t.json"}])
def test_what_cannot_share_rows_is_refused(prefix: dict[str, object]) -> None:
    from genescribe.generate.network.prefix_lm import PrefixStack

    with pytest.raises(InputError, match=r"model\.prefix\.pack"):
        PrefixStack(config_of(pack=100, **prefix))
