"""Give coding sequences to genes whose annotation has UTRs but no CDS, from introns that RNA-seq showed.

A gene gets the longest coding sequence of its transcripts that begins with a start codon, ends with a stop codon and
has no stop codon inside; all others stay without one, so that bake masks them. Introns may be in the coordinates of a
nearby release of the genome: each stretch of them is moved by up to --shift bases.

Written for C. elegans WS220, on which models/nematodes was trained.
"""

from __future__ import annotations

from genescribe.cli import integer, parser, run
from genescribe.evidence.coding_sequences import genes_with_coding
from genescribe.genome.annotation.gff3 import write_gff3
from genescribe.genome.fasta import Genome
from genescribe.paths import InputPath, OutputFile


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--fasta", type=InputPath(), required=True, help="genome")
    arguments.add_argument("--annotation", type=InputPath(), required=True, help="GFF3 with rows gene, mRNA and UTRs")
    arguments.add_argument("--introns", type=InputPath(), required=True, help="GFF of introns; column 6: reads")
    arguments.add_argument("--prefix", default="", help="prefix of the sequence names in the annotation and FASTA")
    arguments.add_argument(
        "--without", type=InputPath(), help="file with names of genes to leave without CDS, one per line"
    )
    arguments.add_argument("--shift", type=integer(0), default=130, help="most bases to move introns by")
    arguments.add_argument("-o", "--output", type=OutputFile(forms=("GFF3",)), required=True, help="GFF3 to write")
    args = arguments.parse_args()
    genome = Genome.open(args.fasta)
    without = set(args.without.read_text(encoding="utf-8").split()) if args.without else set()
    genes = genes_with_coding(
        args.annotation, args.introns, genome, prefix=args.prefix, without=without, shift=args.shift
    )
    write_gff3(args.output, genes, genome.lengths)
    print(f"{args.output}: {sum(any(t.cds for t in g.transcripts) for g in genes)} of {len(genes)} genes have a CDS")


if __name__ == "__main__":
    run(main)
