"""Bake one batch of a genome's sequences into windows with labels.

Writes WebDataset shards (DIR/train-00000.tar, ...), DIR/stats.json, DIR/index.json (what became of each gene) and
DIR/bake.json (parameters and digests).
"""

from __future__ import annotations

from genescribe.bake.batch import bake_batch
from genescribe.bake.config import BakeJob
from genescribe.cli import JsonText, integer, json_options, parser, run
from genescribe.config import from_mapping
from genescribe.genome.fasta import Genome
from genescribe.paths import InputPath, OutputFolder
from genescribe.workflow.batches import batch_of


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--fasta", type=InputPath(), required=True, help="genome")
    arguments.add_argument("--catalogue", type=InputPath(), required=True, help="catalogue of its annotation")
    arguments.add_argument(
        "--options",
        type=JsonText(),
        default='{"splits": {"train": ["*"]}}',
        help="JSON object with the keys genome, bake, splits, skip, mask_ends and genetic_code",
    )
    arguments.add_argument("--batch", type=integer(0), default=0, help="which batch of sequences, from 0")
    arguments.add_argument("--batches", type=integer(1), default=1, help="number of batches")
    arguments.add_argument("--output", type=OutputFolder(), required=True, help="folder to write")
    args = arguments.parse_args()

    job = from_mapping(BakeJob, json_options(args.options), where="--options")
    seqids = batch_of(Genome.open(args.fasta).lengths, args.batch, args.batches)
    bake_batch(args.catalogue, args.fasta, job, seqids, args.output)


if __name__ == "__main__":
    run(main)
