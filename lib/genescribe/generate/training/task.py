"""Training models that write gene sentences: loci, loss, and a validation that writes and compares sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from genescribe.bake.batch import describe_homologues
from genescribe.config import to_mapping
from genescribe.data.batching import ordered_batches, training_batches
from genescribe.data.cursor import Cursor
from genescribe.data.dataset import ShardDataset
from genescribe.data.sample import Sample
from genescribe.data.shards import MANIFEST
from genescribe.errors import InputError
from genescribe.evidence.junctions import Hint
from genescribe.files import read_json, sha256
from genescribe.generate.annotation.search import SearchConfig, write
from genescribe.generate.config import GenerateModelConfig
from genescribe.generate.forms.losses import StepLosses, smoothed, smoothing_floor
from genescribe.generate.forms.pointer_model import PointerModel
from genescribe.generate.loci.bake import genetic_codes
from genescribe.generate.loci.hint_flags import marked, oriented, spoiled
from genescribe.generate.loci.species_folders import EVAL
from genescribe.generate.model import FAMILY, build_model, pad_codes, save_model
from genescribe.generate.network.locus_reader import Reader
from genescribe.generate.network.prefix_lm import PrefixStack
from genescribe.generate.text.sentence import GeneSentence, Kind
from genescribe.generate.text.window_signals import Signals
from genescribe.genome.alphabet import Codes, reverse_complement
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Interval
from genescribe.train.task import Counts, Loss, Task

_GREEDY = SearchConfig()
LEVELS = ("exon", "transcript", "gene")
"""Units of written genes that validation counts; `gene`: loci of which an isoform's coding sequence is right."""


@dataclass(frozen=True)
class Locus:
    """A locus on the strand of its gene: its bases and its sentence; None where the window holds no gene."""

    codes: Codes
    sentence: GeneSentence | None


class GenerateTask(Task):
    """The generate family at work on shards.

    Parameters
    ----------
    config
        Options of the model.
    folders
        Folders baked with the target `sentences`, one per batch of sequences.

    Raises
    ------
    InputError
        Shards without sentences, or of several genetic codes.
    """

    name = FAMILY
    best = "exon_f1"
    no_decay = ("scorer.distances", "scorer.scales")
    remedy = "lower train.lr, set train.clip, or train.precision: float32"
    adamw_only = ("embed", "reader.embed", "type_head", "member_head")

    def __init__(self, config: GenerateModelConfig, folders: Sequence[str | Path]) -> None:
        codes = genetic_codes(folders)
        if not config.genetic_code and len(codes) != 1:
            raise InputError("genomes of several genetic codes", where="data", remedy="set model.genetic_code to one")
        self.config = replace(config, genetic_code=config.genetic_code or codes.pop())
        self.code = GeneticCode.from_table(self.config.genetic_code)
        self.folders = folders
        self.training, self.validation = ShardDataset(folders, "train"), ShardDataset(folders, "validation")
        self._evaluated = evaluated_genes(folders)
        routed = config.architecture == "prefix_lm" and config.prefix.experts.number
        smooth = ("smoothed", "smoothing_floor") if config.label_smoothing else ()
        self.parts = ("cross_entropy", "content", *smooth, *(("balance", "router_z") if routed else ()))
        self.metrics = (
            "nll",
            "perplexity",
            "accuracy",
            *(f"accuracy_{kind}" for kind in PointerModel.step_kinds),
            *(f"{level}_f1" for level in LEVELS),
            "accepted",
        )

    def fingerprint(self) -> Mapping[str, Any]:
        """Return the model's options, and digests of the shards and of the folders that the model is built with."""
        data = {"train": self.training.digest(), "loci": len(self.training)}
        if self._evaluated:
            data["evaluated"] = sorted(map(list, self._evaluated))
        pretrained = self.config.pretrained.folder if self.config.pretrained else None
        sources = [folder for folder in (self.config.segment, pretrained) if folder is not None]
        files = {
            f"{number}/{path.name}": sha256(path)
            for number, folder in enumerate(sources)
            for path in sorted(Path(folder).iterdir())
            if path.is_file()
        }
        if self.config.prefix.tokenizer is not None:
            files["tokenizer"] = sha256(self.config.prefix.tokenizer)
        return {"model": to_mapping(self.config), "data": data, "folders": files}

    def build(self) -> nn.Module:
        """Return a model with fresh weights."""
        return build_model(self.config)

    def samples(self) -> int:
        """Return the number of training loci."""
        return len(self.training)

    def batches(self, cursor: Cursor) -> Iterator[list[Sample]]:
        """Yield training batches."""
        return training_batches(self.training, cursor, list, self._sizes() if cursor.buckets else None)

    def _sizes(self) -> NDArray[np.int64]:
        """Return the bases of each training locus with its flanks, (n,): its window holds more than is read."""
        sizes = []
        for number in range(len(self.training)):
            sample = self.training[number]
            if not sample.meta.sentence:
                sizes.append(len(sample.codes))
                continue
            low, high = self._read_part(sample, GeneSentence.parse(sample.meta.sentence))
            sizes.append(high - low)
        return np.array(sizes, dtype=np.int64)

    def validation_batches(self, rank: int, world: int, size: int, workers: int) -> Iterator[list[Sample]]:
        """Yield validation batches; see `Task.validation_batches`."""
        return ordered_batches(self.validation, list, size=size, rank=rank, world=world, workers=workers)

    def to_device(self, batch: list[Sample], device: torch.device) -> list[Sample]:
        """Return the batch as it is: its tensors are made on the model's device."""
        return batch

    def loss(self, model: nn.Module, batch: list[Sample]) -> Loss:
        """Return the sentences' cross-entropy and that of the contents of bases, summed over steps.

        With label smoothing the former is against the smoothed target: the log has it as `smoothed`, beside
        `smoothing_floor`, the least that it can be, and the plain `cross_entropy`.
        """
        shift = self.config.shift
        losses, kinds = self._losses(model, [self._locus(sample, shift=shift, spoil=True) for sample in batch])
        steps, experts = (kinds >= 0).sum(), self.config.prefix.experts
        parts = {"cross_entropy": losses.nll.double().sum(), "content": steps * losses.content}
        total = parts["cross_entropy"] + parts["content"]
        if share := self.config.label_smoothing:
            parts["smoothed"] = smoothed(losses.nll, losses.spread, share).double().sum()
            parts["smoothing_floor"] = smoothing_floor(losses.options, share).double().sum()
            total = total + parts["smoothed"] - parts["cross_entropy"]
        for name, weight in (("balance", experts.balance), ("router_z", experts.router_z)):
            if name in losses.router:
                parts[name] = steps * losses.router[name]
                total = total + weight * parts[name]
        return Loss(total, steps, parts)

    def _locus(self, sample: Sample, *, shift: int, spoil: bool = False) -> Locus:
        """Return a locus on its strand with the flanks that the model reads; shorter ones at random where it may shift.

        Evidence goes with it where the model reads any; `spoil`: as training shows it, see `spoiled`.
        """
        if not sample.meta.sentence:
            return self._empty(sample)
        codes, sentence = sample.codes, GeneSentence.parse(sample.meta.sentence)
        if sentence.strand == "-":
            codes, sentence = reverse_complement(codes), sentence.reverse_complement(len(codes))
        begin, end = sentence.span
        low, high = self._read_part(sample, sentence)
        if shift:
            cuts = torch.randint(0, shift + 1, (2,)).tolist()
            low, high = min(begin, low + cuts[0]), max(end, high - cuts[1])
        window, reading = codes[low:high], self.config.hints
        if reading is not None:
            strand = GeneSentence.parse(sample.meta.sentence).strand
            hints = oriented(map(Hint._make, sample.meta.hints), strand, 0, len(codes))
            inside = oriented(hints, "+", low, high)
            window = marked(window, spoiled(inside, len(window), reading.high) if spoil else inside, reading.high)
        return Locus(window, sentence.shifted(-low))

    def _read_part(self, sample: Sample, sentence: GeneSentence) -> Interval:
        """Return the part of a sample that the model reads, on the strand of its sentence."""
        if sample.meta.core is not None:  # Not laid around one gene: it is read as a whole.
            return 0, len(sample.codes)
        start, end = sentence.span
        return max(0, start - self.config.flank), min(len(sample.codes), end + self.config.flank)

    def _empty(self, sample: Sample) -> Locus:
        """Return a window without a gene as a locus."""
        reading = self.config.hints
        if not self.config.may_be_empty:
            raise InputError(
                "a window without a gene",
                where=sample.key,
                remedy="set model.may_be_empty, or bake with loci: {empty: 0}",
            )
        if reading is None:
            return Locus(sample.codes, None)
        hints = oriented(map(Hint._make, sample.meta.hints), sample.meta.strand, 0, len(sample.codes))
        return Locus(marked(sample.codes, spoiled(hints, len(sample.codes), reading.high), reading.high), None)

    def signals(self, codes: Codes) -> Signals:
        """Return the start codons, stop codons and splice sites of a locus."""
        return signals_of(self.config, self.code, codes)

    def _losses(self, model: nn.Module, loci: Sequence[Locus]) -> tuple[StepLosses, Tensor]:
        writer = cast(PointerModel, model)
        examples = [writer.example(locus.sentence, self.signals(locus.codes)) for locus in loci]
        device = next(model.parameters()).device
        codes, lengths = pad_codes([locus.codes for locus in loci], device)
        steps = writer.batch(examples, codes.shape[1]).to(device)
        return writer(codes, lengths, steps), steps.kinds

    def validate(self, model: nn.Module, batch: list[Sample]) -> Counts:
        """Return the sums of one batch: likelihood, hits per kind of step, exons and transcripts written.

        Written are the loci of `eval.json`, see `evaluated_genes`, or all.
        """
        loci = [self._locus(sample, shift=0) for sample in batch]
        losses, kinds = self._losses(model, loci)
        table = torch.zeros(len(PointerModel.step_kinds), 3, dtype=torch.float64)
        for kind in range(len(PointerModel.step_kinds)):
            chosen = kinds == kind
            parts = (losses.nll[chosen].double().sum(), losses.right[chosen].sum(), chosen.sum())
            table[kind] = torch.stack([part.double().cpu() for part in parts])
        written = torch.zeros(len(LEVELS), 3, dtype=torch.float64)
        accepted = 0
        evaluated = [locus for locus, sample in zip(loci, batch, strict=True) if self._is_evaluated(sample)]
        for locus, sentence in zip(evaluated, self.write(model, evaluated) if evaluated else [], strict=True):
            accepted += sentence is not None
            written += torch.from_numpy(matches(locus.sentence, sentence))
        totals = torch.tensor([accepted, len(evaluated)], dtype=torch.float64)
        return {"steps": table, "written": written, "loci": totals}

    def _is_evaluated(self, sample: Sample) -> bool:
        genes = {(sample.meta.genome, gene) for gene in sample.meta.genes}
        return not self._evaluated or not genes.isdisjoint(self._evaluated)

    def write(self, model: nn.Module, loci: Sequence[Locus]) -> list[GeneSentence | None]:
        """Return the sentences that the model writes greedily."""
        writer = cast(PointerModel, model)
        codes, lengths = pad_codes([locus.codes for locus in loci], next(model.parameters()).device)
        automata = [writer.automaton(self.signals(locus.codes)) for locus in loci]
        return [outcome.sentence for outcome in write(writer.begin(codes, lengths), automata, _GREEDY)]

    def summarise(self, counts: Counts) -> dict[str, float]:
        """Return the metrics: nats per step, shares of steps right by kind, F1 of the written genes."""
        steps, written = counts["steps"].numpy(), counts["written"].numpy()
        nll, right, total = steps.sum(axis=0)
        accepted, loci = counts["loci"].tolist()
        nll = nll / max(total, 1)
        result = {"nll": nll, "perplexity": float(np.exp(min(nll, 50.0))), "accuracy": right / max(total, 1)}
        for i, kind in enumerate(PointerModel.step_kinds):
            result[f"accuracy_{kind}"] = steps[i, 1] / max(steps[i, 2], 1)
        for level, (true, predicted, both) in zip(LEVELS, written, strict=True):
            result[f"{level}_f1"] = 2 * both / (true + predicted) if true + predicted else 0.0
        return {name: float(value) for name, value in result.items()} | {"accepted": accepted / max(loci, 1)}

    def diagnose(self, model: nn.Module, batch: list[Sample]) -> list[str]:
        """Return lines about the first batch: size, and how many sentences obey the signals of their windows."""
        size = sum(parameter.numel() for parameter in model.parameters())
        trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
        writer = cast(PointerModel, model)
        loci = [self._locus(sample, shift=0) for sample in batch]
        sound = sum(writer.example(locus.sentence, self.signals(locus.codes)).checked for locus in loci)
        return [
            f"{size:,} parameters, {trained:,} of them trained; {len(self.training):,} training and"
            f" {len(self.validation):,} validation loci",
            f"first batch: {len(loci)} loci of up to {max(len(locus.codes) for locus in loci):,} bases; {sound} obey"
            " the signals of their windows",
            *describe_homologues(self.folders),
        ]

    def compile(self, model: nn.Module) -> None:
        """Compile the layers that carry context along the bases."""
        reader, decoder = model.reader, model.decoder
        if isinstance(decoder, PrefixStack):
            for layer in decoder.layers:
                layer.compile(dynamic=True)
        else:
            assert isinstance(reader, Reader)
            reader.encoder.context.compile(dynamic=True)

    def save(self, model: nn.Module, directory: Path) -> None:
        """Write the model."""
        save_model(model, directory)


def evaluated_genes(folders: Sequence[str | Path]) -> frozenset[tuple[str, str]]:
    """Return species and ID of the genes that a model is to write at validations; none where it writes all.

    They are those of `eval.json` beside the folders of the species that `scripts/bake_species.py` has baked: loci of
    held-out species, numbers of exons and isoforms alike. Those of test species are not seen in training.
    """
    validated = {
        str(job["genome"])
        for job in (read_json(Path(folder) / MANIFEST)["job"] for folder in folders)
        if job.get("splits", {}).get("validation")
    }
    genes = set()
    for path in {Path(folder).parent / EVAL for folder in folders}:
        if path.is_file():
            genes |= {(row["species"], row["gene_id"]) for row in read_json(path) if row["species"] in validated}
    return frozenset(genes)


def signals_of(config: GenerateModelConfig, code: GeneticCode, codes: Codes) -> Signals:
    """Return the signals of a locus that a model's options allow.

    Parameters
    ----------
    config
        Options of the model.
    code
        Genetic code, for its start and stop codons.
    codes : (T,) uint8
        Base codes of the locus, on the strand of its gene.
    """
    if config.constraint == "orf":
        return Signals.of(codes, code, config.gene)
    return Signals.free(len(codes), config.gene.shortest_intron, codes)


def matches(truth: GeneSentence | None, written: GeneSentence | None) -> NDArray[np.float64]:
    """Return how many there are, were written, and were written right, (3, 3): one row for each of `LEVELS`."""
    pairs: list[tuple[set[object], set[object]]] = []
    for sentence in (truth, written):
        chains = [] if sentence is None else [[sentence.features[i] for i in chain] for chain in sentence.transcripts]
        coding = [tuple((f.start, f.end) for f in chain if f.kind is Kind.CDS) for chain in chains]
        pairs.append(({exon for chain in coding for exon in chain}, set(coding)))
    rows = [[len(true), len(made), len(true & made)] for true, made in zip(*pairs, strict=True)]
    return np.array([*rows, [min(count, 1) for count in rows[1]]], dtype=np.float64)
