"""Paths of the results of codon language models, and the options of their rules."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping

from genescribe.codon.config import DatasetConfig
from genescribe.codon.run import CodonRunConfig, run_name
from genescribe.config import to_mapping
from genescribe.genome.inputs import existing_file, resolve_path
from genescribe.train.launch import LaunchConfig, starter


class CodonLayout:
    """Paths and options of the codon runs of a configuration.

    Parameters
    ----------
    results
        Folder of the results.
    runs
        Name -> run, those that the targets act on.
    """

    def __init__(self, results: str, runs: Mapping[str, CodonRunConfig]) -> None:
        self._root = f"{results}/codon"
        self.runs = {run_name(name, run): run for name, run in runs.items()}
        self._folders = {name: run_name(name, run) for name, run in runs.items()}

    def dataset(self, run: str, name: str) -> DatasetConfig:
        """Return a dataset of a run."""
        return next(dataset for dataset in self.runs[run].data.datasets if dataset.name == name)

    def sources(self, run: str, name: str) -> list[str]:
        """Return the files of a dataset.

        Raises
        ------
        InputError
            One of them is not there.
        """
        dataset = self.dataset(run, name)
        configured = [dataset.gbff] if dataset.gbff else [dataset.gff3, dataset.fasta]
        remedy = f"correct the dataset {name}, or set that variable to the folder of the data"
        return [existing_file(str(path), remedy) for path in configured]

    def extract_options(self, run: str, name: str) -> str:
        """Return the extracting script's options, its files included."""
        dataset, files = self.dataset(run, name), self.sources(run, name)
        words = [files[0], *(["--fasta", files[1]] if len(files) > 1 else [])]
        words += ["--table", str(dataset.table), "--min-len", str(dataset.min_len), "--ambiguous", dataset.ambiguous]
        return shlex.join([*words, *(["--partial"] if dataset.partial else [])])

    def extracted(self, run: str) -> list[str]:
        """Return the folders of a run's datasets, in their order."""
        return [f"{self._root}/{run}/extract/{dataset.name}" for dataset in self.runs[run].data.datasets]

    def options(self, run: str, *sections: str) -> str:
        """Return some sections of a run, as JSON: a rule runs again only when the options it reads have changed.

        The datasets are needed to check any of them, and are always there.
        """
        sections_of_run = to_mapping(self.runs[run])
        for start in self.start(run):
            sections_of_run["train"]["start"] = start
        return json.dumps({name: sections_of_run[name] for name in ("data", *sections)}, sort_keys=True)

    def launcher(self, run: str, script: str) -> str:
        """Return the command that starts training: python, or the launcher `script` with one process per GPU."""
        system = self.runs[run].system
        return starter(script, LaunchConfig(), system.gpus)

    def folder(self, run: str) -> str:
        """Return the folder of a run."""
        return f"{self._root}/{run}"

    def model(self, run: str) -> str:
        """Return the folder of a run's model."""
        return f"{self._root}/{run}/{self.runs[run].outputs.out_dir}/model"

    def start(self, run: str) -> list[str]:
        """Return the folder of the model that a run begins with, another run's or a given one; empty: fresh weights."""
        start = self.runs[run].train.start
        if start is None:
            return []
        return [self.model(self._folders[start]) if start in self._folders else str(resolve_path(start))]

    def scores(self, run: str) -> str:
        """Return the folder of a run's scores."""
        return f"{self._root}/{run}/{self.runs[run].outputs.scores_dir}"

    def all_prepared(self) -> list[str]:
        """Return the data of every run."""
        return [f"{self._root}/{run}/data" for run in self.runs]

    def all_models(self) -> list[str]:
        """Return the model of every run."""
        return [self.model(run) for run in self.runs]

    def evaluate_options(self, run: str) -> str:
        """Return the scoring script's options."""
        how = self.runs[run].evaluate
        words = ["--bootstrap", str(how.bootstrap), "--genes", str(how.test_genes)]
        return shlex.join([*words, *self._device(run)])

    def generate_options(self, run: str) -> str:
        """Return the generating script's options."""
        how = self.runs[run].evaluate
        words = ["--prefix", ",".join(map(str, how.prefixes)), "--samples", str(how.samples)]
        return shlex.join([*words, "--temperature", str(how.temperature), "--top-k", str(how.top_k)])

    def interpret_options(self, run: str) -> str:
        """Return the interpreting script's options."""
        how, outputs = self.runs[run].evaluate, self.runs[run].outputs
        words = ["--name", run, "--genes", str(how.genes), "--maps", str(how.mutation_genes), *self._device(run)]
        return shlex.join([*words, "--window", str(outputs.saliency_window), "--top", str(outputs.saliency_top)])

    def classify_options(self, run: str, kind: str) -> str:
        """Return the classifying script's options."""
        words = [word for model in self.classified_by(run, kind) for word in ("--model", model)]
        return shlex.join([*words, "--kind", kind, "--bootstrap", str(min(300, self.runs[run].evaluate.bootstrap))])

    def classified_by(self, run: str, kind: str) -> list[str]:
        """Return the model whose embeddings a classifier reads; none for k-mers."""
        return [] if kind.startswith("kmer") else [self.model(run)]

    def all_scores(self) -> list[str]:
        """Return all evaluations of the models, and each run's page and log."""
        pages = [f"{self.folder(run)}/{name}" for run in self.runs for name in ("report.html", "log.txt")]
        return [*(path for run in self.runs for path in self.evaluations(run)), *pages]

    def evaluations(self, run: str) -> list[str]:
        """Return the files of all evaluations of a model."""
        scores, folder = self.scores(run), self.folder(run)
        classified = [f"{folder}/classify/{kind}" for kind in self.runs[run].evaluate.classifiers]
        return [f"{scores}/metrics.json", f"{scores}/gen_prefix/summary.csv", f"{folder}/interpret", *classified]

    def logs(self, run: str, root: str) -> list[str]:
        """Return the logs of a run's jobs below `root`, in the order of its steps."""
        config, out = self.runs[run], self.runs[run].outputs
        names = [f"codon_extract/{run}/{dataset.name}" for dataset in config.data.datasets]
        names += [f"codon_prepare/{run}", f"codon_train/{run}/{out.out_dir}"]
        names += [f"codon_{step}/{run}/{out.scores_dir}" for step in ("evaluate", "generate")]
        names += [f"codon_interpret/{run}", *(f"codon_classify/{run}/{kind}" for kind in config.evaluate.classifiers)]
        return [f"{root}/{name}.log" for name in names]

    def _device(self, run: str) -> list[str]:
        device = self.runs[run].system.device
        return [] if device == "auto" else ["--device", device]
