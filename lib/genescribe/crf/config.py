"""The configuration of a semi-Markov CRF head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from genescribe.config import check_bounds, option
from genescribe.errors import InputError


@dataclass(frozen=True)
class SemiCRFConfig:
    """Labels, their durations, and which may follow which.

    A label is one of three kinds:

    * explicit: a table of durations 1..max_duration, beyond it a geometric tail where `open_ended`;
    * geometric: `min_duration`, then a tail; costs one duration at any length;
    * single-base: max_duration 1 and not geometric. It may follow itself, and its runs are chains of single bases: with
      ``max_duration = 1`` for all, this is the linear CRF.

    Explicit and geometric labels do not follow themselves: else a run of one label could be cut into segments in many
    ways, and their number, not their score, would decide.
    """

    labels: int = option(doc="number of labels, C", minimum=1)
    max_duration: int | tuple[int, ...] = option(500, doc="longest explicit duration, for all labels or one per label")
    min_duration: int | tuple[int, ...] = option(1, doc="shortest segment, for all labels or one per label")
    open_ended: bool | tuple[bool, ...] = option(
        True, doc="allow segments longer than max_duration, with a geometric tail; for all labels or one per label"
    )
    geometric: tuple[int, ...] = option((), doc="labels with a geometric duration from min_duration on")
    allowed_transitions: tuple[tuple[int, int], ...] | None = option(
        None, doc="pairs (source, destination) between different labels; null allows all"
    )
    forbidden_phases: tuple[tuple[int, int, int], ...] = option(
        (), doc="triples (phase, source, destination) forbidden at boundaries of that phase; needs period 3"
    )
    tied: tuple[int, ...] | None = option(
        None,
        doc="for each label, the label whose start, final and transition scores it shares, in all phases; "
        "null: its own",
    )
    tied_durations: tuple[int, ...] | None = option(
        None, doc="for each label, the label whose durations it shares; null: its own"
    )
    first_labels: tuple[int, ...] | None = option(None, doc="labels that may begin a chain; null allows all")
    last_labels: tuple[int, ...] | None = option(None, doc="labels that may end a chain; null allows all")
    period: Literal[1, 3] = option(1, doc="3: transitions have one table per position modulo 3")
    censoring: bool = option(True, doc="a segment cut off by the edge of a window may be longer")
    duration_knots: int | None = option(
        None,
        doc="learn the duration table at this many log-spaced durations, with linear interpolation; null: every row",
        minimum=2,
    )
    init_scale: float = option(0.1, doc="standard deviation of the initial scores", minimum=0)
    hidden: int | None = option(
        None,
        doc="width of the hidden states that the head projects to scores; null: its input is scores",
        minimum=1,
    )
    backend: Literal["auto", "reference", "blocked", "native", "triton", "exact", "streaming"] = option(
        "auto", doc="implementation of the recurrences; exact means reference, streaming means auto"
    )

    def __post_init__(self) -> None:
        check_bounds(self, where="crf")
        self._check_lengths()
        self._check_labels()
        for c in range(self.labels):
            low, high = self.shortest(c), self.longest(c)
            if low < 1 or (low > high and c not in self.geometric):
                raise _wrong(
                    f"label {c} lasts {low} to {high} bases", "crf.min_duration", "give 1 <= minimum <= maximum"
                )
        if self.forbidden_phases and self.period != 3:
            raise _wrong("given with period 1", "crf.forbidden_phases", "set period to 3")

    def shortest(self, label: int) -> int:
        """Return the label's minimum duration."""
        return _of_label(self.min_duration, label)

    def longest(self, label: int) -> int:
        """Return the label's largest explicit duration, as configured."""
        return _of_label(self.max_duration, label)

    def single_base(self, label: int) -> bool:
        """Return whether the label's segments are single bases, as in a linear CRF."""
        return self.longest(label) == 1 and label not in self.geometric

    def has_tail(self, label: int) -> bool:
        """Return whether the label's segments may be longer than its explicit durations."""
        return label in self.geometric or (bool(_of_label(self.open_ended, label)) and not self.single_base(label))

    def explicit(self, label: int) -> int:
        """Return the rows of the duration table that the label needs."""
        return self.shortest(label) if label in self.geometric else self.longest(label)

    def allows(self, source: int, destination: int) -> bool:
        """Return whether the transition is allowed in some phase."""
        if source == destination:
            return self.single_base(source)
        return self.allowed_transitions is None or (source, destination) in self.allowed_transitions

    def _check_lengths(self) -> None:
        for name in ("max_duration", "min_duration", "open_ended"):
            value = getattr(self, name)
            if isinstance(value, tuple) and len(value) != self.labels:
                raise _wrong(f"{len(value)} values", f"crf.{name}", f"give one, or {self.labels}")
        for name in ("tied", "tied_durations"):
            value = getattr(self, name)
            if value is not None and len(value) != self.labels:
                raise _wrong(f"{len(value)} values", f"crf.{name}", f"give {self.labels}")

    def _check_labels(self) -> None:
        used = {
            "geometric": self.geometric,
            "allowed_transitions": tuple(label for pair in self.allowed_transitions or () for label in pair),
            "forbidden_phases": tuple(label for triple in self.forbidden_phases for label in triple[1:]),
            "tied": self.tied or (),
            "tied_durations": self.tied_durations or (),
            "first_labels": self.first_labels or (),
            "last_labels": self.last_labels or (),
        }
        for name, labels in used.items():
            for label in labels:
                if not 0 <= label < self.labels:
                    raise _wrong(f"label {label}", f"crf.{name}", f"give labels in 0..{self.labels - 1}")
        if any(not 0 <= triple[0] < 3 for triple in self.forbidden_phases):
            raise _wrong("a phase outside 0..2", "crf.forbidden_phases", "give (phase, source, destination)")


def _of_label(value: int | tuple[int, ...], label: int) -> int:
    return value[label] if isinstance(value, tuple) else value


def _wrong(problem: str, where: str, remedy: str) -> InputError:
    return InputError(problem, where=where, remedy=remedy)
