"""Run both strands of every piece through a model, in parallel processes, chunk by chunk."""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple, cast

import torch

from genescribe.files import sha256, work_in
from genescribe.genome.fasta import Genome
from genescribe.genome.strand import GenomeStrand, StrandCodes
from genescribe.predict.config import PredictConfig
from genescribe.predict.interface import (
    BatchWriter,
    Halves,
    PairPredictor,
    PredictorFactory,
    StrandPrediction,
    StrandRows,
    finishes_both_strands,
    halves_of,
    read_all,
)
from genescribe.predict.memory import keep_memory
from genescribe.predict.progress import progress
from genescribe.predict.stretches import Piece
from genescribe.predict.work_folder import BOTH, StoredRows, StrandKey, Work, save_scores, scores_path, singles, units
from genescribe.processes import process_pool

UNIT = 1 << 17
"""Bases of short strands that are one job: handing over a job and bringing its result to the disk costs as much as
reading some thousand bases. For a GPU they are as many as it reads at a time: the grain."""
LONGEST_PATH = 70  # still leaves room for the name of a socket: Linux allows 107 characters in all


def job_of(
    factory: PredictorFactory, fasta: str | Path, pieces: Sequence[Piece], config: PredictConfig
) -> dict[str, Any]:
    """Return all that the strands' predictions depend on, as JSON values; later filters are not part of it.

    Parameters
    ----------
    factory
        Opens the model in each process.
    fasta
        FASTA file of the genome.
    pieces
        Stretches to annotate.
    config
        Options of prediction, of which some change the result.
    """
    return {
        "model": factory.provenance(),
        "fasta_sha256": sha256(fasta),
        "pieces": [piece.name for piece in pieces],
        "chunk": chunk_of(factory, config),
        "partial": config.partial,
        "posteriors": config.posteriors,
        "isoforms": config.isoforms,
    }


def chunk_of(factory: PredictorFactory, config: PredictConfig) -> int:
    """Return the bases of a chunk: as configured, rounded up to whole groups of tiles."""
    return -(-config.chunk // factory.grain) * factory.grain


def scan(factory: PredictorFactory, genome: Genome, pieces: Sequence[Piece], config: PredictConfig, work: Work) -> None:
    """Read both strands of the pieces; predictions are kept in `work`, and strands that it holds are not read again.

    A strand of more than one chunk is read chunk by chunk, in any process; then one goes over it from end to end. Where
    a GPU reads, one process a GPU reads all strands, and others go over them on the CPU meanwhile. The result is the
    same for all chunk sizes and numbers of workers, and after interruptions.

    Parameters
    ----------
    factory
        Opens the model in each process.
    genome
        Genome that is annotated.
    pieces
        Stretches to annotate.
    config
        Options of prediction, with chunk size and number of workers.
    work
        Folder that keeps what was found.
    """
    signs = BOTH if finishes_both_strands(factory) else "+-"
    strands = [(piece.seqid, piece.start, piece.end, sign) for piece in pieces for sign in signs]
    halves = halves_of(factory)
    plan = _Plan(strands, chunk_of(factory, config), work, halves, factory.grain)
    total = sum(end - start for _, start, end, _ in strands)
    with progress(total, total - plan.bases) as shown, ExitStack() as stack:
        for earlier in work.done.values():
            shown.count_genes(earlier)
        task = (genome, config, work)
        if halves is None or not len(plan):
            here = stack.enter_context(_executor(factory, *task, min(config.workers, len(plan))))
            pools = [_Pool(here, ("finish", "read", "whole"), 2 * config.workers)]
        else:
            reading = stack.enter_context(_processes(halves.reader, *task, halves.readers))
            # Proposals need no probabilities.
            options = replace(config, posteriors=config.posteriors and not halves.writes)
            finishing = stack.enter_context(_processes(halves.finisher, genome, options, work, config.workers))
            going_on = _Pool(reading, ("write", "read"), 2 * halves.readers)
            pools = [_Pool(finishing, ("finish",), 2 * config.workers), going_on]
        for job, predictions in _results(pools, plan):
            if predictions:
                keys = [key for strand in job.strands for key in singles(strand)]
                work.add(dict(zip(keys, predictions, strict=True)), plan.chunks(job.strands[0]))
            for prediction in predictions:
                shown.count_genes(prediction)
            shown.count_bases(job.bases if job.kind in ("read", "whole") else 0)


class _Job(NamedTuple):
    """A task of a worker: read a chunk to disk, go over a strand whose chunks are there, or both at once in memory.

    Short strands are read by the dozen: `strands`. Of each, the bases of ``[start, end)`` that it has are read. Where
    going over strands gives proposals (`Halves.writes`), genes are made of them by a third job.
    """

    kind: Literal["read", "finish", "write", "whole"]
    strands: tuple[StrandKey, ...]
    start: int
    end: int
    chunk: int
    proposed: tuple[StrandPrediction, ...] = ()

    @property
    def bases(self) -> int:
        """Bases that are read, of one strand each."""
        all_bases = self.kind != "read" or len(self.strands) > 1
        lengths = [end - start for _, start, end, _ in self.strands]
        return sum(lengths) if all_bases else min(self.end, lengths[0]) - self.start


class _Plan:
    """The jobs that are left, in order: those that finish a strand go before those that begin one, to free the disk.

    Parameters
    ----------
    strands
        All that there are.
    chunk
        Bases of a chunk.
    work
        Knows which strands are done, and which chunks are read.
    halves
        Where other processes read than go over strands: also a strand of one chunk is two jobs, or three.
    grain
        Bases that are read at a time.
    """

    def __init__(
        self, strands: Sequence[StrandKey], chunk: int, work: Work, halves: Halves | None = None, grain: int = 0
    ) -> None:
        self._chunk, self._missing = chunk, dict[tuple[StrandKey, ...], int]()
        self._finish, self._read, self._write = deque[_Job](), deque[_Job](), deque[_Job]()
        self._writes, apart = halves is not None and halves.writes, halves is not None
        short = []
        # Longest first fills the workers evenly; results are kept by name, so the order does not show.
        for strand in sorted(strands, key=lambda s: s[1] - s[2]):
            length = strand[2] - strand[1]
            if length <= chunk:
                short.append(strand)
                continue
            if work.is_done(strand):
                continue
            missing = [start for start in self.chunks(strand) if not work.is_read(strand, start)]
            self._add((strand,), [(start, min(start + chunk, length)) for start in missing])
        # Of all strands, also those that are done: which loci are written together does not depend on kills.
        for unit in units(short, max(UNIT, grain) if apart else UNIT):
            if all(work.is_done(strand) for strand in unit):
                continue
            if not apart:
                self._read.append(_Job("whole", unit, 0, 0, chunk))
            else:
                self._add(unit, [] if all(work.is_read(strand, 0) for strand in unit) else [(0, chunk)])
        self.bases = sum(job.bases for job in self._read)

    def _add(self, unit: tuple[StrandKey, ...], chunks: Sequence[tuple[int, int]]) -> None:
        """Add the strands of a unit, of which some chunks are to be read yet."""
        self._missing[unit] = len(chunks)
        self._read += [_Job("read", unit, start, end, self._chunk) for start, end in chunks]
        if not chunks:
            self._finish.append(self._finishing(unit))

    def chunks(self, strand: StrandKey) -> range:
        """Return where the chunks of a strand begin."""
        return range(0, strand[2] - strand[1], self._chunk)

    def __len__(self) -> int:
        return len(self._finish) + len(self._write) + len(self._read)

    def next(self, kinds: Sequence[str], enough: int) -> _Job | None:
        """Take a job of some kinds; None where there is none, or where `enough` strands wait to be gone over."""
        if "finish" in kinds and self._finish:
            return self._finish.popleft()
        if "write" in kinds and self._write:
            return self._write.popleft()
        if "read" in kinds and self._read and len(self._finish) < enough:
            return self._read.popleft()
        return None

    def done(self, job: _Job, predictions: list[StrandPrediction]) -> list[StrandPrediction]:
        """Note that a job is done; return its predictions, unless another job goes on from them."""
        if job.kind == "read":
            self._missing[job.strands] -= 1
            if not self._missing[job.strands]:
                self._finish.append(self._finishing(job.strands))
        if job.kind == "finish" and self._writes:
            self._write.append(job._replace(kind="write", proposed=tuple(predictions)))
            return []
        return predictions

    def _finishing(self, unit: tuple[StrandKey, ...]) -> _Job:
        return _Job("finish", unit, 0, max(end - start for _, start, end, _ in unit), self._chunk)


class _Pool(NamedTuple):
    """Processes, the kinds of jobs that they do, and how many of these are handed out at a time."""

    executor: Executor
    kinds: Sequence[str]
    most: int


def _results(pools: Sequence[_Pool], plan: _Plan) -> Iterator[tuple[_Job, list[StrandPrediction]]]:
    running: dict[Future[list[StrandPrediction]], tuple[_Job, _Pool]] = {}
    # Scores of whole strands lie on the disk: no more of them than keep the processes busy that go over them.
    enough = sum(pool.most for pool in pools if "finish" in pool.kinds)
    while len(plan) or running:
        for pool in pools:
            while sum(of is pool for _, of in running.values()) < pool.most:
                job = plan.next(pool.kinds, enough)
                if job is None:
                    break
                running[_submitted(pool.executor, job)] = job, pool
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            job, _ = running.pop(future)
            yield job, plan.done(job, future.result())


def _submitted(pool: Executor, job: _Job) -> Future[list[StrandPrediction]]:
    try:
        return pool.submit(_work, job)
    except (ConnectionError, EOFError) as error:
        # Workers start as jobs are given out: one that dies before it has read what it is to do, or the server that
        # starts them, breaks a pipe, and the pool does not see why.
        raise BrokenProcessPool("a process was killed as it started") from error


class _Worker:
    """State of one process: the model, loaded once, and the genome, whose plain file all processes share."""

    def __init__(
        self, factory: PredictorFactory, genome: Genome, config: PredictConfig, folder: Path, number: int
    ) -> None:
        # Results depend neither on how many processes share the machine nor, by TF32 in cuDNN, on the device.
        torch.set_num_threads(1)
        torch.backends.cudnn.allow_tf32 = False
        keep_memory()
        self._predictor, self._genome, self._grain = factory(number), genome, factory.grain
        self._config, self._folder = config, folder

    def __call__(self, job: _Job) -> list[StrandPrediction]:
        """Return the predictions of the strands of a job; none where it only read chunks."""
        if job.kind == "whole":
            return self._all_at_once(job.strands)
        if job.kind == "finish":
            return [prediction for strand in job.strands for prediction in self._finish(strand, job.chunk)]
        keys = [key for strand in job.strands for key in singles(strand)]
        strands = [GenomeStrand(self._genome, *key) for key in keys]
        if job.kind == "write":
            return cast(BatchWriter, self._predictor).write(strands, job.proposed)
        # How a strand is read follows from its length alone, and so do the bits of its scores.
        if all(len(codes) <= self._grain for codes in strands):
            rows = iter(read_all(self._predictor, strands))
        else:
            rows = (self._predictor.read(codes, job.start, min(job.end, len(codes))) for codes in strands)
        for key, scores in zip(keys, rows, strict=True):
            save_scores(scores_path(self._folder, key, job.start), scores)
        return []

    def _all_at_once(self, strands: Sequence[StrandKey]) -> list[StrandPrediction]:
        """Return the predictions of short strands, all read at once."""
        groups = [[GenomeStrand(self._genome, *key).held() for key in singles(strand)] for strand in strands]
        rows = iter(read_all(self._predictor, [codes for group in groups for codes in group]))
        return [prediction for group in groups for prediction in self._finished(group, [next(rows) for _ in group])]

    def _finish(self, strand: StrandKey, chunk: int) -> list[StrandPrediction]:
        """Return the predictions of a strand, or both, whose chunks are read."""
        keys = singles(strand)
        starts = range(0, strand[2] - strand[1], chunk)
        rows = [StoredRows([scores_path(self._folder, key, start) for start in starts], chunk) for key in keys]
        return self._finished([GenomeStrand(self._genome, *key) for key in keys], rows)

    def _finished(self, codes: Sequence[StrandCodes], rows: Sequence[StrandRows]) -> list[StrandPrediction]:
        if len(codes) == 1:
            return [self._predictor.finish(codes[0], rows[0], self._config)]
        return cast(PairPredictor, self._predictor).finish_both(codes, rows, self._config)


_worker: _Worker | None = None
_hold: IO[bytes] | None = None


def _initialise(factory: PredictorFactory, genome: Genome, config: PredictConfig, folder: Path, counter: Any) -> None:
    global _worker, _hold
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _hold = work_in(folder)
    with counter.get_lock():
        number = counter.value
        counter.value += 1
    _worker = _Worker(factory, genome, config, folder, number)


def _end_with_parent() -> None:
    """End this worker when the process that gives it work was killed: it would wait for more for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(job: _Job) -> list[StrandPrediction]:
    assert _worker is not None
    return _worker(job)


class _Here(Executor):
    """Runs everything at once, in this process."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Return the result."""
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def start_method(module: str) -> BaseContext:
    """Return how processes start: on Linux from one that has imported `module` and done nothing else."""
    # That one listens at a socket in the folder of temporary files, whose path the system limits.
    if sys.platform != "linux" or len(tempfile.gettempdir()) > LONGEST_PATH:
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([module])
    return context


@contextmanager
def _executor(
    factory: PredictorFactory, genome: Genome, config: PredictConfig, work: Work, workers: int
) -> Iterator[Executor]:
    """Give processes; for a single one, or none, this process itself."""
    if workers > 1:
        with _processes(factory, genome, config, work, workers) as pool:
            yield pool
        return
    global _worker
    threads = torch.get_num_threads()
    try:
        _worker = _Worker(factory, genome, config, work.folder, 0) if workers else None
        yield _Here()
    finally:
        _worker = None
        torch.set_num_threads(threads)


@contextmanager
def _processes(
    factory: PredictorFactory, genome: Genome, config: PredictConfig, work: Work, workers: int
) -> Iterator[Executor]:
    # Not forked from here, since a torch that has computed may hang in a fork; an executor, since it notices a worker
    # that is killed.
    context = start_method(type(factory).__module__)
    counter = context.Value("i", 0)
    arguments = (factory, genome, config, work.folder, counter)
    with process_pool(workers, context, _initialise, arguments) as pool:
        yield pool
