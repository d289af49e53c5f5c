"""TransGenic's and HyenaDNA's published checkpoints, run by the networks here.

The expected numbers were computed with the published code on the weights of `published_transgenic`.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.generate.published_transgenic import LONGEST, WIDTH, tokens_of, write_hyena, write_transgenic
from tests.generate.toy_loci import bake_toy, toy_config, toy_genome
from torch import Tensor

from genescribe.config import from_mapping
from genescribe.errors import InputError
from genescribe.generate.annotation.annotate import Annotator, LocusWindow
from genescribe.generate.annotation.job import AnnotationJob, run_job
from genescribe.generate.annotation.search import SearchConfig
from genescribe.generate.config import PretrainedConfig
from genescribe.generate.forms.transgenic import STEP, TransgenicModel, load_published, published_window
from genescribe.generate.model import load_model, pad_codes, save_model
from genescribe.generate.network.hyena import causal_convolution, positions, window_rates
from genescribe.generate.network.pretrained import Pretrained
from genescribe.generate.network.transgenic import sines
from genescribe.generate.network.transgenic_checkpoint import load_hyena, load_transgenic
from genescribe.generate.text.free_text import published_text
from genescribe.generate.text.sentence import GeneSentence, sentence_of
from genescribe.generate.text.tokenizer import EOS, NUMBER, VOCABULARY, text_of
from genescribe.generate.training.task import GenerateTask
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.genome.model import Gene

CODES = (torch.arange(100) ** 2 % 7 % 5)[None]
TOKENS = torch.tensor([[2, 0, 9, 22, 11, 4, 19, 14]])
STATES = {
    0: [-0.288096, -1.440679, 2.940999, -1.555605, 0.235179, 1.190334, -0.694972, -0.36144],
    50: [-0.225622, -0.996949, 0.331493, -2.875517, 2.052562, -0.505096, -0.149012, 0.681355],
    99: [-0.638305, -0.599896, -1.44268, 0.258693, 2.117364, -1.501298, -0.092471, 0.608776],
}
SCORES = {
    0: [-4.429266, 6.440945, -2.367061, -0.15257, -1.854946],
    3: [7.204052, -2.226469, 1.292572, 6.720571, 5.608832],
    7: [-6.796661, 1.649289, 3.241746, -1.747954, -0.451734],
}
GREEDY = [146, 146, 80, 80, 80, 80, *[263] * 6, 113, 113, 0, 0, *[159] * 15]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published") / "transgenic"
    write_transgenic(folder)
    return folder


@pytest.fixture(scope="module")
def hyena(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published") / "hyena"
    write_hyena(folder)
    return folder


@torch.no_grad()
def scores_of(folder: Path) -> Tensor:
    scores: Tensor = load_transgenic(folder)(CODES, TOKENS)[0]
    return scores


@torch.no_grad()
def test_the_network_computes_what_the_published_code_does(checkpoint: Path, tmp_path: Path) -> None:
    states = load_transgenic(checkpoint).encoder(CODES)[0]
    for place, wanted in STATES.items():
        torch.testing.assert_close(states[place], torch.tensor(wanted), atol=1e-5, rtol=0)
    for place, wanted in SCORES.items():
        chosen = scores_of(checkpoint)[place, [0, 2, 4, 22, 271]]
        torch.testing.assert_close(chosen, torch.tensor(wanted), atol=1e-4, rtol=0)
    write_transgenic(tmp_path / "pickle", safe=False)
    assert torch.equal(scores_of(tmp_path / "pickle"), scores_of(checkpoint))


def test_greedy_text_is_that_of_the_published_code(checkpoint: Path) -> None:
    annotator = Annotator(TransgenicModel(checkpoint), SearchConfig(max_length=len(GREEDY)))
    window = LocusWindow("g", "s", 0, 100, "+", 0, CODES[0].numpy().astype(np.uint8))
    result = annotator([window])[0]
    assert result.raw == text_of(GREEDY)
    assert (result.status, result.reason) == ("rejected", "longer than max_length")


def changed(folder: Path, target: Path, change: Callable[[dict[str, Tensor]], object], **config: object) -> Path:
    target.mkdir()
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file({name: value.contiguous() for name, value in weights.items()}, target / "model.safetensors")
    stored = json.loads((folder / "config.json").read_text()) | config
    (target / "config.json").write_text(json.dumps({name: v for name, v in stored.items() if v is not None}))
    return target


def test_what_is_stored_twice_or_computed_changes_nothing(checkpoint: Path, tmp_path: Path) -> None:
    def fuller(weights: dict[str, Tensor]) -> None:
        for name in [name for name in weights if name.endswith("1.freq")]:
            at = name.removesuffix("implicit_filter.1.freq")
            weights |= {f"{at}implicit_filter.{n}.freq": weights[name].clone() for n in (3, 5)}
            time, place = positions(LONGEST, 2, LONGEST)
            weights |= {f"{at}pos_emb.z": place[None], f"{at}pos_emb.t": time[None, :, None]}
            weights[f"{at}modulation.deltas"] = -window_rates(WIDTH)[None, None]
        for name in ("decoder_embed_tokens", "decoder.embed_tokens"):
            weights[f"transgenic.{name}.weight"] = weights["lm_head.weight"].clone()
        weights["transgenic.EncoderOutputPositionalEmbedding.pe"] = sines(LONGEST, WIDTH)
        for name in list(weights):
            weights["_orig_mod." + name] = weights.pop(name)

    assert torch.equal(scores_of(changed(checkpoint, tmp_path / "fuller", fuller)), scores_of(checkpoint))


def test_weights_in_parts(checkpoint: Path, tmp_path: Path) -> None:
    weights = load_file(checkpoint / "model.safetensors")
    names = sorted(weights)
    (tmp_path / "config.json").write_bytes((checkpoint / "config.json").read_bytes())
    parts = {"a.safetensors": names[:20], "b.safetensors": names[20:]}
    for part, some in parts.items():
        save_file({name: weights[name] for name in some}, tmp_path / part)
    index = {name: part for part, some in parts.items() for name in some}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    assert torch.equal(scores_of(tmp_path), scores_of(checkpoint))


class Trap:
    """Runs code where it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("raise SystemExit('ran')",)


FIRST = "transgenic.decoder.layers.0.fc1.weight"
FAULTS: dict[str, tuple[Callable[[dict[str, Tensor]], object], dict[str, object], str]] = {
    "missing": (lambda w: w.pop(FIRST), {}, "lacks decoder.layers.0.expand.weight"),
    "unknown": (lambda w: w.update(more=torch.ones(1)), {}, "has unknown more"),
    "adapter": (lambda w: w.update({f"base_model.model.{FIRST}": torch.ones(1)}), {}, "has unknown base_model"),
    "shape": (lambda w: w.update({FIRST: torch.ones(3, 3)}), {}, r"is \(3, 3\), not"),
    "nan": (lambda w: w[FIRST].fill_(float("nan")), {}, "not finite"),
    "layers": (lambda w: None, {"decoder_layers": 1}, "has unknown decoder.layers.1"),
    "size": (lambda w: None, {"d_model": None}, "d_model is None"),
    "activation": (lambda w: None, {"activation_function": "relu"}, "activation_function is 'relu'"),
    "heads": (lambda w: None, {"decoder_attention_heads": 3}, "3 heads do not divide 16"),
    "untied": (lambda w: None, {"tie_word_embeddings": False}, "none is shared"),
    "copies": (lambda w: w.update({f"transgenic.{name}.weight": torch.full((272, 16), float(i)) for i, name in
                                   enumerate(("decoder_embed_tokens", "decoder.embed_tokens"))}), {}, "another copy"),
    "constant": (lambda w: w.update({"transgenic.EncoderOutputPositionalEmbedding.pe": torch.ones(LONGEST, WIDTH)}),
                 {}, "is not that of its config.json"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_checkpoint_that_does_not_fit_is_one_line(checkpoint: Path, tmp_path: Path, name: str) -> None:
    change, config, message = FAULTS[name]
    folder = changed(checkpoint, tmp_path / "changed", change, **config)
    with pytest.raises(InputError, match=message) as caught:
        load_transgenic(folder)
    assert "\n" not in str(caught.value)


def test_damaged_files_and_code_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((checkpoint / "config.json").read_bytes())
    with pytest.raises(InputError, match="no weights"):
        load_transgenic(tmp_path)
    torch.save({"trap": Trap()}, tmp_path / "trap")
    for content in (b"", b"nothing", pickle.dumps(Trap(), protocol=2), (tmp_path / "trap").read_bytes()):
        (tmp_path / "pytorch_model.bin").write_bytes(content)
        with pytest.raises(InputError, match="damaged"):
            load_transgenic(tmp_path)
    (tmp_path / "model.safetensors").write_bytes((checkpoint / "model.safetensors").read_bytes()[:500])
    with pytest.raises(InputError, match="damaged weights"):
        load_transgenic(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(InputError, match="not JSON"):
        load_published(str(tmp_path))


def test_a_long_convolution_is_the_sum_of_its_products() -> None:
    x, taps = torch.randn(2, 3, 37, dtype=torch.float64), torch.randn(3, 37, dtype=torch.float64)
    wanted = torch.zeros_like(x)
    for t in range(37):
        for s in range(t + 1):
            wanted[..., t] += taps[:, t - s] * x[..., s]
    torch.testing.assert_close(causal_convolution(x, taps), wanted, atol=1e-4, rtol=1e-4)


def test_the_cache_and_the_batch_change_nothing(checkpoint: Path) -> None:
    model = TransgenicModel(checkpoint)
    rng = np.random.default_rng(0)
    codes, lengths = pad_codes([rng.choice(4, size=n).astype(np.uint8) for n in (90, 61)], "cpu")
    session, written = model.begin(codes, lengths), [[EOS], [EOS]]
    order = [0, 1]
    for step in range(6):
        for row, scores in enumerate(session.scores()):
            window = codes[order[row]][None, : int(lengths[order[row]])]
            with torch.no_grad():
                alone = model.network(window, torch.tensor([written[row]]))[0, -1]
            np.testing.assert_allclose(scores, alone.numpy(), atol=1e-4)
        values = [10 + step, 30 + step]
        written = [[*before, value] for before, value in zip(written, values, strict=True)]
        session.advance(values)
        if step == 2:
            session.keep([1, 0])
            written, order = written[::-1], order[::-1]


@pytest.mark.parametrize(
    ("start", "end"), [(0, 10), (3000, 3001), (9000, 9000 + STEP), (70_000, 90_000), (99_990, 10**5)]
)
def test_windows_hold_their_loci(start: int, end: int) -> None:
    low, high = published_window(start, end, 10**5)
    assert low <= start < end <= high <= 10**5
    if low > 0 and high < 10**5:
        assert (high - low) % STEP == 0 and high - low > end - start
        assert abs((start - low) - (high - end)) <= 1


# -- runs ------------------------------------------------------------------------------------------------------------
class Dictated:
    """A session that writes given tokens, a text a row."""

    def __init__(self, texts: list[list[int]]) -> None:
        self._texts = texts

    def scores(self) -> list[np.ndarray]:
        found = np.full((len(self._texts), len(VOCABULARY)), -9.0, dtype=np.float32)
        for row, text in zip(found, self._texts, strict=True):
            row[text[0]] = 9.0
        return list(found)

    def advance(self, values: Sequence[int]) -> None:
        self._texts = [text[1:] or [EOS] for text in self._texts]

    def keep(self, rows: Sequence[int]) -> None:
        self._texts = [list(self._texts[row]) for row in rows]


def dictate(monkeypatch: pytest.MonkeyPatch, texts: Callable[[str], str]) -> None:
    """Let TransGenic models write the text of each window, given by its bases."""

    def begin(self: TransgenicModel, codes: Tensor, lengths: Tensor) -> Dictated:
        windows = ["".join("ACGTN"[c & 7] for c in row[:n].tolist()) for row, n in zip(codes, lengths, strict=True)]
        return Dictated([tokens_of(texts(window)) for window in windows])

    monkeypatch.setattr(TransgenicModel, "begin", begin)


def a_job(fasta: Path, loci: Path, model: Path, output: Path, **changes: object) -> AnnotationJob:
    options = {"output": str(output), "no_sort": True, "num_workers": 0, "own_search": True}
    given = {"fasta": str(fasta), "loci": str(loci), "model": str(model)}
    return from_mapping(AnnotationJob, {**given, **options, **changes}, where="test")


def structures(genes: Sequence[Gene]) -> list[object]:
    return [(g.seqid, g.strand, sorted((t.exons, t.cds, t.phase) for t in g.transcripts)) for g in genes]


@pytest.mark.parametrize("batch_size", [1, 4])
def test_genes_of_both_strands_come_from_the_forward_strand(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch_size: int
) -> None:
    fasta, loci, genes = toy_genome(tmp_path, {"t": 8})
    texts = {}
    for line, gene in zip(fasta.read_text().split(">")[1:], genes, strict=True):
        texts["".join(line.split("\n")[1:]).upper()] = published_text(sentence_of(gene))
    dictate(monkeypatch, texts.__getitem__)
    output = tmp_path / "out.gff3"
    assert run_job(a_job(fasta, loci, checkpoint, output, batch_size=batch_size)) == 0
    assert structures(read_genes(output)) == structures(read_genes(loci))
    assert Path(f"{output}.rejects.txt").read_text() == ""


def test_a_checkpoint_of_chance_loses_nothing(checkpoint: Path, tmp_path: Path) -> None:
    fasta, loci, genes = toy_genome(tmp_path, {"t": 3})
    output = tmp_path / "out.gff3"
    assert run_job(a_job(fasta, loci, checkpoint, output, search={"max_length": 12})) == 0
    rejects = [json.loads(line) for line in Path(f"{output}.rejects.txt").read_text().splitlines()]
    assert len(read_genes(output)) + len(rejects) == len(genes)
    assert all((row["start"], row["end"], row["strand"]) == (0, 400, "+") for row in rejects)


def test_a_locus_beyond_the_longest_window_is_rejected(checkpoint: Path) -> None:
    codes = np.zeros(LONGEST + 1, dtype=np.uint8)
    result = Annotator(TransgenicModel(checkpoint))([LocusWindow("g", "s", 0, 10, "+", 0, codes)])[0]
    assert (result.status, result.reason) == (
        "rejected",
        "needs more than 6,144 bases, the longest window of this model",
    )


# -- encoders --------------------------------------------------------------------------------------------------------
def test_a_hyenadna_folder_has_the_states_of_the_published_code(hyena: Path, checkpoint: Path) -> None:
    for folder in (hyena, checkpoint):
        model = Pretrained(PretrainedConfig(str(folder))).eval()
        states = model(CODES, torch.tensor([100]))[0]
        for place, wanted in STATES.items():
            torch.testing.assert_close(states[place], torch.tensor(wanted), atol=1e-5, rtol=0)
    with pytest.raises(InputError, match="reads 6,144 at most"):
        load_hyena(hyena)(torch.zeros(1, LONGEST + 1, dtype=torch.int64))


@pytest.mark.parametrize("tuning", ["frozen", "lora", "ia3", "full"])
def test_a_hyenadna_folder_is_built_on(tuning: str, hyena: Path, tmp_path: Path) -> None:
    if tuning in ("lora", "ia3"):
        pytest.importorskip("peft", reason="needs the extra `pretrained`")
    baked = bake_toy(tmp_path / "toy", {"t": 4, "v": 1, "x": 1})
    gradients = []
    for checkpointing in (False, True)[: 1 + (tuning != "frozen")]:
        options = {"lora_rank": 2} if tuning == "lora" else {}
        pretrained = PretrainedConfig(str(hyena), tuning, checkpointing=checkpointing, **options)  # type: ignore[arg-type]
        task = GenerateTask(toy_config(pretrained=pretrained), [baked])
        torch.manual_seed(0)
        model = task.build()
        task.loss(model, [task.training[i] for i in range(4)]).total.backward()
        given = dict(model.reader.pretrained.named_parameters())
        gradients.append({name: p.grad for name, p in given.items() if p.grad is not None})
    trained = set(gradients[0])
    marks = {"lora": "lora", "ia3": "ia3"}
    assert bool(trained) == (tuning != "frozen")
    assert all(marks.get(tuning, "") in name for name in trained)
    for name, value in gradients[0].items():
        torch.testing.assert_close(gradients[-1][name], value)
    (tmp_path / "model").mkdir()
    save_model(model.eval(), tmp_path / "model")
    again = load_model(tmp_path / "model")
    loci = [task._locus(task.training[i], shift=0) for i in range(2)]
    with torch.no_grad():
        first, second = (task._losses(m, loci)[0].nll for m in (model, again))
    torch.testing.assert_close(first, second)


def test_a_sentence_that_is_cut_keeps_the_transcripts_that_are_whole(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, genes = toy_genome(tmp_path, {"t": 12})
    gene = next(g for g in genes if len(g.transcripts) > 1)
    text = published_text(sentence_of(gene))
    dictate(monkeypatch, lambda window: text)
    model = TransgenicModel(checkpoint)
    model.config = toy_config(genetic_code=1, constraint="grammar")
    tokens = tokens_of(text)
    lasts = [place for place, token in enumerate(tokens) if token == NUMBER[";"] and NUMBER[">"] in tokens[:place]]
    for length, count in ((len(tokens), 2), (len(tokens) - 2, 1), (lasts[0] + 1, 1), (lasts[0], 0)):
        window = LocusWindow("g", gene.seqid, gene.start, gene.end, gene.strand, 0, np.zeros(400, dtype=np.uint8))
        result = Annotator(model, SearchConfig(max_length=length))([window])[0]
        assert (0 if result.gene is None else len(result.gene.transcripts)) == count
        assert result.status == {2: "accepted", 1: "repaired", 0: "rejected"}[count]
        assert GeneSentence.parse(result.clean) if count else result.clean == ""
