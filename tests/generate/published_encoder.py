"""DNABERT-2 as it was published, written plainly, and tiny checkpoints in its format: what adoption is held to.

Zhou et al. (2024); MosaicBERT (Portes et al., 2023): no positions but ALiBi, gated units with GELU, LayerNorm after.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from torch import Tensor

from genescribe.genome.alphabet import Codes, decode

WIDTH, HEADS, INNER, LAYERS = 24, 3, 40, 2


def write_checkpoint(folder: Path, codes: Codes, vocabulary: int = 60) -> dict[str, Tensor]:
    """Write a checkpoint with random weights and a tokenizer of some bases; return the weights."""
    folder.mkdir(parents=True)
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    special = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator([decode(codes)[i : i + 100] for i in range(0, len(codes), 100)], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    generator = torch.Generator().manual_seed(1)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator) * 0.3

    def norm(name: str) -> dict[str, Tensor]:
        return {f"{name}.weight": 1 + draw(WIDTH), f"{name}.bias": draw(WIDTH)}

    weights = {
        "bert.embeddings.word_embeddings.weight": draw(vocabulary, WIDTH),
        "bert.embeddings.token_type_embeddings.weight": draw(2, WIDTH),
        **norm("bert.embeddings.LayerNorm"),
        "cls.predictions.bias": draw(vocabulary),
    }
    for i in range(LAYERS):
        at = f"bert.encoder.layer.{i}"
        weights |= {
            f"{at}.attention.self.Wqkv.weight": draw(3 * WIDTH, WIDTH),
            f"{at}.attention.self.Wqkv.bias": draw(3 * WIDTH),
            f"{at}.attention.output.dense.weight": draw(WIDTH, WIDTH),
            f"{at}.attention.output.dense.bias": draw(WIDTH),
            **norm(f"{at}.attention.output.LayerNorm"),
            f"{at}.mlp.gated_layers.weight": draw(2 * INNER, WIDTH),
            f"{at}.mlp.wo.weight": draw(WIDTH, INNER),
            f"{at}.mlp.wo.bias": draw(WIDTH),
            **norm(f"{at}.mlp.layernorm"),
        }
    torch.save(weights, folder / "pytorch_model.bin")
    config = {
        "architectures": ["BertForMaskedLM"],
        "hidden_size": WIDTH,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "intermediate_size": INNER,
        "vocab_size": vocabulary,
        "layer_norm_eps": 1e-12,
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return weights


def published_states(folder: Path, codes: Codes) -> Tensor:
    """Return the last hidden states (n, WIDTH) of one sequence."""
    w = torch.load(folder / "pytorch_model.bin", weights_only=True)
    ids = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(decode(codes)).ids
    n = len(ids)

    def norm(x: Tensor, name: str) -> Tensor:
        centred = x - x.mean(dim=-1, keepdim=True)
        scaled = centred / (centred.square().mean(dim=-1, keepdim=True) + 1e-12).sqrt()
        return scaled * w[f"{name}.weight"] + w[f"{name}.bias"]

    x = w["bert.embeddings.word_embeddings.weight"][ids] + w["bert.embeddings.token_type_embeddings.weight"][0]
    x = norm(x, "bert.embeddings.LayerNorm")
    # Slopes of three heads: those of two, then the first of four.
    slopes, each = [2.0**-4, 2.0**-8, 2.0**-2], WIDTH // HEADS
    far = (torch.arange(n)[:, None] - torch.arange(n)).abs()
    for i in range(LAYERS):
        at = f"bert.encoder.layer.{i}"
        qkv = x @ w[f"{at}.attention.self.Wqkv.weight"].T + w[f"{at}.attention.self.Wqkv.bias"]
        heads = []
        for h in range(HEADS):
            q, k, v = (qkv[:, part * WIDTH + h * each : part * WIDTH + (h + 1) * each] for part in range(3))
            heads.append(((q @ k.T) / math.sqrt(each) - slopes[h] * far).softmax(dim=-1) @ v)
        dense = torch.cat(heads, dim=-1) @ w[f"{at}.attention.output.dense.weight"].T
        x = norm(x + dense + w[f"{at}.attention.output.dense.bias"], f"{at}.attention.output.LayerNorm")
        both = x @ w[f"{at}.mlp.gated_layers.weight"].T
        gate, other = both[:, :INNER], both[:, INNER:]
        gate = 0.5 * gate * (1 + torch.erf(gate / math.sqrt(2)))
        x = norm(x + (gate * other) @ w[f"{at}.mlp.wo.weight"].T + w[f"{at}.mlp.wo.bias"], f"{at}.mlp.layernorm")
    return x
