"""Published parameters and networks on test parts, by the commands that a user types, beside AUGUSTUS.

    python benchmarks/published.py --data $GENESCRIBE_DATA --work WORK human mouse

Imports AUGUSTUS's parameter set of a species, adds signal networks, annotates the test part and evaluates it beside
AUGUSTUS's stock parameters. Needs AUGUSTUS, and OpenSpliceAI's checkpoints below `weights/openspliceai` of the data,
where `NAME.CONTEXT.pt` is what `genescribe models fetch openspliceai-NAME-CONTEXT` brings. Adds its scores to
benchmarks/results/published.json; docs/accuracy.md has the table.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genescribe.cli import parser, run
from genescribe.errors import InputError
from genescribe.files import read_json, write_json

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "benchmarks/results/published.json"
LEVELS = ("base", "exon", "gene")


@dataclass(frozen=True)
class Part:
    """What is annotated, and with what.

    Attributes
    ----------
    folder, annotation
        Of the genome, below the data, and its file of genes; empty: those of `worm_genes`.
    regions
        What is annotated and scored; empty: `test_loci`.
    species
        AUGUSTUS's parameter set.
    networks
        Models of the package, and checkpoints without their suffix.
    mask_ends
        Bases at both ends of a sequence that are not scored.
    gains
        As of combine_model.py; empty: the usual ones.
    options
        Of AUGUSTUS.
    """

    folder: str
    annotation: str
    regions: tuple[str, ...]
    species: str
    networks: tuple[str, ...]
    mask_ends: int = 0
    gains: str = ""
    options: tuple[str, ...] = ("--sample=0", "--UTR=off")


HUMAN = Part(
    "eukaryotes/Homo.sapiens_chr1_chunks",
    "annotation.gtf.gz",
    ("chr1_91999000_94501000", "chr1_111999000_114453229"),
    "human",
    ("mane.10000",),
    mask_ends=100_000,
)
MOUSE = Part(
    "eukaryotes/Mus.musculus_mm10_chunks",
    "annotation.gff3.gz",
    (
        *("chr3_103319208_103847960", "chr3_103849712_105443125", "chr3_121767265_122183863"),
        *("chr3_122185339_122636706", "chr5_107372856_108284022"),
    ),
    "human",
    ("mouse.10000",),
    mask_ends=100_000,
    gains='{"donor": [1, 4, 0.5], "acceptor": [1, 4, 0.5], "start": [0, 0, 1]}',
)
ARABIDOPSIS = Part(
    "eukaryotes/Arabidopsis.thaliana_1pct",
    "annotation.gff3.gz",
    ("Chr5",),
    "arabidopsis",
    ("arabidopsis.10000", "plants"),
)
POPULUS = Part(
    "eukaryotes/Populus.trichocarpa_Chr01_8Mb",
    "annotation.gff3.gz",
    ("Chr01:6200001-8203443",),
    "arabidopsis",
    ("plants",),
    gains='{"donor": [1, 4, 0.2], "acceptor": [1, 4, 0.2], "start": [0.6, 3, 0.6], "stop": [0.4, 2, 1]}',
)
FLY = Part(
    "eukaryotes/Drosophila.melanogaster_2L_3Mb",
    "annotation.gtf.gz",
    ("2L:1-3000000:2000001-3000000",),
    "fly",
    ("insects",),
    gains='{"start": [0.4, 2, 0.8]}',
)
WORM_GAINS = '{"donor": [0.8, 3, 0.5], "acceptor": [0.8, 3, 0.5], "start": [0.6, 3, 0.6], "stop": [0.4, 2, 1]}'
LOCI = Part(
    "eukaryotes/Caenorhabditis.elegans_smallgenes",
    "annotation.gff3.gz",
    (),
    "caenorhabditis",
    ("nematodes",),
    gains=WORM_GAINS,
    options=("--sample=0", "--UTR=off", "--genemodel=complete"),
)
WORM = Part(
    "scale/Caenorhabditis.elegans_WS220_noCDS",
    "",
    ("CHROMOSOME_II:5000001-7000000",),
    "caenorhabditis",
    ("nematodes",),
    gains=WORM_GAINS,
)
PARTS = {
    "human": HUMAN,
    "mouse": MOUSE,
    "arabidopsis": ARABIDOPSIS,
    "populus": POPULUS,
    "fly": FLY,
    "celegans_loci": LOCI,
    "celegans_chromosome": WORM,
}


def script(name: str, *words: str | Path) -> None:
    """Run a script of the package."""
    subprocess.run([sys.executable, str(ROOT / "scripts" / f"{name}.py"), *map(str, words)], check=True)


def model_of(part: Part, data: Path, work: Path) -> Path:
    """Return the folder of a part's model; what `work` holds is not made again."""
    alone, joined = work / part.species, work / "+".join((part.species, *part.networks))
    if not alone.is_dir():
        command = [sys.executable, "-m", "genescribe", "models", "import-augustus", part.species, "-o", str(alone)]
        subprocess.run(command, check=True)
    if not joined.is_dir():
        sites = [data / f"weights/openspliceai/{name}.pt" if "." in name else name for name in part.networks]
        gains = ["--gains", part.gains] if part.gains else []
        words = [word for site in sites for word in ("--sites", site)]
        script("combine_model", "--model", alone, *words, *gains, "-o", joined)
    return joined


def test_loci(data: Path, work: Path) -> tuple[str, ...]:
    """Return the loci that models/nematodes is tested on: fold 1 of examples/celegans_small.yaml."""
    folder = data / LOCI.folder
    if not (work / "folds").is_dir():
        genome, catalogue = folder / "genome.fa.gz", work / "catalogue.duckdb"
        script("catalogue", folder / LOCI.annotation, "--fasta", genome, "--output", catalogue)
        script("folds", "--fasta", genome, "--catalogue", catalogue, "--output", work / "folds")
    return tuple((work / "folds/1.test.txt").read_text(encoding="utf-8").split())


def worm_genes(data: Path, work: Path) -> Path:
    """Return the file of genes of C. elegans with the coding sequences that reads of RNA show."""
    genes, folder = work / "worm.gff3", data / WORM.folder
    if not genes.is_file():
        introns = data / "evidence/Caenorhabditis.elegans_whole_WBcel235.introns.varus.gff.gz"
        files: list[str | Path] = [
            "--fasta",
            folder / "genome.fa.gz",
            "--annotation",
            folder / "genes_mrna_utr.gff3.gz",
        ]
        script("coding_from_introns", *files, "--introns", introns, "--prefix", "CHROMOSOME_", "-o", genes)
    return genes


def scores_of(part: Part, data: Path, work: Path) -> dict[str, Any]:
    """Return the scores of the model and of AUGUSTUS, and paired differences; what `work` holds is not made again."""
    work.mkdir(parents=True, exist_ok=True)
    genome = data / part.folder / "genome.fa.gz"
    known = work / "known.gff3"
    if not known.is_file():
        source = data / part.folder / part.annotation if part.annotation else worm_genes(data, work)
        script("sort_annotation", source, known)
    regions = ["--regions", ",".join(part.regions or test_loci(data, work))]
    model = model_of(part, data, work.parent / "models")
    found = {"genescribe": work / "genes.gff3", "augustus": work / "augustus/annotation.gff3"}
    if not found["genescribe"].is_file():
        words: list[str | Path] = ["--workers", "1", "--no-posteriors", "-o", found["genescribe"]]
        script("annotate", genome, "--model", model, *regions, *words)
    if not found["augustus"].is_file():
        options = [f"--option={option}" for option in part.options]
        words = ["--species", part.species, *options, "--output", found["augustus"].parent]
        script("baseline", "augustus", "--fasta", genome, *regions, *words)
    ways: list[str | Path] = ["--fasta", genome, *regions, "--mask-ends", str(part.mask_ends)]
    result: dict[str, Any] = {"species": part.species, "networks": part.networks, "gains": part.gains}
    for name, genes in found.items():
        rivals = ["--against", f"augustus={found['augustus']}"] if name != "augustus" else []
        script("evaluate", known, genes, *ways, *rivals, "--output", work / "scores.json")
        scores = read_json(work / "scores.json")
        rows = {level: scores["cds"][level] for level in LEVELS}
        result[name] = rows if part.annotation else {level: _share_found(row) for level, row in rows.items()}
        if rivals and part.annotation:
            result["paired"] = {level: scores["paired"]["augustus"][level]["f1"] for level in LEVELS}
    return result


def _share_found(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is told where half of the genes are not known, so that a precision would say nothing."""
    share = "sensitivity"
    return {"reference": row["reference"], share: row[share], "interval": {share: row["interval"][share]}}


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("names", nargs="+", metavar="NAME", help=", ".join(PARTS))
    arguments.add_argument("--data", type=Path, required=True, help="folder of the data")
    arguments.add_argument("--work", type=Path, required=True, help="folder of unfinished work")
    args = arguments.parse_args()
    for name in args.names:
        if name not in PARTS:
            raise InputError(f"no part {name!r}", where="NAME", remedy=f"known: {', '.join(PARTS)}")
        scores = scores_of(PARTS[name], args.data, args.work / name)
        write_json(TARGET, {**(read_json(TARGET) if TARGET.is_file() else {}), name: scores})


if __name__ == "__main__":
    run(main)
