"""Simulate a genome and its true annotation."""

from __future__ import annotations

import logging
from typing import get_args

from genescribe.cli import parser, run
from genescribe.config import to_mapping
from genescribe.simulate import SimulateConfig, parameter_sets, simulate, write_simulation
from genescribe.simulate.parameters import Durations

log = logging.getLogger("simulate")


def main() -> None:
    default = SimulateConfig()
    known = ", ".join(parameter_sets())
    arguments = parser(__doc__)
    arguments.add_argument("--parameters", default=default.parameters, help=f"{known}, or a JSON file")
    arguments.add_argument("--seed", type=int, default=default.seed, help="the same seed gives the same genome")
    arguments.add_argument("--total-bases", type=int, default=default.total_bases, help="bases in all")
    arguments.add_argument("--n-sequences", type=int, default=default.n_sequences, help="number of sequences")
    arguments.add_argument(
        "--durations", choices=get_args(Durations), default=default.durations, help="uninformative: geometric lengths"
    )
    arguments.add_argument(
        "--sharpness", type=float, default=default.sharpness, help="power of the signals, 1 as fitted"
    )
    arguments.add_argument("--output-fasta", required=True, help="FASTA file to write, repeats softmasked")
    arguments.add_argument("--output-gff3", required=True, help="GFF3 file to write")
    options = arguments.parse_args()
    config = SimulateConfig(
        options.parameters,
        options.seed,
        options.total_bases,
        options.n_sequences,
        options.durations,
        options.sharpness,
    )
    sequences, genes = simulate(
        config.build(), config.seed, total_bases=config.total_bases, n_sequences=config.n_sequences
    )
    header = ("simulated: " + ", ".join(f"{key} {value}" for key, value in to_mapping(config).items()),)
    write_simulation(sequences, genes, options.output_fasta, options.output_gff3, header)
    log.info("%d genes on %d bases", len(genes), sum(map(len, sequences.values())))


if __name__ == "__main__":
    run(main)
