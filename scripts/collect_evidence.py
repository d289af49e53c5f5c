"""Collect the evidence of reads and proteins on a genome in one table, for predict.py and join_predictions.py."""

from __future__ import annotations

from genescribe.cli import parser, run
from genescribe.errors import InputError
from genescribe.evidence.collect import EvidenceFiles, add_evidence_arguments, evidence_of
from genescribe.evidence.table import EvidenceTable
from genescribe.genome.fasta import Genome
from genescribe.paths import InputPath, OutputFolder


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--fasta", type=InputPath(), required=True, help="genome")
    add_evidence_arguments(arguments)
    arguments.add_argument("--workers", type=int, default=1, help="processes")
    arguments.add_argument("--output", type=OutputFolder(), required=True, help="folder to write")
    args = arguments.parse_args()

    folder = evidence_of(EvidenceFiles.of(args), Genome.open(args.fasta), args.output, args.workers)
    if folder is None:
        raise InputError("no evidence", where="command line", remedy="give --bam, --junctions, --hints or --proteins")
    counts = EvidenceTable.load(folder).counts()
    print(f"{folder}: {', '.join(f'{number} {kind}' for kind, number in counts.items())}")


if __name__ == "__main__":
    run(main)
