"""Evidence of a model beside its network: counted from training genes, or tables of an imported parameter set."""

from __future__ import annotations

from genescribe.errors import InputError
from genescribe.genome.genetic_code import GeneticCode
from genescribe.labels.gene import GeneScheme
from genescribe.labels.gene_rules import SignalTables
from genescribe.labels.schemes import LabelScheme
from genescribe.segment.composition.tables import CountedEvidence
from genescribe.segment.composition.tabulated import TabulatedEvidence
from genescribe.segment.config import SegmentModelConfig


def evidence_of(
    config: SegmentModelConfig, scheme: LabelScheme, code: GeneticCode
) -> CountedEvidence | TabulatedEvidence | None:
    """Return the evidence of a configuration, its tables still empty.

    Parameters
    ----------
    config
        Options of the model.
    scheme
        Label scheme of the model.
    code
        Genetic code of the genome.

    Raises
    ------
    InputError
        Both kinds are asked for, either with another scheme than `gene`, or neither where there is no network.
    """
    if config.evidence is None and config.tables is None:
        if config.encoder is None:
            raise InputError(
                "neither network nor evidence", where="model.encoder", remedy="leave it out, or give evidence"
            )
        return None
    if config.evidence is not None and config.tables is not None:
        raise InputError("beside model.evidence", where="model.tables", remedy="give one of the two")
    if not isinstance(scheme, GeneScheme):
        where = "model.evidence" if config.tables is None else "model.tables"
        raise InputError(f"counted with the scheme {config.scheme!r}", where=where, remedy="set model.scheme to gene")
    if config.tables is not None:
        return TabulatedEvidence(config.tables, SignalTables.of(scheme.rules, code))
    assert config.evidence is not None
    return CountedEvidence(config.evidence, code, config.feature_cap)


def check_trainable(config: SegmentModelConfig) -> None:
    """Raise `InputError` where a model's evidence cannot be counted in training."""
    if config.tables is not None:
        raise InputError(
            "tables of an import, which training does not fill",
            where="model.tables",
            remedy="leave it out and give model.evidence",
        )
