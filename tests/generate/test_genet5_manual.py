"""Every command of docs/coming_from_genet5.md at toy size, one after the other."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import pytest
import torch
from tests.generate.toy_loci import random_model, toy_genome
from tests.run_script import run_script

from genescribe.commands import console
from genescribe.files import read_json
from genescribe.generate.annotation.draws import kept_weights
from genescribe.generate.annotation.score import annotation_accuracy
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.genome.model import Gene, Transcript

SPECIES = {"A.one": 6, "B.two": 3, "C.three": 2}
BAKE = {"bake": {"target": "sentences", "loci": {"flank": 40, "window_step": 64}}}
MODEL = {
    "architecture": "prefix_lm",
    "encoder": {"hidden_dim": 32, "conv_width": 24, "fold": 6, "dropout": 0.0},
    "decoder_layers": 1,
    "prefix": {"experts": {"number": 2}},
    "flank": 30,
    "shift": 0,
}


def quoted(value: object) -> str:
    return f"'{json.dumps(value)}'"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as handle:
        return list(csv.DictReader(handle))


@pytest.fixture(scope="module")
def folder(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which a model was made, species baked, and the model trained for a moment."""
    folder = tmp_path_factory.mktemp("genet5")
    for seed, (name, count) in enumerate(SPECIES.items()):
        fasta, annotation, _ = toy_genome(folder / "made" / name, {"s": count}, seed)
        (folder / "raw" / name).mkdir(parents=True)
        for source, target in ((fasta, "fna.gz"), (annotation, "gff.gz")):
            (folder / "raw" / name / target).write_bytes(gzip.compress(source.read_bytes(), mtime=0))
    run_script(repository, f"init_model.py --model {quoted(MODEL)} --output {folder}/init")
    held = "--val_species B.two --test_species C.three --eval 4"
    run_script(repository, f"bake_species.py {folder}/raw {held} --options {quoted(BAKE)} --output {folder}/baked")
    train = {"start": f"{folder}/init", "max_steps": 2, "batch_size": 2, "validate_epochs": 0.5, "device": "cpu"}
    options = json.dumps({"family": "generate", "train": train})
    data = [f"{folder}/baked/{name}" for name in SPECIES]
    console.main(["train", "--data", *data, "--output", f"{folder}/run", "--options", options])
    return folder


def test_files_of_baking_and_training(folder: Path) -> None:
    for name in ("gene_index.json", "bake_config.json", "eval.json"):
        assert (folder / "baked" / name).is_file()
    assert len(read_json(folder / "baked" / "eval.json")) == 4
    for name in ("model/config.json", "model/model.safetensors", "training_log.csv", "eval_log.csv", "memory_0.csv"):
        assert (folder / "run" / name).is_file()
    assert "max_steps" in (folder / "run" / "model" / "provenance.json").read_text()
    for row in rows(folder / "run" / "eval_log.csv"):
        assert {"exon_f1", "transcript_f1", "gene_f1"} <= row.keys()


def test_rewards(repository: Path, folder: Path, tmp_path: Path) -> None:
    data = " ".join(f"{folder}/baked/{name}" for name in SPECIES)
    prompts = quoted({"homologues": "keep"})
    run_script(repository, f"prep_grpo.py --data {data} --options {prompts} --output {tmp_path}/prompts")
    options = {"grpo": {"group": 2, "max_length": 20, "updates": 1}, "train": {"max_steps": 1, "batch_size": 2}}
    options["train"]["device"] = "cpu"  # type: ignore[assignment]
    model = f"--model {folder}/run/model --options {quoted(options)}"
    run_script(repository, f"grpo.py --data {tmp_path}/prompts {model} --output {tmp_path}/run")
    assert len(rows(tmp_path / "run" / "training_log.csv")) == 1


def test_f1_of_loci_and_of_annotations(repository: Path, folder: Path, tmp_path: Path) -> None:
    data = f"--data {folder}/baked/C.three --options {quoted({'max_length': 30})}"
    run_script(repository, f"eval_f1.py --model {folder}/run/model {data} --output {tmp_path}/loci.json")
    genes = folder / "made" / "A.one" / "genes.gff3"
    run_script(repository, f"eval_f1.py {genes} {genes} --output {tmp_path}/same.json")
    for name in ("loci.json", "same.json"):
        scores = read_json(tmp_path / name)
        assert scores["levels"].keys() >= {"base", "exon", "transcript", "gene"}
        assert scores["coding_sequences"].keys() == scores["transcripts"].keys()
    assert all(
        part["f1"] == 1.0 for part in (scores["coding_sequences"], scores["transcripts"], scores["levels"]["gene"])
    )
    with pytest.raises(SystemExit):
        run_script(repository, f"eval_f1.py {genes} --output {tmp_path}/one.json")
    text = genes.read_text().splitlines()
    (tmp_path / "other.gff3").write_text("\n".join(x if x.startswith("#") else f"other_{x}" for x in text))
    with pytest.raises(SystemExit):
        run_script(repository, f"eval_f1.py {genes} {tmp_path}/other.gff3 --output {tmp_path}/one.json")


def test_coding_sequences_are_counted_once() -> None:
    """Isoforms that differ in their untranslated ends are one coding sequence, and two transcripts."""
    one, other = Transcript("a", ((0, 60),), ((10, 40),)), Transcript("b", ((5, 60),), ((10, 40),))
    third = Transcript("c", ((0, 60),), ((10, 43),))
    scores = annotation_accuracy(
        [Gene("g", "s", "+", (one, other, third))], [Gene("p", "s", "+", (one, third))], bootstrap=0
    )
    assert (scores["coding_sequences"]["reference"], scores["coding_sequences"]["tp"]) == (2, 2)
    assert (scores["transcripts"]["predicted"], scores["transcripts"]["tp"]) == (2, 1)


def test_sampling_from_the_top_and_other_formats(repository: Path, folder: Path, tmp_path: Path) -> None:
    genome = folder / "made" / "A.one"
    model = random_model(tmp_path / "model")
    line = f"run_genome_annotation.py {genome}/genome.fa {genome}/genes.gff3 -m {model} --num_workers 0"
    written = {}
    for name, words in {
        "greedy": "",
        "first": "--search sample --top_k 1 --seed 1",
        "nucleus": "--search sample --top_p 0.0001 --seed 1",
        "drawn": "--search sample --top_k 50 --top_p 0.95 --temperature 0.8 --seed 1",
    }.items():
        run_script(repository, f"{line} -o {tmp_path}/{name}.gff3 {words}")
        written[name] = [
            (g.seqid, [(t.exons, t.cds) for t in g.transcripts]) for g in read_genes(tmp_path / f"{name}.gff3")
        ]
    assert written["first"] == written["nucleus"] == written["greedy"] != written["drawn"]
    for ending in ("gtf", "bed"):
        console.main(["convert", f"{tmp_path}/drawn.gff3", f"{tmp_path}/drawn.{ending}"])
    found = [(g.seqid, [(t.exons, t.cds) for t in g.transcripts]) for g in read_genes(tmp_path / "drawn.gtf")]
    assert found == written["drawn"]
    assert len([row for row in (tmp_path / "drawn.bed").read_text().splitlines() if not row.startswith("#")]) == sum(
        len(parts) for _, parts in found
    )


@pytest.mark.parametrize(
    ("top_k", "top_p", "kept"),
    [(0, 1.0, [0, 1, 2, 3]), (2, 1.0, [1, 2]), (0, 0.4, [1]), (0, 0.41, [1, 2]), (1, 0.9, [1]), (9, 1.0, [0, 1, 2, 3])],
)
def test_what_is_drawn_from(top_k: int, top_p: float, kept: list[int]) -> None:
    weights = torch.tensor([1.0, 4.0, 3.0, 2.0], dtype=torch.float64).numpy()
    assert kept_weights(weights, top_k, top_p).nonzero()[0].tolist() == kept
