"""TransGenic's published checkpoints as models that write gene sentences, with this library's implementation.

They read a window of the forward strand (a multiple of 6,144 bases) and write genes of either strand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from genescribe.errors import InputError
from genescribe.generate.config import GenerateModelConfig
from genescribe.generate.network.hub import from_hub
from genescribe.generate.network.transgenic import Memory, TransgenicDecoder, Written
from genescribe.generate.network.transgenic_checkpoint import (
    TRANSGENIC,
    WEIGHTS,
    kind_of_checkpoint,
    load_transgenic,
)
from genescribe.generate.text import tokenizer
from genescribe.generate.text.free_text import FreeAutomaton, published_prompt
from genescribe.generate.text.sentence import Feature, GeneSentence, Kind
from genescribe.generate.text.window_signals import Signals
from genescribe.genome.alphabet import Codes, reverse_complement
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Interval, Transcript
from genescribe.labels.decode import validate_gene

STEP = 6144
"""Windows are multiples of so many bases."""


def published_window(start: int, end: int, length: int) -> Interval:
    """Return the window of a locus, as in the published training data.

    Its length is the next multiple of `STEP` above the locus, which is in the middle. At the start of a sequence the
    window is cut, but extended on the other side to at least `STEP`; at the end of a sequence it is cut.

    Parameters
    ----------
    start, end
        The locus, 0-based half-open.
    length
        Bases of the sequence.

    Examples
    --------
    >>> published_window(10_000, 11_001, 1_000_000)
    (7428, 13572)
    >>> published_window(100, 1100, 1_000_000), published_window(100, 7000, 1_000_000)
    ((0, 6144), (0, 9694))
    """
    size = end - start
    spare = (size // STEP + 1) * STEP - size
    low = max(0, start - (spare + 1) // 2)
    high = end + spare // 2
    if high - low <= STEP:
        high = low + STEP
    return low, min(high, length)


def load_published(source: str, *, revision: str | None = None) -> TransgenicModel:
    """Return a checkpoint of TransGenic as a model that writes sentences; code in its folder is ignored.

    Parameters
    ----------
    source
        A local folder, or the name of a repository on the hub.
    revision
        Commit of the hub's repository.

    Raises
    ------
    InputError
        It cannot be had or loaded, or is another model.
    """
    folder = Path(source)
    if not folder.is_dir():
        folder = from_hub(source, ["config.json"], revision)
    if kind_of_checkpoint(folder) != TRANSGENIC:
        raise InputError(
            "neither a model of the family generate nor a checkpoint of TransGenic",
            where=source,
            remedy="give one; a HyenaDNA or transformers encoder goes into model.pretrained",
        )
    if not Path(source).is_dir():
        folder = from_hub(source, ["config.json", *WEIGHTS], revision)
    return TransgenicModel(folder)


class TransgenicModel(nn.Module):
    """A checkpoint of TransGenic: bases in, tokens of `genescribe.generate.text.tokenizer` out.

    Parameters
    ----------
    folder
        `config.json` and weights.

    Raises
    ------
    InputError
        See `load_transgenic`; a vocabulary other than the published one.
    """

    def __init__(self, folder: str | Path) -> None:
        super().__init__()
        self.network = load_transgenic(folder)
        sizes = self.network.sizes
        if sizes.vocabulary != len(tokenizer.VOCABULARY):
            raise InputError(
                f"a vocabulary of {sizes.vocabulary} tokens, not {len(tokenizer.VOCABULARY)}",
                where=folder,
                remedy="give another checkpoint",
            )
        self.limit = sizes.encoder.longest
        self.config = GenerateModelConfig(genetic_code=1, flank=STEP, window_limit=max(600, self.limit))
        self.eval()

    @property
    def decoder(self) -> TransgenicDecoder:
        """The part that `--compile` compiles."""
        return self.network.decoder

    def automaton(self, signals: Signals) -> FreeAutomaton:
        """Return the automaton of a window: it allows every token and checks transcripts afterwards."""
        check = _reading_frames(signals, self.config.genetic_code) if signals.checked else _anything
        return FreeAutomaton(signals.length, check, self.network.sizes.longest)

    def prompt(self, sentence: GeneSentence) -> list[int]:
        """Return the tokens that declare the features of a sentence, after which writing continues."""
        return published_prompt(sentence)

    @torch.no_grad()
    def begin(self, codes: Tensor, lengths: Tensor) -> TransgenicSession:
        """Read windows, each by itself, and begin to write."""
        memory = self.network.remember([row[:n] for row, n in zip(codes, lengths.tolist(), strict=True)])
        return TransgenicSession(self.network.decoder, memory, len(codes))


class TransgenicSession:
    """Texts in progress of a checkpoint, one per row."""

    def __init__(self, decoder: TransgenicDecoder, memory: Memory, rows: int) -> None:
        self.decoder, self._memory = decoder, memory
        device = memory.pairs[0][0].device
        self._next = torch.full((rows, 1), tokenizer.EOS, device=device)
        self._written: Written | None = None

    @torch.no_grad()
    def scores(self) -> list[np.ndarray]:
        """Take a step of the decoder; return each row's scores of the next token."""
        scores, self._written = self.decoder(self._next, self._memory, self._written)
        return list(scores[:, -1].float().cpu().numpy())

    def advance(self, values: Sequence[int]) -> None:
        """Write the next token of every row."""
        self._next = torch.tensor([[value] for value in values], device=self._next.device)

    def keep(self, rows: Sequence[int]) -> None:
        """Continue with these rows, in this order; a row may occur several times."""
        index = torch.tensor(list(rows), device=self._next.device)
        self._next, self._memory = self._next[index], self._memory.rows(index)
        if self._written is not None:
            self._written = [(keys[index], values[index]) for keys, values in self._written]


def _anything(features: Sequence[Feature], strand: str) -> None:
    """Accept every transcript that the grammar of sentences accepts."""


def _reading_frames(signals: Signals, table: int) -> Callable[[Sequence[Feature], str], str | None]:
    """Return a check that a transcript is an open reading frame from a start codon to a stop codon."""
    code = GeneticCode.from_table(table)
    forward: Codes = signals.bases.astype(np.uint8)

    def check(features: Sequence[Feature], strand: str) -> str | None:
        codes = forward if strand == "+" else reverse_complement(forward)
        cds = tuple((f.start, f.end) for f in features if f.kind is Kind.CDS)
        return validate_gene(Transcript("", cds, cds), codes, code)

    return check
