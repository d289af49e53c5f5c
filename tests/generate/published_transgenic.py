"""Checkpoints of HyenaDNA and TransGenic with small weights made by chance, under their published names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from genescribe.generate.text.tokenizer import BOS, EOS, NUMBER

WIDTH, INNER, FILTER, LONGEST = 8, 12, 6, 6144
LAYERS, HEADS, FEED, PLACES, TOKENS = 2, 2, 20, 300, 272
HYENA_CONFIG: dict[str, Any] = {
    "model_type": "hyenadna",
    "d_model": WIDTH,
    "d_inner": INNER,
    "n_layer": LAYERS,
    "max_seq_len": LONGEST,
    "emb_dim": 5,
    "filter_order": FILTER,
    "activation_freq": 10,
    "num_inner_mlps": 2,
    "hyena_order": 2,
    "short_filter_order": 3,
    "vocab_size": 12,
}
CONFIG: dict[str, Any] = {
    "model_type": "transgenicHyena",
    "d_model": WIDTH,
    "decoder_layers": LAYERS,
    "decoder_ffn_dim": FEED,
    "decoder_attention_heads": HEADS,
    "max_decoder_position_embeddings": PLACES,
    "max_encoder_seqlen": LONGEST,
    "encoder_n_layer": LAYERS,
    "vocab_size": TOKENS,
    "activation_function": "gelu",
    "decoder_start_token_id": 2,
}


def _linear(name: str, target: int, source: int, *, bias: bool = True) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (target, source)
    if bias:
        yield f"{name}.bias", (target,)


def _norm(name: str, width: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (width,)
    yield f"{name}.bias", (width,)


def _backbone(at: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{at}.embeddings.word_embeddings.weight", (16, WIDTH)
    for i in range(LAYERS):
        mixer = f"{at}.layers.{i}.mixer"
        yield from _linear(f"{mixer}.in_proj", 3 * WIDTH, WIDTH)
        yield from _linear(f"{mixer}.out_proj", WIDTH, WIDTH)
        yield f"{mixer}.short_filter.weight", (3 * WIDTH, 1, 3)
        yield f"{mixer}.short_filter.bias", (3 * WIDTH,)
        yield f"{mixer}.filter_fn.bias", (WIDTH,)
        for place, source in ((0, 5), (2, FILTER), (4, FILTER)):
            yield from _linear(f"{mixer}.filter_fn.implicit_filter.{place}", FILTER, source)
        yield from _linear(f"{mixer}.filter_fn.implicit_filter.6", WIDTH, FILTER, bias=False)
        yield f"{mixer}.filter_fn.implicit_filter.1.freq", (1, FILTER)
        for part in ("norm1", "norm2"):
            yield from _norm(f"{at}.layers.{i}.{part}", WIDTH)
        yield from _linear(f"{at}.layers.{i}.mlp.fc1", INNER, WIDTH)
        yield from _linear(f"{at}.layers.{i}.mlp.fc2", WIDTH, INNER)
    yield from _norm(f"{at}.ln_f", WIDTH)


def _rest() -> Iterator[tuple[str, tuple[int, ...]]]:
    at, middle, wide = "transgenic.downsample", WIDTH + WIDTH // 2, 2 * WIDTH
    yield f"{at}.conv1.weight", (middle, WIDTH, 6)
    yield f"{at}.rel_bias1", (middle, 1, 6)
    yield f"{at}.conv2.weight", (wide, middle, 2)
    yield f"{at}.rel_bias2", (wide, 1, 2)
    yield from _norm(f"{at}.norm1", middle)
    yield from _norm(f"{at}.norm2", wide)
    at = "transgenic.decoder"
    yield f"{at}.embed_positions.weight", (PLACES, wide)
    yield from _norm(f"{at}.layernorm_embedding", wide)
    for i in range(LAYERS):
        for attention in ("self_attn", "encoder_attn"):
            for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
                yield from _linear(f"{at}.layers.{i}.{attention}.{part}", wide, wide)
            yield from _norm(f"{at}.layers.{i}.{attention}_layer_norm", wide)
        yield from _linear(f"{at}.layers.{i}.fc1", FEED, wide)
        yield from _linear(f"{at}.layers.{i}.fc2", wide, FEED)
        yield from _norm(f"{at}.layers.{i}.final_layer_norm", wide)
    yield "lm_head.weight", (TOKENS, wide)
    yield "final_logits_bias", (1, TOKENS)


def _drawn(shapes: Iterator[tuple[str, tuple[int, ...]]]) -> dict[str, Tensor]:
    """Return weights: scales of norms around one, factors of sines around ten, the rest around nought."""
    rng, weights = np.random.default_rng(7), {}
    for name, shape in shapes:
        value = 0.8 * rng.random(shape) - 0.4
        value = value + (name.endswith(".weight") and ("norm" in name.split(".")[-2] or "ln_f" in name))
        if name.endswith("freq"):
            value = 10 + 4 * value
        # What is written depends on what was written and where, and less on what is read: it changes at every step.
        if "encoder_attn.out_proj" in name or "norm.bias" in name or "fc2" in name:
            value = value / 8
        if "embed_positions" in name or name == "lm_head.weight":
            value = 4 * value
        weights[name] = torch.from_numpy(value).float()
    return weights


def write_hyena(folder: Path) -> dict[str, Tensor]:
    """Write a HyenaDNA checkpoint, its language model's head included; return the weights."""
    folder.mkdir(parents=True)
    weights = _drawn(_backbone("hyena.backbone"))
    weights["lm_head.weight"] = torch.ones(16, WIDTH)
    save_file(weights, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(HYENA_CONFIG))
    return weights


def write_transgenic(folder: Path, *, safe: bool = True) -> dict[str, Tensor]:
    """Write a TransGenic checkpoint; return the weights. What is tied or constant is left out."""
    folder.mkdir(parents=True)
    weights = _drawn(_backbone("transgenic.encoder.hyena.backbone")) | _drawn(_rest())
    if safe:
        save_file(weights, folder / "model.safetensors")
    else:
        torch.save(weights, folder / "pytorch_model.bin")
    (folder / "config.json").write_text(json.dumps(CONFIG))
    return weights


def tokens_of(text: str) -> list[int]:
    """Return the tokens of a text as the published tokeniser has them, before ``<s>`` and after ``</s>``."""
    words: list[str] = []
    for feature in text.partition(">")[0].split(";"):
        start, name, end, strand, phase = feature.split("|")
        words += [*start, name, *end, strand, phase, ";"]
    chains = [chain.split("|") for chain in text.partition(">")[2].split(";")]
    words += [">", *chains[0], *(word for chain in chains[1:] for word in [";", *chain])]
    return [BOS, *(NUMBER[word] for word in words), EOS]
