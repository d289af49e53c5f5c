"""G3PO: the models of the package and AUGUSTUS's nearest stock species on 630 genes of 124 species, by group.

    snakemake baselines --cores 2 --configfile examples/g3po.yaml
    python benchmarks/g3po.py --data G3PO --augustus results/g3po/baseline/augustus/g3po/whole/genes.gff3 --work WORK

The records of a species are annotated with the model of its clade, with the one that `--model auto` chooses, and with
AUGUSTUS's nearest parameter set, imported and combined with the signal networks of a model ("published"). The clade is
that of AUGUSTUS's nearest stock species in examples/g3po.yaml. Only predictions that overlap the one labelled gene of
a record are scored. Needs AUGUSTUS's species folders. Writes benchmarks/results/g3po.json; docs/accuracy.md has the
tables.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from genescribe.augustus.install import import_species, species_folder
from genescribe.cli import parser, run
from genescribe.evaluate.metrics import measure
from genescribe.families import predictor_for
from genescribe.files import read_json, read_table, write_json
from genescribe.genome.annotation.gff3 import read_genes, write_gff3
from genescribe.genome.fasta import Genome, write_fasta
from genescribe.genome.model import Gene
from genescribe.models import model_folder
from genescribe.predict.config import PredictConfig
from genescribe.predict.genome import predict_genome
from genescribe.predict.stretches import pieces_of
from genescribe.segment.network.species import POOLED
from genescribe.segment.prediction.factory import SegmentPredictorFactory
from genescribe.segment.sites.combine import combine

ROOT = Path(__file__).resolve().parents[1]


class Clade(NamedTuple):
    """Species that one model annotates.

    Attributes
    ----------
    model
        Of the package.
    networks
        Model whose signal networks stand beside AUGUSTUS's set: of the clade, or the one that was trained on all.
    near
        AUGUSTUS's species that examples/g3po.yaml names for them.
    """

    model: str
    networks: str
    near: Sequence[str]


CLADES: Mapping[str, Clade] = {
    "mammals": Clade("vertebrates", "vertebrates", ("human",)),
    "other vertebrates": Clade("eukaryotes", "vertebrates", ("chicken", "zebrafish", "Xenopus_tropicalis")),
    "other animals": Clade(
        "eukaryotes",
        "eukaryotes",
        (
            *("ciona", "strongylocentrotus_purpuratus", "schistosoma2", "Argopecten_irradians"),
            *("nematostella_vectensis", "Trichoplax_adhaerens"),
        ),
    ),
    "true flies": Clade("insects", "eukaryotes", ("fly",)),
    "mosquitoes": Clade("insects", "eukaryotes", ("aedes", "culex", "Anopheles_gambiae")),
    "other insects": Clade(
        "eukaryotes",
        "eukaryotes",
        ("tribolium2012", "camponotus_floridanus", "nasonia", "Pediculus_humanus", "pea_aphid", "rhodnius"),
    ),
    "other arthropods": Clade("eukaryotes", "eukaryotes", ("parasteatoda",)),
    "rhabditid nematodes": Clade("nematodes", "nematodes", ("caenorhabditis",)),
    "filarial nematodes": Clade("eukaryotes", "eukaryotes", ("brugia",)),
    "chytrids": Clade("eukaryotes", "eukaryotes", ("rhizopus_oryzae",)),
    "microsporidia": Clade("yeast", "eukaryotes", ("encephalitozoon_cuniculi_GB",)),
    "kinetoplastids": Clade("all_genomes", "eukaryotes", ("leishmania_tarentolae", "Trypanosoma_cruzi")),
}
"""By name. The species table has no rank below that of all animals, so AUGUSTUS's nearest species tells the clade. Of
the genes that `vertebrates` was made from, a tenth are of the chicken, all others of mammals. The network of `insects`
is that of `eukaryotes`. No record is of a plant like those of `plants`, or of a fission yeast."""
OTHERS = Clade("eukaryotes", "eukaryotes", ())
"""All other species."""
ALL = "all"
GROUPS = {"Metazoa": "animals", "Fungi": "fungi", "Oomycetes": "oomycetes", "Kinetoplastida": "kinetoplastids"}
"""Column rank2 of the species table -> group of docs/accuracy.md."""
LEVELS = ("base", "exon", "gene")
AUGUSTUS = "augustus"


def nearest(record: str, rules: Mapping[str, str]) -> str:
    """Return AUGUSTUS's species for a record: that of the first pattern that fits."""
    return next(species for pattern, species in rules.items() if fnmatchcase(record, pattern))


def clade_of(species: str) -> str | None:
    """Return the clade in which AUGUSTUS's species is the nearest."""
    return next((name for name, clade in CLADES.items() if species in clade.near), None)


def group_of(rank: str) -> str:
    """Return the group of a record, given its column rank2: one of `GROUPS`, or all others together."""
    return GROUPS.get(rank, "others")


def published(near: str, networks: str, folder: Path) -> Path:
    """Return AUGUSTUS's parameter set of a species, with the signal networks of a model, as a model.

    Parameters
    ----------
    near
        AUGUSTUS's species.
    networks
        Name of a model of the package.
    folder
        Of such models; what it holds is not made again.
    """
    combined = folder / f"{near}+{networks}"
    if not combined.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        alone = folder / near
        if not alone.is_dir():
            import_species(species_folder(near), alone)
        combine(alone, POOLED, [model_folder(networks)], [], combined)
    return combined


def annotate(
    genome: Genome, records: Sequence[str], model: str | Path, species: str, work: Path
) -> tuple[str, list[Gene]]:
    """Return the model that annotates some records of one species, and the genes; what `work` holds is not made again.

    Parameters
    ----------
    genome
        All records.
    records
        Those of a species.
    model, species
        As of `genescribe annotate`: a name or a folder.
    work
        Folder of a FASTA file and, for each model, a GFF3 file.
    """
    fasta = work / "genome.fa"
    if not fasta.is_file():
        work.mkdir(parents=True, exist_ok=True)
        write_fasta(fasta, ((record, genome.codes(record, 0, genome.lengths[record])) for record in records))
    config = PredictConfig(workers=1, species=species, posteriors=False)
    chosen = work / f"{Path(model).name}.{species}.json"
    if not chosen.is_file():
        part = Genome.open(fasta)
        pieces = pieces_of(part, [], config.flank, where=fasta)
        factory = predictor_for(model_folder(model), part, pieces, config)
        assert isinstance(factory, SegmentPredictorFactory)
        target = work / f"{factory.folder.name}.{factory.species}.gff3"
        if not target.is_file():
            write_gff3(target, predict_genome(factory, fasta, pieces, config).genes, part.lengths)
        write_json(chosen, {"model": factory.folder.name, "species": factory.species})
    said = read_json(chosen)
    return said["model"], read_genes(work / f"{said['model']}.{said['species']}.gff3")


def compare(
    reference: Sequence[Gene], found: Mapping[str, Sequence[Gene]], groups: Mapping[str, Collection[str]]
) -> dict[str, Any]:
    """Return the scores of each method, and the paired differences of the others to AUGUSTUS, by group.

    Parameters
    ----------
    reference
        The labelled genes.
    found
        Method -> genes.
    groups
        Record -> its groups.
    """
    result: dict[str, Any] = {}
    for group in sorted({group for some in groups.values() for group in some}):
        truth = [gene for gene in reference if group in groups[gene.seqid]]
        part = {name: [gene for gene in genes if group in groups[gene.seqid]] for name, genes in found.items()}
        result[group] = {"genes": len(truth)}
        for name, genes in part.items():
            rivals = {AUGUSTUS: part[AUGUSTUS]} if name != AUGUSTUS and AUGUSTUS in part else {}
            scores = measure(truth, genes, others=rivals, labelled_only=True)
            result[group][name] = {level: scores["cds"][level] for level in LEVELS}
            if rivals:
                result[group][name]["paired"] = {level: scores["paired"][AUGUSTUS][level]["f1"] for level in LEVELS}
    return result


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--data", type=Path, required=True, help="folder of G3PO: genome, annotation, species.tsv")
    arguments.add_argument("--augustus", type=Path, help="GFF3 of AUGUSTUS; default: it is left out")
    arguments.add_argument("--work", type=Path, required=True, help="folder of annotations, which are not made again")
    arguments.add_argument("--output", type=Path, default=ROOT / "benchmarks/results/g3po.json", help="file to write")
    args = arguments.parse_args()

    genome = Genome.open(args.data / "genome.fa.gz")
    example = yaml.safe_load((ROOT / "examples/g3po.yaml").read_text(encoding="utf-8"))
    rules = example["genomes"]["g3po"]["augustus"]
    table = {row["record"]: row for row in read_table(args.data / "species.tsv", "\t")}
    lots: dict[str, list[str]] = defaultdict(list)
    for record in genome.lengths:
        lots[table[record]["species"]].append(record)
    found: dict[str, list[Gene]] = {"clade": [], "auto": [], "published": []}
    models: dict[str, dict[str, str]] = {}
    groups: dict[str, set[str]] = {}
    for name, records in sorted(lots.items()):
        near = nearest(records[0], rules)
        clade = clade_of(near)
        model, networks, _ = OTHERS if clade is None else CLADES[clade]
        asked: dict[str, tuple[str | Path, str]] = {
            "clade": (model, "each" if model == "all_genomes" else "auto"),
            "auto": ("auto", "auto"),
            "published": (published(near, networks, args.work / "models"), "auto"),
        }
        models[name] = {}
        for method, (asked_model, species) in asked.items():
            folder = args.work / name.replace(" ", "_")
            models[name][method], genes = annotate(genome, records, asked_model, species, folder)
            found[method] += genes
        for record in records:
            groups[record] = {ALL, group_of(table[record]["rank2"])} | ({clade} if clade else set())
        print(name, len(records), models[name], flush=True)
    if args.augustus:
        found[AUGUSTUS] = read_genes(args.augustus)
    result = compare(read_genes(args.data / "annotation.gff3.gz"), found, groups)
    write_json(args.output, {"models": models, "groups": result})
    for group, row in result.items():
        shown = {name: [round(100 * row[name][level]["f1"], 1) for level in LEVELS] for name in found}
        print(group, row["genes"], shown, flush=True)


if __name__ == "__main__":
    run(main)
