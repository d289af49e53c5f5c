"""The network: its first loss, its mask, its cache; training that resumes to the same bits."""

from __future__ import annotations

import math
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from genescribe.codon.config import CodonModelConfig, CodonOptions
from genescribe.codon.layout import Layout
from genescribe.codon.model import CodonModel
from genescribe.codon.network import Network, spans
from genescribe.codon.run import CodonRunConfig
from genescribe.codon.task import CodonTask, batch_of
from genescribe.codon.training import CURVES, train_run
from genescribe.codon.vocabulary import EOS, SEP, SIZE, to_tokens
from genescribe.config import to_mapping
from genescribe.data.cursor import Cursor
from genescribe.errors import InputError
from genescribe.files import read_json, write_json
from genescribe.train.engine import train
from genescribe.train.schedule import reseed

CONFIG = CodonModelConfig(block_size=64, n_layer=2, n_head=2, n_embd=32, dropout=0.0)


def model(**options: Any) -> CodonModel:
    torch.manual_seed(0)
    return CodonModel(replace(CONFIG, **options)).eval()


def genes(*lengths: int) -> list[np.ndarray[Any, Any]]:
    generator = np.random.default_rng(1)
    return [to_tokens(generator.integers(0, 64, n).astype(np.uint8)) for n in lengths]


@pytest.mark.parametrize("positions", ["rotary", "learned"])
@pytest.mark.parametrize("width", [32, 256])
def test_the_first_loss_is_ln_v(positions: Any, width: int) -> None:
    fresh = Network(model(n_embd=width, positions=positions))
    predicted = np.concatenate(list(fresh.predict_many(genes(50, 60, 30))))
    assert -np.log(predicted).mean() == pytest.approx(math.log(SIZE), rel=0.02)


@pytest.mark.parametrize("positions", ["rotary", "learned"])
def test_a_cds_does_not_see_its_neighbours_and_positions_restart(positions: Any) -> None:
    net, (a, b, c) = model(positions=positions), genes(20, 33, 7)
    batch = batch_of([np.append(a, SEP), np.append(b, SEP), c])
    alone = batch_of([b])
    together = net(batch.tokens, batch.layout)[len(a) + 1 : len(a) + 1 + len(b)]
    assert torch.allclose(together, net(alone.tokens, alone.layout), atol=1e-5)


def test_attention_is_that_of_a_dense_block_diagonal_mask() -> None:
    lengths = torch.tensor([5, 17, 1, 16, 30])
    torch.manual_seed(0)
    qkv = torch.randn(int(lengths.sum()), 3, 2, 8, requires_grad=True)
    owner = torch.repeat_interleave(torch.arange(5), lengths)
    mask = (owner[:, None] == owner[None]) & torch.ones(len(owner), len(owner)).tril().bool()
    q, k, v = qkv.permute(1, 2, 0, 3)
    dense = scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(0, 1)
    ours = Layout.of(lengths).attend(qkv)
    assert torch.allclose(ours, dense, atol=1e-6)
    (one,) = torch.autograd.grad(ours.square().sum(), qkv)
    (other,) = torch.autograd.grad(dense.square().sum(), qkv)
    assert torch.allclose(one, other, atol=1e-5)
    rough = Layout.of(lengths).attend(qkv.bfloat16())
    assert torch.allclose(rough.float(), dense, atol=0.05)


def test_without_the_mask_a_window_is_one_sequence() -> None:
    a, b = genes(10, 12)
    window = [np.append(a, SEP), b]
    masked, open_ = batch_of(window), batch_of(window, [2])
    assert len(open_.layout.groups) == 1 and open_.layout.groups[0].shape == (1, len(a) + 1 + len(b))
    net = model()
    assert not torch.allclose(net(masked.tokens, masked.layout)[-1], net(open_.tokens, open_.layout)[-1])


def test_targets_are_the_next_tokens_of_the_same_cds() -> None:
    a, b = genes(3, 4)
    batch = batch_of([np.append(a, SEP), b])
    kept = batch.targets[batch.targets >= 0].tolist()
    assert kept == [*a[1:].tolist(), *b[1:].tolist()]
    assert kept.count(EOS) == 2


@pytest.mark.parametrize("positions", ["rotary", "learned"])
def test_the_cache_gives_what_the_whole_sequence_gives(positions: Any) -> None:
    net, (tokens,) = model(positions=positions), genes(25)
    whole = net(*_row(tokens))
    cache, found = None, []
    row = torch.from_numpy(tokens.astype(np.int64))[None]
    for part in (row[:, :10], *row[:, 10:].split(1, dim=1)):
        logits, cache = net.decode(part, cache)
        found.append(logits[0])
    assert torch.allclose(torch.stack(found), whole[9:], atol=1e-5)


def _row(tokens: np.ndarray[Any, Any]) -> tuple[torch.Tensor, Layout]:
    return torch.from_numpy(tokens.astype(np.int64)), Layout.of(torch.tensor([len(tokens)]))


def test_long_genes_are_read_in_windows_and_batches_do_not_matter() -> None:
    net = Network(model(positions="learned"))
    some = genes(40, 200, 63, 64, 65)
    together = list(net.predict_many(some))
    for tokens, predicted in zip(some, together, strict=True):
        assert predicted.shape == (len(tokens) - 1, SIZE)
        assert np.allclose(predicted.sum(axis=1), 1)
        assert np.allclose(net.predict(tokens), predicted, atol=1e-6)
    covered = [token for start, first, end in spans(200, 64) for token in range(first, end) if end - start <= 64]
    assert covered == list(range(200))


def test_checkpointing_changes_no_gradient(prepared: Path) -> None:
    found = []
    for use in (False, True):
        task = CodonTask(
            CodonOptions(block_size=96, n_layer=2, n_head=2, n_embd=32, dropout=0.0, use_checkpoint=use), [prepared]
        )
        torch.manual_seed(0)
        net = task.build()
        loss = task.loss(net, next(task.batches(Cursor(1, 0, 4, 4))))
        loss.total.backward()
        found.append([p.grad.clone() for p in net.parameters() if p.grad is not None])
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(*found, strict=True))


def test_label_smoothing_is_for_training_alone(prepared: Path) -> None:
    task = CodonTask(
        CodonOptions(block_size=96, n_layer=1, n_head=2, n_embd=32, dropout=0.0, label_smoothing=0.2), [prepared]
    )
    net = task.build()
    with torch.no_grad():
        net.embedding.weight.mul_(20)  # type: ignore[union-attr]
        batch = next(task.batches(Cursor(1, 0, 4, 4)))
        smooth, plain = (task.loss(net.train(mode), batch).total for mode in (True, False))
    assert not torch.allclose(smooth, plain)


def test_it_learns_and_leaves_its_curves(trained: Path, run_config: CodonRunConfig) -> None:
    rows = (trained / "scores" / "curves.csv").read_text().splitlines()
    assert rows[0] == ",".join(CURVES)
    best = read_json(trained / "train" / "model" / "provenance.json")["best"]["log_likelihood"]
    assert math.exp(-best) < 40
    assert (trained / "train" / "itos.txt").read_text().splitlines()[4] == "AAA"
    loaded = CodonModel.load(trained / "train" / "model")
    assert loaded.config == run_config.model


class _Stopped(CodonTask):
    left = 9

    def loss(self, model: Any, batch: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().loss(model, batch)


def test_an_interrupted_run_ends_with_the_same_bits(
    trained: Path, prepared: Path, run_config: CodonRunConfig, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="no checkpoint to go on from"):
        train_run(run_config, prepared, tmp_path, resume=True)
    task = _Stopped(run_config.options(), [prepared])
    size = sum(p.numel() for p in CodonModel(run_config.model).parameters())
    options = run_config.training(windows=task.samples(), tokens=task.training.tokens, parameters=size)
    with pytest.raises(KeyboardInterrupt):
        train(task, replace(options, checkpoint_steps=2), tmp_path / "train")
    train_run(run_config, prepared, tmp_path, resume=True)
    name = "train/model/model.safetensors"
    assert (tmp_path / name).read_bytes() == (trained / name).read_bytes()


def test_a_loss_that_is_not_finite_names_remedies_of_the_family(
    prepared: Path, run_config: CodonRunConfig, tmp_path: Path
) -> None:
    wild = replace(run_config, train=replace(run_config.train, lr=1e30, clip=0.0))
    with pytest.raises(InputError, match=r"; lower train\.lr, set train\.clip, or train\.amp: false") as caught:
        train_run(wild, prepared, tmp_path)
    assert "crf" not in str(caught.value).lower()
    # What it names are options of a codon model.
    options = to_mapping(run_config)["train"]
    assert {name.removeprefix("train.") for name in re.findall(r"train\.\w+", CodonTask.remedy)} <= options.keys()


def test_no_epoch_is_no_step(prepared: Path, run_config: CodonRunConfig, tmp_path: Path) -> None:
    untouched = replace(run_config, train=replace(run_config.train, epochs=0))
    model = train_run(untouched, prepared, tmp_path)
    assert read_json(model / "provenance.json")["steps"] == 0
    fresh = CodonTask(run_config.options(), [prepared])
    reseed(run_config.outputs.seed, "weights")
    for name, weight in fresh.build().state_dict().items():
        assert torch.equal(weight, CodonModel.load(model).state_dict()[name])
    assert (tmp_path / "scores" / "curves.csv").read_text().splitlines() == [",".join(CURVES)]


def test_adafactor_learns_as_adamw_does(prepared: Path, run_config: CodonRunConfig, tmp_path: Path) -> None:
    """The same learning rate serves both; with steps relative to the weights it stayed near ln V."""
    found = {}
    for name in ("adamw", "adafactor"):
        section = replace(run_config.train, optimizer=name, epochs=4)
        model = train_run(replace(run_config, train=section), prepared, tmp_path / name)
        found[name] = -read_json(model / "provenance.json")["best"]["log_likelihood"]
    assert found["adafactor"] < found["adamw"] + 0.1
    assert found["adafactor"] < math.log(SIZE) - 0.4


def test_epochs_auto_follow_from_tokens_a_parameter(
    run_config: CodonRunConfig, caplog: pytest.LogCaptureFixture
) -> None:
    auto = replace(run_config, train=replace(run_config.train, epochs="auto", tokens_per_param=10))
    with caplog.at_level("INFO", logger="genescribe.codon"):
        options = auto.training(windows=100, tokens=5000, parameters=1000)
    assert options.epochs == 2.0
    assert "10 tokens a parameter x 1,000 parameters / 5,000 tokens = 2.000" in caplog.text


def test_what_is_no_codon_model_is_refused(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        CodonModel.load(tmp_path)
    folder = shutil.copytree(trained / "train" / "model", tmp_path / "model")
    stored = read_json(folder / "config.json")
    for change, message in (
        ({"family": "segment"}, "not the configuration of a codon model"),
        ({"model": {**stored["model"], "depth": 3}}, "unknown key"),
        ({"model": {**stored["model"], "n_layer": 3}}, r"lacks blocks\.2"),
    ):
        write_json(folder / "config.json", {**stored, **change})
        with pytest.raises(InputError, match=message):
            CodonModel.load(folder)
    with pytest.raises(InputError, match="give even, equal parts"):
        CodonModelConfig(n_embd=30, n_head=4)
