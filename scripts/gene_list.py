"""Add the genes of a genome to a DuckDB file with TransGenic's table geneList; a file may hold several species.

For each gene: its window of the forward strand (a multiple of 6,144 bases), the bases, and the gene sentence if it has
one. Genes whose window is longer than 49,152 bases are left out. The table geneSpecies says which species a row is of.
"""

from __future__ import annotations

from genescribe.cli import parser, run
from genescribe.generate.forms.transgenic import published_window
from genescribe.generate.loci.gene_list import add_genome
from genescribe.paths import InputPath, OutputFile


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("genome", type=InputPath(), help="FASTA, plain, gzip or bgzip")
    arguments.add_argument("annotation", type=InputPath(), help="GFF3 or GTF of its genes")
    arguments.add_argument(
        "--db", type=OutputFile(forms=("DuckDB",)), required=True, help="DuckDB file to write or to add to"
    )
    arguments.add_argument("--species", required=True, help="name of the species, new to the file")
    args = arguments.parse_args()
    count, left_out = add_genome(args.db, args.genome, args.annotation, args.species, published_window)
    print(f"{args.db}: {count} genes of {args.species}, {left_out} too long")


if __name__ == "__main__":
    run(main)
