"""The programs as a user starts them: options, a run that is killed; the flagship's plan; training under torchrun."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file
from tests.generate.toy_loci import bake_toy, random_model, toy_config, toy_genome

from genescribe.config import to_mapping
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.train.config import TrainConfig
from genescribe.train.launch import LaunchConfig, agent
from genescribe.train.launch import environment as launch_environment

LOCI = 12


def command(repository: Path, *arguments: str) -> list[str]:
    return [sys.executable, str(repository / "scripts" / "run_genome_annotation.py"), *arguments]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("inputs")
    fasta, annotation, _ = toy_genome(folder, {"t": LOCI})
    return [str(fasta), str(annotation), "-m", str(random_model(folder / "model")), "--no_sort", "--num_workers", "0"]


def test_the_options_of_the_earlier_tool_have_its_names_and_defaults(repository: Path) -> None:
    said = subprocess.run(command(repository, "--help"), capture_output=True, text=True, check=True).stdout
    for option in (
        "--output",
        "--reject_output",
        "--model",
        "--device",
        "--precision {auto,fp32,fp16,bf16}",
        "--compile",
        "--batch_size",
        "--max_length",
        "--num_workers",
        "--prefetch_factor",
        "--checkpoint_path",
        "--resume",
        "--no_sort",
        "--keep_db",
    ):
        assert option in said
    text = (repository / "scripts" / "run_genome_annotation.py").read_text()
    defaults = dict(re.findall(r'add\("--(\w+)", .*?default=(\w+|"\w+")', text))
    assert {name: defaults[name] for name in ("device", "batch_size", "num_workers", "prefetch_factor")} == {
        "device": '"auto"',
        "batch_size": "1",
        "num_workers": "2",
        "prefetch_factor": "2",
    }


def test_every_option_does_what_it_says(repository: Path, inputs: list[str], tmp_path: Path) -> None:
    output, rejects = tmp_path / "a.gff3", tmp_path / "left.jsonl"
    options = ["--reject_output", str(rejects), "--precision", "bf16", "--batch_size", "5", "--max_length", "40"]
    options += ["--checkpoint_path", str(tmp_path / "c.json"), "--keep_db", "--search", "beam", "--isoforms", "0.2"]
    done = subprocess.run(
        command(repository, *inputs, "-o", str(output), "--device", "cpu", *options),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{LOCI} loci: ")
    rows = [json.loads(line) for line in rejects.read_text().splitlines()]
    found = [gene.attributes["GM"] for gene in read_genes(output)]
    assert sorted(found + [row["gm_id"] for row in rows]) == sorted(f"t{i}.g" for i in range(LOCI))
    assert {path.name for path in tmp_path.iterdir()} == {"a.gff3", "left.jsonl", "a.gff3.loci.duckdb", "c.json"}
    wrong = subprocess.run(
        command(repository, *inputs, "--device", "cuda:9"), capture_output=True, text=True, check=False
    )
    assert wrong.returncode == 2
    assert "device: " in wrong.stderr and "give auto or cpu" in wrong.stderr


@pytest.mark.slow
def test_a_killed_program_goes_on_to_the_same_bytes(repository: Path, inputs: list[str], tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole.gff3", tmp_path / "broken.gff3"
    subprocess.run(command(repository, *inputs, "-o", str(whole)), check=True, capture_output=True)
    kills = 0
    while not broken.exists() and kills < LOCI:
        process = subprocess.Popen(
            command(repository, *inputs, "-o", str(broken), "--resume"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        checkpoint = tmp_path / "broken.gff3.ckpt.json"
        before = done_batches(checkpoint)
        # Some batches further, wherever in a batch that is: then the end comes without a word.
        while process.poll() is None and done_batches(checkpoint) < before + 4:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        if process.wait() != 0:
            kills += 1
    assert kills >= 1
    subprocess.run(command(repository, *inputs, "-o", str(broken), "--resume"), check=True, capture_output=True)
    assert broken.read_bytes() == whole.read_bytes()
    assert Path(f"{broken}.rejects.txt").read_bytes() == Path(f"{whole}.rejects.txt").read_bytes()


def done_batches(checkpoint: Path) -> int:
    try:
        return int(json.loads(checkpoint.read_text())["batches"])
    except (FileNotFoundError, ValueError):
        return 0


@pytest.mark.workflow
def test_the_flagship_is_planned_whole(repository: Path, tmp_path: Path) -> None:
    """Five genomes: files where docs and configuration say they are; sorted by AGAT, baked in batches, trained once."""
    example = repository / "examples" / "flagship.yaml"
    genomes = yaml.safe_load(example.read_text())["genomes"]
    for genome in genomes.values():
        for key in ("fasta", "annotation"):
            (tmp_path / genome[key]).parent.mkdir(exist_ok=True)
            (tmp_path / genome[key]).touch()
    snakefile = str(repository / "Snakefile")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "snakemake",
            "train",
            "--snakefile",
            snakefile,
            "--dry-run",
            "--configfile",
            str(example),
        ],
        cwd=tmp_path,
        env=os.environ | {"GENESCRIBE_DATA": str(tmp_path), "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    planned = dict(re.findall(r"^(\w+) +(\d+)$", done.stdout, re.MULTILINE))
    assert len(genomes) == 5
    assert int(planned["bake_batch"]) == sum(genome["batches"] for genome in genomes.values())
    assert int(planned["catalogue"]) == 5
    assert int(planned["train_model"]) == 1


# Micro-batches of one: then what chance decides of a sample is the same, whichever process draws it.
TRAIN = TrainConfig(max_steps=4, batch_size=4, micro_batch=1, lr=0.01, log_every=1, device="cpu")


def train(repository: Path, baked: Path, directory: Path, config: TrainConfig, start: Sequence[str]) -> list[float]:
    model = to_mapping(toy_config(dropout=0.1, shift=20))
    options = json.dumps({"family": "generate", "model": model, "train": to_mapping(config)})
    program = [str(repository / "scripts" / "train.py"), "--data", str(baked), "--output", str(directory)]
    done = subprocess.run(
        [*start, *program, "--options", options],
        env=os.environ | {"OMP_NUM_THREADS": "1"} | launch_environment(LaunchConfig()),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    with (directory / "log.csv").open() as handle:
        return [float(row["loss"]) for row in csv.DictReader(handle) if row["split"] == "train"]


@pytest.mark.parametrize("parallel", [pytest.param("ddp", marks=pytest.mark.slow), "fsdp"])
def test_two_processes_learn_what_one_does(repository: Path, tmp_path: Path, parallel: str) -> None:
    baked = bake_toy(tmp_path / "toy", {"t": 8, "v": 2, "x": 1})
    alone = train(repository, baked, tmp_path / "alone", TRAIN, [sys.executable])
    config = replace(TRAIN, parallel=parallel)  # type: ignore[arg-type]
    both = train(repository, baked, tmp_path / "both", config, agent(LaunchConfig(restarts=0), 2))
    assert len(alone) == TRAIN.max_steps
    assert both == pytest.approx(alone, abs=1e-5)
    one, other = (load_file(tmp_path / name / "model" / "model.safetensors") for name in ("alone", "both"))
    assert one.keys() == other.keys()
    for name, weight in one.items():
        # A tenth of a step: Adam makes as much of the rounding of a gradient near nought as of any other.
        torch.testing.assert_close(other[name], weight, atol=TRAIN.lr / 10, rtol=0)
