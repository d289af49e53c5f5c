"""What lies on the disk while a genome is read, by the plan of the jobs: docs/scale.md says how it grows."""

from __future__ import annotations

import heapq
from collections import deque
from pathlib import Path

import numpy as np
import pytest
from tests.predict.noisy_model import CONFIG, NoisyFactory

from genescribe.genome.fasta import Genome, write_fasta
from genescribe.predict import scan
from genescribe.predict.config import PredictConfig
from genescribe.predict.scan import _Job, _Plan
from genescribe.predict.stretches import pieces_of
from genescribe.predict.work_folder import SCORES, StrandKey, Work
from genescribe.segment.prediction.predictor import grain_of

# Of the human chromosomes, in Mb; scores of 1 Mb are a chunk.
HUMAN = (248, 242, 198, 190, 182, 171, 159, 145, 138, 134, 135, 133, 114, 107, 102, 90, 83, 80, 59, 64, 47, 51, 156, 57)
READING = 0.6
"""Share of the time of a base; the rest is that of going over the strand."""


class NothingRead:
    """Work of which nothing is done."""

    def is_done(self, strand: StrandKey) -> bool:
        return not strand

    def is_read(self, strand: StrandKey, start: int) -> bool:
        return not strand and not start


def peak(workers: int) -> tuple[int, float]:
    """Return the most Mb of scores on the disk at a time, and the share of their time in which workers are busy."""
    strands = [(str(i), 0, length, sign) for i, length in enumerate(HUMAN) for sign in "+-"]
    plan = _Plan(strands, 1, NothingRead())  # type: ignore[arg-type]
    waiting, running, kept = deque[_Job](), list[tuple[float, int, _Job]](), dict[StrandKey, int]()
    now, busy, most, given = 0.0, 0.0, 0, 0
    while len(plan) or waiting or running:
        while len(waiting) + len(running) < 2 * workers and (
            job := plan.next(("finish", "read", "whole"), 2 * workers)
        ):
            waiting.append(job)
        while waiting and len(running) < workers:
            job = waiting.popleft()
            time = READING * job.bases if job.kind == "read" else (1 - READING) * job.strands[0][2]
            given += 1
            heapq.heappush(running, (now + time, given, job))
            busy += time
        now, _, job = heapq.heappop(running)
        plan.done(job, [])
        (strand,) = job.strands
        if job.kind == "read":
            kept[strand] = kept.get(strand, 0) + job.bases
        else:
            del kept[strand]
        most = max(most, sum(kept.values()))
    return most, busy / now / workers


@pytest.mark.parametrize("workers", [1, 2, 4, 16])
def test_few_strands_of_a_genome_lie_on_the_disk(workers: int) -> None:
    most, busy = peak(workers)
    print(f"{workers} workers: {most} Mb of {2 * sum(HUMAN)}, {most / HUMAN[0]:.2f} longest strands; {busy:.0%} busy")
    # The law of docs/scale.md: half as many strands as workers are gone over or wait for it, and most of one is read.
    assert most <= (0.7 + workers / 2) * HUMAN[0]
    assert busy > 0.95


def test_one_process_keeps_one_strand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random, grain, kept = np.random.default_rng(4), grain_of(CONFIG), list[int]()
    write_fasta(tmp_path / "g.fa", [(f"s{n}", random.integers(0, 4, n * grain).astype(np.uint8)) for n in (5, 4, 3)])
    genome, config = Genome.open(tmp_path / "g.fa"), PredictConfig(workers=1, chunk=grain, posteriors=False)
    save = scan.save_scores

    def counted(path: Path, rows: np.ndarray) -> None:
        save(path, rows)
        kept.append(len(list(path.parent.iterdir())))

    monkeypatch.setattr(scan, "save_scores", counted)
    pieces = pieces_of(genome, [], 0, where=genome.path)
    work = Work(tmp_path / "work", {})
    scan.scan(NoisyFactory(), genome, pieces, config, work)
    assert len(kept) == 2 * (5 + 4 + 3) and max(kept) <= 5 + 2  # jobs are given out two at a time
    assert not list((tmp_path / "work" / SCORES).iterdir())
