"""Bake one batch of a genome's sequences into windows with labels.

Writes WebDataset shards (FOLDER/train-00000.tar, ...), FOLDER/stats.json, FOLDER/index.json (the outcome for each
gene) and FOLDER/bake.json (parameters and digests).

    genescribe bake --fasta genome.fa --catalogue genome.duckdb --output baked
"""

from __future__ import annotations

import argparse

from genescribe.cli import JsonText, Parser, integer, json_options
from genescribe.paths import InputPath, OutputFolder


def add_arguments(parser: Parser) -> None:
    """Add the options of this command."""
    files = parser.add_argument_group("input and output")
    files.add_argument("--fasta", type=InputPath(), required=True, help="genome")
    files.add_argument("--catalogue", type=InputPath(), required=True, help="catalogue of its annotation")
    files.add_argument("--output", type=OutputFolder(), required=True, help="folder to write")
    group = parser.add_argument_group("contents")
    group.add_argument(
        "--options",
        type=JsonText(),
        default='{"splits": {"train": ["*"]}}',
        help="JSON object with the keys genome, bake, splits, skip, mask_ends and genetic_code",
    )
    group.add_argument("--batch", type=integer(0), default=0, help="number of the batch of sequences, from 0")
    group.add_argument("--batches", type=integer(1), default=1, help="number of batches")


def main(args: argparse.Namespace) -> None:
    """Run the command."""
    from genescribe.bake.batch import bake_batch
    from genescribe.bake.config import BakeJob
    from genescribe.config import from_mapping
    from genescribe.families import baker_class
    from genescribe.genome.batches import batch_of
    from genescribe.genome.fasta import Genome

    job = from_mapping(BakeJob, json_options(args.options), where="--options")
    seqids = batch_of(Genome.open(args.fasta).lengths, args.batch, args.batches)
    bake_batch(args.catalogue, args.fasta, job, seqids, args.output, baker_class(job.bake.target))
