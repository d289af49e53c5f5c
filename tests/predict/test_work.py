"""What a prediction leaves on disk, and who may work there: annotate.py on real files, stopped and killed."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest
from tests.held import held, release
from tests.predict.noisy_model import CONFIG, noisy_model

from genescribe.genome.fasta import Genome, write_fasta

LENGTHS = {"one": 12 * CONFIG.tile, "two": 2 * CONFIG.tile}
LIMIT = 300


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a genome; the model beside it finds genes in it."""
    folder = tmp_path_factory.mktemp("genome")
    random = np.random.default_rng(4)
    write_fasta(folder / "g.fa", [(name, random.integers(0, 4, n).astype(np.uint8)) for name, n in LENGTHS.items()])
    noisy_model().save(folder / "model")
    return folder / "g.fa"


def packed(plain: Path, target: Path) -> None:
    target.write_bytes(gzip.compress(plain.read_bytes()))


def start(plain: Path, folder: Path, fasta: Path, *more: str, hold: bool = False) -> subprocess.Popen[str]:
    """Start annotate.py; temporary files lie in `folder/tmp`, results in `folder/out`.

    Held, each worker reads one chunk; before it writes the next it waits for `release`.
    """
    (folder / "tmp").mkdir(exist_ok=True)
    script = str(Path(__file__).parents[2] / "scripts" / "annotate.py")
    words = [str(fasta), "--model", str(plain.parent / "model"), "-o", str(folder / "out" / "g.gff3")]
    environment = held(folder, "os.rename", ".scores", 2) if hold else os.environ
    return subprocess.Popen(
        [sys.executable, script, *words, "--workers", "2", "--chunk", "1", *more],
        env=environment | {"TMPDIR": str(folder / "tmp"), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def reached(process: subprocess.Popen[str], folder: Path) -> None:
    """Wait until a chunk is read."""
    while not list((folder / "out" / "g.gff3.work" / "scores").glob("*.scores")):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)


def finish(process: subprocess.Popen[str], status: int = 0) -> str:
    """Wait for the end; return what was said."""
    _, said = process.communicate(timeout=LIMIT)
    assert process.returncode == status, said
    return said


def copies(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.name == "genome.fa"]


@pytest.fixture(scope="module")
def whole(plain: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the files of an unbroken run on the plain genome."""
    folder = tmp_path_factory.mktemp("whole")
    finish(start(plain, folder, plain))
    found = results(folder)
    assert len(found) == 8 and all(found.values())
    return found


def results(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "out").iterdir() if path.is_file()}


def test_one_plain_copy_a_run_and_none_after_it(plain: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    """Of a compressed genome: stopped, killed, and run to the end."""
    packed(plain, tmp_path / "g.fa.gz")
    for stop in (signal.SIGTERM, signal.SIGKILL, None):
        process = start(plain, tmp_path, tmp_path / "g.fa.gz", hold=True)
        while not copies(tmp_path):
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.01)
        reached(process, tmp_path)
        workers = psutil.Process(process.pid).children(recursive=True)
        assert len(copies(tmp_path)) == 1
        if stop is not None:
            process.send_signal(stop)
        release(tmp_path)
        finish(process, {signal.SIGTERM: 143, signal.SIGKILL: -9, None: 0}[stop])
        assert psutil.wait_procs(workers, timeout=LIMIT)[1] == [], "workers outlive the process that gives them work"
        # Nobody can clear away after SIGKILL but the next run.
        assert len(copies(tmp_path)) == (stop == signal.SIGKILL)
        assert list((tmp_path / "tmp").glob("genescribe-*")) == []
    found = results(tmp_path)
    assert {path.name for path in (tmp_path / "out").iterdir()} == found.keys()
    # The annotation and the report name the genome's file.
    alike = found.keys() - {"g.gff3", "g.report.html"}
    assert found.keys() == whole.keys() and all(found[name] == whole[name] for name in alike)


def test_no_copy_of_a_genome_with_uneven_lines_stays(plain: Path, tmp_path: Path) -> None:
    lines = plain.read_text().splitlines()
    (tmp_path / "g.fa").write_text("\n".join([lines[0], lines[1][:7], lines[1][7:], *lines[2:]]) + "\n")
    process = start(plain, tmp_path, tmp_path / "g.fa", hold=True)
    reached(process, tmp_path)
    assert len(copies(tmp_path)) == 1
    process.terminate()
    finish(process, 143)
    assert copies(tmp_path) == []


def test_a_killed_worker_is_one_line(plain: Path, tmp_path: Path) -> None:
    process = start(plain, tmp_path, plain, hold=True)
    reached(process, tmp_path)
    readers = [worker for worker in workers_of(process) if reads(worker, plain)]
    readers[0].kill()
    release(tmp_path)
    (line,) = [line for line in finish(process, 2).splitlines() if not line[:2].isdecimal()]
    assert line.startswith("genescribe: error: a worker process was killed, probably by the system for want of memory;")


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("form", ["g.fa", "g.fa.gz"])
def test_a_full_disk_names_what_was_given(
    plain: Path, small_disk: Path, tmp_path: Path, form: str, workers: str
) -> None:
    """Not the folder of unfinished work, nor what a worker writes there."""
    genome = tmp_path / form
    size = 40_000 if form == "g.fa" else 400_000
    write_fasta(tmp_path / "g.fa", [("one", np.random.default_rng(4).integers(0, 4, size).astype(np.uint8))])
    if form != "g.fa":
        packed(tmp_path / "g.fa", genome)
    process = start(plain, small_disk, genome, "--workers", workers)
    *_, line = finish(process, 2).splitlines()
    output = small_disk / "out" / "g.gff3"
    if form == "g.fa":
        assert line == f"genescribe: error: {output}: no space left on the device; free some space and run again"
    else:
        told = f"{output}: no space left on the device, where a plain copy of {genome} is made; free some space"
        assert line.startswith(f"genescribe: error: {told}")
        assert "TMPDIR" not in line


def test_temporary_files_without_space_are_told(small_disk: Path, tmp_path: Path) -> None:
    rows = [f"c\tx\tgene\t{i}\t{i + 9}\t.\t+\t.\tID=g{i}\n" for i in range(1, 20_000)]
    (tmp_path / "a.gff3").write_text("##gff-version 3\n" + "".join(rows))
    write_fasta(tmp_path / "g.fa", [("c", np.zeros(30_000, dtype=np.uint8))])
    script = str(Path(__file__).parents[2] / "scripts" / "catalogue.py")
    words = [
        "--fasta",
        str(tmp_path / "g.fa"),
        "--annotation",
        str(tmp_path / "a.gff3"),
        "-o",
        str(tmp_path / "c.duckdb"),
    ]
    done = subprocess.run(
        [sys.executable, script, *words],
        env=os.environ | {"TMPDIR": str(small_disk)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    told = f"genescribe: error: {small_disk}: no space left on the device; free some space, or set TMPDIR to another"
    assert done.stderr.splitlines()[-1] == f"{told} folder"


def test_a_worker_killed_as_it_starts_is_the_same_line(plain: Path, tmp_path: Path) -> None:
    """It has not read what it is to do: with many sequences, more than a pipe takes at once."""
    # The long one is work for several processes.
    sizes = {"one": 12 * CONFIG.tile, **{f"contig_{i}": 30 for i in range(2000)}}
    write_fasta(tmp_path / "g.fa", [(name, np.zeros(size, dtype=np.uint8)) for name, size in sizes.items()])
    process = start(plain, tmp_path, tmp_path / "g.fa", hold=True)
    while not (born := workers_of(process)):
        assert process.poll() is None, process.communicate()[1]
    born[-1].kill()
    *_, line = finish(process, 2).splitlines()
    assert line.startswith("genescribe: error: a worker process was killed, probably by the system for want of memory;")
    assert not results(tmp_path)


def test_workers_that_outlive_a_killed_process_are_waited_for(
    plain: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    process = start(plain, tmp_path, plain, hold=True)
    reached(process, tmp_path)
    readers = [worker for worker in workers_of(process) if reads(worker, plain)]
    for reader in readers:
        reader.suspend()
    process.kill()
    process.wait()
    for pipe in (process.stdout, process.stderr):
        assert pipe is not None
        pipe.close()  # Not read to its end: the workers hold it.
    job = tmp_path / "out" / "g.gff3.work" / "job.json"
    before = job.stat().st_mtime_ns
    again = start(plain, tmp_path, plain)
    time.sleep(5)  # Enough to come to its work, where nothing holds it up.
    assert job.stat().st_mtime_ns == before and again.poll() is None
    for reader in readers:
        reader.resume()
    finish(again)
    # The report names the folder.
    found = results(tmp_path)
    assert found.keys() == whole.keys()
    assert all(found[name] == whole[name] for name in found.keys() - {"g.report.html"})


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return the workers of a run, from their first moment on; a server may start them, which is no worker itself."""
    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        with suppress(psutil.Error):
            words = " ".join(child.cmdline())
            if "spawn_main" in words or ("forkserver" in words and child.ppid() != process.pid):
                found.append(child)
    return found


def reads(process: psutil.Process, fasta: Path) -> bool:
    """Whether a process has mapped the genome; one that has ended has not."""
    with suppress(psutil.Error):
        return any(part.path == str(fasta) for part in process.memory_maps())
    return False


def test_a_second_run_with_the_same_output_is_turned_away(plain: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    first = start(plain, tmp_path, plain, hold=True)
    reached(first, tmp_path)
    second = start(plain, tmp_path, plain)
    said = finish(second, 2)
    release(tmp_path)
    assert f"{tmp_path / 'out' / 'g.gff3'}: another process works here" in said
    finish(first)
    assert results(tmp_path) == whole
    assert not (tmp_path / "out" / "g.gff3.work").exists()


def test_what_cannot_be_read_leaves_nothing(plain: Path, tmp_path: Path) -> None:
    (tmp_path / "no.fa").write_text("no sequences\n")
    process = start(plain, tmp_path, tmp_path / "no.fa")
    assert f"{tmp_path / 'no.fa'}:1: no FASTA file" in finish(process, 2)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_genome_travels_with_its_copy_and_its_name(plain: Path, tmp_path: Path) -> None:
    import pickle

    packed(plain, tmp_path / "g.fa.gz")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    genome = Genome.open(tmp_path / "g.fa.gz", scratch=scratch)
    other = pickle.loads(pickle.dumps(genome))
    assert other.path == genome.path and other.plain == genome.plain and len(copies(scratch)) == 1
    del other
    assert genome.codes("two").tolist() == Genome.open(plain).codes("two").tolist()
    del genome
    assert list(scratch.iterdir()) == []
