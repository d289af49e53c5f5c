"""Annotate a simulated genome with the law that wrote it: the ceiling for every model."""

from __future__ import annotations

from typing import get_args

from genescribe.cli import comma_list, parser, run
from genescribe.genome.fasta import Genome
from genescribe.genome.gff import write_gff3
from genescribe.simulate import SimulateConfig, ceiling, parameter_sets
from genescribe.simulate.parameters import Durations


def main() -> None:
    default = SimulateConfig()
    known = ", ".join(parameter_sets())
    arguments = parser(__doc__)
    arguments.add_argument("--genome", required=True, help="FASTA file that scripts/simulate.py wrote")
    arguments.add_argument("--parameters", default=default.parameters, help=f"{known}, or a JSON file: as simulated")
    arguments.add_argument("--durations", choices=get_args(Durations), default=default.durations, help="as simulated")
    arguments.add_argument("--sharpness", type=float, default=default.sharpness, help="as simulated")
    arguments.add_argument("--seqids", type=comma_list, default=[], help="sequences to annotate, a,b,c; none: all")
    arguments.add_argument("--backend", default="auto", help="of the semi-Markov kernel")
    arguments.add_argument("--output", required=True, help="GFF3 file to write")
    options = arguments.parse_args()
    law = SimulateConfig(options.parameters, durations=options.durations, sharpness=options.sharpness)
    genome = Genome.open(options.genome)
    sequences = {seqid: genome.codes(seqid) for seqid in options.seqids or genome.lengths}
    genes = ceiling(law.build(), sequences, options.backend)
    write_gff3(options.output, genes, genome.lengths, (f"ceiling: parameters {options.parameters}",))


if __name__ == "__main__":
    run(main)
