"""Training with rewards on the common engine: samples are drawn when a batch is read and used for several steps.

The engine prepares a batch once (`GrpoTask.prepare`): groups are drawn with the weights of the moment, rewarded, and
scored again, by the same pass that later scores them with gradients, under the same masks, without dropout. Ratios
are therefore exactly 1 in the first optimiser step of a batch. What chance decides follows from (seed, step), so that
a killed run resumes to the same weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from genescribe.config import to_mapping
from genescribe.data.sample import Sample
from genescribe.errors import InputError
from genescribe.generate.annotation.search import Outcome
from genescribe.generate.model import load_model, read_config
from genescribe.generate.reinforce.config import GrpoConfig
from genescribe.generate.reinforce.objective import advantages, k3, surrogate
from genescribe.generate.reinforce.policy import Policy
from genescribe.generate.reinforce.reward import TERMS, Judge
from genescribe.generate.training.task import GenerateTask, Locus
from genescribe.genome.alphabet import Codes
from genescribe.train.model_files import weights_digest
from genescribe.train.task import Counts, Loss

PARTS = ("reward", *(f"reward_{term}" for term in TERMS), "spread", "kl", "clipped", "entropy", "steps", "finished")
"""Of each optimiser step, means over the samples. spread: standard deviation of rewards within a group; kl: k3, summed
over the steps of a sample; clipped: share of the steps whose ratio lies outside the bounds; entropy: negative log
probability of a drawn step."""


@dataclass
class Rollout:
    """Samples of a batch of loci, N in all, of up to L steps.

    Attributes
    ----------
    windows, values
        Of each sample its locus, on the strand of the gene, and its steps.
    advantages : (N,)
        See `objective.advantages`.
    drawn, reference : (N, L)
        Log probabilities under the policy that drew the samples, and under the model that training began with.
    stats
        Sums over the samples of what the log shows of them.
    """

    windows: list[Codes]
    values: list[tuple[int, ...]]
    advantages: Tensor
    drawn: Tensor
    reference: Tensor
    stats: dict[str, Tensor]


class GrpoTask(GenerateTask):
    """The generate family at work on prompts.

    Parameters
    ----------
    config
        Samples, rewards and ratios.
    folders
        Prompts and held-out loci: what `prep_grpo` wrote, or any folders of loci.
    start
        Folder of the model that training begins with, and stays near to. The engine is told of it as well
        (`TrainConfig.start`).
    """

    name = "grpo"
    best = "greedy_reward"
    judges_start = True

    def __init__(self, config: GrpoConfig, folders: Sequence[str | Path], start: str | Path) -> None:
        super().__init__(read_config(start), folders)
        self.grpo, self.start, self.repeats = config, Path(start), config.updates
        self.judge = Judge(config.reward)
        self.parts, self.metrics = PARTS, ("greedy_reward", *self.metrics)
        self._reference: Policy | None = None

    def fingerprint(self) -> Mapping[str, Any]:
        """Return the options, digests of the prompts and of the weights that training begins with."""
        return {**super().fingerprint(), "grpo": to_mapping(self.grpo), "reference": weights_digest(self.start)}

    def reference(self, device: torch.device) -> Policy:
        """Return the model that training began with."""
        if self._reference is None:
            self._reference = Policy(load_model(self.start).requires_grad_(False).to(device))
        return self._reference

    # -- samples -------------------------------------------------------------------------------------------------
    def _empty(self, sample: Sample) -> Locus:
        raise InputError("a prompt without a gene", where=sample.key, remedy="prepare prompts with prep_grpo")

    def prepare(self, model: nn.Module, batch: list[Sample]) -> Rollout:
        """Draw a group of sentences for each locus of a batch, and give rewards and scores to them."""
        loci = [self._locus(sample, shift=0) for sample in batch]
        model.eval()
        options, policy = self.grpo, Policy(model)
        groups = policy.sample(
            [locus.codes for locus in loci],
            options.group,
            seed=int(torch.randint(2**31, ()).item()),
            temperature=options.temperature,
            max_length=options.max_length,
            names=[sample.key for sample in batch],
        )
        device = next(model.parameters()).device
        rewards, terms = self._rewards(loci, groups)
        gains = advantages(rewards)
        pairs = [(locus.codes, outcome) for locus, group in zip(loci, groups, strict=True) for outcome in group]
        # What could not be begun has no steps to learn from.
        scored = [i for i, (_, outcome) in enumerate(pairs) if outcome.values]
        windows, values = [pairs[i][0] for i in scored], [pairs[i][1].values for i in scored]
        stats = self._stats(rewards, terms, [outcome for group in groups for outcome in group])
        drawn = policy.score(windows, values)
        reference = self.reference(device).score(windows, values).logs
        share = {name: value.to(device) for name, value in stats.items()}
        return Rollout(windows, values, gains.flatten()[scored].to(drawn.logs), drawn.logs, reference, share)

    def _rewards(self, loci: Sequence[Locus], groups: Sequence[Sequence[Outcome]]) -> tuple[Tensor, Tensor]:
        """Return rewards (P, G) and their terms (P, G, terms)."""
        rewards = []
        for locus, group in zip(loci, groups, strict=True):
            assert locus.sentence is not None
            rewards.append([self.judge(locus.sentence, outcome) for outcome in group])
        values = torch.tensor([[reward.value for reward in group] for group in rewards])
        return values, torch.tensor([[reward.terms for reward in group] for group in rewards])

    @staticmethod
    def _stats(rewards: Tensor, terms: Tensor, outcomes: Sequence[Outcome]) -> dict[str, Tensor]:
        spread = rewards.std(dim=1, correction=0).sum() * rewards.shape[1]
        stats = {"reward": rewards.sum(), "spread": spread}
        stats |= {f"reward_{name}": terms[..., i].sum() for i, name in enumerate(TERMS)}
        stats["steps"] = torch.tensor(float(sum(len(outcome.values) for outcome in outcomes)))
        stats["finished"] = torch.tensor(float(sum(outcome.status == "accepted" for outcome in outcomes)))
        return stats | {"samples": torch.tensor(float(len(outcomes)))}

    # -- learning ------------------------------------------------------------------------------------------------
    def loss(self, model: nn.Module, batch: Rollout | list[Sample]) -> Loss:
        """Return the clipped objective, negative, and the divergence from the reference; summed over samples.

        Each sample counts the sum over its steps divided by one constant, `max_length`, so that a step weighs alike in
        a short and in a long sample (Liu et al. 2025, arXiv:2503.20783).
        """
        assert isinstance(batch, Rollout)
        model.eval()  # Dropout would score another policy than the one that drew.
        options = self.grpo
        scored = Policy(model).score(batch.windows, batch.values)
        ratio = (scored.logs - batch.drawn).exp()
        gain = surrogate(ratio, batch.advantages[:, None], options.clip)
        apart = k3(scored.logs, batch.reference)
        total = ((options.kl * apart - gain) * scored.present).sum() / options.max_length
        outside = ((ratio - 1).abs() > options.clip) & scored.present
        present = scored.present.sum().clamp(min=1)
        samples = batch.stats["samples"]
        parts = {
            **{name: value for name, value in batch.stats.items() if name != "samples"},
            "kl": (apart * scored.present).sum(),
            "clipped": outside.sum() / present * samples,
            "entropy": -batch.drawn.sum() / present * samples,
        }
        return Loss(total.double(), samples, parts)

    def summarise(self, counts: Counts) -> dict[str, float]:
        """Return the metrics of the family, and the reward that its F1 on all held-out loci would be."""
        metrics = super().summarise(counts)
        shown = sum(weight * metrics[f"{term}_f1"] for term, weight in zip(TERMS, self.judge.weights, strict=True))
        return {"greedy_reward": float(shown), **metrics}

    def diagnose(self, model: nn.Module, batch: list[Sample]) -> list[str]:
        """Return lines about the first batch."""
        each = f"{self.grpo.group} samples per prompt, {self.grpo.updates} steps per batch"
        return [*super().diagnose(model, batch), each]
