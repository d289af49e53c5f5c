"""The workflow's configuration: `config.yaml` as typed, checked objects."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from genescribe.bake.config import BakeConfig
from genescribe.bake.splits import EVERYTHING, Splits
from genescribe.codon.run import CodonRunConfig, with_starts
from genescribe.config import Idle, from_mapping, json_schema, option
from genescribe.errors import InputError
from genescribe.families import known_families
from genescribe.generate.config import ScoreConfig
from genescribe.generate.reinforce.config import TRAIN_DEFAULTS
from genescribe.genome.batches import MAX_BATCHES
from genescribe.paths import paths_in
from genescribe.predict.config import PredictConfig
from genescribe.workflow.folds import expand_folds
from genescribe.workflow.genome_config import OWN_BASELINES, REFERENCE, GenomeConfig, SourceConfig
from genescribe.workflow.run_config import InitRunConfig, RunConfig

EVIDENCE_FILES = ("bam", "junctions", "hints", "proteins")
"""Lists of files of evidence in the section `annotate`."""
EVIDENCE = (*EVIDENCE_FILES, "reads", "long_reads")
"""These, and reads that are mapped first."""
ANNOTATE_SHORTHAND = ("genome", "model", "regions", "busco", *EVIDENCE)
PREDICT_SHORTHAND = ("partial", "min_posterior", "species", "isoforms", "require_evidence")


@dataclass(frozen=True)
class AnnotateConfig:
    """Options of `snakemake annotate`."""

    genome: str | None = option(None, doc="FASTA to annotate")
    model: str | None = option(None, doc="folder of a model, or its name; default: the one that suits the genome")
    regions: list[str] = option(default_factory=list, doc="seqid or seqid:start-end; empty: everything")
    batches: int | None = option(
        None, doc="number of jobs; default: one per 100 megabytes of the genome", minimum=1, maximum=MAX_BATCHES
    )
    genetic_code_of: dict[str, int] = option(
        default_factory=dict, doc="NCBI genetic codes of mitochondria and plastids, by the name of the sequence"
    )
    busco: str | None = option(
        None, doc="completeness by BUSCO, on the page: folder of a lineage, or the name of one to download"
    )
    bam: list[str] = option(default_factory=list, doc="RNA-seq reads aligned to the genome, sorted and indexed")
    junctions: list[str] = option(default_factory=list, doc="introns from spliced reads: SJ.out.tab of STAR, or BED")
    hints: list[str] = option(default_factory=list, doc="AUGUSTUS's or ProtHint's hints, GFF")
    proteins: list[str] = option(
        default_factory=list,
        doc="proteins of related species: FASTA, aligned by miniprot, or the GFF of miniprot or GeMoMa",
    )
    reads: list[str] = option(
        default_factory=list, doc="FASTQ of short reads to be mapped by HISAT2; both files of pairs with a + between"
    )
    long_reads: list[str] = option(default_factory=list, doc="FASTQ of long reads to be mapped by minimap2")


@dataclass(frozen=True)
class BaselineConfig:
    """Baselines of every learned result."""

    orf_rule: bool = option(True, doc="longest open reading frames")
    ceiling: bool = option(True, doc="on simulated genomes: a decoder given the true parameters")
    augustus: bool = option(True, doc="run AUGUSTUS, if it is installed and the genome names a species")
    augustus_retrained: bool = option(
        False, doc="AUGUSTUS trained on each genome's training split; it must be installed"
    )
    augustus_rounds: int = option(
        0, doc="rounds of optimising the meta-parameters during training; takes hours", minimum=0
    )
    augustus_options: list[str] = option(
        default_factory=lambda: ["--sample=0"],
        doc="options of every prediction with AUGUSTUS; --sample=0 gives the same genes in a third of the time",
    )

    def idle(self) -> Idle:
        """Return the options that have no effect with the others as they are."""
        retrained = self.augustus_retrained
        return (
            Idle()
            .unless(retrained, "augustus_retrained", "augustus_rounds")
            .unless(self.augustus or retrained, "augustus or augustus_retrained", "augustus_options")
        )


@dataclass(frozen=True)
class WorkflowConfig:
    """The whole of `config.yaml`."""

    genomes: dict[str, GenomeConfig] = option(default_factory=dict, doc="name -> genome")
    runs: dict[str, RunConfig] = option(default_factory=dict, doc="name -> model run")
    inits: dict[str, InitRunConfig] = option(default_factory=dict, doc="name -> untrained model of the family generate")
    codon: dict[str, CodonRunConfig] = option(default_factory=dict, doc="name -> codon language model")
    bakes: dict[str, BakeConfig] = option(default_factory=lambda: {"default": BakeConfig()}, doc="name -> windows")
    predict: PredictConfig = option(default_factory=PredictConfig, doc="genome-wide prediction")
    eval_f1: ScoreConfig = option(default_factory=ScoreConfig, doc="scores of the family generate on given loci")
    annotate: AnnotateConfig = option(default_factory=AnnotateConfig, doc="the `annotate` target")
    baselines: BaselineConfig = option(default_factory=BaselineConfig, doc="baselines")
    select: list[str] = option(default_factory=list, doc="runs that the targets build; empty: all")
    results: str = option("results", doc="folder of the results")
    title: str = option("Genome annotation benchmark", doc="title of the report")
    bootstrap: int = option(1000, doc="bootstrap samples of the intervals", minimum=0)
    container: str | None = option(
        None, doc="image with the environments of all rules, for `--sdm conda apptainer`: docker://..., or a .sif file"
    )

    @classmethod
    def load(cls, data: Mapping[str, Any], where: str = "config.yaml") -> WorkflowConfig:
        """Check Snakemake's merged configuration; genomes and runs with folds become one per fold.

        `--config genome=my.fa model=DIR` arrives as top-level keys; they are shorthand for the `annotate` section, and
        `partial=true min_posterior=0.5` for the `predict` section.
        """
        merged = {key: value for key, value in data.items() if key not in ANNOTATE_SHORTHAND + PREDICT_SHORTHAND}
        options = {key: data[key] for key in PREDICT_SHORTHAND if key in data}
        if options:
            merged["predict"] = {**dict(merged.get("predict") or {}), **options}
        shorthand = {key: data[key] for key in ANNOTATE_SHORTHAND if key in data}
        for key in ("regions", *EVIDENCE):
            if isinstance(shorthand.get(key), str):
                shorthand[key] = [part for part in shorthand[key].split(",") if part]
        if shorthand:
            merged["annotate"] = {**dict(merged.get("annotate") or {}), **shorthand}
        config = from_mapping(cls, merged, where=where)
        _check_paths([*(str(source.path) for source in paths_in(merged)), config.results], where)
        for name in config.select:
            if name not in config.runs and name not in config.codon:
                known = ", ".join(sorted({**config.runs, **config.codon}))
                raise InputError(f"`select` names the run {name!r}", where=where, remedy=f"known runs: {known}")
        for name, run in config.runs.items():
            _check_run(config, name, run, where)
        with_starts(config.codon, (), where=where)
        for name, init in config.inits.items():
            _check_init(config, name, init, where)
        for name, genome in config.genomes.items():
            _check_genome(config, name, genome, where)
        genomes, runs, select = expand_folds(config.genomes, config.runs, config.select, config.results, where)
        return replace(config, genomes=genomes, runs=runs, select=select)

    def selected(self) -> list[RunConfig]:
        """Return the runs that the targets act on."""
        return [self.runs[name] for name in self._wanted()]

    def _wanted(self) -> list[str]:
        """Return the names of the selected runs, and of those that they begin with, in the configuration's order."""
        wanted = {name for name in self.runs if not self.select or name in self.select}
        waiting = list(wanted)
        while waiting:
            start = self.runs[waiting.pop()].start
            if start in self.runs and start not in wanted:
                wanted.add(start)
                waiting.append(start)
        return [name for name in self.runs if name in wanted]

    def scored(self) -> dict[str, RunConfig]:
        """Return model name -> run, of the models that are scored."""
        runs = {model: self.runs[run] for model, (run, _) in self.models().items()}
        return {model: run for model, run in runs.items() if run.scored}

    def selected_codon(self) -> dict[str, CodonRunConfig]:
        """Return the codon language models that the targets act on, and those that they begin with."""
        return with_starts(self.codon, self.select)

    def models(self) -> dict[str, tuple[str, int]]:
        """Return model name -> (run, seed): the run's name, with the seed where it has several."""
        return {
            run if len(self.runs[run].seeds) == 1 else f"{run}-seed{seed}": (run, seed)
            for run in self._wanted()
            for seed in self.runs[run].seeds
        }


def schema() -> dict[str, Any]:
    """Return the JSON Schema of `config.yaml`, the model options of every family included."""
    result = json_schema(WorkflowConfig)
    properties = result["properties"]
    run = properties["runs"]["additionalProperties"]
    # Codon language models have a section of their own.
    families = {name: family for name, family in sorted(known_families().items()) if name != "codon"}
    run["properties"]["family"]["enum"] = [*families]
    run["allOf"] = [
        {
            "if": {"properties": {"family": {"const": name}}},
            "then": {
                "properties": {
                    "model": {**json_schema(family.model_config), "required": []},
                    "train": json_schema(family.train_config),
                }
            },
        }
        for name, family in families.items()
    ]
    for section, keys in (("annotate", ANNOTATE_SHORTHAND), ("predict", PREDICT_SHORTHAND)):
        for key in keys:
            described = properties[section]["properties"][key]
            properties[key] = {
                "description": f"shorthand for {section}.{key}",
                "anyOf": [described, {"type": "string"}],
            }
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "genescribe workflow configuration"}
    return head | result


def _check_paths(paths: Iterable[str], where: str) -> None:
    """Refuse paths that Snakemake would take for patterns."""
    for path in paths:
        if "{" in path or "}" in path:
            problem = f"the path {path!r} has braces, which stand for wildcards in Snakemake"
            raise InputError(problem, where=where, remedy="rename it, or give a link to it")


def _check_run(config: WorkflowConfig, name: str, run: RunConfig, where: str) -> None:
    key = f"runs.{name}"
    for kind, names, known in (
        ("genomes", run.genomes, config.genomes),
        ("bake", [run.bake], config.bakes),
        ("family", [run.family], known_families()),
    ):
        for wanted in names:
            if wanted not in known:
                raise InputError(
                    f"`{key}.{kind}` names {wanted!r}, which is not defined",
                    where=where,
                    remedy=f"known: {', '.join(sorted(known)) or 'none'}",
                )
    if run.family == "codon" or (run.scored and known_families()[run.family].predictor is None):
        raise InputError(
            f"`{key}.family` is {run.family!r}, whose models annotate no genomes",
            where=where,
            remedy="give another family; signal networks have `scored: false`, codon language models have a "
            "section of their own, `codon`",
        )
    if not run.seeds or len(set(run.seeds)) != len(run.seeds):
        raise InputError(f"`{key}.seeds` is empty or repeats a seed", where=where, remedy="give different seeds")
    if run.trained and (run.model or run.train or len(run.seeds) > 1):
        raise InputError(
            f"`{key}` has `trained` beside `model`, `train` or several `seeds`",
            where=where,
            remedy="leave those out: the folder says what the model is",
        )
    family = known_families()[run.family]
    model = from_mapping(family.model_config, run.model, where=where, key=f"{key}.model")
    usual = family.train_config(**(TRAIN_DEFAULTS if run.grpo else {}), start=run.start)
    from_mapping(family.train_config, run.train, where=where, key=f"{key}.train", base=usual)
    _check_start(config, run, key, where)
    bake, scheme = config.bakes[run.bake], getattr(model, "scheme", None)
    labelled = scheme is not None and bake.target == "labels" and run.start is None and run.trained is None
    if labelled and scheme != bake.scheme:
        raise InputError(
            f"`{key}.model.scheme` is {scheme!r}, and that of the bake {run.bake!r} is {bake.scheme!r}",
            where=where,
            remedy="give both the same",
        )


def _check_start(config: WorkflowConfig, run: RunConfig, key: str, where: str) -> None:
    """Check that a run can begin with the model it names, and that runs do not begin with each other in a circle."""
    if run.grpo is not None and (run.family != "generate" or run.start is None or run.model):
        raise InputError(
            f"`{key}.grpo` needs the family generate and a `start`, whose model it is",
            where=where,
            remedy="give family: generate and start, and no `model`",
        )
    before, seen = run, [key]
    while before.start in config.runs:
        name = str(before.start)
        before = config.runs[name]
        if before.family != run.family or f"runs.{name}" in seen:
            raise InputError(
                f"`{key}.start` names {name!r}, which is of another family or begins with this run",
                where=where,
                remedy="name a run of the same family",
            )
        seen.append(f"runs.{name}")


def _check_init(config: WorkflowConfig, name: str, init: InitRunConfig, where: str) -> None:
    key = f"inits.{name}"
    from_mapping(known_families()["generate"].model_config, init.model, where=where, key=f"{key}.model")
    unknown = [genome for genome in init.genomes if genome not in config.genomes]
    if unknown or name in config.runs:
        fault = f"`{key}.genomes` names {unknown[0]!r}" if unknown else f"`{key}` is the name of a run as well"
        raise InputError(
            fault, where=where, remedy="name a genome under `genomes:`" if unknown else "give another name"
        )


def _check_genome(config: WorkflowConfig, name: str, genome: GenomeConfig, where: str) -> None:
    key = f"genomes.{name}"
    if "." in name or "/" in name:
        raise InputError(f"`{key}` has a dot or slash in its name", where=where, remedy="use letters, digits, - and _")
    _check_files(config, name, genome, where)
    runs = [run for run in config.runs.values() if name in run.genomes]
    if genome.hints and runs and all(run.trained or config.bakes[run.bake].target != "sentences" for run in runs):
        raise InputError(
            f"no run reads `{key}.hints`: training takes them with `target: sentences` alone",
            where=where,
            remedy="leave them out; `annotate` takes evidence for models with the labels `gene`",
        )
    if genome.folds and genome.splits != Splits():
        raise InputError(f"`{key}` has both `folds` and `splits`", where=where, remedy="give one of them")
    if EVERYTHING in genome.splits.test and (genome.splits.train or genome.splits.validation or genome.skip):
        raise InputError(
            f"`{key}.splits.test` takes all that is not named, beside other splits or skipped sequences",
            where=where,
            remedy="name the test sequences",
        )
    for baseline in genome.baselines.files:
        taken = {REFERENCE, *OWN_BASELINES, *config.runs}
        if not re.fullmatch(r"[\w-]+", baseline) or baseline.partition("-seed")[0] in taken:
            raise InputError(
                f"`{key}.baselines.files` has the name {baseline!r}",
                where=where,
                remedy="give one of letters, digits, - and _ that no run and no other baseline has",
            )


def _check_files(config: WorkflowConfig, name: str, genome: GenomeConfig, where: str) -> None:
    """Check the sources of the files of a genome."""
    key = f"genomes.{name}"
    ways = [genome.simulate is not None, not (genome.fasta is None or genome.annotation is None), bool(genome.same_as)]
    if sum(ways) != 1:
        raise InputError(
            f"`{key}` needs either `simulate`, or both `fasta` and `annotation`, or `same_as`",
            where=where,
            remedy="give one of them",
        )
    if genome.same_as and (genome.same_as not in config.genomes or config.genomes[genome.same_as].same_as):
        raise InputError(
            f"`{key}.same_as` names {genome.same_as!r}, which is no genome with files of its own",
            where=where,
            remedy=f"known: {', '.join(sorted(set(config.genomes) - {name}))}",
        )
    if genome.same_as and genome.references:
        raise InputError(
            f"`{key}` has `references` and `same_as`",
            where=where,
            remedy=f"name them at the genome {genome.same_as}: they are scored on for both",
        )
    for source_key, source in (("fasta", genome.fasta), ("annotation", genome.annotation)):
        if isinstance(source, SourceConfig):
            _check_source(f"{key}.{source_key}", source, where)


def _check_source(key: str, source: SourceConfig, where: str) -> None:
    if (source.path is None) == (source.url is None):
        raise InputError(f"`{key}` needs either `path` or `url`", where=where, remedy="give one of them")
    if source.url is not None and not (source.sha256 or source.md5 or source.md5sums):
        raise InputError(f"`{key}` is a URL without a checksum", where=where, remedy="add sha256")
