"""Fit the simulator's parameters to a genome and its annotation, and write them as JSON."""

from __future__ import annotations

from genescribe.cli import comma_list, number, parser, run
from genescribe.errors import InputError
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.genome.fasta import Genome
from genescribe.paths import InputPath, OutputFile
from genescribe.simulate import AssumedUtrs, fit, save_parameters


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument(
        "--fasta",
        type=InputPath(),
        required=True,
        help="FASTA file; softmasked bases, if any, are the repeats",
    )
    arguments.add_argument("--annotation", type=InputPath(), required=True, help="GFF3 or GTF file")
    arguments.add_argument("--name", required=True, help="name of the parameter set")
    arguments.add_argument("--source", required=True, help="species, assembly and annotation, for the provenance")
    arguments.add_argument("--exclude", type=comma_list, default=[], help="sequences to leave out (organelles), a,b,c")
    arguments.add_argument(
        "--utr5-median", type=number(1), help="median 5' UTR length to assume if none is annotated, in bases"
    )
    arguments.add_argument(
        "--utr3-median", type=number(1), help="median 3' UTR length to assume if none is annotated, in bases"
    )
    arguments.add_argument("--utr-source", help="source of the assumed medians")
    arguments.add_argument("--output", type=OutputFile(forms=("JSON",)), required=True, help="JSON file to write")
    options = arguments.parse_args()
    given = (options.utr5_median, options.utr3_median, options.utr_source)
    if any(value is not None for value in given) and None in given:
        raise InputError(
            "UTR lengths assumed in part",
            where="the command line",
            remedy="give --utr5-median, --utr3-median and --utr-source together",
        )
    genome = Genome.open(options.fasta)
    genes = [gene for gene in read_genes(options.annotation) if gene.seqid not in options.exclude]
    assumed = None if given[0] is None else AssumedUtrs(*given)
    save_parameters(fit(genome, genes, options.name, options.source, assumed), options.output)


if __name__ == "__main__":
    run(main)
