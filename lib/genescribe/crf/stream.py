"""Decoding a chain of any length in pieces."""

from __future__ import annotations

from copy import copy

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from genescribe.crf.runs import merge_single_bases
from genescribe.errors import InputError
from genescribe.kernels.semicrf.dispatch import ALIASES
from genescribe.kernels.semicrf.potentials import Potentials, Segmentation
from genescribe.kernels.semicrf.viterbi_stream import ViterbiStream


class RunStream:
    """Takes the scores of a chain piece by piece; gives the runs that `SemiCRF.decode` gives for the whole.

    Parameters
    ----------
    p
        Scores of which transition, duration, tail, start, final and explicit are read.
    single : (C,) bool
        Labels whose neighbouring segments are joined: single bases.
    phase_offset
        Position of the chain's first base modulo the period.
    backend
        As in `genescribe.kernels.semicrf.dispatch`; those that need the whole chain at once mean auto.
    projection
        Makes emissions of hidden states.
    """

    def __init__(
        self, p: Potentials, single: Tensor, phase_offset: int, backend: str, projection: nn.Module | None = None
    ) -> None:
        name = ALIASES.get(backend, backend)
        self._single = single
        self._projection = projection if isinstance(projection, nn.Linear) else None
        self._stream = ViterbiStream(
            p.transition,
            p.duration,
            p.tail,
            p.start,
            p.final,
            explicit=p.explicit,
            phase_offset=phase_offset,
            backend=name if name in ("native", "reference") else "auto",
        )

    def another(self) -> RunStream:
        """Return the stream of another chain of the same model."""
        stream = copy(self)
        stream._stream = self._stream.another()
        return stream

    def push(self, emissions: ArrayLike, begin: ArrayLike | None = None, end: ArrayLike | None = None) -> None:
        """Add the next n bases: their emissions, (n, C), and where the model has them begin and end, (n, C).

        Parameters
        ----------
        emissions : (n, C)
            Score of each base under each label.
        begin, end : (n, C) or None
            Score of a segment that begins (ends) at each base.
        """
        if self._projection is not None:
            with torch.no_grad():
                weight = self._projection.weight
                emissions = self._projection(torch.as_tensor(emissions, dtype=weight.dtype, device=weight.device))
        self._stream.push(emissions, begin, end)

    def finish(self) -> Segmentation:
        """End the chain and return its best runs.

        Raises
        ------
        InputError
            Every segmentation is forbidden.
        """
        path = self._stream.finish()
        if len(path.ends) == 0:
            raise InputError(
                "every segmentation is forbidden", where="the chain", remedy="allow more labels or durations"
            )
        return merge_single_bases(path, self._single)
