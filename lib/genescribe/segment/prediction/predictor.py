"""A trained segment model on a whole strand: tiles on an absolute grid, one exact decoding, checked genes.

The network is read tile by tile; its scores of a base are a few numbers, which the driver keeps. The CRF then goes
over the strand from end to end and spreads them over the labels stretch by stretch: nothing of the size of bases times
labels is ever held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from genescribe.crf.stream import RunStream
from genescribe.data.batching import to_device
from genescribe.data.runs import Runs
from genescribe.genome.alphabet import GAP, Codes, gaps
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Interval, Transcript
from genescribe.genome.strand import Reject, StrandCodes
from genescribe.kernels.semicrf.potentials import Potentials, Segmentation
from genescribe.labels.decode import validate_gene
from genescribe.labels.gene_labels import INTERGENIC
from genescribe.labels.grammar import Kind
from genescribe.predict.config import PredictConfig
from genescribe.predict.interface import PredictedTranscript, Rows, StrandPrediction, StrandRows
from genescribe.segment.config import SegmentModelConfig
from genescribe.segment.network.model import Scores, SegmentModel
from genescribe.segment.prediction.batches import read_batches, read_chunk, read_short
from genescribe.segment.prediction.both_strands import BothStrands, Pairs
from genescribe.segment.prediction.posterior import chain_posteriors, chains_of, flank_of
from genescribe.segment.support.isoforms import further_paths, with_coding
from genescribe.segment.support.strand import GenomeSupport, SupportedStrand

TILES_AT_ONCE, TILES_ON_GPU = 4, 64
"""Tiles in every call of the encoder but a strand's last: equal shapes give equal bits, whatever is asked for. A GPU
steps through a recurrent network in the same time for many tiles as for one; 64 take it some gigabytes."""
STRETCH = 1 << 14
"""Bases whose scores are spread over the labels at a time: few enough that they stay in the processor's caches."""
DIGITS = 4
"""Decimals of a probability."""


class SegmentPredictor:
    """Genes of a strand by a segment model.

    Parameters
    ----------
    model
        The network and its CRF.
    temperature
        Divisor of all scores before they become probabilities.
    support
        Evidence of the genome; None: none.
    """

    def __init__(self, model: SegmentModel, temperature: float = 1.0, support: GenomeSupport | None = None) -> None:
        self.model, self.temperature, self._support = model.eval(), temperature, support
        self.code = GeneticCode.from_table(model.config.genetic_code)
        self.device = next(model.parameters()).device
        self._grain = grain_of(model.config, self.device.type)
        self._streams: dict[bool, RunStream] = {}
        self._pairs: dict[bool, Pairs] = {}
        between = (Kind.INTERGENIC, Kind.INTRON)
        self._exonic = torch.tensor([kind not in between for kind in model.scheme.kinds])

    def predict_strand(self, codes: StrandCodes, config: PredictConfig | None = None) -> StrandPrediction:
        """Return the genes on `codes`, the whole strand 5' to 3', read in one go."""
        return self.finish(codes, self.read(codes, 0, len(codes)), config or PredictConfig())

    @torch.no_grad()
    def read(self, codes: StrandCodes, start: int, end: int) -> Rows:
        """Return the scores of channels and signals of the bases ``[start, end)``, side by side.

        Tiles lie on a grid from the strand's first base, in groups of `grain_of` bases. A group and a halo to both
        sides are one call: what is local is worked out once, context tile by tile, each with its halo. What is
        in a call follows from the model and the strand's length, so that the scores are a function of the strand alone.

        For the arguments see `genescribe.predict.interface.StrandPredictor.read`.
        """
        return read_chunk(self.model, codes, start, end, self._grain)

    @torch.no_grad()
    def read_all(self, strands: Sequence[StrandCodes]) -> list[Rows]:
        """Return the scores that `read` gives all bases of each strand, to the bit; on a GPU read by this alone."""
        if self.device.type == "cuda":
            return read_batches(self.model, strands, self._grain)
        return read_short(self.model, strands, self.read)

    def _bases(self, codes: Codes) -> torch.Tensor:
        """Return codes as a batch of one, (1, n)."""
        # Bytes travel, and become whole numbers there.
        return to_device(np.ascontiguousarray(codes), self.device).long().unsqueeze(0)

    @torch.no_grad()
    def finish(self, codes: StrandCodes, rows: StrandRows, config: PredictConfig) -> StrandPrediction:
        """Return the genes of the best path, checked, with probabilities; see `StrandPredictor.finish`."""
        supported = None if self._support is None else self._support.on(codes, self.model) or None
        return self._genes(self.decode(codes, rows, config, supported), codes, rows, config, supported)

    @torch.no_grad()
    def finish_both(
        self, codes: Sequence[StrandCodes], rows: Sequence[StrandRows], config: PredictConfig
    ) -> list[StrandPrediction]:
        """Return the genes of both strands, decoded as one path; see `PairPredictor.finish_both`."""
        evidence = [] if self._support is None else [self._support.on(strand, self.model) for strand in codes]
        evidence = evidence if any(evidence) else []
        paths = self.decode_both(codes, rows, config, evidence)
        supported = [strand or None for strand in evidence] or [None, None]
        return [
            self._genes(path, strand, scores, config, support)
            for path, strand, scores, support in zip(paths, codes, rows, supported, strict=True)
        ]

    def _genes(
        self,
        path: Segmentation,
        codes: StrandCodes,
        rows: StrandRows,
        config: PredictConfig,
        supported: SupportedStrand | None,
    ) -> StrandPrediction:
        decoded = self.model.scheme.decode(runs_of(path), partial=config.partial)
        prediction = StrandPrediction(rejects=list(decoded.rejects))
        valid = []
        for transcript in decoded.transcripts:
            fault = validate_gene(transcript, codes, self.code)
            if fault is None:
                valid.append(transcript)
            else:
                prediction.rejects.append(Reject(transcript.start, transcript.end, fault))
        odds = [self._odds(path, rows, transcript.start, transcript.end) for transcript in valid]
        alone = valid
        if config.posteriors and valid:
            valid = self._with_posteriors(valid, path, codes, rows, config, supported)
        if supported is None or config.isoforms == "none":
            prediction.transcripts += map(PredictedTranscript, valid, odds)
            return prediction
        for number, (transcript, worth) in enumerate(zip(valid, odds, strict=True)):
            before = alone[number - 1].end if number else 0
            others = self._isoforms(alone[number], before, codes, rows, config, supported)
            gene = number if others else None
            prediction.transcripts += [PredictedTranscript(t, worth, gene) for t in (transcript, *others)]
        return prediction

    def _isoforms(
        self,
        transcript: Transcript,
        before: int,
        codes: StrandCodes,
        rows: StrandRows,
        config: PredictConfig,
        supported: SupportedStrand,
    ) -> list[Transcript]:
        """Return the additional transcripts of a gene with supported introns that it lacks, with probabilities.

        `before`: the end of the gene before it.
        """

        def potentials(low: int, high: int) -> Potentials:
            return supported.grown(self.potentials(codes, rows, low, high), low)

        isoforms = list[Transcript]()
        for low, part, intron in further_paths(transcript, before, supported, potentials, self.temperature):
            ends = [*([low] if low else []), *(part.ends + low).tolist(), len(codes)]
            labels = [*([INTERGENIC] if low else []), *part.labels.tolist(), INTERGENIC]
            path = supported.plain(Segmentation(torch.tensor(ends), torch.tensor(labels)), codes)
            for isoform in self.model.scheme.decode(runs_of(path), partial=False).transcripts:
                if intron not in isoform.cds_introns:
                    continue
                if isoform.coding_span == transcript.coding_span:
                    isoform = with_coding(transcript, isoform.cds)
                known = [transcript.cds, *(t.cds for t in isoforms)]
                if isoform.cds in known or validate_gene(isoform, codes, self.code) is not None:
                    continue
                if config.posteriors:
                    (isoform,) = self._with_posteriors([isoform], path, codes, rows, config, supported, coding=True)
                isoforms.append(isoform)
        return isoforms

    @torch.no_grad()
    def decode(
        self, codes: StrandCodes, rows: StrandRows, config: PredictConfig, supported: SupportedStrand | None = None
    ) -> Segmentation:
        """Return the best segmentation of a whole strand.

        The chain is decoded exactly across tiles and stretches: no segment is cut by their edges.

        Parameters
        ----------
        codes : (n,) uint8
            Base codes of the whole strand, 5' to 3'.
        rows
            Scores of all its bases, as `read` returned them.
        config
            Options of prediction: partial genes at the edges.
        supported
            Evidence on the strand; None: there is none.
        """
        stream = self._stream(config) if supported is None else supported.stream(*self._edges(config))
        for start in range(0, len(codes), STRETCH):
            scores = self._scores(codes, rows, start, min(start + STRETCH, len(codes)))
            scores = scores if supported is None else supported.scores(scores, start, supported.lanes.used)
            content, begin, end = (None if x is None else x[0] for x in (scores.content, scores.begin, scores.end))
            assert content is not None
            stream.push(content, begin=begin, end=end)
        path = stream.finish()
        return path if supported is None else supported.plain(path, codes)

    @torch.no_grad()
    def decode_both(
        self,
        codes: Sequence[StrandCodes],
        rows: Sequence[StrandRows],
        config: PredictConfig,
        evidence: Sequence[SupportedStrand] = (),
    ) -> tuple[Segmentation, Segmentation]:
        """Return the best segmentations of the plus and the minus strand of a stretch in which no genes overlap.

        For the other arguments see `PairPredictor.finish_both`.

        Parameters
        ----------
        evidence
            Of the two strands; none where neither has any.
        """
        if config.partial not in self._pairs:
            self._pairs[config.partial] = Pairs(self.model, self._edges(config))
        length, single, known = len(codes[0]), self.model.crf.single.cpu(), self._pairs[config.partial]
        lanes = max((strand.lanes.used for strand in evidence), default=0)
        if evidence:
            p, single = evidence[0].model(known.single_strand, lanes), evidence[0].single(lanes)
            both = BothStrands(p, self.model.scheme.background, length, evidence[0].groups(lanes))
        else:
            both = known.of_length(length)

        def scores(start: int, end: int) -> tuple[Scores, Scores]:
            plus = self._scores(codes[0], rows[0], start, end)
            minus = self._scores(codes[1], rows[1], length - end, length - start)
            if evidence:
                plus = evidence[0].scores(plus, start, lanes)
                minus = evidence[1].scores(minus, length - end, lanes)
            return plus, minus

        plus, minus = both.decode(scores, STRETCH, single, self.model.config.backend)
        if evidence:
            return evidence[0].plain(plus, codes[0]), evidence[1].plain(minus, codes[1])
        return plus, minus

    def _stream(self, config: PredictConfig) -> RunStream:
        """Return the decoder of a strand. The model is laid out once: of short sequences there may be thousands."""
        if config.partial not in self._streams:
            self._streams[config.partial] = self.model.crf.stream(0, *self._edges(config))
        return self._streams[config.partial].another()

    def _edges(self, config: PredictConfig) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        """Return with which labels a strand may begin and end, (C,) bool; None: as the model allows."""
        if config.partial:
            return None, None
        scheme = self.model.scheme
        masks = torch.zeros(2, len(scheme.names), dtype=torch.bool, device=self.device)
        masks[0, list(scheme.opening)] = masks[1, list(scheme.closing)] = True
        return masks[0], masks[1]

    def _scores(self, codes: StrandCodes, rows: StrandRows, start: int, end: int) -> Scores:
        """Return the scores of the labels on ``[start, end)``, as a batch of one; no exon may lie in a gap."""
        expansion = self.model.expansion
        low, high = max(0, start - expansion.reach), min(len(codes), end + expansion.reach)
        stored = torch.from_numpy(rows[low:high]).to(self.device).unsqueeze(0)
        # As many bases beside the stretch as tell whether an N at its edge is one of a gap.
        first = max(0, low - GAP)
        around = codes[first : high + GAP]
        bases = self._bases(around[low - first : high - first])
        content, signals = stored[..., : expansion.channels], stored[..., expansion.channels :]
        parts = expansion(
            content,
            signals if signals.shape[-1] else None,
            bases,
            torch.tensor([high - low], device=self.device),
            torch.tensor([low], device=self.device),
        )
        inside = slice(start - low, end - low)
        spread, begin, last = (None if x is None else x[:, inside].cpu() for x in parts)
        assert spread is not None
        if between := gaps(around):
            unknown = torch.zeros(end - start, dtype=torch.bool)
            for left, right in between:
                unknown[max(0, left + first - start) : max(0, right + first - start)] = True
            spread = spread.masked_fill(unknown.view(1, -1, 1) & self._exonic, -torch.inf)
        return Scores(spread, begin, last, content[:, inside])

    def _odds(self, path: Segmentation, rows: StrandRows, start: int, end: int) -> float:
        """Return the content score of the bases ``[start, end)`` as labelled, minus their score between genes."""
        routes, total = self.model.expansion.routes.cpu().numpy(), 0.0
        first, last = (int(x) for x in np.searchsorted(path.ends.numpy(), (start, end - 1), side="right"))
        part = slice(first, last + 1)
        labels = path.labels.numpy()[part].repeat(path.durations.numpy()[part])
        for low in range(start, end, STRETCH):
            high = min(end, low + STRETCH)
            position = np.arange(low, high)
            content = rows[low:high]
            chosen, between = (
                np.take_along_axis(content, routes[position % len(routes), label][:, None], axis=1)[:, 0]
                for label in (labels[low - start : high - start], np.full(high - low, self.model.scheme.background))
            )
            total += float(np.sum(chosen.astype(np.float64) - between))
        return total

    @torch.no_grad()
    def potentials(self, codes: StrandCodes, rows: StrandRows, low: int, high: int) -> Potentials:
        """Return the scores of the bases ``[low, high)`` of a strand as one chain, float64, on the CPU.

        Parameters
        ----------
        codes : (n,) uint8
            Base codes of the whole strand, 5' to 3'.
        rows
            Scores of all its bases, as `read` returned them.
        low, high
            Bases of the chain, 0-based and half-open.
        """
        scores = self._scores(codes, rows, low, high)
        p = self.model.crf.potentials(
            scores.content,
            torch.tensor([high - low]),
            phase_offset=torch.tensor([low % 3]),
            **scores.boundaries,
        )
        return p.detach().to(dtype=torch.float64, device=torch.device("cpu"))

    def _with_posteriors(
        self,
        transcripts: Sequence[Transcript],
        path: Segmentation,
        codes: StrandCodes,
        rows: StrandRows,
        config: PredictConfig,
        supported: SupportedStrand | None,
        *,
        coding: bool = False,
    ) -> list[Transcript]:
        """Return the transcripts with the probability of each, of its exons and of its coding parts.

        `coding`: the path holds the coding sequence alone; exons have no probability.
        """
        first, last = self._edges(config)

        def potentials(low: int, high: int) -> Potentials:
            edges = first if low == 0 else None, last if high == len(codes) else None
            p = self.potentials(codes, rows, low, high).restricted(*edges)
            p = p if supported is None else supported.grown(p, low)
            return p.tempered(self.temperature)

        genes = {span: (t.start, t.end) for t in transcripts for span in _spans(t, coding)}
        spans = list(genes)
        single, backend = self.model.crf.single.cpu().numpy(), self.model.config.backend
        flank = flank_of(self.model.crf.durations()[1][self.model.scheme.background])
        copies = None if supported is None else supported.copies_of
        chains = chains_of(path, spans)
        posteriors = chain_posteriors(path, chains, potentials, single, flank, backend, copies, list(genes.values()))
        known = {span: None if p is None else round(p, DIGITS) for span, p in zip(spans, posteriors, strict=True)}
        return [
            replace(
                t,
                score=known[t.coding_span],
                exon_scores=None if coding else tuple(known[exon] for exon in t.exons),
                cds_scores=tuple(known[part] for part in t.cds),
            )
            for t in transcripts
        ]


def grain_of(config: SegmentModelConfig, device: str = "cpu") -> int:
    """Return the bases of a whole group of tiles on a kind of device."""
    return (TILES_ON_GPU if device.startswith("cuda") else TILES_AT_ONCE) * config.tile


def _spans(transcript: Transcript, coding: bool) -> list[Interval]:
    return [transcript.coding_span, *(() if coding else transcript.exons), *transcript.cds]


def runs_of(path: Segmentation) -> Runs:
    """Return a decoded path as runs of labels."""
    return np.stack([path.ends.numpy(), path.labels.numpy()], axis=1).astype(np.int32)
