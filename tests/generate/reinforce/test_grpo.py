"""Training by rewards: ratios of 1, rewards that rise, runs that were killed; prompts apart from held-out loci."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.generate.toy_loci import LENGTH, SPLITS, bake_toy, toy_config

from genescribe.bake.splits import Splits
from genescribe.data.dataset import ShardDataset
from genescribe.errors import InputError
from genescribe.files import read_json
from genescribe.generate.annotation.score import accuracy, gain, write_loci
from genescribe.generate.config import ScoreConfig
from genescribe.generate.model import load_model
from genescribe.generate.reinforce.config import GrpoConfig, PromptConfig
from genescribe.generate.reinforce.prompts import check_apart, gene_span, prepare_prompts
from genescribe.generate.reinforce.run import build_run
from genescribe.generate.reinforce.task import PARTS, GrpoTask
from genescribe.generate.training.task import GenerateTask
from genescribe.train.config import TrainConfig
from genescribe.train.engine import train

SIZES = {"t": 40, "v": 16, "x": 4}


@pytest.fixture(scope="module")
def baked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bake_toy(tmp_path_factory.mktemp("grpo"), SIZES)


@pytest.fixture(scope="module")
def start(baked: Path) -> Path:
    """Return a model that has learned for a moment."""
    config = TrainConfig(max_steps=16, batch_size=8, lr=5e-3, validate_epochs=9, device="cpu")
    return train(GenerateTask(toy_config(dropout=0.2), [baked]), config, baked.parent / "start")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as handle:
        return list(csv.DictReader(handle))


def options(seed: int = 1, **train_options: object) -> dict[str, object]:
    usual = {"max_steps": 20, "batch_size": 4, "lr": 5e-4, "validate_epochs": 2, "device": "cpu", "seed": seed}
    return {"grpo": {"group": 8, "max_length": 80}, "train": {**usual, **train_options}}


def test_scores_of_loci_are_those_of_validation(baked: Path, start: Path) -> None:
    config = ScoreConfig(split="validation", bootstrap=20)
    found = write_loci(load_model(start), [baked], config)
    scores, same = accuracy(found, config), gain(found, found, config)
    log = rows(start.parent / "eval_log.csv")[-1]
    for level in ("exon", "gene"):
        assert scores["levels"][level]["f1"] == pytest.approx(float(log[f"{level}_f1"]), abs=1e-6)
        assert same[level]["f1"]["difference"] == 0
    assert scores["loci"]["total"] == SIZES["v"] == len(found.results)


def test_rewards_rise_and_the_best_on_held_out_loci_is_kept(baked: Path, start: Path, tmp_path: Path) -> None:
    task, config = build_run([baked], start, options(), where="test")
    model = train(task, config, tmp_path)
    rewards = [float(row["reward"]) for row in rows(tmp_path / "training_log.csv")]
    assert np.mean(rewards[-6:]) > np.mean(rewards[:6]) + 0.03
    held_out = rows(tmp_path / "eval_log.csv")
    assert held_out[0]["step"] == "0", "the model is judged before it learns"
    assert held_out[0]["exon_f1"] == rows(start.parent / "eval_log.csv")[-1]["exon_f1"]
    values = [float(row["greedy_reward"]) for row in held_out]
    kept = read_json(model / "provenance.json")["best"]["greedy_reward"]
    assert kept == pytest.approx(max(values[1:]), abs=1e-6)


def test_the_policy_that_drew_is_the_policy_that_learns(baked: Path, start: Path) -> None:
    """The first step of a batch has ratios of 1 in spite of dropout, and no divergence at the start.

    But for rounding: where no gradient is wanted native code may read the bases.
    """
    task = GrpoTask(GrpoConfig(group=4, max_length=60, temperature=1.2), [baked], start)
    model = task.reference(torch.device("cpu")).model
    with torch.no_grad():
        rollout = task.prepare(model.train(), [task.training[i] for i in range(4)])
    assert len(rollout.values) == 16
    assert rollout.advantages.abs().sum() > 0
    loss = task.loss(model.train(), rollout)
    values = {name: float(loss.parts[name]) for name in PARTS}
    assert values["clipped"] == 0
    assert values["kl"] == pytest.approx(0.0, abs=1e-6)
    assert 0 < values["reward"] <= 16
    lengths = torch.tensor([len(value) for value in rollout.values])
    expected = -float((rollout.advantages * lengths).sum()) / 60
    assert float(loss.total) == pytest.approx(expected, abs=1e-5)
    # What was drawn with other weights has other ratios.
    moved = replace(rollout, drawn=rollout.drawn - 1.0)
    assert float(task.loss(model, moved).parts["clipped"]) > 0


class KilledError(Exception):
    """Stands for a process that is killed."""


def test_a_run_that_was_killed_goes_on_to_the_same_weights(baked: Path, start: Path, tmp_path: Path) -> None:
    short = options(max_steps=4, batch_size=4, micro_batch=2, checkpoint_steps=1)
    task, config = build_run([baked], start, short, where="test")
    whole = train(task, config, tmp_path / "whole")
    broken, _ = build_run([baked], start, short, where="test")
    loss, seen = broken.loss, [0]

    def killed(model: torch.nn.Module, batch: object) -> object:
        seen[0] += 1
        if seen[0] == 11:  # In the third batch, between its two steps.
            raise KilledError
        return loss(model, batch)  # type: ignore[arg-type]

    broken.loss = killed  # type: ignore[assignment, method-assign]
    with pytest.raises(KilledError):
        train(broken, config, tmp_path / "broken")
    resumed = train(build_run([baked], start, short, where="test")[0], config, tmp_path / "broken")
    for name in ("model.safetensors", "config.json"):
        assert (whole / name).read_bytes() == (resumed / name).read_bytes()
    log = rows(tmp_path / "whole" / "training_log.csv")
    assert [row["reward"] for row in log] == [row["reward"] for row in rows(tmp_path / "broken" / "training_log.csv")]


def test_prompts_are_apart_from_held_out_loci(tmp_path: Path) -> None:
    first = bake_toy(tmp_path / "a", {"t": 12, "v": 4, "x": 4}, genome="a")
    second = bake_toy(tmp_path / "b", {"t": 8}, splits=Splits(train=["t*"]), genome="b")
    counts = prepare_prompts([first, second], PromptConfig(homologues="keep"), tmp_path / "all")
    assert counts["prompts"] == {"a": 12, "b": 8}
    assert counts["held_out"] == {"a": 4}
    apart = PromptConfig(genomes=["b"], homologues="keep")
    counts = prepare_prompts([first, second], apart, tmp_path / "apart")
    assert counts["prompts"] == {"b": 8}
    assert counts["left_out"] == {"its genome is not among those of the prompts": 12}
    prompts = ShardDataset([tmp_path / "apart"], "train")
    assert {prompts[i].meta.genome for i in range(len(prompts))} == {"b"}
    assert GenerateTask(toy_config(), [tmp_path / "apart"]).samples() == 8
    with pytest.raises(InputError, match="'c' has no training locus"):
        prepare_prompts([first, second], PromptConfig(genomes=["c"]), tmp_path / "refused")
    with pytest.raises(InputError, match="no prompt is left"):
        prepare_prompts([first], PromptConfig(longest=1), tmp_path / "refused")
    assert not (tmp_path / "refused").exists()


def test_the_same_prompts_are_the_same_bytes(tmp_path: Path, baked: Path) -> None:
    config = PromptConfig(held_out=3, homologues="keep")
    for name in ("one", "two"):
        prepare_prompts([baked], config, tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == ["bake.json", "prompts.json", "train-00000.tar", "validation-00000.tar", "windows.npy"]
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert read_json(tmp_path / "one" / "prompts.json")["held_out"] == {"toy": 3}


def test_homologues_of_held_out_genes_are_no_prompts(tmp_path: Path) -> None:
    """The same genome twice, its sequences on other sides of the split: every prompt has a twin that is held out."""
    first = bake_toy(tmp_path / "a", {"t": 6}, splits=Splits(train=["t*"]), genome="a")
    second = bake_toy(tmp_path / "b", {"t": 6}, splits=Splits(validation=["t*"]), genome="b")
    counts = prepare_prompts([first, second], PromptConfig(homologues="keep"), tmp_path / "kept")
    assert counts["prompts"] == {"a": 6}
    found = prepare_prompts_or_reason([first, second], tmp_path / "dropped")
    assert "homologue" in found


def prepare_prompts_or_reason(folders: list[Path], target: Path) -> str:
    try:
        return str(prepare_prompts(folders, PromptConfig(), target)["left_out"])
    except InputError as error:
        return str(error)


def test_overlapping_loci_are_refused(baked: Path) -> None:
    train_loci, others = ShardDataset([baked], "train"), ShardDataset([baked], "validation")
    prompts = [train_loci[i] for i in range(3)]
    check_apart(prompts, [others[i] for i in range(3)])
    start, end = gene_span(prompts[0])
    assert 0 <= start < end <= LENGTH
    with pytest.raises(InputError, match="overlaps"):
        check_apart(prompts, prompts[2:])
    assert SPLITS.train == ["t*"]


def test_bad_options_say_what_is_wrong(baked: Path, start: Path) -> None:
    with pytest.raises(InputError, match="unknown key 'reward'"):
        build_run([baked], start, {"reward": {}}, where="test")
    with pytest.raises(InputError, match=r"grpo\.group"):
        build_run([baked], start, {"grpo": {"group": 1}}, where="test")
