"""Score a predicted annotation against a reference and write metrics.json.

Base, exon, intron, intron chain, transcript, locus and gene level on coding sequences and on exons, with bootstrap
intervals; genes with and without introns apart; identical proteins; lengths of exons and introns on both sides.
"""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

from genescribe import __version__
from genescribe.bake.splits import EVERYTHING, read_regions, show_region
from genescribe.cli import integer, parser, run
from genescribe.errors import InputError
from genescribe.evaluate.calibration import read_part_scores
from genescribe.evaluate.metrics import measure
from genescribe.evaluate.regions import without_ends
from genescribe.evaluate.sequence_names import check_names
from genescribe.evaluate.support import intron_support
from genescribe.evidence.collect import EvidenceFiles, add_evidence_arguments, evidence_of
from genescribe.evidence.table import EvidenceTable
from genescribe.files import sha256, write_json
from genescribe.genome.catalogue import Catalogue
from genescribe.genome.fasta import Genome
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.gff import read_genes
from genescribe.genome.model import Gene
from genescribe.paths import InputPath, InputText, NameList, OutputFile


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--reference", type=InputPath(), required=True, help="catalogue.duckdb, GFF3 or GTF")
    arguments.add_argument("--predicted", type=InputPath(), required=True, help="GFF3 or GTF")
    arguments.add_argument("--fasta", type=InputPath(), required=True, help="genome of both")
    arguments.add_argument("--regions", type=NameList(), default=[], help="score only seqid or seqid:start-end, ...")
    arguments.add_argument(
        "--mask-ends", type=integer(0), default=0, help="bases at both ends of a sequence not to score"
    )
    arguments.add_argument("--genetic-code", type=integer(1), default=1, help="NCBI table, for comparing proteins")
    arguments.add_argument(
        "--bootstrap", type=integer(0), default=1000, help="draws for the intervals; 0: no intervals"
    )
    arguments.add_argument("--seed", type=integer(0), default=0, help="of the bootstrap")
    arguments.add_argument(
        "--against",
        type=InputText(lambda text: text.partition("=")[2]),
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="another prediction to pair with; repeatable",
    )
    arguments.add_argument(
        "--labelled-only", action="store_true", help="score no prediction that overlaps no reference gene"
    )
    arguments.add_argument(
        "--groups",
        type=InputText(lambda text: text.rpartition(":")[0]),
        metavar="FILE:COLUMN",
        help="score groups of sequences apart: a table with tabs whose first column names the sequence",
    )
    add_evidence_arguments(arguments)
    arguments.add_argument("--output", type=OutputFile(), required=True, help="JSON file to write")
    arguments.only(["seed"], lambda args: args.bootstrap > 0, "--bootstrap above 0")
    args = arguments.parse_args()

    genome = Genome.open(args.fasta)
    regions = read_regions(args.regions or genome.lengths, genome.lengths, where="--regions")
    reference, predicted = read_annotation(args.reference), read_annotation(args.predicted)
    others = {name: (path, read_annotation(path)) for name, path in map(named_file, args.against)}
    check_names(reference, genome.lengths, str(args.reference), str(args.fasta))
    for path, genes in ((args.predicted, predicted), *others.values()):
        check_names(genes, genome.lengths, str(path), str(args.fasta))
        if not args.regions:  # In a region there may be no gene of the reference, and those that are found are wrong.
            check_names(genes, {gene.seqid for gene in reference}, str(path), str(args.reference))
    scored = without_ends(regions, genome.lengths, args.mask_ends)
    metrics = measure(
        reference,
        predicted,
        regions=scored,
        sequences=(genome, GeneticCode.from_table(args.genetic_code)),
        others={name: genes for name, (_, genes) in others.items()},
        groups=read_groups(args.groups) if args.groups else None,
        labelled_only=args.labelled_only,
        parts=read_part_scores(args.predicted),
        replicates=args.bootstrap,
        seed=args.seed,
    )
    with tempfile.TemporaryDirectory(prefix="genescribe-") as folder:
        evidence = evidence_of(EvidenceFiles.of(args), genome, Path(folder) / "evidence")
        if evidence is not None:
            table = EvidenceTable.load(evidence)
            named = {"reference": reference, "predicted": predicted}
            metrics["evidence"] = {name: intron_support(genes, table, scored) for name, genes in named.items()}
    metrics["provenance"] = {
        "genescribe": __version__,
        "predicted_sha256": sha256(args.predicted),
        "regions": [show_region(region, genome.lengths) for region in regions]
        if set(args.regions) - {EVERYTHING}
        else [],
        "mask_ends": args.mask_ends,
        "labelled_only": args.labelled_only,
        "genetic_code": args.genetic_code,
        "bootstrap": args.bootstrap,
        "seed": args.seed,
    }
    write_json(args.output, metrics)
    gene = metrics["cds"]["gene"]
    print(f"{args.output}: {gene['tp']} of {gene['reference']} genes right, {gene['fp']} predicted genes wrong")


def read_annotation(path: Path) -> list[Gene]:
    """Return the genes of a catalogue or of a GFF3 or GTF file."""
    return list(Catalogue(path).genes()) if path.suffix == ".duckdb" else read_genes(path)


def named_file(text: str) -> tuple[str, Path]:
    """Split NAME=FILE."""
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise InputError(f"{text!r} is not NAME=FILE", where="--against", remedy="write for example orf=orf.gff3")
    return name, Path(path)


def read_groups(text: str) -> dict[str, str]:
    """Return sequence -> group from FILE:COLUMN."""
    name, colon, column = text.rpartition(":")
    if not (name and colon and column):
        raise InputError(
            f"{text!r} is not FILE:COLUMN", where="--groups", remedy="write for example species.tsv:phylum"
        )
    with Path(name).open(encoding="utf-8", newline="") as handle:
        rows = csv.DictReader(handle, delimiter="\t")
        fields = rows.fieldnames or [""]
        if column not in fields:
            raise InputError(f"no column {column!r}", where=name, remedy=f"it has {', '.join(fields)}")
        return {row[fields[0]]: row[column] for row in rows}


if __name__ == "__main__":
    run(main)
