"""The linear-chain CRF of the package `pytorch-crf` as a head, for comparison.

Training and decoding of batches run the package's code, a Python loop over bases. What it cannot do runs on this
library's exact kernels with the package's parameters, the same linear chain: whole chromosomes in pieces, posteriors,
diagnostics.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from genescribe.crf.inference import Marginals, marginals, segment_marginals
from genescribe.crf.runs import Labelling, as_segmentation, batch_runs, merge_single_bases
from genescribe.crf.statistics import RunStatistics
from genescribe.crf.stream import RunStream
from genescribe.data.runs import IGNORE
from genescribe.errors import InputError
from genescribe.kernels.semicrf.potentials import Potentials, Segmentation


class ExternalCRF(nn.Module):
    """`torchcrf.CRF` with the methods of `SemiCRF`.

    Every label may follow every other and itself; there are no durations, no scores of boundaries and no censoring. A
    base whose label is not known ends a chain: what lies between two such stretches is a chain of its own in the loss,
    since the package cannot sum over labels.

    Parameters
    ----------
    labels
        Number of labels, C.
    backend
        Kernel of all but the loss and `decode`, as in `genescribe.kernels.semicrf.dispatch`.

    Raises
    ------
    InputError
        The package is not installed.
    """

    single: Tensor

    def __init__(self, labels: int, backend: str = "auto") -> None:
        super().__init__()
        try:
            from torchcrf import CRF
        except ImportError:
            raise InputError(
                "the package pytorch-crf is not installed",
                where="model.head",
                remedy='pip install "genescribe[peers]", or choose linear',
            ) from None
        self.labels, self.backend = labels, backend
        self.external = CRF(labels, batch_first=True)
        self.register_buffer("single", torch.ones(labels, dtype=torch.bool), persistent=False)

    def potentials(self, emissions: Tensor, lengths: Tensor, **extra: Any) -> Potentials:
        """Return the scores of a batch; `extra` holds the arguments of other heads: boundary scores must be absent.

        Parameters
        ----------
        emissions : (B, T, C)
            Score of each base under each label.
        lengths : (B,)
            Bases of each chain.
        """
        if extra.get("begin") is not None or extra.get("end") is not None:
            raise InputError(
                "pytorch-crf takes no scores of boundaries", where="model.head", remedy="set boundary_scores: false"
            )
        table, tail = self.durations()
        return Potentials(
            content=emissions if emissions.dtype == torch.float64 else emissions.float(),
            lengths=lengths.long(),
            transition=self.transitions(),
            duration=table,
            tail=tail,
            start=self.external.start_transitions,
            final=self.external.end_transitions,
        )

    def transitions(self) -> Tensor:
        """Return the scores of transitions, (1, C, C), those of a label to itself among them."""
        scores: Tensor = self.external.transitions
        return scores.unsqueeze(0)

    def durations(self) -> tuple[Tensor, Tensor]:
        """Return the duration table (1, C), zeros, and the tail (C,): a segment is one base."""
        zeros = self.external.start_transitions.new_zeros(1, self.labels)
        return zeros, torch.full_like(zeros[0], -torch.inf)

    def loss(self, emissions: Tensor, runs: Sequence[Labelling], lengths: Tensor, **extra: Any) -> Tensor:
        """Return the negative log likelihood of each window's chains, (B,) float64.

        Parameters
        ----------
        emissions, lengths, extra
            As in `potentials`.
        runs
            Runs (end, label) of each window; label -1: not known.
        """
        self.potentials(emissions, lengths, **extra)
        chains = [
            (i, start, end, labels)
            for i, (run, length) in enumerate(zip(runs, lengths.tolist(), strict=True))
            for start, end, labels in _known(as_segmentation(run, length, self.labels, chain=i))
        ]
        loss: Tensor = emissions.new_zeros(len(emissions), dtype=torch.float64)
        if not chains:
            return loss + 0.0 * torch.stack([part.sum() for part in self.external.parameters()]).sum()
        device = emissions.device
        pieces = [emissions[i, start:end].double() for i, start, end, _ in chains]
        tags = [labels.to(device) for *_, labels in chains]
        padded = nn.utils.rnn.pad_sequence(pieces, batch_first=True)
        sizes = torch.tensor([len(piece) for piece in pieces], device=device)
        mask = torch.arange(padded.shape[1], device=device) < sizes[:, None]
        arguments = (padded, nn.utils.rnn.pad_sequence(tags, batch_first=True), mask, "none")
        with torch.autocast(device.type, enabled=False):
            likelihood = functional_call(self.external, self._in_double(), arguments)
        summed: Tensor = loss.index_add(0, torch.tensor([i for i, *_ in chains], device=device), -likelihood)
        return summed

    @torch.no_grad()
    def decode(self, emissions: Tensor, lengths: Tensor, **extra: Any) -> list[Segmentation]:
        """Return the best labels of each chain as runs."""
        self.potentials(emissions, lengths, **extra)
        mask = torch.arange(emissions.shape[1], device=lengths.device) < lengths[:, None]
        module = _Decoder(self.external)
        weights = {f"crf.{name}": value for name, value in self._in_double().items()}
        paths = functional_call(module, weights, (emissions.double(), mask))
        return [self._runs(torch.tensor(path)) for path in paths]

    def _runs(self, path: Tensor) -> Segmentation:
        return merge_single_bases(Segmentation(torch.arange(1, len(path) + 1), path), self.single.cpu())

    def _in_double(self) -> dict[str, Tensor]:
        """Return the parameters in double precision: the package adds up thousands of scores one by one."""
        return {name: value.double() for name, value in self.external.named_parameters()}

    @torch.no_grad()
    def stream(self, phase_offset: int = 0, first: Tensor | None = None, last: Tensor | None = None) -> RunStream:
        """Return a decoder that takes a chain of any length, piece by piece; see `SemiCRF.stream`."""
        nothing = self.external.start_transitions.new_zeros(1, 1, self.labels)
        p = self.potentials(nothing, torch.ones(1, dtype=torch.int64, device=nothing.device))
        p = p.restricted(first, last)
        return RunStream(p, self.single.cpu(), phase_offset, self.backend)

    def marginals(self, emissions: Tensor, lengths: Tensor, **extra: Any) -> Marginals:
        """Return the posterior of every base, boundary and transition."""
        return marginals(self.potentials(emissions, lengths, **extra), self.backend)

    @torch.no_grad()
    def segment_marginals(
        self, emissions: Tensor, lengths: Tensor, paths: Sequence[Segmentation], **extra: Any
    ) -> list[Tensor]:
        """Return the posterior probability of each run of decoded paths, a (n,) tensor per chain.

        For the arguments see `SemiCRF.segment_marginals`.
        """
        runs = batch_runs(paths, lengths, self.labels)
        return segment_marginals(self.potentials(emissions, lengths, **extra), runs, self.single, self.backend)

    def initialise_from_statistics(self, statistics: RunStatistics, pseudocount: float = 1.0) -> None:
        """Set transitions and first labels to smoothed log shares of counted runs, as the other heads do."""
        counts = statistics.in_single_bases(self.single.cpu())
        nothing = torch.zeros(1, self.labels, self.labels, dtype=torch.bool)
        with torch.no_grad():
            self.external.transitions.copy_(counts.log_transitions(nothing, pseudocount)[0])
            self.external.start_transitions.copy_(counts.log_shares(counts.first, nothing[0, 0], pseudocount))
            self.external.end_transitions.zero_()


class _Decoder(nn.Module):
    """The package's Viterbi search as a forward pass, for `functional_call`."""

    def __init__(self, crf: nn.Module) -> None:
        super().__init__()
        self.crf = crf

    def forward(self, emissions: Tensor, mask: Tensor) -> list[list[int]]:
        paths: list[list[int]] = self.crf.decode(emissions, mask)  # type: ignore[operator]
        return paths


def _known(runs: Segmentation) -> list[tuple[int, int, Tensor]]:
    """Return (start, end, label of each base) of the stretches between ignored runs."""
    labels = runs.per_base()
    known = labels != IGNORE
    edges = torch.diff(known.int(), prepend=known.new_zeros(1).int(), append=known.new_zeros(1).int())
    starts, ends = (edges == 1).nonzero().flatten().tolist(), (edges == -1).nonzero().flatten().tolist()
    return [(start, end, labels[start:end]) for start, end in zip(starts, ends, strict=True)]
