"""Print how hard the simulated genomes are.

Genes; the scores of the ceiling, of the same decoder with geometric lengths on the same genome, and of the rule of long
open reading frames; the ceiling's speed.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from pathlib import Path

import torch

from genescribe.cli import parser, run
from genescribe.evaluate.accuracy import compare
from genescribe.evaluate.baselines import orf_rule
from genescribe.genome.fasta import Genome
from genescribe.genome.genetic_code import GeneticCode
from genescribe.simulate import SimulationParameters, load_parameters, simulate, write_simulation
from genescribe.simulate.ceiling import ceiling
from genescribe.simulate.parameters import Durations, Lengths

CASES: tuple[tuple[str, Durations, float], ...] = (
    ("saccharomyces_cerevisiae", "informative", 1.0),
    ("arabidopsis_thaliana", "informative", 1.0),
    ("arabidopsis_thaliana", "uninformative", 1.0),
    ("arabidopsis_thaliana", "informative", 1.5),
    ("arabidopsis_thaliana", "uninformative", 1.5),
    ("populus_trichocarpa", "informative", 1.0),
    ("drosophila_melanogaster", "informative", 1.0),
)


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--total-bases", type=int, default=3_000_000, help="size of each genome")
    arguments.add_argument("--n-sequences", type=int, default=20, help="sequences of each genome")
    arguments.add_argument("--seed", type=int, default=7, help="of the genomes")
    args = arguments.parse_args()
    torch.set_num_threads(1)
    columns = ("parameters", "durations", "sharpness", "genes/Mb", "coding exons/gene")
    columns += (
        "ceiling: exon F1",
        "gene F1",
        "with geometric lengths: exon F1",
        "gene F1",
        "long frames: gene F1",
        "CPU s/Mb",
    )
    print("| " + " | ".join(columns) + " |")
    print("| --- " * len(columns) + "|")
    for name, durations, sharpness in CASES:
        parameters = load_parameters(name).with_durations(durations).sharpened(sharpness)
        sequences, genes = simulate(parameters, args.seed, total_bases=args.total_bases, n_sequences=args.n_sequences)
        megabases = sum(map(len, sequences.values())) / 1e6
        began = time.process_time()
        best = compare(genes, ceiling(parameters, sequences))
        seconds = (time.process_time() - began) / megabases
        blunt = compare(genes, ceiling(with_geometric_lengths(parameters), sequences))
        with tempfile.TemporaryDirectory() as folder:
            fasta = Path(folder) / "genome.fa"
            write_simulation(sequences, genes, fasta, Path(folder) / "annotation.gff3")
            frames = compare(genes, orf_rule(Genome.open(fasta), GeneticCode.from_table(1), 300))
        majors = [next(t for t in gene.transcripts if t.canonical) for gene in genes]
        exons = sum(len(t.cds) for t in majors) / len(genes)
        scores = [table[level]["f1"] for table in (best, blunt) for level in ("exon", "gene")] + [frames["gene"]["f1"]]
        cells = [name, durations, str(sharpness), f"{len(genes) / megabases:.0f}", f"{exons:.1f}"]
        cells += [f"{100 * score:.1f}" for score in scores] + [f"{seconds:.1f}"]
        print("| " + " | ".join(cells) + " |", flush=True)


def with_geometric_lengths(parameters: SimulationParameters) -> SimulationParameters:
    """Return the parameters with geometric lengths of the same minima and means."""
    models = {field.name: getattr(parameters.lengths, field.name).geometric() for field in dataclasses.fields(Lengths)}
    return dataclasses.replace(parameters, lengths=Lengths(**models))


if __name__ == "__main__":
    run(main)
