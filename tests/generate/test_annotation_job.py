"""The annotation run: files in, files out; resumed as if never broken; nothing lost, whatever the model writes."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest
from tests.generate.toy_loci import LENGTH, random_model, toy_genome

from genescribe.config import from_mapping
from genescribe.errors import InputError
from genescribe.generate.annotation import job as job_module
from genescribe.generate.annotation.annotate import Annotator, LocusResult, LocusWindow
from genescribe.generate.annotation.job import FAILED, AnnotationJob, run_job
from genescribe.generate.annotation.run import REJECT_KEYS
from genescribe.generate.loci.loci import LocusDataset, read_loci
from genescribe.genome.alphabet import encode, reverse_complement
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.genome.fasta import Genome, write_fasta
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import mirror
from genescribe.labels.decode import validate_gene

LOCI = 9


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("inputs")
    fasta, annotation, _ = toy_genome(folder, {"t": LOCI})
    return {"fasta": fasta, "loci": annotation, "model": random_model(folder / "model")}


def a_job(inputs: dict[str, Path], output: Path, **changes: object) -> AnnotationJob:
    given = {name: str(path) for name, path in inputs.items()}
    options = {"output": str(output), "no_sort": True, "num_workers": 0, "batch_size": 2, "gm_key": "gm"}
    return from_mapping(AnnotationJob, {**given, **options, **changes}, where="test")


def valid(gff: Path) -> bool:
    if shutil.which("gt") is None:
        return True
    return subprocess.run(["gt", "gff3validator", str(gff)], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("search", [{"method": "greedy"}, {"method": "sample", "temperature": 3.0, "seed": 4}])
def test_a_hostile_model_loses_nothing(inputs: dict[str, Path], tmp_path: Path, search: dict[str, object]) -> None:
    """Random weights: loci in = accepted + repaired + rejected, each once; valid GFF3; valid reading frames."""
    output = tmp_path / "out.gff3"
    assert run_job(a_job(inputs, output, search=search)) == 0
    genes = read_genes(output)
    rejects = [json.loads(line) for line in Path(f"{output}.rejects.txt").read_text().splitlines()]
    wanted = sorted(gene.id for gene in read_genes(inputs["loci"]))
    assert sorted([g.attributes["gm"] for g in genes] + [r["gm_id"] for r in rejects]) == wanted
    assert all(tuple(row) == REJECT_KEYS for row in rejects)
    assert valid(output)
    genome = Genome.open(inputs["fasta"])
    code = GeneticCode.from_table(1)
    for gene in genes:
        codes = genome.codes(gene.seqid)
        turned = gene if gene.strand == "+" else mirror(gene, LENGTH)
        strand = codes if gene.strand == "+" else reverse_complement(codes)
        for transcript in turned.transcripts:
            assert validate_gene(transcript, strand, code, alternative_starts=False) is None
            assert transcript.score is not None
    assert not list(tmp_path.glob("*.ckpt.json*")) and not list(tmp_path.glob("*.duckdb"))


def test_loci_without_a_gene_are_rejected_with_their_text(inputs: dict[str, Path], tmp_path: Path) -> None:
    write_fasta(tmp_path / "genome.fa", [("a", encode("C" * 300)), ("b", encode("CATG" * 80))])
    (tmp_path / "loci.bed").write_text("a\t10\t200\tempty\t0\t+\nb\t0\t320\tboth\nb\t5\t300\n")
    changes = {"fasta": str(tmp_path / "genome.fa"), "loci": str(tmp_path / "loci.bed")}
    output = tmp_path / "out.gff3"
    assert run_job(a_job(inputs, output, **changes)) == 0
    rejects = [json.loads(line) for line in Path(f"{output}.rejects.txt").read_text().splitlines()]
    assert rejects[0] | {"pred_raw": ""} == {
        "gm_id": "empty", "chrom": "a", "start": 10, "pred_raw": "", "pred_clean": "", "error": "dead end"
    }  # fmt: skip
    assert len(rejects) + len(read_genes(output)) == 3


@pytest.mark.parametrize("batch_size", [1, 2, 4])
def test_a_run_that_was_killed_goes_on_to_the_same_bytes(
    inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch_size: int
) -> None:
    whole, broken = tmp_path / "whole.gff3", tmp_path / "broken.gff3"
    assert run_job(a_job(inputs, whole, batch_size=batch_size)) == 0
    calls = 0

    class Killed(Annotator):
        def __call__(self, loci: Sequence[LocusWindow]) -> list[LocusResult]:
            nonlocal calls
            calls += 1
            if calls > 2:
                raise KeyboardInterrupt
            return super().__call__(loci)

    monkeypatch.setattr(job_module, "Annotator", Killed)
    with pytest.raises(KeyboardInterrupt):
        run_job(a_job(inputs, broken, batch_size=batch_size))
    assert not broken.exists()
    # What was written after the last checkpoint, whole or cut, does not count.
    with Path(f"{broken}.ckpt.json.results").open("ab") as handle:
        handle.write(b'[0, {"id": "half')
    monkeypatch.undo()
    with pytest.raises(InputError, match="other inputs, another model or other options"):
        run_job(a_job(inputs, broken, batch_size=batch_size, resume=True, search={"max_length": 77}))
    assert run_job(a_job(inputs, broken, batch_size=batch_size, resume=True)) == 0
    assert broken.read_bytes() == whole.read_bytes()
    assert Path(f"{broken}.rejects.txt").read_bytes() == Path(f"{whole}.rejects.txt").read_bytes()


def test_an_error_shows_in_the_exit_status(
    inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Annotator._write

    def failing(self: Annotator, pieces: list[object]) -> None:
        if any(piece.name.startswith("t3.g") for piece in pieces):  # type: ignore[attr-defined]
            raise MemoryError("no memory")
        write(self, pieces)  # type: ignore[arg-type]

    monkeypatch.setattr(Annotator, "_write", failing)
    output = tmp_path / "out.gff3"
    assert run_job(a_job(inputs, output)) == FAILED
    rejects = [json.loads(line) for line in Path(f"{output}.rejects.txt").read_text().splitlines()]
    assert [(row["gm_id"], row["error"]) for row in rejects] == [("t3.g", "error: MemoryError: no memory")]
    assert len(read_genes(output)) == LOCI - 1


def test_an_annotation_gets_the_new_isoforms(inputs: dict[str, Path], tmp_path: Path) -> None:
    output = tmp_path / "merged.gff3"
    assert run_job(a_job(inputs, output, merge_into=str(inputs["loci"]))) == 0
    before, after = read_genes(inputs["loci"]), read_genes(output)
    assert [gene.id for gene in after] == [gene.id for gene in before]
    gained = 0
    for old, new in zip(before, after, strict=True):
        have = {(t.exons, t.cds) for t in old.transcripts}
        assert have <= {(t.exons, t.cds) for t in new.transcripts}
        assert len({(t.exons, t.cds) for t in new.transcripts}) == len(new.transcripts)
        gained += len(new.transcripts) - len(old.transcripts)
    assert gained > 0
    assert valid(output)


def test_a_sorted_input_and_workers_change_nothing(inputs: dict[str, Path], tmp_path: Path) -> None:
    plain, sorted_ = tmp_path / "plain.gff3", tmp_path / "sorted.gff3"
    assert run_job(a_job(inputs, plain, keep_db=True)) == 0
    assert run_job(a_job(inputs, sorted_, no_sort=False, num_workers=1)) == 0
    names = [(g.seqid, g.start, g.end, g.strand, g.attributes["gm"]) for g in read_genes(plain)]
    assert [(g.seqid, g.start, g.end, g.strand, g.attributes["gm"]) for g in read_genes(sorted_)] == names
    with duckdb.connect(f"{plain}.loci.duckdb", read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM loci").fetchone() == (LOCI,)
    dataset = LocusDataset(f"{plain}.loci.duckdb")
    assert [dataset[i].id for i in range(len(dataset))] == [gene.id for gene in read_genes(inputs["loci"])]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.bed", "t0\t5\n", "not a BED row"),
        ("x.bed", "t0\t5\t900\n", "outside the genome"),
        ("x.bed", "# nothing\n", "no locus"),
        ("x.gff3", "t0\tx\tgene\t1\n", "nine columns"),
        ("x.gff3", "t0\tx\tgene\ta\t9\t.\t+\t.\tID=g\n", "no numbers"),
        ("x.gff3", "t0\tx\texon\t1\t9\t.\t+\t.\tID=g\n", "no locus"),
    ],
)
def test_bad_loci_are_one_line(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        read_loci(tmp_path / name, {"t0": 400})


def test_loci_have_names_of_their_own(tmp_path: Path) -> None:
    rows = [
        "t0\tx\tgene\t1\t9\t.\t+\t.\tID=g%20a",
        "t0\tx\tgene\t1\t9\t.\t-\t.\tID=g%20a",
        "t0\tx\tgene\t3\t5\t.\t?\t.\tx=1",
    ]
    (tmp_path / "x.gff3").write_text("\n".join(rows) + "\n")
    loci = read_loci(tmp_path / "x.gff3", {"t0": 400})
    assert [(locus.id, locus.strand) for locus in loci] == [("g a", "+"), ("g a.2", "-"), ("locus3", ".")]
