"""Paths and sources of genomes and annotations, and their splits.

The part of the layout that knows nothing of models.
"""

from __future__ import annotations

import json
import re
import shlex
from functools import cached_property
from pathlib import Path
from typing import Any

from genescribe.bake.splits import LIST
from genescribe.config import to_mapping
from genescribe.genome.inputs import existing_file, resolve_path
from genescribe.workflow.config import WorkflowConfig
from genescribe.workflow.folds import folds_folder
from genescribe.workflow.genome_config import GenomeConfig, SimulateConfig, SourceConfig


class GenomeLayout:
    """Paths and options of the genomes of one configuration.

    Parameters
    ----------
    config
        Configuration of the workflow, checked.
    """

    def __init__(self, config: WorkflowConfig) -> None:
        self.config = config

    def genome(self, annotation: str) -> GenomeConfig:
        """Return the genome of `GENOME` or of `GENOME.REFERENCE`."""
        return self.config.genomes[genome_name(annotation)]

    def given_names(self) -> str:
        """Return a pattern of the names of annotations by other programs."""
        names = {name for genome in self.config.genomes.values() for name in genome.baselines.files}
        return "|".join(sorted(map(re.escape, names))) or "none^"

    def given_file(self, name: str, genome: str) -> str:
        """Return the annotation of a genome by another program.

        Raises
        ------
        InputError
            It is not there.
        """
        files = self.config.genomes[genome].baselines.files
        return existing_file(files[name], f"correct `baselines.files.{name}` of the genome {genome}")

    def genome_fasta(self, annotation: str) -> str:
        """Return the plain FASTA of a genome."""
        name = genome_name(self._files(annotation))
        stage = "input" if self.config.genomes[name].simulate is None else "simulate"
        return f"{self.config.results}/{stage}/{name}/genome.fa"

    def catalogue(self, annotation: str) -> str:
        """Return the catalogue of a genome, or of one of its references."""
        return f"{self.config.results}/catalogue/{self._files(annotation)}/catalogue.duckdb"

    def _files(self, annotation: str) -> str:
        """Return the genome whose files an annotation uses: its own, or the one that `same_as` names."""
        genome, dot, reference = annotation.partition(".")
        return (self.config.genomes[genome].same_as or genome) + dot + reference

    def _splits(self, name: str) -> dict[str, list[str]]:
        """Return the regions of each split as the user names them, files of them by where they lie."""
        splits: dict[str, Any] = to_mapping(self.config.genomes[name].splits)
        return {split: [_resolved(text) for text in texts] for split, texts in splits.items()}

    def region_lists(self, annotation: str) -> list[str]:
        """Return the files that a genome's splits name, or the folder of its folds' lists."""
        name = genome_name(annotation)
        texts = [text for texts in self._splits(name).values() for text in texts if text.startswith(LIST)]
        paths = [Path(text.removeprefix(LIST)) for text in texts]
        return list(dict.fromkeys(str(p.parent if str(p.parent) in self._folds_folders else p) for p in paths))

    @cached_property
    def _folds_folders(self) -> frozenset[str]:
        """Folders of the folds' lists of all genomes; every job asks, and there may be hundreds of genomes."""
        return frozenset(folds_folder(self.config.results, name) for name in self.config.genomes)

    def fold_options(self, name: str) -> str:
        """Return the options of the script that assigns sequences to folds."""
        genome = self.config.genomes[name]
        assert genome.folds is not None
        words = ["--number", str(genome.folds.number), "--validation", str(genome.folds.validation)]
        return shlex.join([*words, "--seed", str(genome.folds.seed), "--skip", ",".join(genome.skip)])

    def sorter(self, annotation: str) -> str:
        """Return the sorter of a genome's annotation or of one of its references."""
        genome, reference = self.genome(annotation), reference_name(annotation)
        return genome.references[reference].sorter if reference else genome.sorter

    def local_source(self, annotation: str, kind: str) -> list[str]:
        """Return the user's file as an input of the fetching rule; nothing where it is a URL."""
        source = self._source(annotation, kind)
        if source.path is None:
            return []
        if self.genome(annotation).simulate is not None:
            return [source.path]
        remedy = f"correct `{kind}` of the genome {annotation}, or set that variable to the folder of the data"
        return [existing_file(source.path, remedy)]

    def source_options(self, annotation: str, kind: str) -> str:
        """Return the source's command-line options."""
        source = self._source(annotation, kind)
        location = source.url if source.path is None else str(resolve_path(source.path))
        words = ["--source", str(location)]
        for name, digest in (("--sha256", source.sha256), ("--md5", source.md5), ("--md5sums", source.md5sums)):
            words += [name, digest] if digest else []
        return shlex.join(words)

    def _source(self, annotation: str, kind: str) -> SourceConfig:
        genome, reference = self.genome(annotation), reference_name(annotation)
        if reference:
            value: str | SourceConfig | None = genome.references[reference].annotation
        elif genome.simulate is not None:
            value = f"{self.config.results}/simulate/{annotation}/annotation.gff3"
        else:
            value = genome.fasta if kind == "fasta" else genome.annotation
        assert value is not None
        return SourceConfig(path=value) if isinstance(value, str) else value

    def simulate_options(self, name: str) -> str:
        """Return the simulator's command-line options."""
        spec = self.config.genomes[name].simulate
        assert spec is not None
        size = ["--total-bases", str(spec.bases), "--n-sequences", str(spec.sequences), "--seed", str(spec.seed)]
        return shlex.join([*_law(spec), *([] if spec.isoforms else ["--one-transcript"]), *size])

    def ceiling_options(self, name: str) -> str:
        """Return the ceiling's command-line options: the parameters of the simulator."""
        spec = self.config.genomes[name].simulate
        assert spec is not None
        return shlex.join([*_law(spec), "--regions", self.test_regions(name)])

    def test_regions(self, annotation: str) -> str:
        """Return the test regions, separated by commas; * is the whole genome."""
        return ",".join(self._splits(genome_name(annotation))["test"])

    def split_options(self, genome: str) -> str:
        """Return the options of a script that reads the training split, as JSON."""
        return json.dumps(self._split_options(genome), sort_keys=True)

    def _split_options(self, genome: str) -> dict[str, Any]:
        spec = self.config.genomes[genome]
        return {
            "genome": genome,
            "splits": self._splits(genome),
            "skip": spec.skip,
            "mask_ends": spec.mask_ends,
            "genetic_code": spec.genetic_code,
        }


def _law(spec: SimulateConfig) -> list[str]:
    return ["--parameters", spec.parameters, "--durations", spec.durations, "--sharpness", str(spec.sharpness)]


def _resolved(region: str) -> str:
    return f"{LIST}{resolve_path(region.removeprefix(LIST))}" if region.startswith(LIST) else region


def genome_name(annotation: str) -> str:
    """Return the genome of `GENOME` or of `GENOME.REFERENCE`."""
    return annotation.partition(".")[0]


def reference_name(annotation: str) -> str:
    """Return the reference of `GENOME.REFERENCE`; of `GENOME` the empty string."""
    return annotation.partition(".")[2]
