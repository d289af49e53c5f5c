"""Bake many species from one folder: ``raw/<G.species>/`` with a genome and its annotation.

A species that cannot be baked is reported and the others continue; one that is baked already stays as it is. The target
holds a folder of shards per species, `gene_index.json` (species -> gene -> its windows, or why it has none),
`bake_config.json` (options, what became of each species, totals) and `eval.json` (diverse held-out loci).
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genescribe import __version__
from genescribe.bake.baker import GENES, STATS, Baker
from genescribe.bake.batch import bake_batch
from genescribe.bake.config import BakeConfig, BakeJob
from genescribe.bake.splits import EVERYTHING, Splits
from genescribe.bake.windows import chance
from genescribe.config import option, to_mapping
from genescribe.data.dataset import ShardDataset
from genescribe.data.sample import Sample
from genescribe.data.shards import MANIFEST
from genescribe.errors import InputError
from genescribe.files import naming, read_json, sha256, temporary_folder, write_json
from genescribe.generate.loci.bake import SentenceBaker
from genescribe.generate.text.sentence import NAMES, GeneSentence, feature_names
from genescribe.genome.alphabet import decode
from genescribe.genome.catalogue.database import build_catalogue
from genescribe.genome.fasta import Genome
from genescribe.genome.inputs import fetch_fasta
from genescribe.genome.repair.sort import sort_annotation

INDEX, CONFIG, EVAL = "gene_index.json", "bake_config.json", "eval.json"
_FASTA, _ANNOTATION = ("fna", "fa", "fasta"), ("gff", "gff3", "gtf")
_EXONS = (1, 2, 5, 10)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SpeciesConfig:
    """Options of baking the species of a folder."""

    bake: BakeConfig = option(default_factory=lambda: BakeConfig(target="sentences"), doc="windows")
    val_species: list[str] = option(default_factory=list, doc="species for validation")
    test_species: list[str] = option(default_factory=list, doc="species for test")
    genetic_codes: dict[str, int] = option(default_factory=dict, doc="NCBI tables of species; others have table 1")
    eval_loci: int = option(100, doc="held-out loci of eval.json", minimum=0)
    seed: int = option(1, doc="seed of their choice", minimum=0)


@dataclass
class SpeciesReport:
    """Outcome per species: names of those baked, and reasons for those that failed."""

    baked: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def discover(raw: str | Path) -> list[str]:
    """Return the names of the species' folders, sorted.

    Raises
    ------
    InputError
        There is none.
    """
    names = sorted(path.name for path in Path(raw).iterdir() if path.is_dir() and not path.name.startswith("."))
    if not names:
        raise InputError("no species here", where=raw, remedy="give a folder with a folder per species, G.species")
    return names


def files_of(folder: Path) -> tuple[Path, Path]:
    """Return the FASTA and the annotation of a species' folder: `fna.gz`, `genome.fa`, `gff.gz`, `x.gff3`, ...

    Raises
    ------
    InputError
        One of them is missing, or there are several.
    """
    chosen: list[Path] = []
    for content, endings in (("FASTA", _FASTA), ("annotation", _ANNOTATION)):
        names = [path for path in sorted(folder.iterdir()) if path.name.removesuffix(".gz").split(".")[-1] in endings]
        # A file and its compressed form are one.
        plain = {path.name.removesuffix(".gz"): path for path in names}
        if len(plain) != 1:
            known = ", ".join(sorted(plain)) or "none"
            raise InputError(
                f"not one {content} file ({known})", where=folder, remedy=f"leave one, its name ending in {endings[0]}"
            )
        chosen += plain.values()
    return chosen[0], chosen[1]


def bake_species(raw: str | Path, config: SpeciesConfig, target: str | Path) -> SpeciesReport:
    """Bake every species of a folder; return the outcome of each.

    Parameters
    ----------
    raw
        Folder with a folder per species.
    config
        Options of baking, and which species are held out.
    target
        Folder to write.

    Raises
    ------
    InputError
        No species; a held-out species that is not there, or is held out twice; every species failed.
    """
    raw, target, report = Path(raw), Path(target), SpeciesReport()
    names = discover(raw)
    held_out = [*config.val_species, *config.test_species]
    for name in held_out:
        if name not in names or held_out.count(name) > 1:
            raise InputError(
                f"{name!r} is no species here, or is held out twice",
                where="val_species",
                remedy=f"known: {', '.join(names)}",
            )
    for name in names:
        try:
            _bake(raw / name, config, target / name)
            report.baked.append(name)
        except (InputError, OSError, UnicodeDecodeError) as error:
            report.failed[name] = str(error)
            _log.error("%s: not baked: %s", name, error)
    if not report.baked:
        raise InputError("no species could be baked", where=raw, remedy=next(iter(report.failed.values())))
    _summarise(target, config, report)
    return report


def _bake(source: Path, config: SpeciesConfig, target: Path) -> None:
    """Sort, check and bake a species, unless this has been done with the same options and files."""
    fasta, annotation = files_of(source)
    name = source.name
    part = "validation" if name in config.val_species else "test" if name in config.test_species else "train"
    job = BakeJob(name, config.bake, Splits(**{part: [EVERYTHING]}), genetic_code=config.genetic_codes.get(name, 1))
    origin = {"job": to_mapping(job), "fasta": sha256(fasta), "annotation": sha256(annotation)}
    note = target.with_name(f"{name}.source.json")
    if note.exists() and (target / MANIFEST).exists() and read_json(note) == origin:
        return
    with temporary_folder() as scratch:
        plain, tidy, catalogue = (scratch / part for part in ("genome.fa", "sorted.gff3", "catalogue.duckdb"))
        fetch_fasta(str(fasta), plain)
        sort_annotation(annotation, tidy)
        baker = SentenceBaker if job.bake.target == "sentences" else Baker
        with naming(fasta, plain), naming(annotation, tidy), naming(annotation, catalogue):
            build_catalogue(plain, tidy, catalogue, job.genetic_code, tolerant=True)
            bake_batch(catalogue, plain, job, list(Genome.open(plain).lengths), target, baker)
    write_json(note, origin)


def _summarise(target: Path, config: SpeciesConfig, report: SpeciesReport) -> None:
    stats = {name: read_json(target / name / STATS) for name in report.baked}
    write_json(target / INDEX, {name: read_json(target / name / GENES) for name in report.baked})
    summary = {"species": {name: stats[name]["splits"] for name in report.baked}, "failed": report.failed}
    write_json(target / CONFIG, {"version": __version__, "options": to_mapping(config), **summary})
    held_out = [name for name in (*config.val_species, *config.test_species) if name in report.baked]
    if config.bake.target == "sentences":
        write_json(target / EVAL, evaluation_loci([target / name for name in held_out], config.eval_loci, config.seed))


def evaluation_loci(folders: Sequence[Path], count: int, seed: int) -> list[dict[str, Any]]:
    """Return held-out loci for a look at a model: of all species, numbers of exons and of isoforms alike.

    Loci are grouped by species, by their exons (1, 2, 3-5, 6-10, more) and by whether they have isoforms; the groups
    take turns.

    Parameters
    ----------
    folders
        Folders of baked shards, one per species.
    count
        Number of loci to choose.
    seed
        Seed of the choice within a group.

    Returns
    -------
    list of dict
        ``sequence`` and ``ref_features`` (type, start, end, strand, phase; 0-based half-open, relative to it),
        ``seqid``, ``gene_id``, ``window_start``, ``window_end``, ``strand``, ``num_exons``, ``species``.
    """
    groups: dict[tuple[str, int, bool], list[Sample]] = defaultdict(list)
    for sample in _held_out(folders):
        sentence = GeneSentence.parse(sample.meta.sentence)
        exons = max(map(len, sentence.transcripts))
        bucket = sum(exons > limit for limit in _EXONS)
        groups[sample.meta.genome, bucket, len(sentence.transcripts) > 1].append(sample)
    queues = [sorted(group, key=lambda sample: chance(seed, sample.key)) for _, group in sorted(groups.items())]
    chosen: list[Sample] = []
    while len(chosen) < count and any(queues):
        chosen += [queue.pop(0) for queue in queues if queue][: count - len(chosen)]
    return [_described(sample) for sample in chosen]


def _held_out(folders: Sequence[Path]) -> Iterator[Sample]:
    for split in ("validation", "test"):
        dataset = ShardDataset(folders, split)
        for number in range(len(dataset)):
            yield dataset[number]


def _described(sample: Sample) -> dict[str, Any]:
    sentence, meta = GeneSentence.parse(sample.meta.sentence), sample.meta
    features: list[Mapping[str, Any]] = [
        {"name": name, "type": NAMES[f.kind], "start": f.start, "end": f.end}
        | {"strand": sentence.strand, "phase": f.phase}
        for name, f in zip(feature_names(sentence.features), sentence.features, strict=True)
    ]
    return {
        "sequence": decode(sample.codes),
        "ref_features": features,
        "transcripts": [[features[i]["name"] for i in chain] for chain in sentence.transcripts],
        "seqid": meta.seqid,
        "gene_id": meta.genes[0],
        "window_start": meta.start,
        "window_end": meta.end,
        "strand": sentence.strand,
        "num_exons": max(map(len, sentence.transcripts)),
        "species": meta.genome,
    }
