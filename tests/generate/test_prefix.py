"""The prefix-LM: one masked pass gives what reading and writing give apart; experts; wrong options; by heart."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch
from tests.generate.toy_loci import bake_toy, learned_by_heart, toy_config
from torch import Tensor

from genescribe.data.cursor import Cursor
from genescribe.errors import InputError
from genescribe.generate.config import ExpertsConfig, GenerateModelConfig, PrefixConfig, SparseConfig
from genescribe.generate.network.decoder import Cache
from genescribe.generate.network.prefix_lm import PrefixStack, alibi_slopes
from genescribe.generate.training.task import GenerateTask
from genescribe.nn.attention import rotate
from genescribe.nn.config import EncoderConfig

S, L, D = 9, 5, 32


def prefix_config(**prefix: object) -> GenerateModelConfig:
    encoder = EncoderConfig(hidden_dim=D, conv_width=24, fold=6, dropout=0.0)
    return GenerateModelConfig(
        architecture="prefix_lm",
        encoder=encoder,
        decoder_layers=2,
        dropout=0.0,
        prefix=PrefixConfig(**prefix),  # type: ignore[arg-type]
        genetic_code=1,
    )


def one_pass(stack: PrefixStack, bases: Tensor, sentence: Tensor, places: Tensor) -> Tensor:
    """Run prefix and sentence as one sequence under the prefix-LM's mask, written down pair by pair."""
    x = torch.cat([bases, sentence], dim=1)
    n, total = bases.shape[1], x.shape[1]
    place = torch.cat([torch.arange(n).float(), places])
    order = torch.arange(total).float()
    seen = torch.zeros(total, total, dtype=torch.bool)
    for i in range(total):
        for j in range(total):
            seen[i, j] = j < n if i < n else j <= i
    bias = torch.zeros(total, total).masked_fill(~seen, -math.inf)[None]
    if stack.slopes is not None:
        far = torch.zeros(total, total)
        for i in range(total):
            for j in range(total):
                far[i, j] = abs(order[i] - order[j]) if (i >= n and j >= n) else abs(place[i] - place[j])
        bias = bias - stack.slopes.view(-1, 1, 1) * far
    for layer in stack.layers:

        def look(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            if stack.slopes is None:
                half = q.shape[-1] // 2
                q, k = (torch.cat([rotate(y[..., :half], place), rotate(y[..., half:], order)], dim=-1) for y in (q, k))
            return ((q @ k.transpose(-1, -2)) / math.sqrt(q.shape[-1]) + bias).softmax(dim=-1) @ v

        x, _ = layer(x, look, None)
    return stack.norm(x)


@pytest.mark.parametrize("preset", ["default", "dnabert2"])
@pytest.mark.parametrize("experts", [0, 4])
def test_reading_and_writing_are_one_masked_pass(preset: str, experts: int) -> None:
    torch.manual_seed(0)
    stack = PrefixStack(prefix_config(preset=preset, experts=ExpertsConfig(experts), heads=2)).eval()
    bases, sentence, places = torch.randn(1, S, D), torch.randn(1, L, D), torch.tensor([0.0, 2.5, 2.5, 7.0, 3.0])
    expected = one_pass(stack, bases, sentence, places)
    # The locus stands beside a longer one: padding changes nothing.
    padded = torch.cat([torch.nn.functional.pad(bases, (0, 0, 0, 4)), torch.randn(1, S + 4, D)])
    table = torch.zeros(2, 1)
    states, memory = stack.prefill(padded, torch.tensor([S, S + 4]), table)
    torch.testing.assert_close(states[:1, :S], expected[:, :S], atol=1e-5, rtol=1e-5)
    steps, at = sentence.expand(2, -1, -1), places.expand(2, -1)
    whole, _ = stack(steps, at, memory, present=torch.ones(2, L, dtype=torch.bool))
    torch.testing.assert_close(whole[:1], expected[:, S:], atol=1e-5, rtol=1e-5)
    cache = Cache()
    for i in range(L):
        hidden, cache = stack(steps[:, i : i + 1], at[:, i : i + 1], memory, cache)
        torch.testing.assert_close(hidden[:, 0], whole[:, i], atol=1e-5, rtol=1e-5)


def test_what_comes_later_is_not_seen() -> None:
    stack = PrefixStack(prefix_config()).eval()
    bases, sentence, places = torch.randn(1, S, D), torch.randn(1, L, D), torch.zeros(1, L)
    _, memory = stack.prefill(bases, torch.tensor([S]), torch.zeros(1, 1))
    first, _ = stack(sentence, places, memory)
    sentence[:, 3:] += 1.0
    second, _ = stack(sentence, places, memory)
    assert torch.equal(first[:, :3], second[:, :3])
    assert not torch.allclose(first[:, 3:], second[:, 3:])


@pytest.mark.parametrize("preset", ["default", "dnabert2"])
def test_sparse_attention_that_sees_all_is_dense(preset: str) -> None:
    torch.manual_seed(0)
    dense = PrefixStack(prefix_config(preset=preset)).eval()
    sparse = PrefixStack(prefix_config(preset=preset, attention="sparse", sparse=SparseConfig(16, 64))).eval()
    sparse.load_state_dict(dense.state_dict())
    bases, counts = torch.randn(2, 50, D), torch.tensor([50, 20])
    wanted, memory = dense.prefill(bases, counts, torch.zeros(2, 1))
    found, kept = sparse.prefill(bases, counts, torch.zeros(2, 1))
    for row, count in enumerate(counts.tolist()):
        torch.testing.assert_close(found[row, :count], wanted[row, :count], atol=1e-5, rtol=1e-5)
        for mine, theirs in zip(kept.keys, memory.keys, strict=True):
            torch.testing.assert_close(mine[row, :, :count], theirs[row, :, :count], atol=1e-5, rtol=1e-5)
    narrow = PrefixStack(prefix_config(preset=preset, attention="sparse", sparse=SparseConfig(16, 0, 0))).eval()
    narrow.load_state_dict(dense.state_dict())
    assert not torch.allclose(narrow.prefill(bases, counts, torch.zeros(2, 1))[0][0], wanted[0], atol=1e-3)


def test_slopes_are_the_published_ones() -> None:
    assert alibi_slopes(8).tolist() == [2.0**-i for i in range(1, 9)]
    # Of 12 heads: those of 8, then every other one of 16.
    assert alibi_slopes(12).tolist() == pytest.approx(
        [2.0**-i for i in range(1, 9)] + [2.0**-x for x in (0.5, 1.5, 2.5, 3.5)]
    )


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"heads": 5}, "hidden_dim"),
        ({"experts": ExpertsConfig(2, top_k=3)}, "top_k"),
        ({"attention": "sparse", "sparse": SparseConfig(block=48)}, "block"),
        ({"attention": "sparse", "sparse": SparseConfig(block=64, window=100)}, "window"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: dict[str, object], where: str) -> None:
    with pytest.raises(InputError, match=where):
        PrefixStack(prefix_config(**options))


def test_losses_of_the_router_are_told_apart(tmp_path: Path) -> None:
    baked = bake_toy(tmp_path, {"t": 4, "v": 1, "x": 1})
    experts = ExpertsConfig(4, top_k=2, balance=0.5, router_z=0.25)
    config = replace(toy_config(architecture="prefix_lm"), prefix=PrefixConfig(experts=experts))
    task = GenerateTask(config, [baked])
    torch.manual_seed(0)
    model = task.build()
    batch = [task.training[i] for i in range(4)]
    losses, kinds = task._losses(model, [task._locus(sample, shift=0) for sample in batch])
    assert set(losses.router) == {"balance", "router_z"}
    assert float(losses.router["balance"].detach()) >= 1.0 - 1e-3
    whole, steps = task.loss(model, batch), (kinds >= 0).sum()
    expected = losses.nll.sum() + steps * (
        losses.content + 0.5 * losses.router["balance"] + 0.25 * losses.router["router_z"]
    )
    assert whole.total.item() == pytest.approx(expected.item(), rel=1e-5)
    assert tuple(whole.parts) == task.parts == ("cross_entropy", "content", "balance", "router_z")
    whole.total.backward()
    router = model.get_parameter("decoder.layers.0.feed.router.weight").grad
    assert router is not None and float(router.abs().sum()) > 0


@pytest.mark.parametrize("experts", [4, 0])
def test_one_batch_is_learned_by_heart(experts: int, tmp_path: Path) -> None:
    """Eight loci, two strands, isoforms: after a few hundred steps each is written as it stands in the annotation."""
    baked = bake_toy(tmp_path / "toy", {"t": 8, "v": 1, "x": 1})
    config = replace(
        toy_config(architecture="prefix_lm"),
        decoder_layers=2,
        prefix=PrefixConfig(experts=ExpertsConfig(experts)),
    )
    task = GenerateTask(config, [baked])
    assert len(task.training) == 8
    model, loci = learned_by_heart(task, below=1e-4)
    assert [locus.sentence for locus in loci] == task.write(model, loci)


def test_buckets_go_by_what_is_read_of_a_window(tmp_path: Path) -> None:
    task = GenerateTask(
        replace(toy_config(architecture="prefix_lm"), decoder_layers=2),
        [bake_toy(tmp_path / "toy", {"t": 24, "v": 1, "x": 1})],
    )
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
