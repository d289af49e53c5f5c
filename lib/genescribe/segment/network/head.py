"""The head of the segment model: the label scheme's grammar and durations as a CRF."""

from __future__ import annotations

from genescribe.crf.config import SemiCRFConfig
from genescribe.crf.external import ExternalCRF
from genescribe.crf.head import SemiCRF
from genescribe.errors import InputError
from genescribe.labels.gene_rules import GeneRules
from genescribe.labels.schemes import SCHEMES, LabelScheme
from genescribe.segment.config import SegmentModelConfig


def scheme_of(config: SegmentModelConfig) -> LabelScheme:
    """Return the label scheme, or raise `InputError` where there is none of that name."""
    if config.scheme not in SCHEMES:
        known = ", ".join(sorted(SCHEMES))
        raise InputError(f"no label scheme {config.scheme!r}", where="model.scheme", remedy=f"known: {known}")
    return SCHEMES[config.scheme].configured(config.gene or GeneRules())


def build_head(config: SegmentModelConfig, scheme: LabelScheme) -> SemiCRF | ExternalCRF:
    """Return the head with fresh weights.

    Raises
    ------
    InputError
        A head of another package with a scheme whose grammar it cannot keep.
    """
    if config.head != "pytorch-crf":
        return SemiCRF(crf_config(config, scheme))
    if scheme.grammar.phases is not None:
        raise InputError(
            f"pytorch-crf cannot keep the grammar of the scheme {scheme.name!r}",
            where="model.head",
            remedy="choose linear or semicrf, or the scheme gencode",
        )
    return ExternalCRF(len(scheme.names), config.backend)


def crf_config(config: SegmentModelConfig, scheme: LabelScheme) -> SemiCRFConfig:
    """Return the head's options: the scheme's grammar, and durations as `head` says.

    A label of the linear head and intergenic space have a geometric duration: one score per base. This is a linear CRF
    whose runs are whole segments, so that both heads score boundaries and decode runs alike. How long a codon may be,
    and how short a segment, is grammar, not a learned length, and both heads keep it: a label with a longest length
    has a table up to it in both, and in a linear CRF such a label, or one with a shortest length, is as many states.
    """
    grammar, labels = scheme.grammar, range(len(scheme.names))
    shortest, limits = ([int(limit) for limit in side] for side in (grammar.minimum, grammar.maximum))
    for option, values in (("shortest", config.shortest), ("longest", config.longest), ("closed", config.closed)):
        for name in values:
            if name not in scheme.names:
                known = ", ".join(scheme.names)
                raise InputError(f"no label {name!r}", where=f"model.{option}", remedy=f"known: {known}")
    closed = {scheme.names.index(name) for name in config.closed}
    for name, bases in config.shortest.items():
        shortest[scheme.names.index(name)] = max(shortest[scheme.names.index(name)], bases)
    if config.head == "linear":
        geometric = tuple(c for c in labels if limits[c] == 0)
        longest = [limit or low for low, limit in zip(shortest, limits, strict=True)]
    else:
        geometric = grammar.geometric
        wanted_rows = [config.longest.get(name, config.max_duration) for name in scheme.names]
        longest = [
            max(low, min(limit or wanted, wanted))
            for low, limit, wanted in zip(shortest, limits, wanted_rows, strict=True)
        ]
    phases = grammar.phases
    pairs = tuple(
        (p, c) for p in labels for c in labels if grammar.transitions[p, c] and p not in closed and c not in closed
    )
    return SemiCRFConfig(
        labels=len(labels),
        max_duration=tuple(longest),
        min_duration=tuple(shortest),
        open_ended=tuple(limit == 0 for limit in limits),
        geometric=geometric,
        allowed_transitions=pairs,
        first_labels=tuple(c for c in labels if grammar.first[c] and c not in closed),
        last_labels=tuple(c for c in labels if grammar.last[c] and c not in closed),
        period=1 if phases is None else 3,
        forbidden_phases=()
        if phases is None
        else tuple((r, p, c) for p, c in pairs for r in range(3) if not phases[r, p, c]),
        tied=grammar.tied,
        tied_durations=grammar.tied_durations,
        duration_knots=config.duration_knots or None,
        backend=config.backend,
    )
