"""Training the segment model: its data, its loss, and a fast validation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from genescribe.bake.batch import describe_homologues
from genescribe.bake.stats import sum_stats
from genescribe.config import to_mapping
from genescribe.crf.diagnostics import first_batch_report
from genescribe.crf.head import SemiCRF
from genescribe.data.balance import GenomeDraw
from genescribe.data.batching import Batch, collate, ordered_batches, training_batches
from genescribe.data.cursor import Cursor
from genescribe.data.dataset import ShardDataset
from genescribe.data.runs import IGNORE, Runs
from genescribe.errors import InputError
from genescribe.evaluate.labels.agreement import confusion, position_f1, segment_counts, segments
from genescribe.files import read_json, write_json
from genescribe.genome.genetic_code import GeneticCode
from genescribe.kernels.semicrf.dispatch import memory_estimate, memory_of_backends
from genescribe.kernels.semicrf.potentials import Segmentation
from genescribe.labels.gene import GeneScheme
from genescribe.labels.gene_rules import SignalTables
from genescribe.segment.composition.counting import fit_evidence
from genescribe.segment.composition.kinds import check_trainable
from genescribe.segment.composition.species_counting import fit_species
from genescribe.segment.composition.tables import CountedEvidence
from genescribe.segment.config import SegmentModelConfig
from genescribe.segment.network.head import scheme_of
from genescribe.segment.network.model import FAMILY, SPECIES, STATISTICS, Scores, SegmentModel
from genescribe.segment.training.statistics import (
    CODING,
    Genomes,
    channel_counts,
    class_weights,
    gene_rules_of,
    gene_statistics,
    genetic_code_of,
    run_statistics,
)
from genescribe.segment.training.temperature import CALIBRATION, WINDOWS, fit_temperature
from genescribe.train.task import Counts, Loss, Task

BLOCK = 2
"""Windows of a genome that training reads together, where genomes have parameters of their own."""


class SegmentTask(Task):
    """The segment family at work on shards.

    Parameters
    ----------
    config
        Options of the model.
    folders
        Folders of baked shards, one per batch of sequences.

    Raises
    ------
    InputError
        Shards of another label scheme, or of several genetic codes.
    """

    name = FAMILY
    metrics = ("nll", "macro_f1", "cds_base_f1", "cds_segment_f1")
    best = "cds_segment_f1"
    no_decay = ("crf.", "species.")
    remedy = "lower train.lr (--lr), clamp the scores (--emission-clamp 50), or regularise the CRF (--crf-reg 1e-4)"

    def __init__(self, config: SegmentModelConfig, folders: Sequence[str | Path]) -> None:
        if config.sites:
            raise InputError(
                "signal networks are trained by themselves",
                where="model.sites",
                remedy="leave them out, and add them with scripts/combine_model.py",
            )
        self.scheme = scheme_of(config)
        self.folders = folders
        self.training, self.validation = ShardDataset(folders, "train"), ShardDataset(folders, "validation")
        parts = [read_json(Path(folder) / "stats.json") for folder in folders]
        self.statistics = sum_stats(parts)
        if self.statistics["scheme"] != self.scheme.name:
            raise InputError(
                f"shards of the label scheme {self.statistics['scheme']!r}",
                where=folders[0],
                remedy=f"bake them with {self.scheme.name!r}, or set model.scheme",
            )
        self.config = replace(
            config,
            genetic_code=config.genetic_code or genetic_code_of(folders),
            gene=gene_rules_of(folders, config.gene),
        )
        self.scheme = scheme_of(self.config)
        self._genomes = Genomes(folders, parts)
        self._counted: dict[str, Tensor] | None = None
        self.draw: GenomeDraw | None = None
        if (species := self.config.species) is not None:
            species = replace(species, names=species.names or list(self._genomes.names))
            self.config = replace(self.config, species=species)
            of_window = self._genomes.of_folder[self.training.folder_of]
            self.draw = GenomeDraw(of_window, self.training.lengths, species.balance, BLOCK)
        coding = np.array([kind in CODING for kind in self.scheme.kinds], dtype=np.int32)
        self._coding = np.append(coding, np.int32(IGNORE))  # Its last entry serves the label IGNORE, -1.
        self._weights = class_weights(channel_counts(self.scheme, self._train["bases"]), config.class_balance)

    @property
    def _train(self) -> Mapping[str, Any]:
        return cast(Mapping[str, Any], self.statistics["splits"]["train"])

    def fingerprint(self) -> Mapping[str, Any]:
        """Return the model's options and digests of the shards."""
        data = {"train": self.training.digest(), "windows": len(self.training)}
        return {"model": to_mapping(self.config), "data": data}

    def build(self) -> nn.Module:
        """Return a model whose CRF knows the durations and transitions of the training annotation."""
        model = SegmentModel(self.config)
        if self._counted is None:
            before = {name: value.clone() for name, value in model.state_dict().items()}
            self._count(model)
            after = model.state_dict()
            self._counted = {name: after[name].clone() for name in after if not torch.equal(after[name], before[name])}
        else:
            model.load_state_dict(self._counted, strict=False)
        return model

    def _count(self, model: SegmentModel) -> None:
        """Set the tables that are counted from the training windows."""
        check_trainable(self.config)
        model.crf.initialise_from_statistics(run_statistics(self._train, self.scheme.names))
        if isinstance(model.evidence, CountedEvidence):
            assert isinstance(self.scheme, GeneScheme) and self.config.gene is not None
            tables = SignalTables.of(self.config.gene, GeneticCode.from_table(self.config.genetic_code))
            windows = (self.training[i] for i in tqdm(range(len(self.training)), desc="evidence", disable=None))
            if model.species is None:
                fit_evidence(model.evidence, windows, self.scheme, tables)
            else:
                statistics = {
                    name: run_statistics(part["splits"]["train"], self.scheme.names)
                    for name, part in self._genomes.statistics.items()
                }
                fit_species(model, windows, self.scheme, tables, statistics)

    def samples(self) -> int:
        """Return the number of training windows of an epoch."""
        return len(self.training) if self.draw is None else len(self.draw)

    def batches(self, cursor: Cursor) -> Iterator[Batch]:
        """Yield training batches."""
        return training_batches(self.training, cursor, collate, draw=self.draw)

    def validation_batches(self, rank: int, world: int, size: int, workers: int) -> Iterator[Batch]:
        """Yield validation batches; see `Task.validation_batches`."""
        return ordered_batches(
            self.validation, collate, size=size, rank=rank, world=world, workers=workers, among=self._validating()
        )

    def _validating(self, most: int = 0) -> NDArray[np.int64]:
        """Return the numbers of the validation windows that are read, at most `most` of them."""
        known = len(self.validation)
        limits = [limit for limit in (known, self.config.validation_windows, most) if limit]
        return np.unique(np.linspace(0, known - 1, min(limits, default=0)).astype(np.int64))

    def to_device(self, batch: Batch, device: torch.device) -> Batch:
        """Return the batch on a device."""
        return batch.to(device)

    def loss(self, model: nn.Module, batch: Batch) -> Loss:
        """Return CRF and cross-entropy losses, summed over bases."""
        assert isinstance(model, SegmentModel)
        if model.species is None:
            return self._loss(model, batch)
        # Each genome's windows by themselves: its parameters are the model's while they are read.
        parts = []
        for name, rows in _by_genome(batch).items():
            number = self._entry(model, name)
            parts.append(model.as_species(number, partial(self._loss, batch=batch.rows(rows))))
        total = torch.stack([part.total for part in parts]).sum() + model.species.idle()
        return Loss(total, torch.stack([part.weight for part in parts]).sum())

    def _entry(self, model: SegmentModel, name: str) -> int | None:
        """Return the number of a genome's entry: None for one that is not known, and at random in training."""
        assert model.species is not None and self.config.species is not None
        hidden = model.training and float(torch.rand(())) < self.config.species.pooled
        return None if hidden else model.species.number(model.entry_of(name))

    def _loss(self, model: SegmentModel, batch: Batch) -> Loss:
        config, bases = self.config, batch.lengths.sum()
        scores = model.scores(batch.codes, batch.lengths)
        total = bases.new_zeros((), dtype=torch.float64)
        if config.crf_weight:
            total = total + config.crf_weight * self._nll(model, batch, scores).sum()
        if config.base_weight:
            weights = self._weights.to(scores.logits.device)
            targets = model.expansion.targets(batch.labels())
            cross_entropy = nn.functional.cross_entropy(
                scores.logits.flatten(0, 1), targets.flatten(), weights, ignore_index=IGNORE, reduction="sum"
            )
            total = total + config.base_weight * cross_entropy
        if config.crf_reg:
            total = total + config.crf_reg * bases * model.penalty()
        return Loss(total, bases)

    @staticmethod
    def _nll(model: SegmentModel, batch: Batch, scores: Scores) -> Tensor:
        runs = [Segmentation(run[:, 0], run[:, 1]) for run in batch.runs]
        return model.crf.loss(scores.content, runs, batch.lengths, **_edges(batch), **scores.boundaries)

    def validate(self, model: nn.Module, batch: Batch) -> Counts:
        """Return the sums of one batch: likelihood, bases by label, coding bases, coding segments."""
        assert isinstance(model, SegmentModel)
        if model.species is None:
            return self._validate(model, batch)
        sums: dict[str, Tensor] = {}
        for name, rows in _by_genome(batch).items():
            counts = model.as_species(self._entry(model, name), partial(self._validate, batch=batch.rows(rows)))
            sums = {key: sums[key] + value if key in sums else value for key, value in counts.items()}
        return sums

    def _validate(self, model: SegmentModel, batch: Batch) -> Counts:
        scores = model.scores(batch.codes, batch.lengths)
        paths = model.crf.decode(scores.content, batch.lengths, **_edges(batch), **scores.boundaries)
        size = len(self.scheme.names)
        bases, coding = np.zeros((size, size), dtype=np.int64), np.zeros((2, 2), dtype=np.int64)
        exons = np.zeros(3, dtype=np.int64)
        for row, (run, path) in enumerate(zip(batch.runs, paths, strict=True)):
            truth = run.cpu().numpy().astype(np.int32)
            predicted = torch.stack([path.ends, path.labels], dim=1).numpy().astype(np.int32)
            bases += confusion(truth, predicted, size)
            truth, predicted = self._as_coding(truth), self._as_coding(predicted)
            coding += confusion(truth, predicted, 2)
            cut = {"left_censored": bool(batch.left_censored[row]), "right_censored": bool(batch.right_censored[row])}
            exons += segment_counts(segments(truth, **cut), segments(predicted, **cut), 2)[1]
        values = {"bases": bases, "coding": coding, "exons": exons}
        likelihood = torch.stack([self._nll(model, batch, scores).sum(), batch.lengths.sum().double()])
        return {"likelihood": likelihood} | {name: torch.from_numpy(value) for name, value in values.items()}

    def _as_coding(self, runs: Runs) -> Runs:
        """Return the runs with label 1 where bases code, 0 where not; neighbours are merged by `segments`."""
        return np.stack([runs[:, 0], self._coding[runs[:, 1]]], axis=1)

    def summarise(self, counts: Counts) -> dict[str, float]:
        """Return the metrics: nats per base, F1 over labels, over coding bases, and over exact coding segments."""
        bases = counts["bases"].numpy().astype(np.int64)
        (_, false_positive), (false_negative, right) = counts["coding"].tolist()
        true, predicted, matched = counts["exons"].tolist()
        nll, length = counts["likelihood"].tolist()
        return {
            "nll": nll / max(length, 1.0),
            "macro_f1": position_f1(bases, self.scheme.names)["macro"] or 0.0,
            "cds_base_f1": _f1(right, right + false_negative, right + false_positive),
            "cds_segment_f1": _f1(matched, true, predicted),
        }

    def diagnose(self, model: nn.Module, batch: Batch) -> list[str]:
        """Return lines about the first batch: size, memory, the scales of encoder and CRF."""
        assert isinstance(model, SegmentModel)
        with torch.no_grad():
            features = model.features(batch.codes, batch.lengths)
            scores = model.scores(batch.codes, batch.lengths)
            p = model.crf.potentials(scores.content, batch.lengths, **_edges(batch), **scores.boundaries)
        B, T, K, C = p.shape
        size = sum(parameter.numel() for parameter in model.parameters())
        return [
            f"{size:,} parameters; {len(self.training):,} training and {len(self.validation):,} validation windows",
            f"first batch: B={B}, T={T}, K={K}, C={C}; CRF {memory_estimate(p, self.config.backend)}",
            *(f"memory of the CRF, {line}" for line in memory_of_backends(p)),
            *first_batch_report(p, features),
            *describe_homologues(self.folders),
        ]

    def compile(self, model: nn.Module) -> None:
        """Compile the encoder; the recurrences of the CRF have kernels of their own."""
        assert isinstance(model, SegmentModel)
        if model.encoder is not None:
            model.encoder.compile(dynamic=True)

    def save(self, model: nn.Module, directory: Path) -> None:
        """Write the model, what the genes were like that it learned from, and how sure it may be."""
        assert isinstance(model, SegmentModel)
        model.save(directory)
        known: dict[str, Any] = dict(gene_statistics(self._train, self.scheme))
        if model.species is not None:
            parts = self._genomes.statistics
            known[SPECIES] = {
                name: gene_statistics(parts[name]["splits"]["train"], self.scheme)
                for name in model.species.names
                if name in parts
            }
        write_json(directory / STATISTICS, known)
        windows = self._validating(WINDOWS)
        if isinstance(model.crf, SemiCRF) and len(self.validation):
            device = next(model.parameters()).device
            batches = [collate([self.validation[int(index)]]).to(device) for index in windows]
            temperature, genes = fit_temperature(model.eval(), batches)
            write_json(directory / CALIBRATION, {"temperature": temperature, "windows": len(batches), "genes": genes})


def _by_genome(batch: Batch) -> dict[str, list[int]]:
    """Return the rows of each genome's windows."""
    rows: dict[str, list[int]] = {}
    for row, meta in enumerate(batch.metas):
        rows.setdefault(meta.genome, []).append(row)
    return rows


def _edges(batch: Batch) -> dict[str, Tensor]:
    return {"left_censored": batch.left_censored, "right_censored": batch.right_censored}


def _f1(matched: float, true: float, predicted: float) -> float:
    return 2 * matched / (true + predicted) if true + predicted else 0.0
