"""The segment model: independence of batches, its folder, the grammar in its head, refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from genescribe.config import from_mapping, to_mapping
from genescribe.crf import SemiCRF
from genescribe.errors import InputError
from genescribe.labels.schemes import SCHEMES
from genescribe.nn.config import EncoderConfig
from genescribe.segment.config import SegmentModelConfig
from genescribe.segment.network.head import crf_config
from genescribe.segment.network.model import SegmentModel

ENCODER = EncoderConfig(hidden_dim=8, conv_width=6, conv_kernel=5, fold=3)
CONFIG = SegmentModelConfig(genetic_code=1, encoder=ENCODER, max_duration=20, tile=90, halo=30, feature_cap=60)


def model(**changes: Any) -> SegmentModel:
    torch.manual_seed(2)
    return SegmentModel(replace(CONFIG, **changes)).eval()


def codes(length: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 4, (1, length), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("boundary_scores", [True, False])
@pytest.mark.parametrize("head", ["linear", "semicrf"])
def test_scores_do_not_depend_on_the_batch(head: Any, boundary_scores: bool) -> None:
    segmenter = model(head=head, boundary_scores=boundary_scores)
    lengths = [40, 7, 100]
    batch = torch.full((3, 120), 4)
    for row, n in enumerate(lengths):
        batch[row, :n] = codes(n, n)[0]
    together = segmenter.scores(batch, torch.tensor(lengths))
    assert together.content.shape == (3, 120, 11)
    assert together.content.dtype == torch.float32
    assert (together.begin is not None) is boundary_scores
    for row, n in enumerate(lengths):
        alone = segmenter.scores(codes(n, n))
        for one, all_ in zip(alone, together, strict=True):
            if one is not None:
                torch.testing.assert_close(all_[row, :n], one[0], atol=1e-5, rtol=0)


def test_content_is_a_scaled_log_posterior() -> None:
    segmenter = model(content_scale=0.25)
    scores = segmenter.scores(codes(50))
    torch.testing.assert_close((4 * scores.content).exp().sum(-1), torch.ones(1, 50))
    assert torch.equal(model(content="logits", content_scale=1.0).scores(codes(50)).content, scores.logits)


@torch.no_grad()
def test_clamped_scores_stay_within_their_limit() -> None:
    segmenter = model(emission_clamp=0.05, content="logits", content_scale=1.0)
    scores = segmenter.scores(codes(50))
    assert all(float(part.abs().max()) <= 0.0501 for part in scores if part is not None)
    assert float(model(content="logits", content_scale=1.0).scores(codes(50)).content.abs().max()) > 0.0501


@pytest.mark.parametrize("head", ["linear", "semicrf"])
def test_what_it_decodes_follows_the_grammar(head: Any) -> None:
    segmenter, grammar = model(head=head), SCHEMES["gencode"].grammar
    for seed in range(5):
        lengths = torch.tensor([200])
        scores = segmenter.scores(codes(200, seed))
        # Strong random scores: without the grammar, anything would be decoded.
        content = 30 * torch.randn(scores.content.shape, generator=torch.Generator().manual_seed(seed))
        (path,) = segmenter.crf.decode(content, lengths, **scores.boundaries)
        labels, durations = path.labels.tolist(), path.durations.tolist()
        assert grammar.first[labels[0]] and grammar.last[labels[-1]]
        assert all(grammar.transitions[a, b] for a, b in pairwise(labels))
        assert all(n <= grammar.maximum[c] or not grammar.maximum[c] for c, n in zip(labels, durations, strict=True))


def test_the_linear_head_has_one_score_a_base_but_in_codons_and_short_introns() -> None:
    scheme = SCHEMES["gencode"]
    linear, semi = (SemiCRF(crf_config(replace(CONFIG, head=head), scheme)) for head in ("linear", "semicrf"))  # type: ignore[arg-type]
    introns, codons = [4, 5, 6], [9, 10]
    assert linear.durations.rows == semi.durations.rows == 20
    assert linear.config.geometric == tuple(c for c in range(11) if c not in codons)
    # How long a codon may be, and an intron must be, is grammar: both heads keep it.
    for head in (linear, semi):
        assert [head.config.shortest(c) for c in introns] == [20] * 3
        assert [head.config.longest(c) for c in codons] == [3, 3]
        assert [c for c in range(11) if not head.config.has_tail(c)] == codons


@pytest.mark.parametrize("head", ["linear", "semicrf"])
def test_shortest_segments_that_are_asked_for(head: str) -> None:
    shortest = {"first_exon": 5, "first_intron": 30, "internal_intron": 4}
    config = crf_config(replace(CONFIG, head=head, shortest=shortest), SCHEMES["gencode"])  # type: ignore[arg-type]
    assert [config.shortest(c) for c in (1, 2, 4, 5)] == [5, 1, 30, 20]
    assert SemiCRF(config).durations()[0][3, 1] == -torch.inf
    with pytest.raises(InputError, match=r"no label 'exon'; known: intergenic, first_exon"):
        crf_config(replace(CONFIG, shortest={"exon": 5}), SCHEMES["gencode"])


def test_segments_longer_than_the_tables_have_a_score_and_a_gradient() -> None:
    segmenter = model()
    scores = segmenter.scores(codes(120))
    loss = segmenter.crf.loss(scores.content, [[[10, 0], [13, 9], [110, 1], [113, 10], [120, 0]]], torch.tensor([120]))
    loss.sum().backward()
    gradient = segmenter.crf.durations.decay.grad
    assert bool(loss.isfinite().all())
    assert gradient is not None and gradient[1] != 0


def test_a_saved_model_is_the_same_model(tmp_path: Path) -> None:
    segmenter = model(head="linear", features=["bases", "orf"])
    segmenter.save(tmp_path)
    loaded = SegmentModel.load(tmp_path)
    assert loaded.config == segmenter.config
    assert not loaded.training
    for one, other in zip(segmenter.scores(codes(50)), loaded.scores(codes(50)), strict=True):
        assert torch.equal(one, other)  # type: ignore[arg-type]
    for name, value in segmenter.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[name])
    again = tmp_path / "again"
    again.mkdir()
    loaded.save(again)
    assert {p.name: p.read_bytes() for p in again.iterdir()} == {p.name: p.read_bytes() for p in tmp_path.glob("*.*")}


def test_options_survive_json() -> None:
    assert from_mapping(SegmentModelConfig, json.loads(json.dumps(to_mapping(CONFIG))), where="x") == CONFIG


def damage(folder: Path, what: str) -> None:
    config, weights = folder / "config.json", folder / "model.safetensors"
    stored, tensors = json.loads(config.read_text()), load_file(weights)
    if what == "unknown option":
        stored["model"]["colour"] = 1
    elif what == "unknown encoder option":
        stored["model"]["encoder"]["colour"] = 1
    elif what == "other family":
        stored["family"] = "codon"
    elif what == "missing weight":
        del tensors["head.bias"]
    elif what == "unknown weight":
        tensors["tail.bias"] = tensors["head.bias"].clone()
    elif what == "other shape":
        tensors["head.bias"] = tensors["head.bias"][:5].clone()
    elif what == "not finite":
        tensors["head.bias"][0] = torch.nan
    config.write_text(json.dumps(stored))
    save_file(tensors, weights)
    if what == "no config":
        config.unlink()
    elif what == "no weights":
        weights.unlink()
    elif what == "cut weights":
        weights.write_bytes(weights.read_bytes()[:1000])
    elif what == "cut config":
        config.write_text(config.read_text()[:50])


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("unknown option", r"config\.json: unknown key `model\.colour`"),
        ("unknown encoder option", r"config\.json: unknown key `model\.encoder\.colour`"),
        ("other family", r"config\.json: not the configuration of a segment model"),
        ("missing weight", r"model\.safetensors: lacks head\.bias"),
        ("unknown weight", r"model\.safetensors: has unknown tail\.bias"),
        ("other shape", r"model\.safetensors: head\.bias is \(5,\), not \(33,\)"),
        ("not finite", r"model\.safetensors: head\.bias is not finite"),
        ("no config", r"config\.json: no such file"),
        ("no weights", r"model\.safetensors: no weights in this folder"),
        ("cut weights", r"model\.safetensors: damaged weights"),
        ("cut config", r"config\.json: not JSON"),
    ],
)
def test_a_damaged_model_is_refused(tmp_path: Path, what: str, message: str) -> None:
    model().save(tmp_path)
    damage(tmp_path, what)
    with pytest.raises(InputError, match=message):
        SegmentModel.load(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scheme": "words"}, r"model\.scheme: no label scheme 'words'; known: "),
        ({"tile": 91}, r"model\.tile: 91 is not a multiple of encoder\.fold, 3"),
        ({"features": ["gc"]}, "features: unknown track 'gc'"),
        ({"genetic_code": 7}, "no NCBI table 7"),
    ],
)
def test_a_wrong_configuration_is_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        model(**changes)
