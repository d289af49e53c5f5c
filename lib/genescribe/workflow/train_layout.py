"""Paths of shards and models, and the options of the rules that bake and train."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from genescribe.config import to_mapping
from genescribe.errors import InputError
from genescribe.genome.inputs import existing_file
from genescribe.models import model_folder
from genescribe.train.launch import starter
from genescribe.workflow.config import WorkflowConfig
from genescribe.workflow.genome_layout import GenomeLayout

NOTHING = "(?!)"
"""The pattern that matches no name."""


class TrainLayout(GenomeLayout):
    """Paths and options of the shards and models of one configuration.

    Parameters
    ----------
    config
        Configuration of the workflow, checked.
    """

    def __init__(self, config: WorkflowConfig) -> None:
        super().__init__(config)
        self.models = config.models()

    def baked(self, bake: str, genome: str) -> list[str]:
        """Return the shard folders of a genome."""
        count = self.config.genomes[genome].batches
        return [f"{self.config.results}/bake/{bake}/{genome}/batch_{index}" for index in range(count)]

    def all_baked(self) -> list[str]:
        """Return the shard folders of every run."""
        pairs = {
            (run.bake, genome): None for run in self.config.selected() if not run.trained for genome in run.genomes
        }
        return [folder for bake, genome in pairs for folder in self.baked(bake, genome)]

    def bake_options(self, bake: str, genome: str) -> str:
        """Return the options of the baking script, as JSON."""
        options = {**self._split_options(genome), "bake": to_mapping(self.config.bakes[bake])}
        if hints := self.hints(bake, genome):
            options |= {"hints": hints[0], "hints_source": self.config.genomes[genome].hints_source}
        return json.dumps(options, sort_keys=True)

    def hints(self, bake: str, genome: str) -> list[str]:
        """Return the file of intron evidence that is baked with a genome's sentences, if there is one.

        Raises
        ------
        InputError
            It is not there.
        """
        file = self.config.genomes[genome].hints
        if file is None or self.config.bakes[bake].target != "sentences":
            return []
        return [existing_file(file, f"correct `genomes.{genome}.hints`")]

    def shards_of_model(self, model: str) -> list[str]:
        """Return the shard folders that a model is trained on."""
        run = self.config.runs[self.models[model][0]]
        return [folder for genome in run.genomes for folder in self.baked(run.bake, genome)]

    def train_folder(self, model: str) -> str:
        """Return the folder of a model's training: logs, checkpoints, model."""
        return f"{self.config.results}/train/{model}"

    def train_options(self, model: str) -> str:
        """Return the options of the training script, as JSON."""
        run, seed = self.config.runs[self.models[model][0]], self.models[model][1]
        train = {**run.train, "seed": seed}
        if run.start is not None:
            train["start"] = self.start_folder(model)
        if run.grpo is not None:
            return json.dumps({"grpo": to_mapping(run.grpo), "train": {**run.train, "seed": seed}}, sort_keys=True)
        before = self.config.runs.get(run.start or "")
        # A run that says nothing of the model has that of the run it begins with.
        model_options = before.model if before is not None and not run.model else run.model
        return json.dumps({"family": run.family, "model": model_options, "train": train}, sort_keys=True)

    def start_folder(self, model: str) -> str:
        """Return the folder of the model that a model's training begins with: of the same seed, where it has several.

        Raises
        ------
        InputError
            There is no such folder, or no such seed.
        """
        name, seed = self.models[model]
        start = str(self.config.runs[name].start)
        if start in self.config.inits:
            return f"{self.config.results}/init/{start}/model"
        if start not in self.config.runs:
            folder = model_folder(start)
            if not folder.is_dir():
                raise InputError("no such folder", where=start, remedy=f"correct `runs.{name}.start`")
            return str(folder)
        of_run = {seed: model_name for model_name, (run, seed) in self.models.items() if run == start}
        if len(of_run) > 1 and seed not in of_run:
            raise InputError(
                f"the run {start!r} has no seed {seed}", where=f"runs.{name}.start", remedy="give both the same seeds"
            )
        return self.model_folder(of_run[seed] if seed in of_run else next(iter(of_run.values())))

    def init_fastas(self, name: str) -> list[str]:
        """Return the genomes that the encoding of an untrained model is learned from."""
        return [self.genome_fasta(genome) for genome in self.config.inits[name].genomes]

    def init_options(self, name: str) -> str:
        """Return where weights and tokens of an untrained model come from, as JSON."""
        options = to_mapping(self.config.inits[name])
        return json.dumps({key: value for key, value in options.items() if key != "model"}, sort_keys=True)

    def init_model(self, name: str) -> str:
        """Return the options of an untrained model, as JSON."""
        return json.dumps(self.config.inits[name].model, sort_keys=True)

    def known_models(self) -> str:
        """Return a pattern of all models."""
        return _any_of(self.models)

    def learning(self, kind: str) -> str:
        """Return a pattern of the models that are trained in a way: `train`, `finetune` or `grpo`."""
        return _any_of(name for name, (run, _) in self.models.items() if self.kind(run) == kind)

    def models_of(self, kind: str) -> list[str]:
        """Return the folders of the models that are trained in a way."""
        return [f"{self.train_folder(name)}/model" for name, (run, _) in self.models.items() if self.kind(run) == kind]

    def kind(self, name: str) -> str:
        """Return how the models of a run come about: `train`, `finetune`, `grpo`, or `given`."""
        run = self.config.runs[name]
        if run.trained is not None:
            return "given"
        return "train" if run.start is None else "finetune" if run.grpo is None else "grpo"

    def launcher(self, model: str, script: str) -> str:
        """Return the command that starts training: python, or the launcher `script` for GPUs and several processes."""
        run = self.config.runs[self.models[model][0]]
        return starter(script, run.launch, run.gpus)

    def train_resources(self, model: str) -> dict[str, str | int]:
        """Return Slurm's resources of a training job beside memory, time and threads.

        Over several nodes the launcher calls srun itself: Snakemake's plugin is told so by `mpi`, which wants more than
        one task. GPUs are then asked for by node.
        """
        run = self.config.runs[self.models[model][0]]
        nodes = 1 if run.launch.hosts else run.launch.nodes
        if nodes == 1:
            return {"nodes": 1, "gpu": run.gpus, "mpi": "", "tasks": 1, "tasks_per_node": 0, "gres": ""}
        if not run.gpus:
            return {"nodes": nodes, "gpu": 0, "mpi": "srun", "tasks": nodes, "tasks_per_node": 0, "gres": ""}
        per_node: dict[str, str | int] = {"mpi": "srun", "tasks": 0, "tasks_per_node": 2, "gres": f"gpu:{run.gpus}"}
        return {"nodes": nodes, "gpu": 0, **per_node}

    def trains_on_gpus(self) -> bool:
        """Whether a model of the selected runs is trained on GPUs."""
        return any(run.gpus > 0 for run in self.config.selected())

    def train_threads(self, model: str) -> int:
        """Return the CPU threads of a training job."""
        return self.config.runs[self.models[model][0]].threads

    def all_models(self) -> list[str]:
        """Return every model that is trained here."""
        return [f"{self.train_folder(name)}/model" for name, (run, _) in self.models.items() if not self._given(run)]

    def model_folder(self, model: str) -> str:
        """Return the folder of a model: where it is trained here, or where the user has it."""
        trained = self._given(self.models[model][0])
        if trained is None:
            return f"{self.train_folder(model)}/model"
        folder = model_folder(trained)
        if not folder.is_dir():
            raise InputError("no such folder", where=trained, remedy=f"correct `runs.{model}.trained`")
        return str(folder)

    def _given(self, run: str) -> str | None:
        return self.config.runs[run].trained


def _any_of(names: Iterable[str]) -> str:
    return "|".join(map(re.escape, names)) or NOTHING
