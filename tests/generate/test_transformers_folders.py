"""Folders in the `transformers` format, made here: encoders to be built on, checkpoints to be run."""

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
from tests.generate.toy_loci import bake_toy, toy_config, toy_genome

from genescribe.config import from_mapping
from genescribe.errors import InputError
from genescribe.generate.annotation.annotate import Annotator
from genescribe.generate.annotation.job import AnnotationJob, run_job
from genescribe.generate.annotation.search import SearchConfig
from genescribe.generate.config import GenerateModelConfig, PretrainedConfig
from genescribe.generate.forms.published import PublishedModel, load_published
from genescribe.generate.forms.transgenic import TransgenicModel
from genescribe.generate.model import load_model, pad_codes, save_model
from genescribe.generate.network.pretrained import Pretrained, pieces
from genescribe.generate.training.task import GenerateTask
from genescribe.genome.annotation.gff3 import read_genes

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


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a tiny checkpoint that reads letters and writes the published vocabulary."""
    folder = tmp_path_factory.mktemp("checkpoint")
    letters(folder, {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "A": 4, "C": 5, "G": 6, "T": 7, "N": 8})
    torch.manual_seed(0)
    config = transformers.BartConfig(
        vocab_size=272,
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        max_position_embeddings=2048,
        decoder_start_token_id=2,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        forced_eos_token_id=None,
    )
    transformers.BartForConditionalGeneration(config).save_pretrained(folder)
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


def test_a_checkpoint_writes_inside_the_grammar(checkpoint: Path, tmp_path: Path) -> None:
    fasta, annotation, _ = toy_genome(tmp_path, {"t": 3})
    options = {"fasta": str(fasta), "loci": str(annotation), "model": str(checkpoint), "num_workers": 0}
    outputs = []
    for batch_size in (1, 3):
        output = tmp_path / f"out{batch_size}.gff3"
        changes = {"output": str(output), "no_sort": True, "batch_size": batch_size, "search": {"max_length": 400}}
        assert run_job(from_mapping(AnnotationJob, {**options, **changes}, where="test")) == 0
        rejects = [json.loads(line) for line in Path(f"{output}.rejects.txt").read_text().splitlines()]
        genes = read_genes(output)
        assert len(genes) + len(rejects) == 3
        outputs.append([(g.attributes["GM"], [(t.exons, t.cds) for t in g.transcripts]) for g in genes])
    assert outputs[0] == outputs[1]


def test_the_cache_changes_nothing(checkpoint: Path) -> None:
    """Each step from the cache is as likely as if the decoder read everything anew; a beam reorders it."""
    model = PublishedModel(str(checkpoint))
    codes, lengths = pad_codes([np.random.default_rng(i).choice(4, size=90).astype(np.uint8) for i in range(2)], "cpu")
    session = model.begin(codes, lengths)
    tokens: list[list[int]] = [[model.start], [model.start]]
    for step in range(6):
        scores = session.scores()
        ids = model.letters("".join("ACGT"[c] for c in codes[0].tolist()), return_tensors="pt")["input_ids"]
        with torch.no_grad():
            whole = model.model(input_ids=ids, decoder_input_ids=torch.tensor([tokens[0]])).logits[0, -1]
        np.testing.assert_allclose(scores[0], whole.numpy(), atol=1e-4)
        values = [10 + step, 30 + step]
        tokens = [[*tokens[0], values[0]], [*tokens[1], values[1]]]
        session.advance(values)
        if step == 2:
            session.keep([1, 0])
            session.keep([1, 0])
    result = Annotator(model, SearchConfig("beam", 2, max_length=200)).sequence(codes[0].numpy().astype(np.uint8))
    assert result.status in ("accepted", "repaired", "rejected")


def test_what_cannot_be_loaded_is_one_line(checkpoint: Path, encoder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be loaded"):
        PublishedModel(str(tmp_path))
    with pytest.raises(InputError, match="no fixed revision"):
        PublishedModel("someone/model", trust_remote_code=True)
    other = tmp_path / "other"
    letters(other, {"<pad>": 0, "<unk>": 1, "A": 2})
    config = transformers.T5Config(vocab_size=40, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2)
    transformers.T5ForConditionalGeneration(config).save_pretrained(other)
    with pytest.raises(InputError, match="a vocabulary of 40"):
        PublishedModel(str(other))
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


def test_code_of_a_folder_runs_only_when_asked_for(checkpoint: Path, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    transformers.AutoModelForSeq2SeqLM.from_pretrained(checkpoint).save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(checkpoint).save_pretrained(folder)
    settings = json.loads((folder / "config.json").read_text())
    settings |= {"model_type": "scribe_test", "auto_map": {
        "AutoConfig": "own_code.OwnConfig", "AutoModelForSeq2SeqLM": "own_code.OwnModel"}}  # fmt: skip
    (folder / "config.json").write_text(json.dumps(settings))
    marker = tmp_path / "ran"
    (folder / "own_code.py").write_text(
        "from pathlib import Path\nfrom transformers import BartConfig, BartForConditionalGeneration\n"
        f"Path({str(marker)!r}).touch()\n"
        "class OwnConfig(BartConfig):\n    model_type = 'scribe_test'\n"
        "class OwnModel(BartForConditionalGeneration):\n    config_class = OwnConfig\n"
    )
    with pytest.raises(InputError, match="cannot be loaded"):
        PublishedModel(str(folder))
    assert not marker.exists()
    model = PublishedModel(str(folder), trust_remote_code=True, config=GenerateModelConfig(genetic_code=1))
    assert marker.exists()
    assert type(model.model).__name__ == "OwnModel"


def test_a_name_on_the_hub_without_network_is_one_line_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: Any, **__: Any) -> None:
        raise OSError("Network is unreachable")

    def waits(_: float) -> None:
        raise AssertionError("tried again")

    monkeypatch.setattr("socket.create_connection", unreachable)
    monkeypatch.setattr("urllib.request.getproxies", dict)
    monkeypatch.setattr("time.sleep", waits)
    with pytest.raises(InputError, match="nobody/nothing: cannot be loaded"):
        PublishedModel("nobody/nothing")
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
