"""Learn loci of yeast and C. elegans by heart; report how many the model then writes exactly, all isoforms included.

    GENESCRIBE_DATA=FOLDER python benchmarks/overfit.py --output benchmarks/results/overfit.json

Half of the loci are of either genome, evenly spread over it; of C. elegans, every other one has several transcripts.
Writing is greedy, in the grammar of the model. A model that cannot do this has a fault; one that can has shown nothing
about other loci.
"""

from __future__ import annotations

import math
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from genescribe.bake.batch import bake_batch
from genescribe.bake.config import BakeConfig, BakeJob
from genescribe.bake.splits import Splits
from genescribe.cli import parser, run
from genescribe.files import write_json
from genescribe.generate.config import GenerateModelConfig
from genescribe.generate.training.task import GenerateTask, Locus
from genescribe.genome.catalogue.database import Catalogue, build_catalogue
from genescribe.nn.config import EncoderConfig

GENOMES = {
    "yeast": ("Saccharomyces.cerevisiae", "annotation.gtf.gz", ["I", "III"]),
    "celegans": ("Caenorhabditis.elegans_smallgenes", "annotation.gff3.gz", ["*"]),
}
BATCH, CHECK, RATE = 16, 20, 4e-3
SURE = 0.02
"""A loss (nats per step) above which nothing is written to look at it."""


def main() -> None:
    arguments = parser(__doc__)
    add = arguments.add_argument
    add("--loci", type=int, default=64, help="loci, half of each genome")
    add("--longest", type=int, default=1_000, help="bases of a gene at most")
    add("--steps", type=int, default=600, help="steps of training at most, of 16 loci each")
    add("--seed", type=int, default=1, help="of the weights and the order of the loci")
    add("--output", type=Path, required=True, help="JSON to write")
    args = arguments.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    encoder = EncoderConfig("attention", hidden_dim=96, num_layers=2, conv_width=48, fold=6, dropout=0.0)
    config = GenerateModelConfig(encoder=encoder, decoder_layers=2, dropout=0.0, softmask_dropout=0.0, shift=0)
    with tempfile.TemporaryDirectory(prefix="genescribe-") as scratch:
        task = GenerateTask(config, [bake(Path(scratch), name) for name in GENOMES])
        loci = chosen(task, args.loci, args.longest)
    report = learn(task, loci, args.steps)
    write_json(args.output, {"loci": len(loci), "seed": args.seed} | report)


def bake(folder: Path, name: str) -> Path:
    """Bake the loci of a genome."""
    species, annotation, sequences = GENOMES[name]
    source = Path(os.environ["GENESCRIBE_DATA"]) / "eukaryotes" / species
    fasta, catalogue = source / "genome.fa.gz", folder / f"{name}.duckdb"
    build_catalogue(fasta, source / annotation, catalogue)
    job = BakeJob(name, BakeConfig(target="sentences"), Splits(train=sequences))
    bake_batch(catalogue, fasta, job, list(job.splits.regions(Catalogue(catalogue).sequences())), folder / name)
    return folder / name


def chosen(task: GenerateTask, count: int, longest: int) -> list[Locus]:
    """Return loci of both genomes, evenly spread; of C. elegans, every other one with several transcripts."""
    strata: dict[tuple[str, bool], list[Locus]] = {}
    for number in range(len(task.training)):
        sample = task.training[number]
        locus = task._locus(sample, shift=0)
        begin, end = locus.sentence.span
        if end - begin <= longest:
            strata.setdefault((sample.meta.genome, len(locus.sentence.transcripts) > 1), []).append(locus)
    result = []
    for (genome, _), found in sorted(strata.items()):
        wanted = count // 2 if genome == "yeast" else count // 4
        result += [found[i * len(found) // wanted] for i in range(wanted)]
    return result


def learn(task: GenerateTask, loci: list[Locus], steps: int) -> dict[str, Any]:
    """Train until all loci are written exactly, or for `steps`; return what came of it."""
    model = task.build()
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps, pct_start=0.05)
    started, exact, step, low = time.process_time(), 0, 0, math.inf
    order: list[int] = []
    with tqdm(total=steps, desc="overfit", unit="step", disable=None) as bar:
        while step < steps and exact < len(loci):
            order = order or torch.randperm(len(loci)).tolist()
            batch, order = [loci[i] for i in order[:BATCH]], order[BATCH:]
            losses, kinds = task._losses(model.train(), batch)
            loss = losses.nll.sum() / (kinds >= 0).sum() + losses.content
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            step += 1
            bar.update()
            low = min(low, float(loss.detach()))
            if step == steps or (step % CHECK == 0 and low < SURE):
                written = task.write(model.eval(), loci)
                exact = sum(found == locus.sentence for found, locus in zip(written, loci, strict=True))
                print(f"step {step}: loss {low:.4f}, {exact} of {len(loci)} exact", flush=True)
                low = math.inf
            elif step % CHECK == 0:
                print(f"step {step}: loss {low:.4f}", flush=True)
                low = math.inf
    return {
        "exact": exact,
        "several_transcripts": sum(len(locus.sentence.transcripts) > 1 for locus in loci),
        "features": sum(len(locus.sentence.features) for locus in loci),
        "bases": sum(len(locus.codes) for locus in loci),
        "parameters": sum(p.numel() for p in model.parameters()),
        "steps": step,
        "cpu_seconds": round(time.process_time() - started, 1),
    }


if __name__ == "__main__":
    run(main)
