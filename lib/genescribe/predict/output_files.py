"""The output files of a prediction, and the strands that batches pass on."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from genescribe import __version__
from genescribe.errors import InputError
from genescribe.files import atomic_directory, write_json
from genescribe.genome.annotation.formats import PLAIN_GFF3, AnnotationForm
from genescribe.genome.fasta import Genome
from genescribe.genome.products import write_parts, write_products
from genescribe.predict.config import PredictConfig
from genescribe.predict.file_names import REJECTS, STEM, SUMMARY
from genescribe.predict.genome import GenomePrediction, assemble
from genescribe.predict.interface import CALIBRATED, CHOICE, DOUBT, EVIDENCE, SCORES, PredictorFactory, StrandPrediction
from genescribe.predict.stretches import Piece
from genescribe.predict.summary import summarise, warnings_of
from genescribe.predict.work_folder import STRANDS, StrandKey, read_strands, write_strands

RULES = ("partial", "min_posterior", "min_cds", "opposite_strands", "max_overlap")
"""Options that decide which genes are written; the header of the GFF3 names them."""
WITH_EVIDENCE = ("isoforms", "require_evidence")
"""The same, where there is evidence."""
UNCALIBRATED = (
    "the probabilities are not calibrated: the model has no temperature that was fitted to enough genes; they rank "
    "genes, and do not say how many are right"
)
_log = logging.getLogger(__name__)


def write_annotation(
    target: str | Path,
    prediction: GenomePrediction,
    genome: Genome,
    pieces: Sequence[Piece],
    factory: PredictorFactory,
    config: PredictConfig,
    noted: Sequence[str] = (),
    form: AnnotationForm = PLAIN_GFF3,
) -> list[str]:
    """Write all files of an annotation into the folder `target`, whole or not at all; return the warnings.

    These are `annotation.gff3` (or what its form is called, with its index), FASTA of proteins, coding sequences, exons
    and introns, `rejects.jsonl` and `summary.json`.

    Parameters
    ----------
    target
        Folder to write; made in one step.
    prediction
        Genes, and rows of rejected ones.
    genome
        Genome that was annotated.
    pieces
        Stretches that were annotated.
    factory
        Opens the model; gives its genetic code and its provenance.
    config
        Options of prediction, for the summary.
    noted
        Warnings that arose before.
    form
        Form of the annotation.
    """
    summary, provenance = summarise(prediction.genes, pieces), factory.provenance()
    unsure = [UNCALIBRATED] if config.posteriors and CALIBRATED in provenance else []
    fresh = [*unsure, *warnings_of(summary, factory.statistics())]
    for line in fresh:
        _log.warning(line)
    # A doubtful species was told when the run began.
    warnings = [*noted, *([provenance[DOUBT]] if DOUBT in provenance else []), *fresh]
    with atomic_directory(target) as folder:
        form.write(
            folder / f"{STEM}{form.suffix}",
            prediction.genes,
            genome.lengths,
            _header(provenance, config),
            genetic_code=lambda seqid: factory.genetic_code(seqid).number,
        )
        lines = "".join(json.dumps(row, sort_keys=True) + "\n" for row in prediction.rejects)
        (folder / REJECTS).write_text(lines, encoding="utf-8")
        model_facts = {
            key.replace("-", "_"): provenance[key] for key in ("species", CHOICE, SCORES) if key in provenance
        }
        model_facts |= {CALIBRATED: False} if unsure else {}
        write_json(folder / SUMMARY, {**summary, **model_facts, "warnings": warnings})
        write_products(prediction.genes, genome, factory.genetic_code, folder)
        write_parts(prediction.genes, genome, folder)
    return warnings


def _header(provenance: Mapping[str, Any], config: PredictConfig) -> list[str]:
    options = asdict(config)
    names = RULES + (WITH_EVIDENCE if EVIDENCE in provenance else ())
    rules = " ".join(f"{name}={options[name]}" for name in names)
    lines = [f"{key}: {json.dumps(value) if key == SCORES else value}" for key, value in provenance.items()]
    return [f"genescribe {__version__}", *lines, f"rules: {rules}"]


def write_batch(target: str | Path, pieces: Sequence[Piece], predictions: Mapping[StrandKey, StrandPrediction]) -> None:
    """Write the predictions of the strands of some pieces into the folder `target`, for `join_batches`.

    Parameters
    ----------
    target
        Folder to write; made in one step.
    pieces
        Stretches that were annotated.
    predictions
        Genes and rejects of each strand of each piece.
    """
    keys = [(piece.seqid, piece.start, piece.end, strand) for piece in pieces for strand in "+-"]
    with atomic_directory(target) as folder:
        write_strands(folder / STRANDS, {key: predictions[key] for key in keys})


def join_batches(folders: Iterable[str | Path], pieces: Sequence[Piece], config: PredictConfig) -> GenomePrediction:
    """Make one annotation of the folders of `write_batch`, in the order of `pieces`.

    Parameters
    ----------
    folders
        Folders that `write_batch` wrote.
    pieces
        All pieces, in the order of the output.
    config
        Options that choose among genes.

    Raises
    ------
    InputError
        A strand that no batch holds.
    """
    predictions = {key: prediction for folder in folders for key, prediction in read_strands(Path(folder) / STRANDS)}
    for piece in pieces:
        for strand in "+-":
            if (piece.seqid, piece.start, piece.end, strand) not in predictions:
                raise InputError(
                    f"no batch holds the strand {strand} of {piece.name}",
                    where=STRANDS,
                    remedy="join all batches, with the regions that they were made with",
                )
    return assemble(pieces, predictions, config)
