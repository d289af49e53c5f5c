"""Each shipped model on real sequence of its own kind: it loads by name and finds genes that it is known to find."""

from __future__ import annotations

from pathlib import Path

import pytest

from genescribe.commands import console
from genescribe.files import read_json
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.models import available

LOCI = "ch.1_11,ch.1_151,ch.1_168,ch.1_171,ch.1_183,ch.1_192,ch.1_206,ch.1_213,ch.1_220,ch.1_221,ch.1_241,ch.1_256"
STRETCHES = {
    "eukaryotes": ("Schizosaccharomyces.pombe_I_II", "annotation.gff3.gz", "NC_003423.3:2600001-2640000", 0.85),
    "insects": ("Drosophila.melanogaster_2L_3Mb", "annotation.gtf.gz", "2L:1-3000000:1700001-1760000", 0.8),
    "nematodes": ("Caenorhabditis.elegans_smallgenes", "annotation.gff3.gz", LOCI, 0.85),
    "plasmodium": ("Plasmodium.falciparum_chr1-8", "annotation.gff3.gz", "Pf3D7_07_v3:700001-740000", 0.9),
    "plants": ("Populus.trichocarpa_Chr01_8Mb", "annotation.gff3.gz", "Chr01:5600001-5660000", 0.7),
    "pombe": ("Schizosaccharomyces.pombe_I_II", "annotation.gff3.gz", "NC_003423.3:2600001-2640000", 0.9),
    "vertebrates": ("Mus.musculus_mm10_chunks", "annotation.gff3.gz", "chr4_94940999_97220303:1095001-1145000", 0.8),
    "yeast": ("Saccharomyces.cerevisiae", "annotation.refseq_R64-4-1.gff3.gz", "XI:100001-140000", 0.9),
}
"""Model -> genome, annotation, stretches of its validation part, and the F1 of coding bases that it surpasses there."""


@pytest.mark.parametrize("name", STRETCHES)
def test_it_finds_genes_of_its_own_kind(name: str, data_dir: Path, tmp_path: Path) -> None:
    genome, annotation, regions, least = STRETCHES[name]
    folder = data_dir / "eukaryotes" / genome
    fasta, found, scores = str(folder / "genome.fa.gz"), str(tmp_path / "a.gff3"), tmp_path / "scores.json"
    console.main(["annotate", fasta, "--model", name, "--regions", regions, "--workers", "1", "-o", found])
    words = [str(folder / annotation), found, "--fasta", fasta, "--regions", regions]
    console.main(["evaluate", *words, "--bootstrap", "0", "--output", str(scores)])
    coding = read_json(scores)["cds"]
    assert coding["base"]["f1"] > least and coding["gene"]["tp"] > 0, coding
    assert all(0 <= (gene.score or 0) <= 1 for gene in read_genes(found))


def test_all_kinds_ship() -> None:
    assert {
        "all_genomes",
        "eukaryotes",
        "insects",
        "nematodes",
        "plants",
        "plasmodium",
        "pombe",
        "vertebrates",
        "yeast",
    } <= available().keys()
