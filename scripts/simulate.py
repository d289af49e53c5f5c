"""Simulate a genome and its true annotation."""

from __future__ import annotations

import logging
from typing import get_args

from genescribe.cli import integer, number, parser, run
from genescribe.paths import InputText, OutputFile
from genescribe.simulate import load_parameters, parameter_sets, simulate, write_simulation
from genescribe.simulate.parameters import Durations

log = logging.getLogger("simulate")


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument(
        "--parameters", type=InputText(), required=True, help=f"{', '.join(parameter_sets())}, or a JSON file"
    )
    arguments.add_argument(
        "--durations", choices=get_args(Durations), default="informative", help="as fitted, or geometric"
    )
    arguments.add_argument(
        "--sharpness", type=number(0), default=1.0, help="power of signals and codon usage, 1: as fitted"
    )
    arguments.add_argument("--one-transcript", action="store_true", help="no gene has isoforms")
    arguments.add_argument("--seed", type=integer(0), default=1, help="the same seed gives the same genome")
    arguments.add_argument("--total-bases", type=integer(1), default=1_200_000, help="bases in all, or a little more")
    arguments.add_argument("--n-sequences", type=integer(1), default=8, help="number of sequences")
    arguments.add_argument(
        "--output-fasta", type=OutputFile(), required=True, help="FASTA file to write, repeats softmasked"
    )
    arguments.add_argument("--output-gff3", type=OutputFile(), required=True, help="GFF3 file to write")
    args = arguments.parse_args()

    parameters = load_parameters(args.parameters).with_durations(args.durations).sharpened(args.sharpness)
    if args.one_transcript:
        parameters = parameters.with_one_transcript()
    sequences, genes = simulate(parameters, args.seed, total_bases=args.total_bases, n_sequences=args.n_sequences)
    law = f"{parameters.name}, durations {args.durations}, sharpness {args.sharpness}"
    write_simulation(sequences, genes, args.output_fasta, args.output_gff3, (f"simulated: {law}, seed {args.seed}",))
    log.info("%d genes on %d bases", len(genes), sum(map(len, sequences.values())))


if __name__ == "__main__":
    run(main)
