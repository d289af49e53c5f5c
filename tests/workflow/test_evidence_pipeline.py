"""The rules of evidence: reads are mapped with the tools of the distribution, and all files become one table."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.workflow.pipeline import finish

from genescribe.evidence.table import CDSPART, EXONPART, INTRON, EvidenceTable
from genescribe.segment.config import SegmentModelConfig
from genescribe.segment.network.model import SegmentModel

TOOLS = ("hisat2", "hisat2-build", "minimap2", "samtools")
LENGTH, START, END = 6_000, 2_000, 2_400


@pytest.fixture
def inputs(tmp_path: Path) -> str:
    """Write a genome, reads over one intron, short, paired and long, and hints; return the genome's letters."""
    rng = np.random.default_rng(0)
    letters = rng.choice(list("ACGT"), size=LENGTH)
    letters[START : START + 2], letters[END - 2 : END] = list("GT"), list("AG")
    genome = "".join(letters)
    spliced = genome[:START] + genome[END:]
    (tmp_path / "my.fa").write_text(f">c\n{genome}\n")
    turn = str.maketrans("ACGT", "TGCA")

    def fastq(name: str, reads: list[str]) -> None:
        rows = (f"@r{n}\n{read}\n+\n{'I' * len(read)}\n" for n, read in enumerate(reads))
        (tmp_path / name).write_text("".join(rows))

    starts = [START - 100 + n * 5 for n in range(12)]
    fastq("short.fq", [spliced[s : s + 100] for s in range(START - 90, START - 10, 10)])
    fastq("a_1.fq", [spliced[s : s + 80] for s in starts])
    fastq("a_2.fq", [spliced[s + 120 : s + 200].translate(turn)[::-1] for s in starts])
    fastq("long.fq", [spliced[s : s + 1_500] for s in (START - 700, START - 650, START - 600)])
    (tmp_path / "h.gff").write_text("c\tx\tCDSpart\t1901\t2000\t.\t+\t0\tsrc=P\n")
    model = tmp_path / "models" / "tiny"
    model.mkdir(parents=True)
    SegmentModel(SegmentModelConfig(scheme="gene", genetic_code=1)).save(model)
    return genome


@pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason=f"one of {', '.join(TOOLS)} is not installed")
def test_reads_are_mapped_and_their_introns_found(repository: Path, inputs: str, tmp_path: Path) -> None:
    del inputs
    given = ["genome=my.fa", "model=models/tiny", "hints=h.gff", "reads=short.fq,a_1.fq+a_2.fq", "long_reads=long.fq"]
    finish(repository, tmp_path, "results/annotate/my/tiny/evidence", "--config", *given)
    table = EvidenceTable.load(tmp_path / "results/annotate/my/tiny/evidence")
    introns = table.rows[table.rows["kind"] == INTRON]
    best = introns[np.argmax(introns["weight"])]
    assert (int(best["start"]), int(best["end"]), int(best["strand"])) == (START, END, 1)
    assert best["weight"] > 12, "short, paired and long reads add up"
    assert {INTRON, CDSPART, EXONPART} == set(table.rows["kind"].tolist())


def test_a_file_that_is_not_there_is_named_before_anything_runs(repository: Path, inputs: str, tmp_path: Path) -> None:
    del inputs
    with pytest.raises(AssertionError, match=r"none\.bam: no such file"):
        finish(repository, tmp_path, "annotate", "--config", "genome=my.fa", "model=models/tiny", "bam=none.bam")
    assert not (tmp_path / "results").exists()
