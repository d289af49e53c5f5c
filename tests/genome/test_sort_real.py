"""Real annotations of several databases: nothing lost, in bounded memory."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest
from tests.genome.compare_annotations import canonical

from genescribe.files import open_binary
from genescribe.genome.repair.sort import sort_annotation

SMALL = {
    "Populus.trichocarpa_Chr01_8Mb/annotation.gff3.gz": 1028,
    "Drosophila.melanogaster_2L_3Mb/annotation.gtf.gz": 378,
    "Homo.sapiens_chr1_chunks/annotation.gtf.gz": 88,
    "Arabidopsis.thaliana_1pct/annotation.gff3.gz": 384,
    "Trypanosoma.brucei_chr1/annotation.gff3.gz": 563,
    "Leishmania.major_chr1/annotation.gff3.gz": 85,
    "Schizosaccharomyces.pombe_minigenome/annotation.gff3.gz": 200,
    "Caenorhabditis.elegans_smallgenes/annotation.gff3.gz": None,
}


def check(source: Path, target: Path) -> int:
    """Sort; return the number of loci after checking that each input row is in the output or among the repairs."""
    report = sort_annotation(source, target)
    repaired = {repair.line for repair in report.repairs}
    written = set()
    with target.open() as handle:
        for line in handle:
            columns = line.split("\t")
            if len(columns) == 9:
                written.add((columns[0], columns[2].lower(), columns[3], columns[4], columns[6]))
    lost = []
    with open_binary(source) as packed:
        for number, raw in enumerate(packed, start=1):
            columns = raw.decode().split("\t")
            if len(columns) < 9 or raw.startswith(b"#") or number in repaired:
                continue
            if (columns[0], columns[2].lower(), columns[3], columns[4], columns[6]) not in written:
                lost.append(number)
    assert lost == []
    return len(canonical(target))


@pytest.mark.parametrize("name", SMALL)
def test_small_genomes(name: str, data_dir: Path, tmp_path: Path) -> None:
    loci = check(data_dir / "eukaryotes" / name, tmp_path / "sorted.gff3")
    if SMALL[name] is not None:
        assert loci == SMALL[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["annotation.gtf.gz", "annotation.refseq_R64-4-1.gff3.gz"])
def test_yeast(name: str, data_dir: Path, tmp_path: Path) -> None:
    target = tmp_path / "sorted.gff3"
    check(data_dir / "eukaryotes" / "Saccharomyces.cerevisiae" / name, target)
    again = tmp_path / "again.gff3"
    sort_annotation(target, again)
    assert again.read_text() == target.read_text()


@pytest.mark.slow
def test_a_million_rows_and_a_half_in_bounded_memory(data_dir: Path, tmp_path: Path) -> None:
    source = tmp_path / "large.gtf"
    with gzip.open(data_dir / "eukaryotes" / "Saccharomyces.cerevisiae" / "annotation.gtf.gz", "rt") as handle:
        lines = [line for line in handle if not line.startswith("#")]
    copies = 1_500_000 // len(lines) + 1
    with source.open("w") as large:
        for copy in range(copies):
            large.writelines(f"c{copy}_{line}".replace('_id "', f'_id "c{copy}_') for line in lines)
    program = (
        "import resource, sys; from genescribe.genome.repair.sort import sort_annotation; "
        "report = sort_annotation(sys.argv[1], sys.argv[2]); "
        "print(report.rows_in, report.rows_out, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, source, tmp_path / "sorted.gff3"], check=True, capture_output=True, text=True
    )
    rows_in, rows_out, kilobytes = map(int, run.stdout.split())
    assert rows_in == rows_out == copies * len(lines)
    assert kilobytes < 4 * 1024**2
