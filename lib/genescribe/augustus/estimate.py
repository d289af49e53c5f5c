"""A model in the form of AUGUSTUS's parameter sets, estimated from genes of any number of genomes.

AUGUSTUS's `etraining` counts content, splice sites, starts and lengths; how genes are built (their share without
introns, what follows an intron, how much lies between genes), which it leaves as its authors set it once for all
species, is counted here. The model is the data's: of AUGUSTUS's own parameter sets nothing goes into it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from genescribe.augustus.chances import LOWEST, Transitions
from genescribe.augustus.convert import convert
from genescribe.augustus.gc_tables import with_gc_classes
from genescribe.augustus.install import evidence_weights
from genescribe.augustus.species import read_species
from genescribe.errors import InputError
from genescribe.evaluate.regions import Stretch
from genescribe.evaluate.tools.augustus import RETRAINED
from genescribe.evaluate.tools.augustus_training import Chosen, TrainingOptions, estimate, training_genes
from genescribe.files import atomic_directory, write_json
from genescribe.genome.catalogue.database import Catalogue
from genescribe.genome.fasta import Genome
from genescribe.genome.gene_lengths import LENGTHS, LengthCounts
from genescribe.genome.model import Interval
from genescribe.segment.network.model import SPECIES, STATISTICS
from genescribe.segment.support.features import WEIGHTS as SUPPORT
from genescribe.segment.support.features import named_weights

ESTIMATE = "estimate.json"
"""Beside the model: what it was estimated from."""
GC_WINDOW = 3000
"""Bases over which GC content is taken, for classes of it."""
_PRIOR = 3.0
"""Genes, internal exons or introns that count as spread evenly over the phases."""


@dataclass(frozen=True)
class Source:
    """Genes of one genome.

    Attributes
    ----------
    name
        Of the genome, for the report.
    catalogue, genome
        Annotated genes, and the sequences that they lie on.
    regions
        Genes that lie whole inside one of them count; no base outside is read.
    partial
        Genes are missing in the annotation: nothing is learned of how much lies between genes.
    most
        Genes that count; of more, so many that are evenly spaced. None: all.
    """

    name: str
    catalogue: Catalogue
    genome: Genome
    regions: Sequence[Stretch]
    partial: bool = False
    most: int | None = None

    def training_genes(self) -> tuple[list[Chosen], Counter[str]]:
        """Return the genes that are fit to train on and count, and why others are not fit."""
        chosen, why = training_genes(self.catalogue, self.genome, self.regions)
        if self.most is not None and len(chosen) > self.most:
            chosen = [chosen[place] for place in np.linspace(0, len(chosen) - 1, self.most).astype(int)]
        return chosen, why


def estimate_model(
    sources: Sequence[Source],
    target: str | Path,
    options: TrainingOptions,
    between: float | None = None,
    gc_classes: Sequence[float] = (),
    noncoding: bool = False,
) -> dict[str, Any]:
    """Write a model that is estimated from the genes of some genomes; return the report, which lies beside it.

    Parameters
    ----------
    sources
        Genomes. Like proteins of one genome count once, orthologues in several genomes once each.
    target
        Folder to write; an existing one is replaced.
    options
        Of `etraining`.
    between
        Mean length between genes; None: of the genomes that are not partial.
    gc_classes
        GC content of each class, ascending, if tables are to be counted by class: `with_gc_classes`. None: those of
        `etraining`.
    noncoding
        Introns and intergenic sequence are counted by class too: for genomes whose GC content differs.

    Raises
    ------
    InputError
        Classes that do not ascend, or none where `noncoding` needs them; AUGUSTUS is missing or fails, there are no
        genes, or every annotation is partial.
    """
    if list(gc_classes) != sorted(set(gc_classes)):
        shares = " ".join(map(str, gc_classes))
        raise InputError(
            f"classes do not ascend: {shares}", where="--gc-classes", remedy="give each share once, the least first"
        )
    if noncoding and not gc_classes:
        raise InputError("no classes to count by", where="--gc-noncoding", remedy="give --gc-classes too")
    parts: list[tuple[Source, list[Chosen]]] = []
    dropped: Counter[str] = Counter()
    for source in sources:
        chosen, why = source.training_genes()
        parts.append((source, chosen))
        dropped += why
    if not any(chosen for _, chosen in parts):
        raise InputError("no gene that is fit to train on", where="training regions", remedy="give others")
    leave = 1 / between if between else between_genes(source for source, _ in parts if not source.partial)
    with TemporaryDirectory(prefix="estimate.") as name:
        trained = Path(name) / "trained"
        genes = [(chosen, source.genome) for source, chosen in parts]
        report = estimate(genes, dropped, trained, options)
        species = read_species(trained / RETRAINED)
        if gc_classes:
            species = with_gc_classes(species, genes, gc_classes, GC_WINDOW, noncoding)
        model = convert(species, structure([gene for _, some in parts for gene in some], leave))
        report |= {
            "genomes": {source.name: len(chosen) for source, chosen in parts},
            "between_genes": round(1 / leave),
            "parameters": dict(options.parameters),
            "gc_classes": list(gc_classes),
            "noncoding_by_class": noncoding,
        }
        with atomic_directory(target) as folder:
            model.save(folder)
            write_json(folder / ESTIMATE, report)
            write_json(folder / SUPPORT, named_weights(evidence_weights()))
            known = statistics([gene for _, some in parts for gene in some], leave)
            if len(parts) > 1:
                known[SPECIES] = {source.name: statistics(some, None) for source, some in parts if some}
            write_json(folder / STATISTICS, known)
    return report


def statistics(chosen: Sequence[Chosen], leave: float | None) -> dict[str, Any]:
    """Return statistics of the training genes, with which `genescribe annotate` compares its own.

    Parameters
    ----------
    chosen
        The training genes.
    leave
        Result of `between_genes`; None where it is not known.
    """
    counts = LengthCounts()
    for gene in chosen:
        counts.add(gene.transcript)
    lengths = counts.summary()
    density = {} if leave is None else {"genes_per_mb": round(1e6 / (1 / leave + lengths["gene"]["mean"]), 3)}
    exons = sum(len(gene.transcript.cds) for gene in chosen) / len(chosen)
    means = {"mean_cds_length": lengths["coding"]["mean"], "mean_exons": round(exons, 3)}
    return {**density, **means, LENGTHS: lengths}


def between_genes(sources: Iterable[Source]) -> float:
    """Return the chance of a base between genes to be the last before one of either strand.

    Parameters
    ----------
    sources
        Genomes whose genes are all annotated.

    Raises
    ------
    InputError
        There are no sources.
    """
    genes, bases = 0, 0
    for source in sources:
        spans: dict[str, list[Interval]] = {}
        for gene in source.catalogue.genes():
            coding = [t.cds for t in gene.transcripts if t.cds]
            if coding:
                spans.setdefault(gene.seqid, []).append(
                    (min(cds[0][0] for cds in coding), max(cds[-1][1] for cds in coding))
                )
        for seqid, start, stop in source.regions:
            end = source.genome.lengths[seqid] if stop is None else stop
            at = start
            for first, last in sorted(spans.get(seqid, [])):
                if start <= first and last <= end:
                    genes += 1
                    bases += max(0, first - at)
                    at = max(at, last)
            bases += end - at
    if not genes or not bases:
        raise InputError(
            "no genome whose genes are all annotated", where="training regions", remedy="give one that is not partial"
        )
    return genes / bases


def structure(chosen: Sequence[Chosen], leave: float) -> Transitions:
    """Return the scores of how genes are built, counted, with `_PRIOR` beside.

    Parameters
    ----------
    chosen
        The training genes.
    leave
        Result of `between_genes`; half of the genes are on each strand.
    """
    single, first, inner, last = 0, np.zeros(3), np.zeros((3, 3)), np.zeros(3)
    for gene in chosen:
        cds = gene.transcript.cds if gene.gene.strand == "+" else gene.transcript.cds[::-1]
        phases = (np.cumsum([b - a for a, b in cds])[:-1] % 3).tolist()
        if not phases:
            single += 1
            continue
        first[phases[0]] += 1
        last[phases[-1]] += 1
        for before, behind in pairwise(phases):
            inner[before, behind] += 1
    begin = math.log(leave / 2)
    spread = _PRIOR / 3
    initial = first + spread
    leaving = inner.sum(0) + spread
    more, enough = inner.sum(1) + spread, last + spread
    return Transitions(
        stay=math.log(1 - leave),
        single=begin + (math.log(single / len(chosen)) if single else LOWEST),
        initial=begin + np.log(initial / initial.sum()) + math.log(max(1, len(chosen) - single) / len(chosen)),
        # An exon's length says which phase follows: of three one fits, as with the lengths themselves.
        leave=np.log(leaving / leaving.sum()),
        enter=np.log(more / (more + enough)),
        terminal=np.log(enough / (more + enough)),
    )
