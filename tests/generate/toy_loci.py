"""A genome of short genes with untranslated regions, introns and isoforms that any model learns, on both strands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from genescribe.bake.batch import bake_batch
from genescribe.bake.config import BakeConfig, BakeJob, LociConfig
from genescribe.bake.splits import Splits
from genescribe.generate.config import GenerateModelConfig
from genescribe.generate.loci.bake import SentenceBaker
from genescribe.generate.model import build_model, save_model
from genescribe.generate.training.task import GenerateTask, Locus
from genescribe.genome.alphabet import Codes, decode, encode, reverse_complement
from genescribe.genome.annotation.gff3 import write_gff3
from genescribe.genome.catalogue.database import build_catalogue
from genescribe.genome.fasta import write_fasta
from genescribe.genome.model import Gene, Transcript, mirror
from genescribe.nn.config import EncoderConfig

LENGTH = 400
SPLITS = Splits(train=["t*"], validation=["v*"], test=["x*"])


def toy_genome(folder: Path, sizes: dict[str, int], seed: int = 0) -> tuple[Path, Path, list[Gene]]:
    """Write `sizes[prefix]` sequences of each prefix, a gene each; return FASTA, GFF3 and the genes."""
    rng = np.random.default_rng(seed)
    records: list[tuple[str, Codes]] = []
    genes: list[Gene] = []
    for prefix, count in sizes.items():
        for number in range(count):
            codes, gene = toy_gene(f"{prefix}{number}", rng)
            records.append((f"{prefix}{number}", codes))
            genes.append(gene)
    folder.mkdir(parents=True, exist_ok=True)
    write_fasta(folder / "genome.fa", records)
    write_gff3(folder / "genes.gff3", genes, {name: len(codes) for name, codes in records})
    return folder / "genome.fa", folder / "genes.gff3", genes


def toy_gene(name: str, rng: np.random.Generator) -> tuple[Codes, Gene]:
    """Return a sequence and its gene: two or three exons; where three, an isoform without the middle one."""

    def draw(size: int, letters: list[int]) -> str:
        return decode(rng.choice(letters, size=size).astype(np.uint8))

    codons = [int(n) for n in rng.integers(6, 12, size=3)]
    leader, trailer = draw(int(rng.integers(10, 20)), [1, 3]), draw(int(rng.integers(10, 20)), [1, 3])
    parts = ["ATG" + draw(3 * codons[0], [1, 2]), draw(3 * codons[1], [1, 2]), draw(3 * codons[2], [1, 2]) + "TAA"]
    introns = ["GTAAGT" + draw(int(rng.integers(20, 30)), [3]) + "TTTCAG" for _ in range(2)]
    several = bool(rng.random() < 0.5)
    text, exons = leader + parts[0], []
    exons.append((0, len(text)))
    for intron, part in [(introns[0], parts[1]), (introns[1], parts[2])] if several else [(introns[0], parts[2])]:
        text += intron
        exons.append((len(text), len(text) + len(part)))
        text += part
    text += trailer
    exons[-1] = exons[-1][0], len(text)
    start, end = len(leader), len(text) - len(trailer)
    lead = int(rng.integers(40, 60))
    whole = draw(lead, [0, 3]) + text
    whole += draw(LENGTH - len(whole), [0, 3])

    def transcript(number: int, chosen: list[tuple[int, int]]) -> Transcript:
        cds = tuple((max(a, start) + lead, min(b, end) + lead) for a, b in chosen)
        return Transcript(f"{name}.t{number}", tuple((a + lead, b + lead) for a, b in chosen), cds)

    transcripts = [transcript(1, exons)] + ([transcript(2, [exons[0], exons[2]])] if several else [])
    gene = Gene(f"{name}.g", name, "+", tuple(transcripts), biotype="protein_coding")
    codes = encode(whole)
    if rng.random() < 0.5:
        return reverse_complement(codes), mirror(gene, LENGTH)
    return codes, gene


def bake_toy(folder: Path, sizes: dict[str, int], *, splits: Splits = SPLITS, genome: str = "toy") -> Path:
    """Bake such a genome into loci."""
    fasta, annotation, _ = toy_genome(folder, sizes)
    build_catalogue(fasta, annotation, folder / "catalogue.duckdb")
    config = BakeConfig(target="sentences", loci=LociConfig(flank=40, window_step=64))
    job = BakeJob(genome, config, splits)
    names = [f"{prefix}{number}" for prefix, count in sizes.items() for number in range(count)]
    bake_batch(folder / "catalogue.duckdb", fasta, job, names, folder / "baked", SentenceBaker)
    return folder / "baked"


def toy_config(**changes: object) -> GenerateModelConfig:
    """Return the options of a very small model."""
    encoder = EncoderConfig("attention", hidden_dim=32, num_layers=1, conv_width=24, fold=6, dropout=0.0)
    values = {"encoder": encoder, "decoder_layers": 1, "dropout": 0.0, "flank": 30, "shift": 0}
    return GenerateModelConfig(**(values | changes))  # type: ignore[arg-type]


def random_model(folder: Path, **changes: object) -> Path:
    """Write the folder of a model with random weights: it knows nothing."""
    torch.manual_seed(3)
    folder.mkdir(parents=True)
    save_model(build_model(toy_config(genetic_code=1, **changes)), folder)
    return folder


def learned_by_heart(task: GenerateTask, below: float = 0.001) -> tuple[Any, list[Locus]]:
    """Train on all samples at once until their cross-entropy a step is `below`; return the model and their loci."""
    torch.manual_seed(1)
    model = task.build()
    batch = [task.training[i] for i in range(len(task.training))]
    optimiser = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for step in range(300):
        for group in optimiser.param_groups:
            group["lr"] = 5e-3 * min(1.0, (step + 1) / 20)
        loss = task.loss(model, batch)
        (loss.total / loss.weight).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        if (loss.parts["cross_entropy"] / loss.weight).item() < below:
            break
    return model.eval(), [task._locus(sample, shift=0) for sample in batch]
