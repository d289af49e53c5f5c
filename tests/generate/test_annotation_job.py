"""The annotation run: files in, files out; resumed as if never broken; nothing lost, whatever the model writes."""

from __future__ import annotations

import json
import re
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
from genescribe.generate.annotation.locus_rules import gene_of_locus
from genescribe.generate.annotation.run import REJECT_KEYS
from genescribe.generate.loci.loci import LocusDataset, read_loci
from genescribe.generate.text.sentence import GeneSentence, gene_of
from genescribe.genome.alphabet import encode, reverse_complement
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.genome.fasta import Genome, write_fasta
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Gene, Transcript, mirror
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
    assert {path.name for path in tmp_path.iterdir()} == {"out.gff3", "out.gff3.rejects.txt", "out.gff3.ckpt.json"}


def test_loci_without_a_gene_are_rejected_with_their_text(inputs: dict[str, Path], tmp_path: Path) -> None:
    write_fasta(tmp_path / "genome.fa", [("a", encode("C" * 300)), ("b", encode("CATG" * 80))])
    (tmp_path / "loci.bed").write_text("a\t10\t200\tempty\t0\t+\nb\t0\t320\tboth\nb\t5\t300\n")
    changes = {"fasta": str(tmp_path / "genome.fa"), "loci": str(tmp_path / "loci.bed")}
    output = tmp_path / "out.gff3"
    assert run_job(a_job(inputs, output, **changes)) == 0
    rejects = [json.loads(line) for line in Path(f"{output}.rejects.txt").read_text().splitlines()]
    assert rejects[0] | {"pred_raw": ""} == {
        "gm_id": "empty", "chrom": "a", "start": 0, "end": 230, "strand": "+", "pred_raw": "", "pred_clean": "",
        "error": "dead end"
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
    done = read_genes(f"{broken}.part")
    assert {gene.id for gene in done} <= {gene.id for gene in read_genes(whole)}
    assert len(done) > 0
    # What was written after the last checkpoint, whole or cut, does not count.
    with Path(f"{broken}.ckpt.json.results").open("ab") as handle:
        handle.write(b'[0, {"id": "half')
    monkeypatch.undo()
    with pytest.raises(InputError, match="other inputs, another model or other options"):
        run_job(a_job(inputs, broken, batch_size=batch_size, resume=True, search={"max_length": 77}))
    assert run_job(a_job(inputs, broken, batch_size=batch_size, resume=True)) == 0
    assert broken.read_bytes() == whole.read_bytes()
    assert not Path(f"{broken}.part").exists()
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


def test_rows_of_genes_are_enough(inputs: dict[str, Path], tmp_path: Path) -> None:
    """Where they lie is all that is asked for."""
    rows = [line for line in inputs["loci"].read_text().splitlines() if line.split("\t")[2:3] == ["gene"]]
    regions = tmp_path / "regions.gff3"
    regions.write_text("\n".join(["##gff-version 3", *reversed(rows), ""]))
    for name, loci in (("whole", inputs["loci"]), ("bare", regions)):
        assert run_job(a_job(inputs | {"loci": loci}, tmp_path / f"{name}.gff3", no_sort=False)) == 0
    assert read_genes(tmp_path / "bare.gff3") == read_genes(tmp_path / "whole.gff3")


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
    loci, _ = read_loci(tmp_path / "x.gff3", {"t0": 400})
    assert [(locus.id, locus.strand) for locus in loci] == [("g a", "+"), ("g a.2", "-"), ("locus3", ".")]


def test_a_finished_run_is_remembered(
    inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out.gff3"
    assert run_job(a_job(inputs, output)) == 0
    said, before = capsys.readouterr().out, output.read_bytes()

    def called(*_: object) -> None:
        raise AssertionError("the model was loaded again")

    with monkeypatch.context() as patched:
        patched.setattr(job_module, "load_writer", called)
        assert run_job(a_job(inputs, output, resume=True)) == 0
        assert capsys.readouterr().out == said
        with pytest.raises(InputError, match="other inputs, another model or other options"):
            run_job(a_job(inputs, output, resume=True, gm_key="GM"))
    # What was finished and is gone is made again.
    output.unlink()
    assert run_job(a_job(inputs, output, resume=True)) == 0
    assert output.read_bytes() == before


def test_every_row_names_its_locus_and_its_source(inputs: dict[str, Path], tmp_path: Path) -> None:
    output = tmp_path / "out.gff3"
    assert run_job(a_job(inputs, output, gm_key="GM", source="transgenic")) == 0
    rows = [line.split("\t") for line in output.read_text().splitlines() if not line.startswith("#")]
    assert {row[2] for row in rows} >= {"gene", "mRNA", "exon", "CDS"}
    assert {row[1] for row in rows} == {"transgenic"}
    assert all(f"GM={row[0]}.g" in row[8].split(";") for row in rows)


def test_a_locus_outside_the_genome_is_rejected_and_the_others_are_annotated(
    inputs: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "loci.bed").write_text(
        "t0\t10\t300\tfirst\nnowhere\t5\t90\tstray\nt1\t9\t4000\tlong\nt2\t9\t300\tlast\n"
    )
    output = tmp_path / "out.gff3"
    assert run_job(a_job(inputs, output, loci=str(tmp_path / "loci.bed"))) == 0
    rejects = [json.loads(line) for line in Path(f"{output}.rejects.txt").read_text().splitlines()]
    outside = {row["gm_id"]: (row["chrom"], row["start"], row["end"]) for row in rejects if "outside" in row["error"]}
    assert outside == {"stray": ("nowhere", 5, 90), "long": ("t1", 9, 4000)}
    assert len(read_genes(output)) + len(rejects) == 4


def test_the_table_of_the_earlier_tool_is_kept(inputs: dict[str, Path], tmp_path: Path) -> None:
    output = tmp_path / "out.gff3"
    assert run_job(a_job(inputs, output, keep_db=True)) == 0
    genome = Genome.open(inputs["fasta"])
    written = {gene.attributes["gm"]: gene for gene in read_genes(output)}
    with duckdb.connect(f"{output}.loci.duckdb", read_only=True) as connection:
        rows = connection.execute(
            'SELECT geneModel, "start", fin, strand, chromosome, "sequence", gff, static_fpb, static_tpb FROM geneList'
        ).fetchall()
        assert connection.execute("SELECT DISTINCT species FROM geneSpecies").fetchall() == [("genome.fa",)]
    assert [row[0] for row in rows] == [gene.id for gene in read_genes(inputs["loci"])]
    for name, low, high, _, seqid, bases, text, before, after in rows:
        assert encode(bases).tolist() == (genome.codes(seqid, low, high) & 7).tolist()
        assert before <= 30 and after <= 30
        assert (text is None) == (name not in written)
        if text is not None:
            told = gene_of(GeneSentence.parse(text), "x", seqid, low)
            assert [(t.exons, t.cds) for t in told.transcripts] == sorted(
                (t.exons, t.cds) for t in written[name].transcripts
            )


def test_given_transcripts_are_completed(inputs: dict[str, Path], tmp_path: Path) -> None:
    output = tmp_path / "out.gff3"
    assert run_job(a_job(inputs, output, prompt=True)) == 0
    given, completed = read_genes(inputs["loci"]), 0
    for gene in read_genes(output):
        first = next(g for g in given if g.id == gene.attributes["gm"]).transcripts[0]
        parts = {part for transcript in gene.transcripts for part in transcript.cds}
        completed += set(first.cds) <= parts
    assert completed > LOCI // 2
    (tmp_path / "loci.bed").write_text("t0\t10\t300\tfirst\n")
    with pytest.raises(InputError, match="no transcripts"):
        run_job(a_job(inputs, tmp_path / "bed.gff3", prompt=True, loci=str(tmp_path / "loci.bed")))


def test_rejects_can_be_placed_on_the_genome(inputs: dict[str, Path], tmp_path: Path) -> None:
    """The example of docs/generate.md: what was written for a rejected locus, in the coordinates of its sequence."""
    # Loci at the very end of each strand, whose windows hold all: what is written is rejected as lying elsewhere.
    places = {"+": f"{LENGTH - 2}\t{LENGTH}", "-": "0\t2"}
    rows = [
        f"t{number}\t{places[strand]}\tlocus{number}{strand}\t0\t{strand}" for number in range(4) for strand in "+-"
    ]
    (tmp_path / "loci.bed").write_text("\n".join(rows) + "\n")
    shutil.copytree(inputs["model"], tmp_path / "model")
    stored = json.loads((tmp_path / "model" / "config.json").read_text())
    stored["model"]["flank"] = LENGTH
    (tmp_path / "model" / "config.json").write_text(json.dumps(stored))
    changes = {"loci": str(tmp_path / "loci.bed"), "model": str(tmp_path / "model")}
    output = tmp_path / "out.gff3"
    assert run_job(a_job(inputs, output, **changes)) == 0
    rejects = [json.loads(line) for line in Path(f"{output}.rejects.txt").read_text().splitlines()]
    placed = [row for row in rejects if row["error"].startswith("outside the locus")]
    assert {row["strand"] for row in placed} == {"+", "-"}
    genome, code = Genome.open(inputs["fasta"]), GeneticCode.from_table(1)
    for row in placed:
        sentence = GeneSentence.parse(row["pred_clean"])
        gene = gene_of(sentence, row["gm_id"], row["chrom"], row["start"])
        # Text that is no sentence as a whole: place by place.
        numbers = [(int(a), int(b)) for a, b in re.findall(r"(\d+)\|\w+?\d+\|(\d+)", row["pred_raw"])]
        low, high = row["start"], row["end"]
        raw = {(low + a, low + b) if row["strand"] == "+" else (high - b, high - a) for a, b in numbers}
        assert raw >= {(f.start + low, f.end + low) for f in sentence.features}
        turned = gene if gene.strand == "+" else mirror(gene, LENGTH)
        codes = genome.codes(gene.seqid)
        strand = codes if gene.strand == "+" else reverse_complement(codes)
        assert all(validate_gene(t, strand, code, alternative_starts=False) is None for t in turned.transcripts)


def a_gene(*spans: tuple[int, int], strand: str = "+") -> Gene:
    transcripts = tuple(Transcript(f"g.t{n}", (span,), (span,)) for n, span in enumerate(spans, 1))
    return Gene("g", "s", strand, transcripts)


@pytest.mark.parametrize(
    ("gene", "several", "kept", "reason"),
    [
        (a_gene((110, 140), (120, 180)), False, 2, ""),
        (a_gene((110, 140), (10, 40)), False, 1, "outside the locus"),
        (a_gene((110, 140), (10, 40)), True, 1, "outside the locus"),
        (a_gene((10, 40), (200, 240)), False, 0, "outside the locus"),
        (a_gene((80, 120), (130, 190)), False, 1, "of another gene"),
        (a_gene((80, 120), (130, 190)), True, 2, ""),
        (a_gene((110, 140), strand="-"), True, 0, "on the other strand"),
    ],
)
def test_a_locus_has_one_gene_at_its_place(gene: Gene, several: bool, kept: int, reason: str) -> None:
    locus = LocusWindow("g", "s", 100, 200, "+", 0, encode("A" * 300))
    result = gene_of_locus(LocusResult("g", "s", 100, "accepted", "", "", "", gene), locus, several=several)
    assert (0 if result.gene is None else len(result.gene.transcripts)) == kept
    assert result.reason == reason
    assert result.status == ("rejected" if not kept else "repaired" if reason else "accepted")
    if kept == 1 and gene.transcripts[0].start == 80:
        assert result.gene is not None and result.gene.transcripts[0].start == 130
