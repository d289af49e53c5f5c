"""The training stages of models that write genes, from an untrained model to F1 after rewards, as one plan."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from tests.workflow.pipeline import finish

CONFIG = {
    "results": "results",
    "select": ["rewarded"],
    "genomes": {
        "g": {
            "simulate": {"parameters": "arabidopsis_thaliana", "bases": 90_000, "sequences": 3, "seed": 3},
            "splits": {"train": ["*"], "validation": ["chr2"], "test": ["chr3"]},
            "batches": 1,
        }
    },
    "bakes": {"loci": {"target": "sentences"}},
    "inits": {"fresh": {"model": {"architecture": "prefix_lm"}}},
    "runs": {
        "tuned": {"family": "generate", "bake": "loci", "genomes": ["g"], "start": "fresh", "train": {"max_steps": 2}},
        "rewarded": {
            "family": "generate",
            "bake": "loci",
            "genomes": ["g"],
            "start": "tuned",
            "prompts": {"longest": 900},
            "grpo": {"group": 2, "max_length": 48},
            "train": {"max_steps": 2},
            "seeds": [1, 2],
        },
    },
}
STAGES = ["init_model", "bake_batch", "finetune_model", "prep_prompts", "grpo_model", "eval_f1_loci"]


def planned(repository: Path, folder: Path, target: str) -> dict[str, int]:
    said = finish(repository, folder, "--dry-run", "--configfile", "config.yaml", "--", target)
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", said, re.MULTILINE)}


@pytest.mark.workflow
def test_the_stages_are_one_plan_and_what_is_done_is_not_planned_again(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    plan = planned(repository, tmp_path, "eval_f1")
    assert {stage: plan.get(stage) for stage in STAGES} == {
        "init_model": 1,
        "bake_batch": 1,
        "finetune_model": 1,
        "prep_prompts": 1,
        "grpo_model": 2,
        # Before, and after with either seed.
        "eval_f1_loci": 3,
    }
    for target, last in (("finetune", "finetune_model"), ("prep_grpo", "prep_prompts"), ("grpo", "grpo_model")):
        stages = planned(repository, tmp_path, target)
        assert last in stages and "eval_f1_loci" not in stages
    finish(repository, tmp_path, "--configfile", "config.yaml", "--", "results/init/fresh/model")
    assert (tmp_path / "results/init/fresh/model/model.safetensors").exists()
    assert "init_model" not in planned(repository, tmp_path, "eval_f1")
