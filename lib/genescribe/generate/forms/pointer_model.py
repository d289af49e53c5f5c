"""A model that writes gene sentences: predicts the steps of a sentence from the encoded locus."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from genescribe.generate.config import GenerateModelConfig
from genescribe.generate.forms.boundary_scores import Boundaries, BoundaryScorer, Sought
from genescribe.generate.forms.examples import (
    IGNORED,
    Example,
    Steps,
    batch_steps,
    example,
    example_as_written,
    phase_after,
)
from genescribe.generate.forms.losses import LossSheet, StepLosses, content_loss
from genescribe.generate.network.decoder import Cache, Decoder, Memory
from genescribe.generate.network.locus_reader import Reader, TokenReader
from genescribe.generate.network.prefix_lm import PrefixStack
from genescribe.generate.text.grammar import Grammar
from genescribe.generate.text.pointer import CLOSE, FIRST_MEMBER, PointerAutomaton, StepKind, encode
from genescribe.generate.text.sentence import GeneSentence
from genescribe.generate.text.window_signals import Signals
from genescribe.segment.network.model import SegmentModel

POINTER_WIDTH = 64
"""Width in which boundaries are compared with the decoder's query."""
CONTENT_SCALE = 0.1
"""Initial factor of the content of a segment in the score of its end; learned."""
_BEGIN = CLOSE + 1
_KINDS = len(StepKind)


class PointerModel(nn.Module):
    """Reads a locus on the strand of its gene; writes its sentence, whose coordinates point into the locus.

    Parameters
    ----------
    config
        Options, the genetic code set.
    segment
        A trained segment model whose posteriors are read.
    """

    step_kinds = tuple(kind.name.lower() for kind in StepKind)

    def __init__(self, config: GenerateModelConfig, segment: SegmentModel | None = None) -> None:
        super().__init__()
        hidden, width = config.encoder.hidden_dim, config.encoder.conv_width
        self.config = config
        self.reader = (Reader if config.prefix.tokenizer is None else TokenReader)(config, segment)
        # Either decoder offers `read`, what is known of loci, and `forward`, the hidden states of steps of sentences.
        self.decoder: Decoder | PrefixStack
        if config.architecture == "prefix_lm":
            self.decoder = PrefixStack(config)
        else:
            self.decoder = Decoder(hidden, config.decoder_layers, config.dropout)
        self.scorer = BoundaryScorer(width, hidden, POINTER_WIDTH, CONTENT_SCALE)
        self.embed_kind = nn.Embedding(_KINDS, hidden)
        self.embed_type = nn.Embedding(_BEGIN + 1, hidden)
        self.embed_phase = nn.Embedding(4, hidden)
        self.embed_member = nn.Embedding(FIRST_MEMBER, hidden)
        self.embed_place = nn.Linear(POINTER_WIDTH, hidden)
        self.embed_feature = nn.Linear(hidden, hidden)
        self.type_head = nn.Linear(hidden, CLOSE + 1)
        self.member_head = nn.Linear(hidden, FIRST_MEMBER)
        self.member_query, self.member_key = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden)
        for module in (self.embed_kind, self.embed_type, self.embed_phase, self.embed_member):
            nn.init.normal_(module.weight, std=0.02)

    def automaton(self, signals: Signals) -> PointerAutomaton:
        """Return the constraint on the sentence of a window."""
        return PointerAutomaton(Grammar(signals, self.config.most_features, self.config.may_be_empty))

    def example(self, sentence: GeneSentence | None, signals: Signals) -> Example:
        """Return the training example of a sentence that is written on its own strand; None: no gene."""
        return example(sentence, signals, self.config.most_features, self.config.may_be_empty)

    def example_as_written(self, values: Sequence[int], signals: Signals) -> Example:
        """Return the example of steps as they were written, the sentence ended or not."""
        return example_as_written(values, signals, self.config.most_features, self.config.may_be_empty)

    def batch(self, examples: Sequence[Example], length: int) -> Steps:
        """Return the tensors of some examples, their windows padded to `length` bases."""
        return batch_steps(examples, length)

    def prompt(self, sentence: GeneSentence) -> list[int]:
        """Return the steps that declare the features of a sentence, after which writing continues."""
        return [step.value for step in encode(sentence) if step.kind is not StepKind.MEMBER][:-1]

    # -- the parts, for training and writing alike ---------------------------------------------------------------
    def _read(self, codes: Tensor, lengths: Tensor) -> tuple[Boundaries, Memory]:
        reading, memory = self.decoder.read(self.reader, codes, lengths)
        return self.scorer.survey(reading), memory

    def _begin(self, rows: int, device: torch.device) -> Tensor:
        begin = torch.full((rows, 1), _BEGIN, device=device)
        out: Tensor = self.embed_type(begin) + self.embed_kind(torch.zeros_like(begin))
        return out

    def _member_scores(self, hidden: Tensor, features: Tensor) -> Tensor:
        """Return (B, M, 2 + N) scores: next, finish, and each feature by the state in which it ended."""
        query, key = self.member_query(hidden), self.member_key(features)
        pointed = query @ key.transpose(1, 2) / math.sqrt(query.shape[-1])
        out: Tensor = torch.cat([self.member_head(hidden), pointed], dim=-1)
        return out

    # -- training ------------------------------------------------------------------------------------------------
    def forward(self, codes: Tensor, lengths: Tensor, steps: Steps, rows: Tensor | None = None) -> StepLosses:
        """Return how unlikely each step is, given the locus and the steps before.

        Parameters
        ----------
        codes : (B, T) int64
            Base codes of loci on the strands of their genes, padded.
        lengths : (B,) int64
            Bases of each locus.
        steps
            Steps of the sentences, padded.
        rows : (N,) int64
            Of which locus each of N sentences is: several of one, which is read once. None: one of each.
        """
        known, memory = self._read(codes, lengths)
        if rows is not None:
            known, memory = known.rows(rows), memory.rows(rows)
        inputs, places = self._inputs(known, steps)
        hidden, _ = self.decoder(inputs, memory.at(places), memory, present=steps.kinds >= 0)
        B, L = steps.kinds.shape
        sheet = LossSheet(B, L, codes.device)
        is_type = steps.kinds == StepKind.TYPE
        scores = self.type_head(hidden).float().masked_fill(~steps.type_mask, -math.inf)
        sheet.enter(is_type, scores, steps.values)
        at = steps.pointer_step.unsqueeze(-1).expand(-1, -1, hidden.shape[-1])
        sought = Sought(steps.choice, steps.is_end, steps.anchor, steps.first)
        scores = self.scorer(hidden.gather(1, at), known, sought).float()
        scores = scores.masked_fill(~steps.pointer_mask & steps.pointed.unsqueeze(-1), -math.inf)
        sheet.scatter(steps.pointer_step, steps.pointed, scores, steps.target)
        at = steps.member_step.unsqueeze(-1).expand(-1, -1, hidden.shape[-1])
        # A feature is named by the state that has seen its end: one step later, where there is one.
        ends = (steps.feature_step + 1).clamp(max=L - 1).unsqueeze(-1).expand(-1, -1, hidden.shape[-1])
        scores = self._member_scores(hidden.gather(1, at), hidden.gather(1, ends)).float()
        scores = scores.masked_fill(~steps.member_mask, -math.inf)
        sheet.scatter(steps.member_step, steps.member_target != IGNORED, scores, steps.member_target)
        return sheet.losses(content_loss(known.logits, steps.content), memory.losses())

    def _inputs(self, known: Boundaries, steps: Steps) -> tuple[Tensor, Tensor]:
        """Return the decoder's input before each step, and its place in the locus."""
        kinds, values = steps.kinds[:, :-1].clamp(min=0), steps.values[:, :-1]
        pointed = (kinds == StepKind.START) | (kinds == StepKind.END)
        looks = _looks(known, torch.where(pointed, values, 0))
        inputs = self._embed(kinds, values, steps.next_phase[:, :-1], looks)
        members = kinds == StepKind.MEMBER
        place = (values - FIRST_MEMBER).clamp(min=0).clamp(max=steps.feature_step.shape[1] - 1)
        # A member is seen as the two boundaries and the type of its feature.
        ends = steps.feature_step.gather(1, place)
        choice, start, end = (steps.values.gather(1, (ends - back).clamp(min=0)) for back in (2, 1, 0))
        is_member = members & (values >= FIRST_MEMBER)
        start, end = (torch.where(is_member, boundary, 0) for boundary in (start, end))
        feature = self._embed_feature(choice, _looks(known, start), _looks(known, end))
        inputs = inputs + feature * is_member.unsqueeze(-1)
        at = torch.where(pointed, values, 0).cummax(dim=1).values
        at = torch.where(is_member, end, at)
        first = self._begin(len(kinds), kinds.device)
        zero = at.new_zeros(len(at), 1)
        return torch.cat([first, inputs], dim=1), torch.cat([zero, at], dim=1)

    def _embed(self, kinds: Tensor, values: Tensor, next_phase: Tensor, looks: Tensor) -> Tensor:
        """Return the embeddings of steps; `looks` are the keys of the boundaries that they point to."""
        pointed = ((kinds == StepKind.START) | (kinds == StepKind.END)).unsqueeze(-1)
        typed, member = kinds == StepKind.TYPE, (kinds == StepKind.MEMBER) & (values < FIRST_MEMBER)
        types = self.embed_type(torch.where(typed, values, 0))
        marks = self.embed_member(torch.where(member, values, 0))
        embedded = self.embed_kind(kinds) + self.embed_phase(next_phase) + pointed * self.embed_place(looks)
        out: Tensor = torch.addcmul(embedded, typed.unsqueeze(-1), types) + member.unsqueeze(-1) * marks
        return out

    def _embed_feature(self, choice: Tensor, start: Tensor, end: Tensor) -> Tensor:
        """Return the embedding of a feature that a transcript names: its type and the keys of its boundaries."""
        both = self.embed_place(start) + self.embed_place(end).flip(-1)
        out: Tensor = self.embed_feature(both + self.embed_type(choice.clamp(max=CLOSE)))
        return out

    # -- writing -------------------------------------------------------------------------------------------------
    @torch.no_grad()
    def begin(self, codes: Tensor, lengths: Tensor) -> PointerSession:
        """Read loci, once, and begin to write their sentences."""
        return PointerSession(self, *self._read(codes, lengths))


class PointerSession:
    """Sentences in progress, one per row; several rows may belong to one locus."""

    def __init__(self, model: PointerModel, known: Boundaries, memory: Memory) -> None:
        self.model, self._known, self._memory = model, known, memory
        rows = len(known.lengths)
        self._locus = torch.arange(rows, device=known.lengths.device)
        self._rows = [_Row() for _ in range(rows)]
        self._cache = Cache()
        self._next = model._begin(rows, known.lengths.device)
        self._places = self._locus.new_zeros(rows, 1)

    @torch.no_grad()
    def scores(self) -> list[np.ndarray]:
        """Take a step of the decoder; return each row's scores of the values of its next step.

        Scores of boundaries are of the whole batch's width; what lies past a locus's end is -inf.
        """
        model = self.model
        hidden, self._cache = model.decoder(self._next, self._memory.at(self._places), self._memory, self._cache)
        state = hidden[:, -1]
        for row, vector in zip(self._rows, state, strict=True):
            if len(row.ends) < len(row.features):  # The state in which a feature ended.
                row.ends.append(vector)
        scores: list[np.ndarray | None] = [None] * len(self._rows)
        for kind, compute in ((StepKind.TYPE, self._types), (StepKind.MEMBER, self._members), (None, self._pointers)):
            chosen = [i for i, row in enumerate(self._rows) if (row.kind if row.kind in (0, 3) else None) == kind]
            if chosen:
                index = torch.tensor(chosen, device=state.device)
                for i, values in zip(chosen, compute(state[index], chosen), strict=True):
                    scores[i] = values
        return [values for values in scores if values is not None]

    def _types(self, state: Tensor, chosen: list[int]) -> list[np.ndarray]:
        return list(self.model.type_head(state).float().cpu().numpy())

    def _members(self, state: Tensor, chosen: list[int]) -> list[np.ndarray]:
        scores = []
        for vector, i in zip(state, chosen, strict=True):
            features = torch.stack(self._rows[i].ends)[None]
            scores.append(self.model._member_scores(vector[None, None], features)[0, 0].float().cpu().numpy())
        return scores

    def _pointers(self, state: Tensor, chosen: list[int]) -> list[np.ndarray]:
        rows, device = [self._rows[i] for i in chosen], state.device
        sought = Sought(
            torch.tensor([[row.choice] for row in rows], device=device),
            torch.tensor([[row.kind is StepKind.END] for row in rows], device=device),
            torch.tensor([[row.start if row.kind is StepKind.END else row.end] for row in rows], device=device),
            torch.tensor([[not row.features] for row in rows], device=device),
        )
        loci = self._locus[torch.tensor(chosen, device=device)]
        all_rows = len(loci) == len(self._known.lengths) and bool((loci[1:] > loci[:-1]).all())
        known = self._known if all_rows else self._known.rows(loci)
        return list(self.model.scorer(state.unsqueeze(1), known, sought)[:, 0].float().cpu().numpy())

    @torch.no_grad()
    def advance(self, values: Sequence[int]) -> None:
        """Write the next step of every row."""
        model, device = self.model, self._locus.device
        kinds = torch.tensor([[int(row.kind)] for row in self._rows], device=device)
        written = torch.tensor([[value] for value in values], device=device)
        phases = torch.tensor(
            [[row.write(value)] for row, value in zip(self._rows, values, strict=True)], device=device
        )
        pointed = (kinds == StepKind.START) | (kinds == StepKind.END)
        looks = self._known.keys[self._locus, torch.where(pointed, written, 0)[:, 0]].unsqueeze(1)
        inputs = model._embed(kinds, written, phases, looks)
        features = [
            row.features[value - FIRST_MEMBER] if kind == StepKind.MEMBER and value >= FIRST_MEMBER else None
            for row, value, kind in zip(self._rows, values, kinds[:, 0].tolist(), strict=True)
        ]
        if any(feature is not None for feature in features):
            parts = torch.tensor([feature or (0, 0, 0) for feature in features], device=device)
            start, end = (self._known.keys[self._locus, parts[:, i]].unsqueeze(1) for i in (1, 2))
            feature = model._embed_feature(parts[:, :1], start, end)
            inputs = inputs + feature * torch.tensor([[[f is not None]] for f in features], device=device)
        for row, feature_named in zip(self._rows, features, strict=True):
            row.move(feature_named)
        self._next = inputs
        self._places = torch.tensor([[row.place] for row in self._rows], device=device)

    def keep(self, rows: Sequence[int]) -> None:
        """Continue with these rows, in this order; a row may occur several times."""
        index = torch.tensor(list(rows), device=self._locus.device)
        self._locus, self._next, self._places = self._locus[index], self._next[index], self._places[index]
        self._memory, self._cache = self._memory.rows(index), self._cache.rows(index)
        self._rows = [self._rows[i].copy() for i in rows]


class _Row:
    """State of a row: the written steps, as far as the next step needs them."""

    def __init__(self) -> None:
        self.kind = StepKind.TYPE
        self.choice = self.start = self.end = self.place = self._far = 0
        self.features: list[tuple[int, int, int]] = []
        self.ends: list[Tensor] = []

    def copy(self) -> _Row:
        twin = _Row()
        twin.__dict__.update(self.__dict__)
        twin.features, twin.ends = list(self.features), list(self.ends)
        return twin

    def write(self, value: int) -> int:
        """Write a step; return the phase that goes with it, see `Steps.next_phase`."""
        phase = 3
        if self.kind is StepKind.TYPE:
            self.choice, self.kind = value, StepKind.MEMBER if value == CLOSE else StepKind.START
        elif self.kind is StepKind.START:
            self.start, self.kind = value, StepKind.END
            self._far = max(self._far, value)
        elif self.kind is StepKind.END:
            phase = phase_after(self.choice, self.start, value)
            self.features.append((self.choice, self.start, value))
            self.end, self.kind = value, StepKind.TYPE
            self._far = max(self._far, value)
        return phase

    def move(self, feature: tuple[int, int, int] | None) -> None:
        self.place = self._far if feature is None else feature[2]


def _looks(known: Boundaries, places: Tensor) -> Tensor:
    """Return the keys (B, L, D) of boundaries (B, L)."""
    return known.keys.gather(1, places.unsqueeze(-1).expand(-1, -1, known.keys.shape[-1]))
