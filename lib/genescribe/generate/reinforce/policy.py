"""A model that writes sentences as a policy: samples, and log probabilities of any sequence.

Every training stage beyond the cross-entropy builds on it, for both architectures (encoder-decoder, prefix-LM). It
uses what `PointerModel` offers: `begin` reads the loci once (prefill), its `Session`
takes steps with a key/value cache, and `example_as_written` with `batch` scores what was drawn in one pass.
Drawing and scoring take what may be written from the same automaton, so that both give a sequence the same
probability; `tests/generate/test_policy.py` holds them to 1e-4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from genescribe.generate.annotation.search import Outcome, SearchConfig, write
from genescribe.generate.forms.pointer_model import PointerModel
from genescribe.generate.model import pad_codes
from genescribe.generate.text.window_signals import Signals
from genescribe.generate.training.task import signals_of
from genescribe.genome.alphabet import Codes
from genescribe.genome.genetic_code import GeneticCode


@dataclass
class Scored:
    """Log probabilities of the steps of B sequences, (B, L): `logs` is 0 where `present` is False, past the end."""

    logs: Tensor
    present: Tensor


class Policy:
    """Draws sentences of loci, and scores sentences that were drawn.

    Parameters
    ----------
    model
        See `PointerModel`. Scores are those of the drawn steps only in evaluation mode: dropout changes them.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model, self.writer = model, cast(PointerModel, model)
        self.config = self.writer.config
        self.code = GeneticCode.from_table(self.config.genetic_code)

    def signals(self, window: Codes) -> Signals:
        """Return the start codons, stop codons and splice sites of a window."""
        return signals_of(self.config, self.code, window)

    @torch.no_grad()
    def sample(
        self,
        windows: Sequence[Codes],
        group: int,
        *,
        seed: int = 1,
        temperature: float = 1.0,
        max_length: int = 256,
        names: Sequence[str] = (),
    ) -> list[list[Outcome]]:
        """Draw `group` sentences of each locus; a locus is read once.

        Parameters
        ----------
        windows
            Base codes, each on the strand of its gene.
        group
            Number of sentences per locus.
        seed, names
            Both seed the draws: a locus is drawn alike in any batch if its name is its own.
        temperature
            Scores are divided by it where a step is drawn; `Outcome.logs` are those of the model itself.
        max_length
            Steps of a sentence, at most; one that is not finished then is rejected or repaired.

        Returns
        -------
        list of list of Outcome
            Of each locus; `values` and `logs` are the drawn steps.
        """
        device = next(self.model.parameters()).device
        codes, lengths = pad_codes(windows, device)
        session = self.writer.begin(codes, lengths)
        rows = [i for i in range(len(windows)) for _ in range(group)]
        session.keep(rows)
        signals = [self.signals(window) for window in windows]
        automata = [self.writer.automaton(signals[i]) for i in rows]
        labels = list(names) or [str(i) for i in range(len(windows))]
        drawn = write(
            session,
            automata,
            SearchConfig("sample", temperature=temperature, seed=seed, max_length=max_length),
            names=[f"{labels[i]}#{n % group}" for n, i in enumerate(rows)],
        )
        return [drawn[i * group : (i + 1) * group] for i in range(len(windows))]

    def score(self, windows: Sequence[Codes], values: Sequence[Sequence[int]]) -> Scored:
        """Return the log probability of each step of sequences, one per window; differentiable.

        Parameters
        ----------
        windows
            Base codes, each on the strand of its gene; a locus stands here once per sequence, as the same object.
        values
            Steps as `sample` wrote them (`Outcome.values`), ended or not; at least one each.
        """
        device = next(self.model.parameters()).device
        # Sequences of one locus share the object: it is read once. A sequence that was drawn twice is scored once.
        places = {key: place for place, key in enumerate(dict.fromkeys(map(id, windows)))}
        loci = list({id(window): window for window in windows}.values())
        pairs = [(places[id(window)], tuple(steps)) for window, steps in zip(windows, values, strict=True)]
        distinct = list(dict.fromkeys(pairs))
        codes, lengths = pad_codes(loci, device)
        signals = [self.signals(locus) for locus in loci]
        examples = [self.writer.example_as_written(steps, signals[place]) for place, steps in distinct]
        steps = self.writer.batch(examples, codes.shape[1]).to(device)
        rows = torch.tensor([place for place, _ in distinct], device=device)
        nll = self.writer(codes, lengths, steps, rows).nll
        number = {pair: n for n, pair in enumerate(distinct)}
        every = torch.tensor([number[pair] for pair in pairs], device=device)
        return Scored(-nll[every], (steps.kinds >= 0)[every])
