"""Write the gene sentences (GSF) of an annotation: a line for each gene, its ID, tab, sentence.

Coordinates count from the first base of the gene, on the forward strand. Genes that no sentence can express are left
out; their number and the reasons are reported.
"""

from __future__ import annotations

import sys

from genescribe.cli import parser, run
from genescribe.generate.loci.gene_list import write_gsf
from genescribe.paths import InputPath, OutputFile


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("annotation", type=InputPath(), help="GFF3 or GTF, plain or compressed")
    arguments.add_argument("-o", "--output", type=OutputFile(), required=True, help="file to write")
    arguments.add_argument("--absolute", action="store_true", help="count coordinates from the start of the sequence")
    args = arguments.parse_args()
    count, left_out = write_gsf(args.output, args.annotation, absolute=args.absolute)
    print(f"{args.output}: {count} genes")
    for reason, number in sorted(left_out.items()):
        print(f"{number} genes left out: {reason}", file=sys.stderr)


if __name__ == "__main__":
    run(main)
