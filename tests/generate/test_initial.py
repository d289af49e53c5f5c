"""Untrained models: a DNABERT-2 checkpoint gives its encoder's states; byte-pair encoding spells the bases."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("tokenizers", reason="needs the extra `pretrained`")

from tests.generate.published_encoder import HEADS, INNER, LAYERS, WIDTH, published_states, write_checkpoint
from tests.generate.toy_loci import bake_toy, toy_config, toy_genome

from genescribe.errors import InputError
from genescribe.files import read_json
from genescribe.generate.config import ExpertsConfig, GenerateModelConfig, InitConfig, PrefixConfig
from genescribe.generate.model import load_model, pad_codes, read_config
from genescribe.generate.network.bpe import MARKS, RUNS, DnaTokenizer
from genescribe.generate.network.prefix_lm import PrefixStack
from genescribe.generate.reinforce.policy import Policy
from genescribe.generate.training.initial import initialise
from genescribe.generate.training.task import GenerateTask
from genescribe.genome.alphabet import Codes, encode
from genescribe.run_options import RunOptions
from genescribe.train.engine import train


def bases(length: int, seed: int = 0) -> Codes:
    return np.random.default_rng(seed).choice(4, size=length, p=[0.4, 0.1, 0.1, 0.4]).astype(np.uint8)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published") / "checkpoint"
    write_checkpoint(folder, bases(5_000))
    return folder


def prefix(**options: object) -> GenerateModelConfig:
    return toy_config(architecture="prefix_lm", genetic_code=1, prefix=PrefixConfig(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize("experts", [0, 3])
def test_the_prefix_is_the_published_encoder(checkpoint: Path, tmp_path: Path, experts: int) -> None:
    config = prefix(experts=ExpertsConfig(experts))
    made = initialise(config, InitConfig(str(checkpoint)), [], tmp_path / "model")
    assert (made.encoder.hidden_dim, made.decoder_layers) == (WIDTH, LAYERS)
    assert (made.prefix.preset, made.prefix.heads, made.prefix.inner) == ("dnabert2", HEADS, INNER)
    model = load_model(tmp_path / "model")
    windows = [bases(150, 1), bases(90, 2)]
    codes, lengths = pad_codes(windows, "cpu")
    decoder, reader = model.get_submodule("decoder"), model.get_submodule("reader")
    assert isinstance(decoder, PrefixStack)
    with torch.no_grad():
        reading, _ = decoder.read(reader, codes, lengths)  # type: ignore[arg-type]
    for row, window in enumerate(windows):
        wanted = published_states(checkpoint, window)
        assert int(reading.step_mask[row].sum()) == len(wanted)
        torch.testing.assert_close(reading.steps[row, : len(wanted)], wanted, atol=1e-5, rtol=1e-5)


def test_a_model_of_tokens_draws_and_scores_alike_and_learns(checkpoint: Path, tmp_path: Path) -> None:
    initialise(prefix(), InitConfig(str(checkpoint)), [], tmp_path / "model")
    policy = Policy(load_model(tmp_path / "model"))
    loci = [bases(150, 1), bases(121, 2)]
    drawn = [outcome for group in policy.sample(loci, 2, max_length=30) for outcome in group]
    scored = policy.score([locus for locus in loci for _ in range(2)], [outcome.values for outcome in drawn])
    assert scored.logs.sum(dim=1).tolist() == pytest.approx([outcome.log_probability for outcome in drawn], abs=1e-4)
    # A run that begins with a model and says nothing of it has that model's options.
    asked = {"start": str(tmp_path / "model"), "max_steps": 2, "batch_size": 2, "device": "cpu"}
    toy = bake_toy(tmp_path / "toy", {"t": 6, "v": 2, "x": 1})
    task, options = RunOptions("generate", {}, asked).build([toy], where="test")
    assert isinstance(task, GenerateTask) and task.config == read_config(tmp_path / "model")
    model = load_model(train(task, options, tmp_path / "run"))
    assert read_json(tmp_path / "run" / "model" / "provenance.json")["steps"] == 2
    loss = task.loss(model, [task.training[0]])
    loss.total.backward()
    for name in ("reader.embed.weight", "decoder.layers.0.project.weight", "scorer.look.0.weight"):
        gradient = model.get_parameter(name).grad
        assert gradient is not None and bool(gradient.abs().sum() > 0)


def test_a_checkpoint_may_be_named_on_the_hub(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("huggingface_hub", reason="needs the extra `pretrained`")
    asked = []

    def snapshot(name: str, **_: object) -> str:
        asked.append(name)
        return str(checkpoint)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    monkeypatch.setattr("genescribe.generate.network.hub.hub_answers", lambda: True)
    for name, source in (("hub", "zhihan1996/DNABERT-2-117M"), ("local", str(checkpoint))):
        initialise(prefix(), InitConfig(source), [], tmp_path / name)
    assert asked == ["zhihan1996/DNABERT-2-117M"]
    first, second = (load_model(tmp_path / name).state_dict() for name in ("hub", "local"))
    assert all(torch.equal(first[name], second[name]) for name in second)


def test_an_encoding_is_learned_from_genomes(tmp_path: Path) -> None:
    fasta, _, _ = toy_genome(tmp_path / "toy", {"t": 10})
    made = initialise(prefix(), InitConfig(vocabulary=60, genomes=["toy"]), [fasta], tmp_path / "model")
    assert read_config(tmp_path / "model").prefix.tokenizer == str(tmp_path / "model" / "tokenizer.json")
    assert made.prefix.preset == "default"
    tokenizer = DnaTokenizer.load(tmp_path / "model" / "tokenizer.json")
    assert 40 < len(tokenizer) <= 60
    again = tmp_path / "again"
    initialise(prefix(), InitConfig(vocabulary=60, genomes=["toy"]), [fasta], again)
    for name in ("tokenizer.json", "model.safetensors", "config.json"):
        assert (again / name).read_bytes() == (tmp_path / "model" / name).read_bytes()


def test_a_published_tokenizer_is_extended(checkpoint: Path, tmp_path: Path) -> None:
    tokenizer = DnaTokenizer.load(checkpoint / "tokenizer.json")
    assert len(tokenizer) == 60 + len(MARKS) + len(RUNS)
    assert [tokenizer.id(mark) for mark in MARKS] == list(range(60, 60 + len(MARKS)))
    tokenizer.save(tmp_path / "tokenizer.json")
    again = DnaTokenizer.load(tmp_path / "tokenizer.json")
    codes = bases(300, 5)
    assert again.encode(codes)[0].tolist() == tokenizer.encode(codes)[0].tolist()
    assert tokenizer.tokenizer.token_to_id("A") == again.id("A")


@settings(max_examples=60, deadline=None)
@given(text=st.text("ACGTN", max_size=60), run=st.integers(0, 30_000))
def test_tokens_spell_the_bases(text: str, run: int) -> None:
    tokenizer = DnaTokenizer.train([bases(2_000)], 50)
    codes = encode(text + "N" * run + text)
    for ends in (False, True):
        ids, sizes = tokenizer.encode(codes, ends=ends)
        assert np.array_equal(tokenizer.decode(ids.tolist()), codes)
        assert sizes.sum() == len(codes) and len(sizes) == len(ids)
        assert ends == (len(ids) > 0 and sizes[0] == 0)


def test_what_cannot_be_begun_with_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="architecture: prefix_lm"):
        initialise(toy_config(), InitConfig(str(checkpoint)), [], tmp_path / "a")
    with pytest.raises(InputError, match="DNABERT-2 checkpoint"):
        initialise(prefix(), InitConfig(str(tmp_path)), [], tmp_path / "b")
    with pytest.raises(InputError, match="no genome"):
        initialise(prefix(), InitConfig(vocabulary=100), [], tmp_path / "c")
    with pytest.raises(InputError, match="give at least"):
        initialise(prefix(), InitConfig(vocabulary=5), [checkpoint], tmp_path / "d")
    other = tmp_path / "other"
    write_checkpoint(other, bases(500), 30)
    weights = torch.load(other / "pytorch_model.bin", weights_only=True)
    del weights["bert.encoder.layer.1.mlp.gated_layers.weight"]
    torch.save(weights, other / "pytorch_model.bin")
    with pytest.raises(InputError, match="another architecture"):
        initialise(prefix(), InitConfig(str(other)), [], tmp_path / "e")
    assert not any((tmp_path / name).exists() for name in "abcde")


def test_the_script(checkpoint: Path, repository: Path, tmp_path: Path) -> None:
    model = json.dumps({"architecture": "prefix_lm", "encoder": {"conv_width": 8}})
    init = json.dumps({"checkpoint": str(checkpoint)})
    command = [sys.executable, str(repository / "scripts/init_model.py"), "--model", model, "--init", init]
    done = subprocess.run([*command, "--output", str(tmp_path / "m")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert load_model(tmp_path / "m").config.encoder.conv_width == 8
