"""Combine the predictions of all folds of a genome; each fold has other sequences and its own model."""

from __future__ import annotations

from genescribe import __version__
from genescribe.cli import integer, parser, run
from genescribe.errors import InputError
from genescribe.files import atomic_directory
from genescribe.genome.annotation.gff3 import read_genes, write_gff3
from genescribe.genome.fasta import Genome
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Gene
from genescribe.genome.products import write_products
from genescribe.paths import InputPath, OutputFolder


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("parts", type=InputPath(), nargs="+", help="folders with annotation.gff3")
    arguments.add_argument("--fasta", type=InputPath(), required=True, help="genome")
    arguments.add_argument("--genetic-code", type=integer(1), default=1, help="NCBI table")
    arguments.add_argument("--output", type=OutputFolder(), required=True, help="folder to write")
    args = arguments.parse_args()

    genome = Genome.open(args.fasta)
    genes: list[Gene] = []
    for part in args.parts:
        added = read_genes(part / "annotation.gff3")
        twice = {gene.seqid for gene in genes} & {gene.seqid for gene in added}
        if twice:
            raise InputError(
                f"{min(twice)} is in two folds", where=part, remedy="give predictions of different sequences"
            )
        genes += added
    with atomic_directory(args.output) as folder:
        header = [f"genescribe {__version__}", f"folds: {len(args.parts)}"]
        write_gff3(folder / "annotation.gff3", genes, genome.lengths, header=header)
        write_products(genes, genome, GeneticCode.from_table(args.genetic_code), folder)


if __name__ == "__main__":
    run(main)
