"""Paths of prompts and scores of loci, and the options of their rules: training with rewards."""

from __future__ import annotations

import json

from genescribe.config import to_mapping
from genescribe.workflow.layout import Layout


class RewardLayout:
    """Paths and options of runs that are trained by rewards, and of scores on given loci.

    Parameters
    ----------
    layout
        Of the same configuration.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def prompts(self, model: str) -> str:
        """Return the folder of a model's prompts, the same for all its seeds."""
        return f"{self._layout.config.results}/prompts/{self._layout.models[model][0]}"

    def all_prompts(self) -> list[str]:
        """Return the prompts of every run that is trained by rewards."""
        prompts = [
            self.prompts(name) for name, (run, _) in self._layout.models.items() if self._layout.kind(run) == "grpo"
        ]
        return list(dict.fromkeys(prompts))

    def prompt_shards(self, run: str) -> list[str]:
        """Return the shard folders that a run's prompts are chosen from."""
        spec = self._layout.config.runs[run]
        return [folder for genome in spec.genomes for folder in self._layout.baked(spec.bake, genome)]

    def prompt_options(self, run: str) -> str:
        """Return the options of the script that chooses prompts, as JSON."""
        return json.dumps(to_mapping(self._layout.config.runs[run].prompts), sort_keys=True)

    def locus_scores(self) -> list[str]:
        """Return the scores on given loci of every model of the family generate, genome by genome."""
        return [
            f"{self._layout.config.results}/eval_f1/{model}/{genome}/eval_f1.json"
            for model, run in self._layout.config.scored().items()
            if run.family == "generate"
            for genome in run.genomes
            if self._layout.config.genomes[genome].splits.test
        ]

    def locus_shards(self, model: str, genome: str) -> list[str]:
        """Return the shard folders on whose test loci a model is scored."""
        return self._layout.baked(self._layout.config.runs[self._layout.models[model][0]].bake, genome)

    def locus_options(self) -> str:
        """Return the options of the script that scores loci, as JSON."""
        return json.dumps(to_mapping(self._layout.config.eval_f1), sort_keys=True)
