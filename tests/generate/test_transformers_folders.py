"""Folders in the `transformers` format, made here: encoders to be built on; checkpoints from the hub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.generate.published_transgenic import write_transgenic
from tests.generate.toy_loci import bake_toy, toy_config

from genescribe.errors import InputError
from genescribe.generate.config import PretrainedConfig
from genescribe.generate.forms.transgenic import TransgenicModel, load_published
from genescribe.generate.model import load_model, pad_codes, save_model
from genescribe.generate.network.pretrained import Pretrained, pieces
from genescribe.generate.training.task import GenerateTask

transformers = pytest.importorskip("transformers", reason="needs the extra `pretrained`")
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


def letters(folder: Path, words: dict[str, int], pattern: str = "") -> None:
    """Write a tokenizer of DNA: a token a letter, or words of three letters and single ones after the last."""
    from tokenizers import Regex, Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Split

    tokenizer = Tokenizer(WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = Split(Regex(pattern or "."), "isolated")
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<pad>")
    fast.save_pretrained(folder)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny encoder whose tokens are three letters long."""
    folder = tmp_path_factory.mktemp("encoder")
    threes = [a + b + c for a in "ACGTN" for b in "ACGTN" for c in "ACGTN"]
    words = {word: i for i, word in enumerate(["<pad>", "<unk>", *"ACGTN", *threes])}
    letters(folder, words, "[ACGTN]{3}|[ACGTN]")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    transformers.BertModel(config).save_pretrained(folder)
    return folder


def test_every_base_has_the_state_of_its_token(encoder: Path) -> None:
    model = Pretrained(PretrainedConfig(str(encoder), window=30, overlap=6)).eval()
    rng = np.random.default_rng(0)
    windows = [rng.choice(5, size=n).astype(np.uint8) for n in (30, 7, 1, 100)]
    codes, lengths = pad_codes(windows, "cpu")
    states = model(codes, lengths)
    for row, window in enumerate(windows):
        alone = model(*pad_codes([window], "cpu"))[0]
        torch.testing.assert_close(states[row, : len(window)], alone)
        assert not states[row, len(window) :].any()
    assert torch.equal(states[0, 0], states[0, 2])
    assert not torch.equal(states[0, 2], states[0, 3])
    assert pieces(100, 30, 6)[-1] == (70, 100, 75, 100) or pieces(100, 30, 6)[-1][1] == 100
    assert [low for _, _, low, _ in pieces(100, 30, 6)][1:] == [high for *_, high in pieces(100, 30, 6)][:-1]


@pytest.mark.parametrize("tuning", ["frozen", "lora", "ia3", "full"])
def test_an_encoder_is_built_on(tuning: str, encoder: Path, tmp_path: Path) -> None:
    baked = bake_toy(tmp_path / "toy", {"t": 4, "v": 1, "x": 1})
    rank = {"lora_rank": 2} if tuning == "lora" else {}
    pretrained = PretrainedConfig(str(encoder), tuning, checkpointing=tuning != "frozen", **rank)  # type: ignore[arg-type]
    task = GenerateTask(toy_config(pretrained=pretrained), [baked])
    model = task.build()
    loss = task.loss(model, [task.training[i] for i in range(4)])
    loss.total.backward()
    given = dict(model.reader.pretrained.named_parameters())
    trained = {name for name, p in given.items() if p.grad is not None}
    assert {
        "frozen": not trained,
        "lora": all("lora" in n for n in trained),
        "ia3": all("ia3" in n for n in trained),
        "full": len(trained) > 10,
    }[tuning]
    assert tuning == "frozen" or trained
    (tmp_path / "model").mkdir()
    save_model(model.eval(), tmp_path / "model")
    again = load_model(tmp_path / "model")
    loci = [task._locus(task.training[i], shift=0) for i in range(4)]
    with torch.no_grad():
        first, second = (task._losses(m, loci)[0].nll for m in (model, again))
    torch.testing.assert_close(first, second)


def test_what_cannot_be_loaded_is_one_line(encoder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nor a checkpoint of TransGenic"):
        load_published(str(encoder))
    with pytest.raises(InputError, match="cannot be loaded"):
        Pretrained(PretrainedConfig(str(tmp_path)))
    with pytest.raises(InputError, match="no such folder"):
        Pretrained(PretrainedConfig(str(tmp_path / "nowhere")))
    with pytest.raises(InputError, match="do not spell"):
        Pretrained(PretrainedConfig(str(_spoiled(encoder, tmp_path / "spoiled"))))(
            *pad_codes([np.zeros(5, np.uint8)], "cpu")
        )


def _spoiled(encoder: Path, folder: Path) -> Path:
    """Return a copy whose tokenizer knows no single letters and calls them unknown."""
    transformers.AutoModel.from_pretrained(encoder).save_pretrained(folder)
    letters(folder, {"<pad>": 0, "<unk>": 1, "AAA": 2})
    return folder


def test_code_of_a_folder_is_not_run(encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def yes(prompt: str) -> str:
        asked.append(prompt)
        return "y"

    monkeypatch.setattr("builtins.input", yes)
    folder = tmp_path / "own"
    transformers.AutoModel.from_pretrained(encoder).save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(encoder).save_pretrained(folder)
    settings = json.loads((folder / "config.json").read_text())
    settings |= {"model_type": "scribe_test", "auto_map": {
        "AutoConfig": "own_code.OwnConfig", "AutoModel": "own_code.OwnModel"}}  # fmt: skip
    (folder / "config.json").write_text(json.dumps(settings))
    marker = tmp_path / "ran"
    (folder / "own_code.py").write_text(
        "from pathlib import Path\nfrom transformers import BertConfig, BertModel\n"
        f"Path({str(marker)!r}).touch()\n"
        "class OwnConfig(BertConfig):\n    model_type = 'scribe_test'\n"
        "class OwnModel(BertModel):\n    config_class = OwnConfig\n"
    )
    with pytest.raises(InputError, match="cannot be loaded"):
        Pretrained(PretrainedConfig(str(folder)))
    assert not marker.exists() and not asked


def test_a_name_on_the_hub_without_network_is_one_line_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: Any, **__: Any) -> None:
        raise OSError("Network is unreachable")

    def waits(_: float) -> None:
        raise AssertionError("tried again")

    monkeypatch.setattr("socket.create_connection", unreachable)
    monkeypatch.setattr("urllib.request.getproxies", dict)
    monkeypatch.setattr("time.sleep", waits)
    with pytest.raises(InputError, match="nobody/nothing: no such folder; cannot be loaded from the hub") as caught:
        load_published("nobody/nothing")
    assert "\n" not in str(caught.value)


def test_a_name_on_the_hub_is_fetched_without_code(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The configuration says which network it is; of a TransGenic checkpoint nothing but weights is fetched."""
    write_transgenic(tmp_path / "snapshot")
    asked: list[list[str]] = []

    def snapshot(name: str, *, allow_patterns: list[str], **_: Any) -> str:
        assert name == "someone/transgenic"
        asked.append(allow_patterns)
        return str(tmp_path / "snapshot")

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    monkeypatch.setattr("genescribe.generate.network.hub.hub_answers", lambda: True)
    assert isinstance(load_published("someone/transgenic"), TransgenicModel)
    assert asked[0] == ["config.json"]
    assert not any(pattern.endswith((".py", "*")) for pattern in asked[1])


def test_a_hub_that_does_not_answer() -> None:
    """In a process of its own: another import of the hub's library would hide what this one lacks."""
    code = "from genescribe.generate.network.hub import hub_answers; print(hub_answers())"
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment | {"HF_ENDPOINT": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False\n"
