"""From loci to genes: windows, strands, pieces of long loci, and the status of each locus."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

import torch
from torch import nn

from genescribe.errors import InputError
from genescribe.evidence.junctions import Hint
from genescribe.generate.annotation.search import Outcome, SearchConfig, write
from genescribe.generate.forms.transgenic import TransgenicModel
from genescribe.generate.loci.hint_flags import marked, oriented
from genescribe.generate.loci.windows import locus_pieces
from genescribe.generate.model import SentenceModel, pad_codes
from genescribe.generate.network.decoder import Decoder
from genescribe.generate.text.sentence import GeneSentence, gene_of, sentence_of
from genescribe.generate.training.task import signals_of
from genescribe.genome.alphabet import LONG_GAP, Codes, gaps, reverse_complement
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.intervals import touched
from genescribe.genome.model import Gene, Interval, Transcript, mirror, shifted
from genescribe.labels.decode import GAP_REASON, LONG_GAP_REASON
from genescribe.signals import ending

Status = Literal["accepted", "repaired", "rejected"]
BIOTYPE = "protein_coding"


@dataclass(frozen=True)
class LocusWindow:
    """A locus to be annotated, with the bases around it.

    Attributes
    ----------
    id
        Of the gene it was given as.
    seqid, start, end
        Place of the locus, 0-based half-open.
    strand
        "+", "-", or "." where it is not known: both are tried, and the likelier sentence is taken.
    offset
        Place of the first base of `codes` on its sequence.
    codes
        The locus and its flanks, forward strand.
    prompt
        A transcript that the sentence must begin with, complete or not, in the coordinates of the sequence.
    hints
        Introns that evidence supports, in the coordinates of the sequence; read by models with `config.hints`.
    """

    id: str
    seqid: str
    start: int
    end: int
    strand: str
    offset: int
    codes: Codes
    prompt: Transcript | None = None
    hints: tuple[Hint, ...] = ()


@dataclass
class LocusResult:
    """Outcome of a locus.

    Attributes
    ----------
    status, reason
        See `Outcome`; a reason that begins with "error:" is a failure of the program or the machine.
    raw, clean
        The text as it was written, on the strand of `strand` and relative to its window; and the sentence that came of
        it, on the forward strand and relative to the first window. Texts of several windows have a space between them.
    gene
        In the coordinates of the sequence, its transcripts with their scores; None where rejected.
    windows
        Intervals that were read, in coordinates of the sequence, one per text.
    strand
        Strand on which the windows were read.
    """

    id: str
    seqid: str
    start: int
    status: Status
    reason: str
    raw: str
    clean: str
    gene: Gene | None = None
    windows: tuple[Interval, ...] = ()
    strand: str = "+"

    @property
    def failed(self) -> bool:
        """Whether an error, and not the written text, is why the locus has no gene."""
        return self.reason.startswith("error:")


@dataclass
class _Piece:
    """A stretch of a locus on one strand, as the model reads it."""

    locus: int
    name: str
    strand: str
    low: int
    codes: Codes
    prompt: tuple[int, ...] = ()
    core: tuple[int, int] = (0, 0)
    outcome: Outcome | None = field(default=None)

    @property
    def gene_strand(self) -> str:
        """Strand of the written gene: the strand that was read, but for models that read the forward strand alone."""
        assert self.outcome is not None
        return "-" if self.outcome.strand == "-" else self.strand


class Annotator:
    """A model that annotates loci.

    Parameters
    ----------
    model
        See `SentenceModel`.
    search
        How sentences are chosen.
    precision
        "auto" (bf16 on GPUs that have it), "fp32", "fp16" or "bf16".
    compiled
        Compile the step of the decoder: the first step takes about a minute, and so does the first of a single row.
    """

    def __init__(
        self, model: nn.Module, search: SearchConfig | None = None, *, precision: str = "auto", compiled: bool = False
    ) -> None:
        self.model, self.search = model.eval(), search or SearchConfig()
        self.writer = cast(SentenceModel, model)
        self.config = self.writer.config
        self.code = GeneticCode.from_table(self.config.genetic_code)
        self.device = next(model.parameters()).device
        self.precision = precision
        if compiled:
            decoder = model.decoder
            assert isinstance(decoder, nn.Module)
            if isinstance(decoder, Decoder):
                decoder.compile_step()
            else:
                decoder.compile(dynamic=True)

    def sequence(self, codes: Codes, *, strand: str = "+", prompt: Transcript | None = None) -> LocusResult:
        """Annotate one sequence by itself: a locus from its first base to its last.

        Parameters
        ----------
        codes : (T,) uint8
            Base codes of the locus on the forward strand.
        strand
            Strand of its gene; ``.``: both are tried.
        prompt
            Transcript whose features begin the sentence; None: none.
        """
        return self([LocusWindow("locus", "sequence", 0, len(codes), strand, 0, codes, prompt)])[0]

    def __call__(self, loci: Sequence[LocusWindow]) -> list[LocusResult]:
        """Annotate loci as one batch; the result of each does not depend on the others.

        Where the batch fails, for lack of memory or otherwise, its loci are tried one by one; one that fails alone is
        rejected with the error.
        """
        pieces = [piece for number, locus in enumerate(loci) for piece in self._pieces(number, locus)]
        if waiting := [piece for piece in pieces if piece.outcome is None]:
            self._attempt(waiting)
        return [self._result(locus, [p for p in pieces if p.locus == number]) for number, locus in enumerate(loci)]

    def _attempt(self, pieces: list[_Piece]) -> None:
        try:
            self._write(pieces)
        except InputError:
            # Of the run and not of a locus: what was asked for cannot be had here.
            raise
        except Exception as error:
            if ending() is not None:
                raise
            # The other loci continue after any error.
            if len(pieces) > 1:
                _free()
                for piece in pieces:
                    self._attempt([piece])
            else:
                text = " ".join(str(error).split())[:200]
                pieces[0].outcome = Outcome("rejected", f"error: {type(error).__name__}: {text}", "")
                _free()

    def _write(self, pieces: list[_Piece]) -> None:
        codes, lengths = pad_codes([piece.codes for piece in pieces], self.device)
        signals = [signals_of(self.config, self.code, piece.codes) for piece in pieces]
        automata = [self.writer.automaton(signal) for signal in signals]
        with self._autocast():
            session = self.writer.begin(codes, lengths)
            outcomes = write(
                session,
                automata,
                self.search,
                names=[piece.name for piece in pieces],
                prompts=[piece.prompt for piece in pieces],
            )
        for piece, outcome in zip(pieces, outcomes, strict=True):
            piece.outcome = outcome

    def _autocast(self) -> contextlib.AbstractContextManager[Any]:
        kinds = {"fp16": torch.float16, "bf16": torch.bfloat16}
        wanted = self.precision
        if wanted == "auto" and self.device.type == "cuda" and torch.cuda.is_bf16_supported():
            wanted = "bf16"
        return torch.autocast(self.device.type, kinds[wanted]) if wanted in kinds else contextlib.nullcontext()

    # -- windows -------------------------------------------------------------------------------------------------
    def _pieces(self, number: int, locus: LocusWindow) -> Iterator[_Piece]:
        if isinstance(self.model, TransgenicModel):
            yield self._window(number, locus, self.model.limit)
            return
        size, flank = len(locus.codes), self.config.flank
        low = max(0, locus.start - locus.offset - flank)
        high = min(size, locus.end - locus.offset + flank)
        parts = locus_pieces(low, high, self.config.window_limit)
        for strand in locus.strand if locus.strand in "+-" else "+-":
            for i, (begin, end) in enumerate(parts):
                codes = locus.codes[begin:end]
                codes = codes if strand == "+" else reverse_complement(codes)
                if self.config.hints is not None:
                    span = begin + locus.offset, end + locus.offset
                    codes = marked(codes, oriented(locus.hints, strand, *span), self.config.hints.high)
                first = begin if i == 0 else (begin + parts[i - 1][1]) // 2
                last = end if i + 1 == len(parts) else (parts[i + 1][0] + end) // 2
                piece = _Piece(number, f"{locus.id}{strand}{begin}", strand, begin, codes, core=(first, last))
                if locus.prompt is not None:
                    piece.prompt = self._prompt(locus, strand, begin + locus.offset, len(codes))
                yield piece

    def _window(self, number: int, locus: LocusWindow, limit: int) -> _Piece:
        """Return the window of a model that reads the forward strand, as it was given: see `published_window`."""
        size = len(locus.codes)
        piece = _Piece(number, locus.id, "+", 0, locus.codes, core=(0, size))
        if size > limit:
            piece.outcome = Outcome(
                "rejected", f"needs more than {limit:,} bases, the longest window of this model", ""
            )
        elif locus.prompt is not None:
            piece.prompt = self._prompt(locus, "+", locus.offset, size)
        return piece

    def _prompt(self, locus: LocusWindow, strand: str, offset: int, length: int) -> tuple[int, ...]:
        """Return the steps of the features of a given transcript, its beginning at least."""
        assert locus.prompt is not None
        gene = Gene("prompt", locus.seqid, strand, (locus.prompt,))
        sentence = sentence_of(gene, offset)
        sentence = sentence if strand == "+" else sentence.reverse_complement(length)
        return tuple(self.writer.prompt(sentence))

    # -- genes ---------------------------------------------------------------------------------------------------
    def _result(self, locus: LocusWindow, pieces: list[_Piece]) -> LocusResult:
        by_strand = {strand: [p for p in pieces if p.strand == strand] for strand in dict.fromkeys("+-")}
        tried = [self._strand(locus, strand, of_strand) for strand, of_strand in by_strand.items() if of_strand]
        return max(tried, key=lambda pair: (pair[0].gene is not None, pair[1]))[0]

    def _strand(self, locus: LocusWindow, strand: str, pieces: list[_Piece]) -> tuple[LocusResult, float]:
        outcomes = [cast(Outcome, piece.outcome) for piece in pieces]
        raw = " ".join(outcome.raw for outcome in outcomes)
        mean = sum(outcome.log_probability for outcome in outcomes)
        spans = [(piece.low + locus.offset, piece.low + locus.offset + len(piece.codes)) for piece in pieces]
        result = LocusResult(
            locus.id, locus.seqid, locus.start, "rejected", outcomes[0].reason, raw, "", None, tuple(spans), strand
        )
        transcripts: dict[tuple[object, ...], Transcript] = {}
        clean: list[str] = []
        refused: list[str] = []
        holes = gaps(locus.codes)
        for piece, outcome in zip(pieces, outcomes, strict=True):
            if outcome.sentence is None:
                continue
            gene = _forward(outcome.sentence, outcome.scores, piece, locus)
            sentence = outcome.sentence
            if piece.gene_strand == "-":
                sentence = sentence.reverse_complement(len(piece.codes))
            clean.append(str(sentence.shifted(piece.low - pieces[0].low)))
            for transcript in gene.transcripts:
                if fault := _gap_fault(transcript, locus.offset, holes):
                    refused.append(fault)
                    continue
                middle = (transcript.start + transcript.end) // 2 - locus.offset
                if len(pieces) == 1 or piece.core[0] <= middle < piece.core[1]:
                    transcripts.setdefault((transcript.exons, transcript.cds, transcript.phase), transcript)
        result.clean = " ".join(clean)
        if not transcripts:
            reasons = [*refused, *(o.reason for o in outcomes if o.sentence is None), "no transcript in any piece"]
            result.reason = reasons[0]
            return result, mean
        ordered = sorted(transcripts.values(), key=lambda t: (t.start, t.end, t.exons, t.cds))
        numbered = tuple(replace(t, id=f"{locus.id}.t{n}") for n, t in enumerate(ordered, 1))
        result.gene = Gene(locus.id, locus.seqid, pieces[0].gene_strand, numbered, biotype=BIOTYPE)
        reasons = [*refused, *(outcome.reason for outcome in outcomes if outcome.reason)]
        if len(pieces) > 1:
            reasons.insert(0, "read in pieces")
        result.status, result.reason = ("repaired", "; ".join(dict.fromkeys(reasons))) if reasons else ("accepted", "")
        return result, mean


def _gap_fault(transcript: Transcript, offset: int, holes: Sequence[Interval]) -> str | None:
    """Return the fault of a transcript in the gaps of its window, which begins at `offset`, or None."""
    if any(touched((start - offset, end - offset), holes) for start, end in transcript.exons):
        return GAP_REASON
    long = [(left, right) for left, right in holes if right - left >= LONG_GAP]
    return LONG_GAP_REASON if touched((transcript.start - offset, transcript.end - offset), long) else None


def _forward(sentence: GeneSentence, scores: Sequence[float], piece: _Piece, locus: LocusWindow) -> Gene:
    """Return a piece's gene in the coordinates of the sequence, its transcripts with their scores."""
    by_structure = {}
    for chain, score in zip(sentence.transcripts, scores, strict=True):
        single = GeneSentence("+", tuple(sentence.features[i] for i in chain), (tuple(range(len(chain))),))
        (transcript,) = gene_of(single, "", "").transcripts
        by_structure[transcript.exons, transcript.cds] = round(score, 6)
    gene = gene_of(sentence, locus.id, locus.seqid)
    scored = tuple(replace(t, score=by_structure.get((t.exons, t.cds))) for t in gene.transcripts)
    gene = replace(gene, transcripts=scored)
    gene = gene if piece.gene_strand == "+" else mirror(gene, len(piece.codes))
    return shifted(gene, piece.low + locus.offset)


def _free() -> None:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
