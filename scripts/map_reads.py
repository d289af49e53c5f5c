"""Map RNA-seq reads to a genome: an index for HISAT2, or a sorted BAM file with its index."""

from __future__ import annotations

from genescribe.cli import parser, run
from genescribe.errors import InputError
from genescribe.evidence.mapping import build_index, map_long, map_short
from genescribe.files import atomic_directory
from genescribe.paths import InputPath, OutputFile, OutputFolder


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--fasta", type=InputPath(), help="genome; plain or compressed")
    arguments.add_argument("--build", type=OutputFolder(), help="folder to write the index into")
    arguments.add_argument("--index", type=InputPath(), help="folder of the index: maps short reads")
    arguments.add_argument("--reads", type=InputPath(), nargs="+", default=[], help="FASTQ, or both files of pairs")
    arguments.add_argument("--threads", type=int, default=1, help="of the mapper")
    arguments.add_argument("--output", type=OutputFile("{name}.bai", forms=("BAM",)), help="BAM file to write")
    args = arguments.parse_args()

    if args.build and args.fasta:
        with atomic_directory(args.build) as folder:
            build_index(args.fasta, folder, args.threads)
    elif args.index and args.output and len(args.reads) in (1, 2):
        map_short(args.index, args.reads, args.output, args.threads)
    elif args.fasta and args.output and len(args.reads) == 1:
        map_long(args.fasta, args.reads[0], args.output, args.threads)
    else:
        raise InputError(
            "neither an index nor a BAM file is asked for",
            where="command line",
            remedy="give --fasta --build, --index --reads --output, or --fasta --reads --output",
        )


if __name__ == "__main__":
    run(main)
