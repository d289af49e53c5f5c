"""The exon text form: letters that copy the window, and marks for the ends of exons, transcripts and the text.

A step is a letter or a mark; it stands at a boundary of the window, the leftmost at which what was written can be. The
model decides (1) whether the exon goes on, ends for another, or the text ends: scores of the step's state, and (2)
where an exon begins: scores of all boundaries, as in the pointer form, from the state in which its first letter is
written. While several beginnings are possible, the probability of a letter, given that the exon goes on, is the sum
over the beginnings that go on with it (a copy mechanism: Gu et al. 2016; See et al. 2017). The probabilities of the
letters of a beginning therefore multiply to its own, and nothing is spent on spelling once it is the only one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from genescribe.generate.config import GenerateModelConfig
from genescribe.generate.forms.backbone import build_trunk
from genescribe.generate.forms.boundary_scores import Boundaries, BoundaryScorer, Sought
from genescribe.generate.forms.exon_examples import (
    LETTERS,
    ExonExample,
    ExonSteps,
    batch_steps,
    example,
    follow,
    rivals_of,
)
from genescribe.generate.forms.losses import LossSheet, StepLosses, content_loss
from genescribe.generate.network.decoder import Cache, Memory
from genescribe.generate.text.exon_speller import ITEMS, Speller
from genescribe.generate.text.sentence import GeneSentence
from genescribe.generate.text.window_signals import Signals
from genescribe.genome.alphabet import SOFTMASK, Codes
from genescribe.genome.genetic_code import GeneticCode
from genescribe.segment.network.model import SegmentModel

_BEGIN = len(ITEMS)
_MARKS = len(ITEMS) - LETTERS


class ExonModel(nn.Module):
    """Reads a locus on the strand of its gene; writes its coding sequences as exon text.

    Parameters
    ----------
    config
        Options, the genetic code set.
    segment
        A trained segment model whose posteriors are read.
    """

    step_kinds = ("letter", "exon", "transcript", "end")

    def __init__(self, config: GenerateModelConfig, segment: SegmentModel | None = None) -> None:
        super().__init__()
        hidden, width = config.encoder.hidden_dim, config.encoder.conv_width
        self.config = config
        self.reader, self.decoder = build_trunk(config, segment)
        self.scorer = BoundaryScorer(width, hidden, config.pointer_width, config.content_scale)
        self.embed = nn.Embedding(len(ITEMS) + 1, hidden)
        self.embed_place = nn.Linear(config.pointer_width, hidden)
        self.head = nn.Linear(hidden, 1 + _MARKS)
        nn.init.normal_(self.embed.weight, std=0.02)

    def automaton(self, signals: Signals) -> Speller:
        """Return the constraint on the text of a window."""
        return Speller(signals, self.config.most_features, self.config.may_be_empty)

    def example(self, sentence: GeneSentence | None, signals: Signals) -> ExonExample:
        """Return the training example of a sentence that is written on its own strand; None: no gene."""
        return example(sentence, signals, self.config.most_features, self.config.may_be_empty)

    def example_as_written(self, values: Sequence[int], signals: Signals) -> ExonExample:
        """Return the example of values as they were written, the text ended or not."""
        found = follow(values, signals, self.config.most_features, optional=self.config.may_be_empty)
        assert found is not None
        return found

    def prompt(self, sentence: GeneSentence) -> list[int]:
        """Return nothing: the features of a sentence are no beginning of its text."""
        return []

    def batch(self, examples: Sequence[ExonExample], length: int) -> ExonSteps:
        """Return the tensors of some examples, their windows padded to `length` bases."""
        return batch_steps(examples, length)

    # -- the parts, for training and writing alike ---------------------------------------------------------------
    def _read(self, codes: Tensor, lengths: Tensor) -> tuple[Boundaries, Memory]:
        reading, memory = self.decoder.read(self.reader, codes, lengths)
        return self.scorer.survey(reading), memory

    def _inputs(self, before: Tensor, places: Tensor, known: Boundaries) -> Tensor:
        """Return what the decoder sees: the values before (B, L), and what lies where the next are written (B, L)."""
        looks = known.keys.gather(1, places.unsqueeze(-1).expand(-1, -1, known.keys.shape[-1]))
        out: Tensor = self.embed(before) + self.embed_place(looks)
        return out

    def _beginnings(self, hidden: Tensor, known: Boundaries, phase: Tensor, anchor: Tensor, first: Tensor) -> Tensor:
        """Return the scores (B, E, T + 1) of the boundaries at which exons may begin, from the states (B, E, D)."""
        sought = Sought(1 + phase, torch.zeros_like(first), anchor, first)
        scores: Tensor = self.scorer(hidden, known, sought)
        return scores.float()

    def _scores(self, hidden: Tensor, shares: Tensor) -> Tensor:
        """Return the scores (.., 8) of values from states and the log shares (.., 5) of letters among themselves."""
        heads = self.head(hidden).float()
        return torch.cat([heads[..., :1] + shares, heads[..., 1:]], dim=-1)

    # -- training ------------------------------------------------------------------------------------------------
    def forward(self, codes: Tensor, lengths: Tensor, steps: ExonSteps, rows: Tensor | None = None) -> StepLosses:
        """Return how unlikely each value is, given the locus and the values before; see `PointerModel.forward`."""
        known, memory = self._read(codes, lengths)
        if rows is not None:
            known, memory = known.rows(rows), memory.rows(rows)
        begin = torch.full_like(steps.values[:, :1], _BEGIN)
        before = torch.cat([begin, steps.values[:, :-1]], dim=1)
        inputs, present = self._inputs(before, steps.places, known), steps.kinds >= 0
        hidden, _ = self.decoder(inputs, memory.at(steps.places), memory, present=present)
        at = steps.begin.unsqueeze(-1).expand(-1, -1, hidden.shape[-1])
        begins = self._beginnings(hidden.gather(1, at), known, steps.phase, steps.anchor, steps.first)
        scores = self._scores(hidden, _shares(begins, steps)).masked_fill(~steps.mask, -math.inf)
        sheet = LossSheet(present.shape[0], present.shape[1], codes.device)
        sheet.enter(present, scores, steps.values)
        return sheet.losses(content_loss(known.logits, steps.content), memory.losses())

    # -- writing -------------------------------------------------------------------------------------------------
    @torch.no_grad()
    def begin(self, codes: Tensor, lengths: Tensor) -> ExonSession:
        """Read loci, once, and begin to write their texts."""
        return ExonSession(self, codes, lengths)

    def signals(self, window: Codes) -> Signals:
        """Return what the bases of a window allow."""
        if self.config.constraint == "orf":
            return Signals.of(window, GeneticCode.from_table(self.config.genetic_code), self.config.gene)
        return Signals.free(len(window), self.config.gene.shortest_intron, window)


def _shares(begins: Tensor, steps: ExonSteps) -> Tensor:
    """Return the log share of each letter among those that a step allows, (B, L, 5); 0 where it is the only one."""
    B, L = steps.values.shape
    shares = begins.new_zeros(B, L, LETTERS)
    if not len(steps.rivals):
        return shares
    text, step, exon, start, letter = steps.rivals.unbind(1)
    scores = begins[text, exon, start]
    # Log of sums of exponentials by (step, letter) and by step; what is largest in the step is taken out first.
    place = text * L + step
    top = scores.new_full((B * L,), -math.inf).scatter_reduce(0, place, scores.detach(), "amax")
    weights = (scores - top[place]).exp()
    by_letter = weights.new_zeros(B * L * LETTERS).index_add(0, place * LETTERS + letter, weights).view(B * L, LETTERS)
    rivalled = torch.unique(place)
    found = by_letter[rivalled]
    logs = (found / found.sum(dim=1, keepdim=True)).clamp(min=1e-30).log()
    return shares.view(B * L, LETTERS).index_copy(0, rivalled, logs).view(B, L, LETTERS)


class ExonSession:
    """Texts in progress, one per row; several rows may belong to one locus."""

    def __init__(self, model: ExonModel, codes: Tensor, lengths: Tensor) -> None:
        self.model = model
        self._known, self._memory = model._read(codes, lengths)
        self._cache, device = Cache(), codes.device
        bases = codes & (2 * SOFTMASK - 1)
        windows = [row[:size].cpu().numpy().astype(np.uint8) for row, size in zip(bases, lengths.tolist(), strict=True)]
        self._rows = [model.automaton(model.signals(window)) for window in windows]
        self._begins: list[NDArray[np.float32] | None] = [None] * len(windows)
        self._before = torch.full((len(windows), 1), _BEGIN, device=device)

    @torch.no_grad()
    def scores(self) -> list[NDArray[np.float32]]:
        """Take a step of the decoder; return each row's scores of the next value."""
        model, device = self.model, self._before.device
        places = torch.tensor([[row.place] for row in self._rows], device=device)
        inputs = model._inputs(self._before, places, self._known)
        hidden, self._cache = model.decoder(inputs, self._memory.at(places), self._memory, self._cache)
        self._begin_exons(hidden)
        shares = np.zeros((len(self._rows), LETTERS), dtype=np.float32)
        for i, (row, begins) in enumerate(zip(self._rows, self._begins, strict=True)):
            if begins is not None and row.exon >= 0 and len(row.letters()) > 1:
                shares[i] = _row_shares(begins, row)
        found = model._scores(hidden[:, -1], torch.from_numpy(shares).to(device))
        return list(found.cpu().numpy())

    def _begin_exons(self, hidden: Tensor) -> None:
        """Score the beginnings of the exons whose first letter is next."""
        new = [i for i, row in enumerate(self._rows) if row.exon >= 0 and not row.length and len(row.places)]
        if not new:
            return
        index, device = torch.tensor(new, device=hidden.device), hidden.device
        rows = [self._rows[i] for i in new]
        phase, anchor = (
            torch.tensor([[getattr(row, name)] for row in rows], device=device) for name in ("phase", "anchor")
        )
        first = torch.tensor([[row.first] for row in rows], device=device)
        scores = self.model._beginnings(hidden[index], self._known.rows(index), phase, anchor, first)
        for i, values in zip(new, scores[:, 0].cpu().numpy(), strict=True):
            self._begins[i] = values

    def advance(self, values: Sequence[int]) -> None:
        """Write the next value of every row."""
        for row, value in zip(self._rows, values, strict=True):
            row.advance(value)
        self._before = torch.tensor([[value] for value in values], device=self._before.device)

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows, in this order; a row may be there several times."""
        index = torch.tensor(list(rows), device=self._before.device)
        self._known, self._memory, self._cache = (
            self._known.rows(index),
            self._memory.rows(index),
            self._cache.rows(index),
        )
        self._before = self._before[index]
        self._rows = [self._rows[i].copy() for i in rows]
        self._begins = [self._begins[i] for i in rows]


def _row_shares(begins: NDArray[np.float32], row: Speller) -> NDArray[np.float32]:
    """Return the log share of each letter among those that a row allows, (5,); see `_shares`."""
    starts, letters = rivals_of(row)
    scores = begins[starts]
    sums = np.bincount(letters, weights=np.exp(scores - scores.max()), minlength=LETTERS)
    shares: NDArray[np.float32] = np.log(np.maximum(sums / sums.sum(), 1e-30)).astype(np.float32)
    return shares
