"""Score a predicted annotation against a reference, and print a table.

It has sensitivity, precision and F1 of coding sequences at the levels base, exon, intron, intron chain, transcript,
locus and gene, as gffcompare defines them. --output also writes bootstrap intervals, scores of whole exons and of genes
with and without introns, identical proteins, and lengths of exons and introns in both.

    genescribe evaluate reference.gff3 genes.gff3
    genescribe evaluate reference.gff3 genes.gff3 --fasta genome.fa --regions chr7,chr8 --against other=other.gff3
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from genescribe import __version__
from genescribe.cli import Parser, integer
from genescribe.errors import InputError
from genescribe.files import sha256, temporary_folder, write_json
from genescribe.paths import InputPath, InputText, NameList, OutputFile

if TYPE_CHECKING:
    from genescribe.genome.model import Gene


def add_arguments(parser: Parser) -> None:
    """Add the options of this command."""
    from genescribe.evidence.collect import EVIDENCE_FILES, add_evidence_arguments

    files = parser.add_argument_group("input and output")
    files.add_argument("reference", type=InputPath(), help="GFF3, GTF or catalogue.duckdb")
    files.add_argument("predicted", type=InputPath(), help="GFF3 or GTF")
    files.add_argument("--fasta", type=InputPath(), help="genome of both; also compares proteins")
    files.add_argument(
        "--against",
        type=InputText(lambda text: text.partition("=")[2]),
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="another prediction to compare with, paired by gene; repeatable",
    )
    files.add_argument("--output", type=OutputFile(forms=("JSON",)), help="JSON file to write, with all scores")
    group = parser.add_argument_group("scoring")
    group.add_argument("--regions", type=NameList(), default=[], help="score only seqid or seqid:start-end, ...")
    group.add_argument(
        "--mask-ends", type=integer(0), default=0, help="bases at both ends of each sequence that are not scored"
    )
    group.add_argument("--genetic-code", type=integer(1), default=1, help="NCBI table, for comparing proteins")
    group.add_argument(
        "--labelled-only", action="store_true", help="do not score predictions that overlap no reference gene"
    )
    group.add_argument(
        "--groups",
        type=InputText(lambda text: text.rpartition(":")[0]),
        metavar="FILE:COLUMN",
        help="score groups of sequences separately: a tab-separated table whose first column is the sequence name",
    )
    add_evidence_arguments(parser)
    intervals = parser.add_argument_group("intervals, for --output and --against")
    intervals.add_argument("--bootstrap", type=integer(0), default=1000, help="bootstrap samples; 0: no intervals")
    intervals.add_argument("--seed", type=integer(0), default=0, help="seed of the bootstrap")
    parser.only(["seed"], lambda args: args.bootstrap > 0, "--bootstrap above 0")
    parser.only(["regions", "mask_ends", "genetic_code", *EVIDENCE_FILES], lambda args: args.fasta, "--fasta")
    parser.only(["bootstrap", "seed"], lambda args: args.output or args.against, "--output or --against")
    parser.only(["groups", *EVIDENCE_FILES], lambda args: args.output, "--output")


def main(args: argparse.Namespace) -> None:
    """Run the command."""
    from genescribe.bake.splits import EVERYTHING, read_regions, show_region
    from genescribe.evaluate.metrics import measure
    from genescribe.evaluate.regions import without_ends
    from genescribe.evaluate.score_lines import score_lines
    from genescribe.evaluate.support import intron_support
    from genescribe.evidence.collect import EvidenceFiles, evidence_of
    from genescribe.evidence.table import EvidenceTable
    from genescribe.genome.annotation.written import read_written
    from genescribe.genome.fasta import Genome
    from genescribe.genome.genetic_code import GeneticCode

    genome = Genome.open(args.fasta) if args.fasta else None
    lengths = genome.lengths if genome else {}
    regions = read_regions(args.regions or lengths, lengths, where="--regions")
    reference, predicted, others = _annotations(args, lengths)
    scored = without_ends(regions, lengths, args.mask_ends)
    metrics = measure(
        reference,
        predicted,
        regions=scored if genome else None,
        sequences=(genome, GeneticCode.from_table(args.genetic_code)) if genome else None,
        others=others,
        groups=read_groups(args.groups) if args.groups else None,
        labelled_only=args.labelled_only,
        parts=read_written(args.predicted).scores["CDS"],
        replicates=args.bootstrap if args.output or args.against else 0,
        seed=args.seed,
    )
    with temporary_folder() as folder:
        evidence = evidence_of(EvidenceFiles.of(args), genome, folder / "evidence") if genome else None
        if evidence is not None:
            table = EvidenceTable.load(evidence)
            by_name = {"reference": reference, "predicted": predicted}
            metrics["evidence"] = {name: intron_support(genes, table, scored) for name, genes in by_name.items()}
    metrics["provenance"] = {
        "genescribe": __version__,
        "predicted_sha256": sha256(args.predicted),
        "regions": [show_region(region, lengths) for region in regions] if set(args.regions) - {EVERYTHING} else [],
        "mask_ends": args.mask_ends,
        "labelled_only": args.labelled_only,
        "genetic_code": args.genetic_code,
        "bootstrap": args.bootstrap,
        "seed": args.seed,
    }
    if args.output:
        write_json(args.output, metrics)
    print(score_lines(metrics))


def _annotations(
    args: argparse.Namespace, lengths: Mapping[str, int]
) -> tuple[list[Gene], list[Gene], dict[str, list[Gene]]]:
    """Return the genes of the reference, of the prediction and of the others, their sequence names checked."""
    from genescribe.evaluate.sequence_names import check_names

    reference, predicted = read_annotation(args.reference), read_annotation(args.predicted)
    others = {name: (path, read_annotation(path)) for name, path in _named_files(args.against)}
    if not reference:
        what = "no gene with a coding sequence to compare with"
        raise InputError(what, where=args.reference, remedy="give an annotation with rows of type CDS")
    check_names(reference, lengths, str(args.reference), str(args.fasta))
    for path, genes in ((args.predicted, predicted), *others.values()):
        check_names(genes, lengths, str(path), str(args.fasta))
        if not args.regions:  # A region may hold no gene of the reference; genes predicted there are then wrong.
            check_names(genes, {gene.seqid for gene in reference}, str(path), str(args.reference))
    return reference, predicted, {name: genes for name, (_, genes) in others.items()}


def read_annotation(path: Path) -> list[Gene]:
    """Return the genes of a catalogue or of a GFF3 or GTF file."""
    from genescribe.genome.annotation.gff3 import read_genes
    from genescribe.genome.catalogue.database import Catalogue

    return list(Catalogue(path).genes()) if path.suffix == ".duckdb" else read_genes(path)


def named_file(text: str) -> tuple[str, Path]:
    """Split NAME=FILE."""
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise InputError(f"{text!r} is not NAME=FILE", where="--against", remedy="write for example orf=orf.gff3")
    return name, Path(path)


def _named_files(texts: Sequence[str]) -> list[tuple[str, Path]]:
    pairs = [named_file(text) for text in texts]
    for number, (name, _) in enumerate(pairs):
        if name in dict(pairs[:number]):
            raise InputError(
                f"the name {name!r} is given twice", where="--against", remedy="give each a name of its own"
            )
    return pairs


def read_groups(text: str) -> dict[str, str]:
    """Return sequence -> group from FILE:COLUMN."""
    name, colon, column = text.rpartition(":")
    if not (name and colon and column):
        raise InputError(
            f"{text!r} is not FILE:COLUMN", where="--groups", remedy="write for example species.tsv:phylum"
        )
    with Path(name).open(encoding="utf-8-sig", newline="") as handle:
        rows = csv.DictReader(handle, delimiter="\t")
        fields = rows.fieldnames or [""]
        if column not in fields:
            raise InputError(f"no column {column!r}", where=name, remedy=f"it has {', '.join(fields)}")
        return {row[fields[0]]: row[column] for row in rows}
