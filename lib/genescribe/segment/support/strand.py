"""A strand's scores with evidence: log odds added to bases and boundaries, and lanes of supported introns.

A supported intron is a segment of a label of its own, a copy of those of introns, which one lane of
`segment.support.lanes` lets begin and end at exactly the ends of introns that evidence supports. Its score is that
of an intron, of its duration, plus the log odds of the evidence. A path may also read the same intron without it: for
posteriors both ways are summed. Where an end is no splice site of the model, the supported intron alone may have it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genescribe.crf.head import SemiCRF
from genescribe.crf.stream import RunStream
from genescribe.evidence.table import CDSPART, EXONPART, NONEXONPART, EvidenceTable
from genescribe.evidence.table import START as START_KIND
from genescribe.evidence.table import STOP as STOP_KIND
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.strand import GenomeStrand, StrandCodes
from genescribe.kernels.semicrf.potentials import Potentials, Segmentation
from genescribe.labels.gene_labels import (
    INTERNAL,
    INTRON0,
    INTRON1,
    INTRON1_T,
    INTRON2,
    INTRON2_TA,
    INTRON2_TG,
    INTRONS,
    NAMES,
    SINGLE,
    STOP,
    UTR3,
    UTR3_INTRON,
    UTR5,
    UTR5_INTRON,
)
from genescribe.predict.interface import EVIDENCE
from genescribe.segment.network.model import Scores, SegmentModel
from genescribe.segment.support.features import (
    SHORTEST,
    SLOTS,
    StrandEvidence,
    bases_at,
    named_weights,
    strand_evidence,
    weights_of,
)
from genescribe.segment.support.lanes import Ends, Lanes, lay_out

PLAIN = len(NAMES)
A, G, T = 0, 2, 3
GROUPS = (*INTRONS, (UTR5_INTRON,), (UTR3_INTRON,))
"""Labels of introns that each label of a lane is a copy of: by phase, with any bases before, and of UTRs."""
_CODING_INTRONS = slice(INTRON0, UTR3)
_CODING = slice(SINGLE, INTRON0)
_BEGINS = slice(SINGLE, INTERNAL)
_BASES = {CDSPART: [_CODING], NONEXONPART: [_CODING], EXONPART: [_CODING, slice(UTR5, UTR5 + 1), slice(UTR3, UTR3 + 1)]}
NEGLIGIBLE = -6.0
"""Introns of lower log odds get no lane: without evidence they score as much."""


class SupportedStrand:
    """Evidence of a strand, laid out for the CRF of a model.

    Parameters
    ----------
    crf
        CRF head of the model.
    evidence
        Evidence on the strand.
    weights : (slots,) float64
        Score of each kind and bin of evidence. Where these require a gradient, scores do.
    """

    def __init__(self, crf: SemiCRF, evidence: StrandEvidence, weights: Tensor) -> None:
        self._crf, self.evidence, self.weights = crf, evidence, weights
        self.odds = torch.from_numpy(evidence.features) @ weights
        known = self.odds.detach().numpy()
        order = [int(i) for i in np.lexsort((evidence.starts, -evidence.support, -known)) if known[i] > NEGLIGIBLE]
        alone: list[bool] = np.any(evidence.banned, axis=1).tolist()
        self.lanes: Lanes = lay_out(evidence.starts.tolist(), evidence.ends.tolist(), order, alone)
        self.labels = PLAIN + self.lanes.used * len(GROUPS)
        self.copies = [group for _ in range(self.lanes.used) for group in GROUPS]
        table, tail = (x.detach().cpu() for x in crf.durations())
        self._scores = self.odds + _durations(
            evidence.ends - evidence.starts, table, tail, crf.durations.explicit.cpu()
        )
        self._lengths = np.maximum.accumulate(evidence.places[:, 1]) if len(evidence.places) else np.zeros(0)

    def stream(self, first: Tensor | None, last: Tensor | None) -> RunStream:
        """Return a decoder of the strand: `SemiCRF.stream` with the labels of the lanes."""
        nothing = self._crf.transition.new_zeros(1, 1, PLAIN)
        p = self._crf.potentials(nothing, torch.ones(1, dtype=torch.int64, device=nothing.device))
        p = p.restricted(first, last).detach().to(device=torch.device("cpu"))
        return RunStream(self.model(p, self.lanes.used), self.single(self.lanes.used), 0, self._crf.config.backend)

    def model(self, p: Potentials, lanes: int) -> Potentials:
        """Return the scores that do not depend on the bases, with the labels of some lanes.

        Parameters
        ----------
        p
            Scores of the plain labels; of content nothing is read.
        lanes
            How many lanes have labels.
        """
        return self._with_lanes(p, p.content.new_zeros(1, 1, PLAIN + lanes * len(GROUPS)), None, None, lanes)

    def single(self, lanes: int) -> Tensor:
        """Return which labels are single bases, (labels,) bool.

        Parameters
        ----------
        lanes
            How many lanes have labels.
        """
        return torch.cat([self._crf.single.cpu(), torch.zeros(lanes * len(GROUPS), dtype=torch.bool)])

    @staticmethod
    def groups(lanes: int) -> list[tuple[int, int]]:
        """Return first and end of the plain labels and of those of each lane.

        Parameters
        ----------
        lanes
            How many lanes have labels.
        """
        first = range(PLAIN, PLAIN + lanes * len(GROUPS), len(GROUPS))
        return [(0, PLAIN), *((at, at + len(GROUPS)) for at in first)]

    def __bool__(self) -> bool:
        return len(self.evidence) > 0

    @property
    def originals(self) -> NDArray[np.int64]:
        """The plain label that each label stands for, (labels,)."""
        return np.array([*range(PLAIN), *(group[0] for group in self.copies)])

    def _with_lanes(
        self,
        p: Potentials,
        content: Tensor,
        begin: Tensor | None,
        end: Tensor | None,
        lanes: int,
        shortest: int = 1,
    ) -> Potentials:
        """Return scores with the labels of some lanes, given those of bases and boundaries, (1, n, labels).

        Supported introns may be as short as `shortest`: none is, and the scores of all paths are the same.
        """
        copies = [group for _ in range(lanes) for group in GROUPS]
        groups = [(c,) for c in range(PLAIN)] + copies
        # Into a copy lead all ways into its originals; from it those of the first, which are those of the others.
        into = torch.stack([torch.logsumexp(p.transition[:, :, list(group)].double(), 2) for group in groups], 2)
        first = [group[0] for group in groups]
        extra = len(copies)
        K = p.duration.shape[0]
        duration = torch.cat([p.duration, p.duration.new_full((K, extra), -torch.inf)], 1)
        duration[shortest - 1, PLAIN:] = 0.0
        explicit = torch.full((PLAIN,), K) if p.explicit is None else p.explicit
        never = p.start.new_full((extra,), -torch.inf)
        return replace(
            p,
            content=content,
            begin=begin,
            end=end,
            transition=into[:, first],
            duration=duration,
            tail=torch.cat([p.tail, p.tail.new_zeros(extra)]),
            start=torch.cat([p.start, never]),
            final=torch.cat([p.final, never]),
            explicit=torch.cat([explicit, explicit.new_full((extra,), shortest)]),
        )

    def grown(self, p: Potentials, low: int) -> Potentials:
        """Return the scores of one chain, which begins at base `low` of the strand, with evidence.

        Lanes that no intron of the chain lies in have no labels.
        """
        assert p.begin is not None and p.end is not None
        lanes = self._lanes_within(low, low + p.content.shape[1])
        content, begin, end = self.rows(p.content[0], p.begin[0], p.end[0], low, lanes)
        # Sums bound the growth of exponentials by the best score of a label over its shortest duration: with one base
        # they would go over to logarithms, which takes several times as long.
        shortest = min(SHORTEST, p.duration.shape[0])
        return self._with_lanes(p, content[None], begin[None], end[None], lanes, shortest)

    def _lanes_within(self, low: int, high: int) -> int:
        """Return how many lanes are needed for the introns of ``[low, high)``: the first ones."""
        needed = set(range(self.lanes.used))
        for ends in (self.lanes.first, self.lanes.last):
            a, b = np.searchsorted(ends.position, (low, high))
            needed &= set(ends.lane[a:b].tolist())
        return max(needed, default=-1) + 1

    def scores(self, scores: Scores, low: int, lanes: int) -> Scores:
        """Return the scores of bases with those of the labels of some lanes.

        Parameters
        ----------
        scores
            Of the plain labels, as a batch of one.
        low
            First base, on the strand.
        lanes
            How many lanes have labels: as many as there are, or more.
        """
        assert scores.content is not None and scores.begin is not None and scores.end is not None
        parts = self.rows(scores.content[0], scores.begin[0], scores.end[0], low, lanes)
        return scores._replace(**dict(zip(("content", "begin", "end"), (x[None] for x in parts), strict=True)))

    def rows(self, content: Tensor, begin: Tensor, end: Tensor, low: int, lanes: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return the scores of bases from `low` on, (n, labels) each, given those of the plain labels.

        Parameters
        ----------
        content, begin, end : (n, plain labels)
            Scores of the plain labels.
        low
            First base, on the strand.
        lanes
            How many lanes have labels.
        """
        shape = len(content), PLAIN + lanes * len(GROUPS)
        wide = [content.new_empty(shape, dtype=torch.float64) for _ in range(3)]
        for target, source in zip(wide, (content, begin, end), strict=True):
            target[:, :PLAIN] = source
            target[:, PLAIN:] = -torch.inf
        content, begin, end = wide
        self._fill_lanes(content, begin, end, low, lanes)
        self._add_bases(content, low)
        self._add_unsupported(begin, low)
        self._add_signals(begin, low)
        return content, begin, end

    def _fill_lanes(self, content: Tensor, begin: Tensor, end: Tensor, low: int, lanes: int) -> None:
        size, high, spans = len(GROUPS), low + len(content), self.lanes.spans
        first = [group[0] for group in GROUPS]
        for start, stop, lane in spans[(spans[:, 0] < high) & (spans[:, 1] > low) & (spans[:, 2] < lanes)].tolist():
            inside, column = slice(max(0, start - low), stop - low), PLAIN + lane * size
            content[inside, column : column + size] = content[inside][:, first]
        opened = self.weights[SLOTS["opened"]]
        for ends, scores in ((self.lanes.first, begin), (self.lanes.last, end)):
            a, b = np.searchsorted(ends.position, (low, high))
            chosen = a + np.flatnonzero(ends.lane[a:b] < lanes)
            if not len(chosen):
                continue
            at = torch.from_numpy(ends.position[chosen] - low)
            here = scores[at]
            plain = torch.stack([here[:, list(group)].amax(1) for group in GROUPS], 1)
            # A site that the model does not allow is closed to all labels; one may be closed for other reasons.
            closed = (plain == -torch.inf).all(1, keepdim=True)
            plain = torch.where(closed, opened, plain)
            lane_scores = plain + self._shares(ends)[torch.from_numpy(chosen)].unsqueeze(1)
            sole = ends.sole[chosen]
            banned = np.zeros((len(chosen), size), dtype=bool)
            banned[:, :3] = self.evidence.banned[sole] & (sole >= 0)[:, None]
            lane_scores = lane_scores.masked_fill(torch.from_numpy(banned), -torch.inf)
            columns = torch.from_numpy(PLAIN + ends.lane[chosen, None] * size + np.arange(size))
            scores[at.unsqueeze(1), columns] = lane_scores

    def _shares(self, ends: Ends) -> Tensor:
        terms = torch.from_numpy(ends.sign) * self._scores[torch.from_numpy(ends.intron)]
        return self._scores.new_zeros(len(ends.position)).index_add(0, torch.from_numpy(ends.owner), terms)

    def _add_unsupported(self, begin: Tensor, low: int) -> None:
        """Add to begin scores the weight of an intron without support where others have it."""
        near, first = self.evidence.near, SLOTS["unsupported.0"]
        start = int(np.searchsorted(near[:, 0], low, side="right")) - 1
        for row in range(max(start, 0), int(np.searchsorted(near[:, 0], low + len(begin)))):
            place, number = near[row].tolist()
            stop = len(begin) if row + 1 == len(near) else int(near[row + 1, 0]) - low
            if number >= 0:
                begin[max(0, place - low) : stop, _CODING_INTRONS] += self.weights[first + number]

    def _here(self, low: int, high: int) -> NDArray[np.int64]:
        """Return the rows that touch ``[low, high)``."""
        first = int(np.searchsorted(self._lengths, low, side="right"))
        last = int(np.searchsorted(self.evidence.places[:, 0], high))
        rows = np.arange(first, last)
        return rows[self.evidence.places[first:last, 1] > low]

    def _add_bases(self, content: Tensor, low: int) -> None:
        high = low + len(content)
        here = self._here(low, high)
        kinds = self.evidence.kinds[here]
        for kind, columns in _BASES.items():
            rows = here[kinds == kind]
            if not len(rows):
                continue
            slots, index = np.unique(self.evidence.slots[rows], return_inverse=True)
            steps = np.zeros((high - low + 1, len(slots)), dtype=np.int64)
            places = self.evidence.places[rows]
            np.add.at(steps, ((places[:, 0] - low).clip(0), index), 1)
            np.add.at(steps, ((places[:, 1] - low).clip(max=high - low), index), -1)
            covered = np.cumsum(steps, axis=0)[:-1] > 0
            worth = torch.from_numpy(covered.astype(np.float64)) @ self.weights[torch.from_numpy(slots)]
            for part in columns:
                content[:, part] += worth.unsqueeze(1)

    def _add_signals(self, begin: Tensor, low: int) -> None:
        here = self._here(low, low + len(begin))
        kinds = self.evidence.kinds[here]
        for kind, columns in ((START_KIND, _BEGINS), (STOP_KIND, slice(STOP, STOP + 1))):
            rows = here[(kinds == kind) & (self.evidence.places[here, 0] >= low)]
            if not len(rows):
                continue
            at = torch.from_numpy(self.evidence.places[rows, 0] - low)
            worth = self.weights[torch.from_numpy(self.evidence.slots[rows])]
            begin[:, columns] += begin.new_zeros(len(begin)).index_add(0, at, worth).unsqueeze(1)

    def plain(self, path: Segmentation, codes: StrandCodes) -> Segmentation:
        """Return a path over the strand `codes` in plain labels: introns are named by the bases before them."""
        labels = path.labels.numpy()
        origin = self.originals[labels]
        copies = np.flatnonzero(labels >= PLAIN)
        starts = path.starts.numpy()[copies]
        second, last = (bases_at(codes, starts + shift) for shift in (-2, -1))
        introns = origin[copies]
        for intron, bases, before in ((INTRON1_T, T, None), (INTRON2_TA, A, T), (INTRON2_TG, G, T)):
            carried = (last == bases) & (True if before is None else second == before)
            introns = np.where((introns == (INTRON1 if before is None else INTRON2)) & carried, intron, introns)
        origin[copies] = introns
        return Segmentation(path.ends, torch.from_numpy(origin))

    def copies_of(self, label: int) -> list[int]:
        """Return the labels of lanes that are copies of a plain label."""
        return [PLAIN + i for i, group in enumerate(self.copies) if label in group]


class GenomeSupport:
    """Evidence on a genome, and its weights in a model.

    Parameters
    ----------
    table
        Evidence on the genome.
    weights : (slots,)
        Score of each kind and bin of evidence.
    """

    def __init__(self, table: EvidenceTable, weights: NDArray[np.float64]) -> None:
        self.table, self.weights = table, torch.from_numpy(weights)

    @classmethod
    def load(cls, evidence: Path, model: Path) -> GenomeSupport:
        """Return the evidence of a folder with the weights of a model."""
        return cls(EvidenceTable.load(evidence), weights_of(model))

    def on(self, codes: StrandCodes, model: SegmentModel) -> SupportedStrand:
        """Return the evidence of a strand of the genome; it is false where there is none: its genes are as without."""
        assert isinstance(codes, GenomeStrand) and isinstance(model.crf, SemiCRF)
        seqid, start, end, strand = codes.place
        rows = self.table.on(seqid, start, end)
        stops = GeneticCode.from_table(model.config.genetic_code).always_stop[:64]
        evidence = strand_evidence(rows, start, end, strand, codes, stops, self.table.depths())
        return SupportedStrand(model.crf, evidence, self.weights)


def provenance_of(evidence: Path, model: Path) -> dict[str, str]:
    """Return digests of evidence and of its weights."""
    weights = json.dumps(named_weights(weights_of(model)), sort_keys=True)
    return {
        EVIDENCE: EvidenceTable.load(evidence).digest(),
        "evidence-weights-sha256": hashlib.sha256(weights.encode()).hexdigest(),
    }


def _durations(lengths: NDArray[np.int64], table: Tensor, tail: Tensor, explicit: Tensor | None) -> Tensor:
    """Return the duration scores of introns of some lengths, (n,) float64: those of all introns are alike."""
    rows = len(table) if explicit is None else int(explicit[INTRON0])
    k = torch.from_numpy(lengths)
    beyond = (k - rows).clamp(min=0)
    column = table[:, INTRON0].detach().double()
    return column[torch.minimum(k, torch.tensor(rows)) - 1] + beyond * tail[INTRON0].detach().double()
