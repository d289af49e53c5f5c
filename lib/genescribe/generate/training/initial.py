"""Initial models for training: random, or a prefix-LM initialised from the encoder of a DNABERT-2 checkpoint.

DNABERT-2 (Zhou et al., 2024) is a BERT with ALiBi and gated units (MosaicBERT): embeddings of tokens and of one type,
LayerNorm; then layers of attention and gated units, each followed by LayerNorm. With the preset `dnabert2` a
prefix-LM has these very layers, and its prefix is what that encoder computes. Experts begin as copies of the layer's
gated units: whichever a step goes through, the result is the same until training parts them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from genescribe.errors import InputError
from genescribe.files import atomic_directory, read_json, write_json
from genescribe.generate.config import GenerateModelConfig, InitConfig
from genescribe.generate.model import TOKENIZER, build_model, save_model
from genescribe.generate.network.bpe import DnaTokenizer
from genescribe.generate.network.hub import from_hub
from genescribe.generate.network.transgenic_checkpoint import WEIGHTS, read_weights
from genescribe.genome.alphabet import Codes
from genescribe.genome.fasta import Genome
from genescribe.nn.attention import FeedForward
from genescribe.nn.experts import Experts
from genescribe.train.provenance import describe
from genescribe.train.schedule import reseed

VOCABULARY_BASES = 2_000_000
"""Bases of each genome, evenly spread, that a byte-pair encoding is learned from."""
_LAYER = {
    "attention.self.Wqkv": "project",
    "attention.output.dense": "leave",
    "attention.output.LayerNorm": "norm",
    "mlp.layernorm": "norm_after",
}
PIECE = 10_000
"""Bases of a piece that an encoding is learned from."""


def initialise(
    config: GenerateModelConfig, init: InitConfig, fastas: list[Path], directory: str | Path
) -> GenerateModelConfig:
    """Write the folder of an untrained model.

    Parameters
    ----------
    config
        Its options; with a checkpoint, width, layers, heads, units, preset and tokenizer are that encoder's.
    init
        Where weights and tokens come from.
    fastas
        Genomes to learn the byte-pair encoding from.
    directory
        Gets `config.json`, `model.safetensors`, `provenance.json` and, where it reads tokens, `tokenizer.json`.

    Returns
    -------
    GenerateModelConfig
        The options as they were used.

    Raises
    ------
    InputError
        No such checkpoint, one of another architecture, or options that contradict each other.
    """
    if config.architecture != "prefix_lm" and (init.checkpoint or init.vocabulary):
        raise InputError(
            f"{config.architecture} reads no tokens", where="model.architecture", remedy="give architecture: prefix_lm"
        )
    if init.vocabulary and (init.checkpoint or config.prefix.tokenizer):
        raise InputError(
            "an encoding is to be learned, and another is given", where="vocabulary", remedy="give one of them"
        )
    if init.vocabulary and not fastas:
        raise InputError("no genome to learn an encoding from", where="genomes", remedy="name one")
    config = replace(config, genetic_code=config.genetic_code or 1)
    with atomic_directory(directory) as target:
        scratch = target / ".tokenizer.json"
        weights: dict[str, Tensor] | None = None
        if init.checkpoint is not None:
            folder = Path(init.checkpoint)
            if not folder.is_dir():
                folder = from_hub(init.checkpoint, ["config.json", TOKENIZER, *WEIGHTS])
            config, weights = read_checkpoint(folder, config)
            DnaTokenizer.load(folder / TOKENIZER).save(scratch)
        elif init.vocabulary:
            learned = DnaTokenizer.train(
                (codes for fasta in fastas for codes in spread_pieces(fasta, VOCABULARY_BASES)), init.vocabulary
            )
            learned.save(scratch)
        if scratch.exists():
            config = replace(config, prefix=replace(config.prefix, tokenizer=str(scratch)))
        reseed(init.seed, "weights")
        model = build_model(config)
        if weights is not None:
            adopt(model, weights)
        save_model(model, target)
        scratch.unlink(missing_ok=True)
        fingerprint = {"family": "generate", "init": {"checkpoint": init.checkpoint, "seed": init.seed}}
        write_json(target / "provenance.json", describe(fingerprint, torch.device("cpu"), 1) | {"steps": 0})
    return config


def spread_pieces(fasta: Path, wanted: int) -> Iterator[Codes]:
    """Yield pieces of a genome, evenly spread over it, `wanted` bases in all or all that there are.

    Parameters
    ----------
    fasta
        FASTA file of the genome.
    wanted
        Number of bases to yield.
    """
    genome = Genome.open(fasta)
    begins = [(seqid, begin) for seqid, length in genome.lengths.items() for begin in range(0, length, PIECE)]
    every = max(1, sum(genome.lengths.values()) // wanted)
    for seqid, begin in begins[::every]:
        yield genome.codes(seqid, begin, min(begin + PIECE, genome.lengths[seqid]))


def read_checkpoint(folder: Path, config: GenerateModelConfig) -> tuple[GenerateModelConfig, dict[str, Tensor]]:
    """Return the options with the shape of a DNABERT-2 checkpoint, and its weights.

    Raises
    ------
    InputError
        A file is missing, or the configuration or the weights are not those of this architecture.
    """
    path = folder / "config.json"
    if not path.is_file() or not (folder / TOKENIZER).is_file():
        raise InputError("no config.json and tokenizer.json", where=folder, remedy="give a DNABERT-2 checkpoint")
    stored = read_json(path)
    try:
        width, layers, heads, inner = (
            int(stored[key]) for key in ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
        )
    except (KeyError, TypeError, ValueError):
        raise InputError("not the configuration of a BERT", where=path, remedy="give a DNABERT-2 checkpoint") from None
    weights = {name.removeprefix("bert."): value for name, value in read_weights(folder).items()}
    wanted = [f"encoder.layer.{i}.mlp.gated_layers.weight" for i in range(layers)]
    wanted += ["embeddings.word_embeddings.weight", "embeddings.LayerNorm.weight"]
    missing = [name for name in wanted if name not in weights]
    if missing:
        raise InputError(
            f"{missing[0]} is not there: another architecture", where=folder, remedy="give a DNABERT-2 checkpoint"
        )
    prefix = replace(config.prefix, preset="dnabert2", heads=heads, inner=inner)
    encoder = replace(config.encoder, hidden_dim=width)
    return replace(config, encoder=encoder, decoder_layers=layers, prefix=prefix), weights


@torch.no_grad()
def adopt(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Give a prefix-LM of the preset `dnabert2` the weights of such an encoder; tokens that are new stay fresh."""
    own = dict(model.named_parameters())
    words = weights["embeddings.word_embeddings.weight"]
    embed = own["reader.embed.weight"]
    count = min(len(words), len(embed))  # A checkpoint may have rows that no token uses.
    embed[:count] = words[:count]
    embed.add_(weights["embeddings.token_type_embeddings.weight"][0])
    for part in ("weight", "bias"):
        own[f"reader.embed_norm.{part}"].copy_(weights[f"embeddings.LayerNorm.{part}"])
    layers = model.get_submodule("decoder.layers")
    for i, layer in enumerate(layers.children()):
        for theirs, mine in _LAYER.items():
            for part in ("weight", "bias"):
                own[f"decoder.layers.{i}.{mine}.{part}"].copy_(weights[f"encoder.layer.{i}.{theirs}.{part}"])
        enter, leave, bias = (
            weights[f"encoder.layer.{i}.mlp.{name}"] for name in ("gated_layers.weight", "wo.weight", "wo.bias")
        )
        feed = layer.get_submodule("feed")
        if isinstance(feed, Experts):
            feed.enter.copy_(enter.T.expand_as(feed.enter))
            feed.leave.copy_(leave.T.expand_as(feed.leave))
            assert feed.bias is not None
            feed.bias.copy_(bias.expand_as(feed.bias))
        else:
            assert isinstance(feed, FeedForward) and feed.leave.bias is not None
            feed.enter.weight.copy_(enter)
            feed.leave.weight.copy_(leave)
            feed.leave.bias.copy_(bias)
