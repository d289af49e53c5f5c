"""Shared parts of all forms of a model: reading the locus and carrying the sentence, by architecture."""

from __future__ import annotations

from genescribe.generate.config import GenerateModelConfig
from genescribe.generate.network.decoder import Decoder
from genescribe.generate.network.locus_reader import Reader, TokenReader
from genescribe.generate.network.prefix_lm import PrefixStack
from genescribe.segment.network.model import SegmentModel


def build_trunk(config: GenerateModelConfig, segment: SegmentModel | None) -> tuple[Reader, Decoder | PrefixStack]:
    """Return the reader of a model and its decoder.

    Either decoder offers `read(reader, codes, lengths)`, what is known of loci, and `forward(x, places, memory,
    cache)`, the hidden states of steps of their sentences.
    """
    if config.architecture == "prefix_lm":
        kind = Reader if config.prefix.tokenizer is None else TokenReader
        return kind(config, segment), PrefixStack(config)
    return Reader(config, segment), Decoder(config.encoder.hidden_dim, config.decoder_layers, config.dropout)
