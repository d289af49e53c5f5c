"""Write an annotation as GTF or BED12, by the ending of the output: .gtf or .bed.

GTF keeps everything but attributes; BED12 has one row for each transcript, its coding part thick.
"""

from __future__ import annotations

from genescribe.cli import parser, run
from genescribe.genome.annotation.exports import export_genes
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.paths import InputPath, OutputFile


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("annotation", type=InputPath(), help="GFF3 or GTF, plain or compressed")
    arguments.add_argument("output", type=OutputFile(), help="file to write: NAME.gtf or NAME.bed")
    args = arguments.parse_args()
    genes = read_genes(args.annotation)
    export_genes(args.output, genes)
    print(f"{args.output}: {len(genes)} genes")


if __name__ == "__main__":
    run(main)
