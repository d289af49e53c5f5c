"""Annotate a genome with a baseline: the rule of long open reading frames, AUGUSTUS, or another program's file.

A file is repaired and sorted first. Writes DIR/annotation.gff3, DIR/proteins.fa and DIR/cds.fa.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from genescribe import __version__
from genescribe.bake.splits import Region, read_regions
from genescribe.cli import integer, parser, run
from genescribe.errors import InputError
from genescribe.evaluate.baselines import orf_rule
from genescribe.evaluate.sequence_names import check_names
from genescribe.evaluate.tools.augustus import RETRAINED, augustus
from genescribe.files import atomic_directory, naming, sha256, temporary_folder
from genescribe.genome.annotation.gff3 import read_genes, write_gff3
from genescribe.genome.fasta import Genome
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Gene
from genescribe.genome.products import write_products
from genescribe.genome.repair.sort import sort_annotation
from genescribe.paths import InputPath, NameList, OutputFolder


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("method", choices=("orf", "augustus", "file"), help="baseline")
    arguments.add_argument("--fasta", type=InputPath(), required=True, help="genome")
    arguments.add_argument("--regions", type=NameList(), default=[], help="only these: seqid or seqid:start-end, ...")
    arguments.add_argument("--genetic-code", type=integer(1), default=1, help="NCBI table")
    arguments.add_argument(
        "--minimum", type=integer(6), default=300, help="orf: bases of the shortest frame, stop included"
    )
    arguments.add_argument(
        "--species",
        action="append",
        default=[],
        metavar="[PATTERN=]NAME",
        help="augustus: name of the parameters, or PATTERN=NAME for sequences whose names match; repeatable",
    )
    arguments.add_argument(
        "--trained", type=InputPath(), help="augustus: folder that train_augustus.py wrote, for --species"
    )
    arguments.add_argument("--annotation", type=InputPath(), help="file: GFF3 or GTF that another program wrote")
    arguments.add_argument("--workers", type=integer(1), default=1, help="augustus: processes")
    arguments.add_argument("--option", action="append", default=[], help="augustus: one more option, as --option=--x=y")
    arguments.add_argument("--output", type=OutputFolder(), required=True, help="folder to write")
    arguments.only(["minimum"], lambda args: args.method == "orf", "the method orf")
    arguments.only(
        ["species", "trained", "workers", "option"], lambda args: args.method == "augustus", "the method augustus"
    )
    arguments.only(["annotation"], lambda args: args.method == "file", "the method file")
    arguments.only(["regions"], lambda args: args.method != "file", "another method than file")
    args = arguments.parse_args()
    if args.method == "augustus" and bool(args.species) == bool(args.trained):
        arguments.error("augustus needs either --species or --trained")
    if args.method == "file" and not args.annotation:
        arguments.error("file needs --annotation")

    genome = Genome.open(args.fasta)
    code = GeneticCode.from_table(args.genetic_code)
    regions = read_regions(args.regions or genome.lengths, genome.lengths, where="--regions")
    if args.method == "orf":
        genes = orf_rule(genome, code, args.minimum, regions)
        made_by = f"open reading frames of at least {args.minimum} bases"
    elif args.method == "file":
        genes = given_genes(args.annotation, args.fasta, genome)
        made_by = f"{args.annotation.name} {sha256(args.annotation)}"
    else:
        species = args.species or [RETRAINED]
        genes = []
        for name, part in by_species(regions, species).items():
            genes += augustus(genome, name, part, options=args.option, jobs=args.workers, trained=args.trained)
        made_by = " ".join(["AUGUSTUS", *species, *args.option])
    with atomic_directory(args.output) as folder:
        header = [f"genescribe {__version__}", f"baseline: {made_by}"]
        write_gff3(folder / "annotation.gff3", genes, genome.lengths, header=header, source=args.method)
        write_products(genes, genome, code, folder)


def given_genes(annotation: Path, fasta: Path, genome: Genome) -> list[Gene]:
    """Return the genes of another program's file, in any dialect."""
    with temporary_folder() as folder:
        ordered = folder / "sorted.gff3"
        sort_annotation(annotation, ordered)
        with naming(annotation, ordered):
            genes = read_genes(ordered)
    check_names(genes, genome.lengths, str(annotation), str(fasta))
    return [gene for gene in genes if gene.seqid in genome.lengths]


def by_species(regions: Sequence[Region], rules: Sequence[str]) -> dict[str, list[Region]]:
    """Return the regions of each species: of the first rule, [PATTERN=]NAME, that a sequence's name matches."""
    patterns = [rule.split("=", 1) if "=" in rule else ["*", rule] for rule in rules]
    chosen: dict[str, list[Region]] = {}
    for region in regions:
        name = next((name for pattern, name in patterns if fnmatchcase(region.seqid, pattern)), None)
        if name is None:
            raise InputError(
                f"no species for the sequence {region.seqid}", where="--species", remedy="end with the pattern *=NAME"
            )
        chosen.setdefault(name, []).append(region)
    return chosen


if __name__ == "__main__":
    run(main)
