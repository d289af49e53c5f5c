"""Write an annotation as GFF3, GTF or BED12, compressed and indexed, or with NCBI's locus tags.

The suffix of the target gives the format; a target that ends in .gz is compressed with bgzip and indexed for JBrowse
and IGV.

    genescribe convert genes.gff3 genes.gtf
    genescribe convert genes.gff3 genes.gff3.gz
    genescribe convert genes.gff3 submit.gff3 --locus-tag ABC
"""

from __future__ import annotations

import argparse

from genescribe.cli import Parser
from genescribe.paths import InputPath, OutputFile


def add_arguments(parser: Parser) -> None:
    """Add the options of this command."""
    from genescribe.genome.annotation.formats import FORMS, INDEXES, WRITTEN

    parser.add_argument("source", type=InputPath(), help="well-formed GFF3 or GTF; repair others with genescribe sort")
    beside = (f"{{name}}{index}" for index in INDEXES)
    target = OutputFile(*beside, forms=WRITTEN, compressed=True, converted=True)
    parser.add_argument("target", type=target, help="file to write")
    parser.add_argument("--format", choices=FORMS, help="default: by the suffix of the target, else gff3")
    parser.add_argument(
        "--locus-tag", metavar="PREFIX", help="add locus tags and names as NCBI requires them: docs/submit.md"
    )


def main(args: argparse.Namespace) -> None:
    """Run the command."""
    from genescribe.genome.annotation.formats import AnnotationForm, genes_in_words
    from genescribe.genome.annotation.gff3 import read_genes
    from genescribe.genome.annotation.written import read_written, with_scores

    form = AnnotationForm.of(args.target, args.format, args.locus_tag)
    genes = read_genes(args.source)
    written = read_written(args.source)
    lengths = written.lengths_for(genes)
    form.write(args.target, with_scores(genes, written), lengths, written.header, genetic_code=written.genetic_code)
    print(f"{genes_in_words(len(genes))}: {args.target}")
