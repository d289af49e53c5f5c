"""Self-training on genomes whose genes are known, as if they were not: accuracy after each round.

    python benchmarks/adapt.py --data $GENESCRIBE_DATA --work WORK plasmodium fly

A genome begins with the parameters that `all_genomes` has for another one, or with the pooled ones if it is not among
the nine; a group of G3PO begins with `eukaryotes`. Only sequence is read, as a user would do; the annotation serves for
scoring alone. Adds its scores to benchmarks/results/adapt.json; docs/models.md has the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from genescribe.bake.splits import read_regions
from genescribe.cli import parser, run
from genescribe.errors import InputError
from genescribe.evaluate.metrics import measure
from genescribe.evidence.collect import EvidenceFiles, evidence_of
from genescribe.families import predictor_for
from genescribe.files import atomic_directory, read_json, read_table, write_json
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.genome.fasta import Genome, write_fasta
from genescribe.genome.repair.sort import sort_annotation
from genescribe.models import model_folder
from genescribe.predict.config import PredictConfig
from genescribe.predict.genome import predict_genome
from genescribe.predict.stretches import pieces_of
from genescribe.segment.adaptation.counting import is_complete
from genescribe.segment.adaptation.rounds import Round, annotate_in_rounds, pieces_to_read, with_network
from genescribe.segment.prediction.factory import SegmentPredictorFactory

TARGET = Path(__file__).resolve().parent / "results" / "adapt.json"
LEVELS = ("base", "exon", "gene")


@dataclass(frozen=True)
class Stranger:
    """A genome that is annotated as if nothing were known of it.

    Attributes
    ----------
    folder, annotation
        Of the genome, below `eukaryotes`, and its file of genes.
    start
        Species of `all_genomes` that it begins with.
    regions
        Part -> what is scored of it. `developed`: what the bounds of the rounds were chosen on, if they were.
    read
        Sequences or regions that are read; empty: all.
    hints
        File of introns of reads, below `evidence`, that every round uses; empty: none.
    """

    folder: str
    annotation: str
    start: str
    regions: Mapping[str, list[str]]
    read: tuple[str, ...] = ()
    hints: str = ""


STRANGERS = {
    "plasmodium": Stranger(
        "Plasmodium.falciparum_chr1-8",
        "annotation.gff3.gz",
        "pooled",
        {"test": ["Pf3D7_08_v3"]},
        read=("Pf3D7_08_v3",),
    ),
    "plasmodium_developed": Stranger(
        "Plasmodium.falciparum_chr1-8",
        "annotation.gff3.gz",
        "pooled",
        {"developed": ["Pf3D7_05_v3", "Pf3D7_06_v3"]},
        read=("Pf3D7_05_v3", "Pf3D7_06_v3"),
    ),
    "fly": Stranger(
        "Drosophila.melanogaster_2L_3Mb",
        "annotation.gtf.gz",
        "populus",
        {"developed": ["2L:1-3000000:1-2000000"], "test": ["2L:1-3000000:2000001-3000000"]},
    ),
    "arabidopsis": Stranger(
        "Arabidopsis.thaliana_1pct",
        "annotation.gff3.gz",
        "drosophila",
        {"developed": ["Chr1", "Chr2", "Chr3", "Chr4"], "test": ["Chr5"]},
    ),
    "populus": Stranger(
        "Populus.trichocarpa_Chr01_8Mb",
        "annotation.gff3.gz",
        "drosophila",
        {"test": ["Chr01:6200001-8203443"]},
        read=("Chr01:6200001-8203443",),
    ),
    "pombe": Stranger(
        "Schizosaccharomyces.pombe_I_II",
        "annotation.gff3.gz",
        "yeast",
        {"test": ["NC_003423.3:3000001-4539804"]},
        read=("NC_003423.3",),
    ),
    "yeast": Stranger(
        "Saccharomyces.cerevisiae",
        "annotation.refseq_R64-4-1.gff3.gz",
        "pombe",
        {"test": ["XIII", "XIV", "XV", "XVI"]},
        read=("XIII", "XIV", "XV", "XVI"),
    ),
    "celegans": Stranger("Caenorhabditis.elegans_smallgenes", "annotation.gff3.gz", "drosophila", {"test": ["*"]}),
}
STRANGERS["fly_reads"] = replace(STRANGERS["fly"], hints="Drosophila.melanogaster_2L_3Mb.introns.varus.gff.gz")
STRANGERS["arabidopsis_reads"] = replace(
    STRANGERS["arabidopsis"], hints="Arabidopsis.thaliana_1pct.introns.varus.gff.gz"
)
GROUPS = {"oomycetes": "Oomycetes", "fungi": "Fungi"}
"""Groups of G3PO, whose records are read as one genome: name -> column rank2."""


def rounds_of(stranger: Stranger, data: Path, work: Path) -> list[dict[str, Any]]:
    """Return the scores of each round."""
    folder = data / "eukaryotes" / stranger.folder
    genome = Genome.open(folder / "genome.fa.gz", scratch=work)
    sort_annotation(folder / stranger.annotation, work / "known.gff3")
    known = read_genes(work / "known.gff3")
    regions = {part: read_regions(listed, genome.lengths, where=part) for part, listed in stranger.regions.items()}
    rows = []
    files = EvidenceFiles(hints=(data / "evidence" / stranger.hints,) if stranger.hints else ())
    evidence = evidence_of(files, genome, work / "evidence")
    for annotated in _rounds(genome, stranger.start, stranger.read, work, evidence):
        scores = {
            part: measure(
                known, annotated.genes, regions=[(region.seqid, region.start, region.end) for region in listed]
            )["cds"]
            for part, listed in regions.items()
        }
        rows.append(_row(annotated, scores))
    return rows


def rounds_of_group(group: str, data: Path, work: Path) -> list[dict[str, Any]]:
    """Return the scores of each round on a group of G3PO, and of the last model with the network that it then gets.

    Genes that overlap no labelled one are not scored.
    """
    folder = data / "benchmarks" / "G3PO_confirmed"
    records = [row["record"] for row in read_table(folder / "species.tsv", "\t") if row["rank2"] == group]
    everything = Genome.open(folder / "genome.fa.gz", scratch=work)
    write_fasta(work / "group.fa", ((name, everything.codes(name)) for name in everything.lengths if name in records))
    known = [gene for gene in read_genes(folder / "annotation.gff3.gz") if gene.seqid in records]

    def scored(annotated: Round) -> dict[str, Any]:
        return _row(annotated, {"all": measure(known, annotated.genes, labelled_only=True)["cds"]})

    genome, rows = Genome.open(work / "group.fa"), []
    for annotated in _rounds(genome, "auto", (), work, model="eukaryotes"):
        rows.append(scored(annotated))
        last = annotated
    with atomic_directory(work / "with_network") as made:
        with_network(last.factory.folder).save(made)
    pieces = pieces_of(genome, [], 0, where=genome.path)
    config = PredictConfig(workers=1, posteriors=False, partial=True)
    factory = SegmentPredictorFactory(work / "with_network", "cpu")
    predicted = predict_genome(factory, genome, pieces, config).genes
    genes = [gene for gene in predicted if is_complete(gene)]
    return [*rows, scored(last._replace(genes=genes)) | {"alike": None, "network": True}]


def _rounds(
    genome: Genome,
    species: str,
    read: Sequence[str],
    work: Path,
    evidence: Path | None = None,
    model: str = "all_genomes",
) -> Iterator[Round]:
    config = PredictConfig(workers=1, species=species)
    pieces = pieces_to_read(genome, pieces_of(genome, list(read), 0, where=genome.path))
    start = predictor_for(model_folder(model), genome, pieces, config, evidence)
    return annotate_in_rounds(start, genome, pieces, config, work)


def _row(annotated: Round, scores: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    row: dict[str, Any] = {"genes": len(annotated.genes), "alike": round(annotated.alike, 3)}
    for part, levels in scores.items():
        row[part] = {level: round(100 * (levels[level]["f1"] or 0.0), 1) for level in LEVELS}
    print(row, flush=True)
    return row


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("names", nargs="+", metavar="NAME", help=f"{', '.join([*STRANGERS, *GROUPS])}")
    arguments.add_argument("--data", type=Path, required=True, help="folder of the data")
    arguments.add_argument("--work", type=Path, required=True, help="folder of unfinished work")
    args = arguments.parse_args()
    for name in args.names:
        if name not in {*STRANGERS, *GROUPS}:
            raise InputError(f"no genome {name!r}", where="NAME", remedy=f"known: {', '.join([*STRANGERS, *GROUPS])}")
        work = args.work / name
        work.mkdir(parents=True, exist_ok=True)
        if name in STRANGERS:
            rows = rounds_of(STRANGERS[name], args.data, work)
        else:
            rows = rounds_of_group(GROUPS[name], args.data, work)
        write_json(TARGET, {**(read_json(TARGET) if TARGET.is_file() else {}), name: rows})


if __name__ == "__main__":
    run(main)
