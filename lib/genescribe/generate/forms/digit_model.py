"""The digit form of a model: tokens of the published vocabulary, coordinates in digits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from genescribe.generate.config import GenerateModelConfig
from genescribe.generate.forms.backbone import build_trunk
from genescribe.generate.forms.examples import IGNORED, contents
from genescribe.generate.forms.losses import LossSheet, StepLosses, content_loss
from genescribe.generate.network.decoder import Cache, Memory
from genescribe.generate.network.locus_reader import Content
from genescribe.generate.text import tokenizer
from genescribe.generate.text.digits import DigitAutomaton
from genescribe.generate.text.grammar import Grammar
from genescribe.generate.text.sentence import GeneSentence
from genescribe.generate.text.window_signals import Mask, Signals
from genescribe.segment.network.model import SegmentModel


@dataclass
class SpelledExample:
    """A sentence token by token, the tokens allowed at each, and the label of each base (see `examples.Example`)."""

    tokens: list[int]
    allowed: list[Mask]
    content: np.ndarray[tuple[int], np.dtype[np.int64]]
    checked: bool


@dataclass
class Tokens:
    """B sentences of up to L tokens: the right tokens, the allowed ones (B, L, 272), and their kinds."""

    values: Tensor
    kinds: Tensor
    mask: Tensor
    content: Tensor

    def to(self, device: torch.device | str) -> Tokens:
        """Return the tokens on a device."""
        return Tokens(*(part.to(device) for part in (self.values, self.kinds, self.mask, self.content)))


def _kind_table() -> Tensor:
    """Return, for each token, its place in `DigitModel.step_kinds`."""
    table = torch.full((len(tokenizer.VOCABULARY),), 3)
    table[tokenizer.FIRST_DIGIT : tokenizer.FIRST_DIGIT + 10] = 0
    table[[i for i in range(len(table)) if tokenizer.kind_of(i)]] = 1
    table[[tokenizer.NUMBER[token] for token in "ABC."]] = 2
    return table


class DigitModel(nn.Module):
    """Reads a locus on the strand of its gene; writes its sentence in the digit form."""

    step_kinds = ("digit", "feature", "phase", "mark")

    def __init__(self, config: GenerateModelConfig, segment: SegmentModel | None = None) -> None:
        super().__init__()
        hidden, width = config.encoder.hidden_dim, config.encoder.conv_width
        self.config = config
        self.reader, self.decoder = build_trunk(config, segment)
        # The same side task as the pointer form has; here nothing else uses it.
        self.content = nn.Linear(width, len(Content))
        self.embed = nn.Embedding(len(tokenizer.VOCABULARY), hidden)
        self.head = nn.Linear(hidden, len(tokenizer.VOCABULARY))
        nn.init.normal_(self.embed.weight, std=0.02)

    def automaton(self, signals: Signals) -> DigitAutomaton:
        """Return the constraint on the sentence of a window."""
        return DigitAutomaton(Grammar(signals, self.config.most_features, self.config.may_be_empty))

    def example(self, sentence: GeneSentence | None, signals: Signals) -> SpelledExample:
        """Return the training example of a sentence that is written on its own strand; None: no gene."""
        tokens = [tokenizer.NUMBER[">"]] if sentence is None else tokenizer.encode(sentence)
        most = max(self.config.most_features, 0 if sentence is None else len(sentence.features) + 1)
        for candidate in (signals, Signals.free(signals.length)):
            automaton, allowed = DigitAutomaton(Grammar(candidate, most, self.config.may_be_empty)), []
            for token in tokens:
                mask = automaton.allowed()
                if not mask[token]:
                    break
                allowed.append(mask)
                automaton.advance(token)
            else:
                return SpelledExample(tokens, allowed, contents(sentence, signals.length), candidate.checked)
        raise AssertionError("the grammar allows every sentence")

    def example_as_written(self, values: Sequence[int], signals: Signals) -> SpelledExample:
        """Return the example of tokens as they were written, the sentence ended or not."""
        automaton, allowed = self.automaton(signals), []
        for token in values:
            allowed.append(automaton.allowed())
            automaton.advance(token)
        return SpelledExample(list(values), allowed, np.full(signals.length, IGNORED), signals.checked)

    def prompt(self, sentence: GeneSentence) -> list[int]:
        """Return the tokens that declare the features of a sentence, to be gone on from."""
        tokens = tokenizer.encode(sentence)
        return tokens[: tokens.index(tokenizer.NUMBER[">"])]

    def batch(self, examples: Sequence[SpelledExample], length: int) -> Tokens:
        """Return the tensors of some examples, their windows padded to `length` bases."""
        B, L = len(examples), max(len(e.tokens) for e in examples)
        values = torch.full((B, L), tokenizer.PAD)
        mask = torch.ones(B, L, len(tokenizer.VOCABULARY), dtype=torch.bool)
        content = torch.full((B, length), IGNORED)
        for b, e in enumerate(examples):
            values[b, : len(e.tokens)] = torch.tensor(e.tokens)
            mask[b, : len(e.tokens)] = torch.from_numpy(np.stack(e.allowed))
            content[b, : len(e.content)] = torch.from_numpy(e.content)
        kinds = torch.where(values == tokenizer.PAD, -1, _kind_table()[values])
        return Tokens(values, kinds, mask, content)

    def _read(self, codes: Tensor, lengths: Tensor) -> tuple[Tensor, Memory]:
        reading, memory = self.decoder.read(self.reader, codes, lengths, absolute=True)
        return self.content(reading.bases), memory

    def forward(self, codes: Tensor, lengths: Tensor, steps: Tokens, rows: Tensor | None = None) -> StepLosses:
        """Return how unlikely each token is, given the locus and the tokens before; see `PointerModel.forward`."""
        contents_seen, memory = self._read(codes, lengths)
        if rows is not None:
            contents_seen, memory = contents_seen[rows], memory.rows(rows)
        begin = torch.full_like(steps.values[:, :1], tokenizer.EOS)
        inputs = self.embed(torch.cat([begin, steps.values[:, :-1]], dim=1))
        places, present = torch.zeros(inputs.shape[:2], device=codes.device), steps.kinds >= 0
        hidden, _ = self.decoder(inputs, places, memory, present=present)
        scores = self.head(hidden).float().masked_fill(~steps.mask, -math.inf)
        sheet = LossSheet(present.shape[0], present.shape[1], codes.device)
        sheet.enter(present, scores, steps.values)
        return sheet.losses(content_loss(contents_seen, steps.content), memory.losses())

    @torch.no_grad()
    def begin(self, codes: Tensor, lengths: Tensor) -> DigitSession:
        """Read loci, once, and begin to write their sentences."""
        return DigitSession(self, self._read(codes, lengths)[1])


class DigitSession:
    """Sentences in progress, one per row."""

    def __init__(self, model: DigitModel, memory: Memory) -> None:
        self.model, self._memory, self._cache = model, memory, Cache()
        self._next = torch.full((len(memory.mask), 1), tokenizer.EOS, device=memory.mask.device)

    @torch.no_grad()
    def scores(self) -> list[np.ndarray]:
        """Take a step of the decoder; return each row's scores of the next token."""
        places = torch.zeros(self._next.shape, device=self._next.device)
        hidden, self._cache = self.model.decoder(self.model.embed(self._next), places, self._memory, self._cache)
        return list(self.model.head(hidden[:, -1]).float().cpu().numpy())

    def advance(self, values: Sequence[int]) -> None:
        """Write the next token of every row."""
        self._next = torch.tensor([[value] for value in values], device=self._next.device)

    def keep(self, rows: Sequence[int]) -> None:
        """Continue with these rows, in this order; a row may occur several times."""
        index = torch.tensor(list(rows), device=self._next.device)
        self._next, self._memory, self._cache = self._next[index], self._memory.rows(index), self._cache.rows(index)
