"""A fourth family, in a package of its own: trained and used by the library's own scripts, which know nothing of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from genescribe.genome.annotation.gff3 import read_genes, write_gff3
from genescribe.genome.fasta import write_fasta
from genescribe.genome.model import Gene
from tests.bake.test_baker import Toy, orf

FAMILY = '''
"""Open reading frames of at least the shortest length that coding sequences of the training windows have."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from genescribe.config import from_mapping, option, to_mapping
from genescribe.data.cursor import micro_batches
from genescribe.data.dataset import ShardDataset
from genescribe.families import Family
from genescribe.files import write_json
from genescribe.genome.alphabet import unmasked
from genescribe.genome.genetic_code import GeneticCode, codon_numbers, codon_set
from genescribe.genome.model import Transcript
from genescribe.labels.schemes import SCHEMES
from genescribe.predict.interface import PredictedTranscript, StrandPrediction
from genescribe.train.config import TrainConfig
from genescribe.train.model_files import stored_options
from genescribe.train.task import Loss, Task


@dataclass(frozen=True)
class OrfConfig:
    """Options of the family."""

    margin: float = option(0.5, doc="share of the mean length that is long enough", minimum=0.0)


class OrfTask(Task):
    name, metrics, best, no_decay = "orf", ("agreement",), "agreement", ()
    remedy = "lower train.lr"

    def __init__(self, config, folders):
        self.config, self.folders = config, folders
        scheme = SCHEMES["gene"]
        lengths = []
        for sample in ShardDataset(folders, "train"):
            for transcript in scheme.decode(sample.runs).transcripts:
                lengths.append(float(transcript.cds_length))
        self.lengths = torch.tensor(lengths)

    def fingerprint(self):
        return {"model": to_mapping(self.config), "lengths": self.lengths.tolist()}

    def build(self):
        return nn.Linear(1, 1, bias=False)

    def samples(self):
        return len(self.lengths)

    def batches(self, cursor):
        return (self.lengths[batch] for batch in micro_batches(cursor, len(self.lengths)))

    def validation_batches(self, rank, world, size, workers):
        return iter([self.lengths][rank::world])

    def to_device(self, batch, device):
        return batch.to(device)

    def loss(self, model, batch):
        total = (model(torch.ones(len(batch), 1)).squeeze(1) - batch / 100).square().sum()
        return Loss(total, torch.tensor(float(len(batch))))

    def validate(self, model, batch):
        return {"near": (model.weight * 100 * self.config.margin < batch).sum(), "all": torch.tensor(len(batch))}

    def summarise(self, counts):
        return {"agreement": float(counts["near"] / counts["all"])}

    def diagnose(self, model, batch):
        return []

    def compile(self, model):
        pass

    def save(self, model, directory):
        write_json(directory / "config.json", {"family": "orf", "model": to_mapping(self.config)})
        save_file(model.state_dict(), directory / "model.safetensors")


class OrfPredictor:
    grain = 3

    def __init__(self, folder, device="auto", shortest=None):
        self.folder = Path(folder)
        config = stored_options(OrfConfig, folder, "orf")
        mean = 100 * float(load_file(self.folder / "model.safetensors")["weight"])
        self.shortest, self.code = config.margin * mean, GeneticCode.from_table(1)

    def __call__(self, worker=0):
        return self

    def for_genome(self, genome, pieces, species):
        return self

    def genetic_code(self, seqid=""):
        return self.code

    def provenance(self):
        return {"model": "orf"}

    def statistics(self):
        return {}

    def read(self, codes, start, end):
        return np.zeros((end - start, 1), np.float32)

    def finish(self, codes, rows, config):
        bases, found = unmasked(codes[0 : len(codes)]), StrandPrediction()
        starts, stops = codon_set(self.code.starts), codon_set(self.code.stops)
        for frame in range(3):
            numbers = codon_numbers(bases[frame : frame + (len(bases) - frame) // 3 * 3])
            start = None
            for i, number in enumerate(numbers.tolist()):
                if start is None and starts[number]:
                    start = i
                elif start is not None and stops[number]:
                    span = (frame + 3 * start, frame + 3 * i + 3)
                    if span[1] - span[0] >= self.shortest:
                        transcript = Transcript(str(span[0]), (span,), (span,))
                        found.transcripts.append(PredictedTranscript(transcript, float(span[1] - span[0])))
                    start = None
        return found


ORF = Family(OrfConfig, TrainConfig, task="orf_family.OrfTask", predictor="orf_family.OrfPredictor")
'''


@pytest.fixture
def plugin(tmp_path: Path) -> dict[str, str]:
    """Return the environment in which the package of the family is installed."""
    site = tmp_path / "site"
    information = site / "orf_family-1.0.dist-info"
    information.mkdir(parents=True)
    (site / "orf_family.py").write_text(FAMILY)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: orf-family\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[genescribe.families]\norf = orf_family:ORF\n")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])}


def test_a_fourth_family_needs_no_edit_in_the_library(repository: Path, plugin: dict[str, str], tmp_path: Path) -> None:
    toy = Toy()
    for number, seqid in enumerate("abc"):
        toy.sequence(seqid, 1000, seed=number)
        toy.place(f"{seqid}1", seqid, 100, orf(60, number), "+")
        toy.place(f"{seqid}2", seqid, 600, orf(60, 9 + number), "-")
    fasta, annotation = tmp_path / "genome.fa", tmp_path / "annotation.gff3"
    write_fasta(fasta, toy.sequences.items())
    genes = [gene for members in toy.genes.values() for gene in members]
    write_gff3(annotation, genes, {seqid: len(codes) for seqid, codes in toy.sequences.items()})

    def script(name: str, *arguments: object) -> None:
        command = [sys.executable, str(repository / "scripts" / name), *map(str, arguments)]
        done = subprocess.run(command, env=plugin, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    catalogue, shards, run, output = (tmp_path / name for name in ("c.duckdb", "shards", "run", "out.gff3"))
    script("catalogue.py", "--fasta", fasta, "--annotation", annotation, "--output", catalogue)
    job = {"genome": "toy", "bake": {"scheme": "gene", "window": 1000, "overlap": 0}}
    job |= {"splits": {"train": ["a", "b"], "validation": ["c"]}}
    script("bake.py", "--fasta", fasta, "--catalogue", catalogue, "--options", json.dumps(job), "--output", shards)
    options = {"family": "orf", "train": {"max_steps": 300, "batch_size": 4, "lr": 0.1, "weight_decay": 0.0}}
    script("train.py", "--data", shards, "--options", json.dumps(options), "--output", run)
    script("annotate.py", fasta, "--model", run / "model", "-o", output, "--opposite-strands", "allow")
    # The longest frame begins at the first start codon, perhaps before the gene's: genes are known by their stops.
    assert stops_of(genes) <= stops_of(read_genes(output))


def stops_of(genes: Sequence[Gene]) -> set[tuple[str, str, int]]:
    """Return the sequence, strand and last base of each gene."""
    return {(gene.seqid, gene.strand, gene.end if gene.strand == "+" else gene.start) for gene in genes}
