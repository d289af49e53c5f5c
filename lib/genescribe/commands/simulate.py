"""Simulate a genome and its true annotation.

The same seed gives the same genome; the true genes are known.

    genescribe simulate --parameters arabidopsis_thaliana --output-fasta genome.fa --output-gff3 truth.gff3
"""

from __future__ import annotations

import argparse
import logging
from typing import get_args

from genescribe.cli import Parser, integer, number
from genescribe.paths import InputText, OutputFile

_log = logging.getLogger("simulate")


def add_arguments(parser: Parser) -> None:
    """Add the options of this command."""
    from genescribe.simulate import parameter_sets
    from genescribe.simulate.parameters import Durations

    files = parser.add_argument_group("output")
    files.add_argument(
        "--output-fasta",
        type=OutputFile(forms=("FASTA",)),
        required=True,
        help="FASTA file to write, repeats softmasked",
    )
    files.add_argument("--output-gff3", type=OutputFile(forms=("GFF3",)), required=True, help="GFF3 file to write")
    law = parser.add_argument_group("genes")
    law.add_argument(
        "--parameters", type=InputText(), required=True, help=f"{', '.join(parameter_sets())}, or a JSON file"
    )
    law.add_argument(
        "--durations", choices=get_args(Durations), default="informative", help="lengths as fitted, or geometric"
    )
    law.add_argument(
        "--sharpness", type=number(0), default=1.0, help="power applied to signals and codon usage; 1: as fitted"
    )
    law.add_argument("--one-transcript", action="store_true", help="write one transcript per gene")
    size = parser.add_argument_group("size")
    size.add_argument("--seed", type=integer(0), default=1, help="the same seed gives the same genome")
    size.add_argument("--total-bases", type=integer(1), default=1_200_000, help="total number of bases, approximately")
    size.add_argument("--n-sequences", type=integer(1), default=8, help="number of sequences")


def main(args: argparse.Namespace) -> None:
    """Run the command."""
    from genescribe.simulate import load_parameters, simulate, write_simulation

    parameters = load_parameters(args.parameters).with_durations(args.durations).sharpened(args.sharpness)
    if args.one_transcript:
        parameters = parameters.with_one_transcript()
    sequences, genes = simulate(parameters, args.seed, total_bases=args.total_bases, n_sequences=args.n_sequences)
    law = f"{parameters.name}, durations {args.durations}, sharpness {args.sharpness}"
    write_simulation(sequences, genes, args.output_fasta, args.output_gff3, (f"simulated: {law}, seed {args.seed}",))
    _log.info("%d genes on %d bases", len(genes), sum(map(len, sequences.values())))
