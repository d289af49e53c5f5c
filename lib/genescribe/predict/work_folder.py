"""Unfinished work of a prediction on disk, so that an interrupted run can resume.

| file | what |
| --- | --- |
| `job.json` | what the results depend on; where it differs, all else is thrown away |
| `strands.jsonl` | one line per finished strand |
| `scores/*.scores` | the model's scores of a chunk of bases; removed when its strand is done |
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import math
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from genescribe.files import LOCK, alone_in, atomic_path, full_disk_explained, naming, read_json, write_json
from genescribe.genome.fasta import COPY
from genescribe.genome.model import Interval, Transcript
from genescribe.genome.strand import Reject
from genescribe.predict.interface import PredictedTranscript, Rows, StrandPrediction

JOB, STRANDS, SCORES = "job.json", "strands.jsonl", "scores"
_log = logging.getLogger(__name__)

StrandKey = tuple[str, int, int, str]
"""Sequence, start, end, strand."""
BOTH = "."
"""Instead of a sign: both strands, finished together."""
_PLACE = np.dtype(np.uint32)
"""Place of a score within a chunk."""
_BLOCK = 1 << 14
"""Bases whose scores are written at a time."""


def singles(strand: StrandKey) -> list[StrandKey]:
    """Return the strands of a key: itself, or both."""
    return [(*strand[:3], sign) for sign in ("+-" if strand[3] == BOTH else strand[3])]


def units(strands: Sequence[StrandKey], most: int) -> Iterator[tuple[StrandKey, ...]]:
    """Yield strands in order, as many at a time as hold `most` bases."""
    unit: list[StrandKey] = []
    bases = 0
    for strand in strands:
        length = strand[2] - strand[1]
        if unit and bases + length > most:
            yield tuple(unit)
            unit, bases = [], 0
        unit.append(strand)
        bases += length
    if unit:
        yield tuple(unit)


@contextmanager
def work_folder(folder: str | Path, shown: str | Path | None = None) -> Iterator[Path]:
    """Hold a folder of unfinished work against other processes, until the results are written.

    What a killed process left half-written in it is removed, and at the end the folder itself, where nothing is in it.

    Parameters
    ----------
    folder
        Made where it does not exist.
    shown
        Path that errors name instead of files in the folder; None: the folder.

    Raises
    ------
    InputError
        Another process works in it; its device is full.
    """
    folder = Path(folder)
    with naming(shown or folder, folder), alone_in(folder), full_disk_explained(folder):
        for left_over in (*folder.rglob(".*.part"), *folder.glob(f"{COPY}*")):
            _remove(left_over)
        yield folder


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


class Work:
    """Contents of a folder of unfinished work; see `work_folder`.

    Parameters
    ----------
    folder
        Made where it is not there.
    job
        All that the results depend on, as JSON values.
    """

    def __init__(self, folder: str | Path, job: Mapping[str, Any]) -> None:
        self.folder = Path(folder)
        if not self._is_of(job):
            if (self.folder / JOB).exists():
                _log.info("the unfinished work is of another genome, model or option: begun anew")
            # No more than its own: the lock lies here, and the plain copy of a genome. What says whose it is goes last.
            for name in (SCORES, STRANDS, JOB):
                _remove(self.folder / name)
        (self.folder / SCORES).mkdir(parents=True, exist_ok=True)
        write_json(self.folder / JOB, job)
        self.done = dict(read_strands(self.folder / STRANDS))
        # A line that a kill cut short is not carried on with.
        write_strands(self.folder / STRANDS, self.done)
        if self.done:
            _log.info("%d strands are done from an earlier run", len(self.done))

    def _is_of(self, job: Mapping[str, Any]) -> bool:
        try:
            return bool(read_json(self.folder / JOB) == json.loads(json.dumps(job)))
        except (FileNotFoundError, ValueError):
            return False

    def is_done(self, strand: StrandKey) -> bool:
        """Return whether a strand's genes, or both's, are here."""
        return all(key in self.done for key in singles(strand))

    def is_read(self, strand: StrandKey, start: int) -> bool:
        """Return whether the scores of a chunk that begins there are here."""
        return all(self.scores(key, start).exists() for key in singles(strand))

    def scores(self, strand: StrandKey, start: int) -> Path:
        """Return the path of the scores of a chunk."""
        return scores_path(self.folder, strand, start)

    def add(self, predictions: Mapping[StrandKey, StrandPrediction], chunks: Sequence[int]) -> None:
        """Keep the predictions of strands, and drop the scores of their chunks.

        Parameters
        ----------
        predictions
            By piece and strand.
        chunks
            First bases of the chunks that each was read in.
        """
        self.done |= predictions
        with (self.folder / STRANDS).open("a", encoding="utf-8") as lines:
            lines.writelines(_line(strand, prediction) for strand, prediction in predictions.items())
            lines.flush()
            os.fsync(lines.fileno())
        for strand in predictions:
            for start in chunks:
                self.scores(strand, start).unlink(missing_ok=True)


def remove_work(folder: Path) -> None:
    """Remove the contents of a folder of work whose results are written elsewhere, but its lock."""
    for entry in folder.iterdir():
        if entry.name != LOCK:
            _remove(entry)


def scores_path(folder: Path, strand: StrandKey, start: int) -> Path:
    """Return the place of the scores of a chunk within a folder of work.

    Parameters
    ----------
    folder
        Folder of unfinished work.
    strand
        Piece and strand that the scores belong to.
    start
        First base of the chunk.
    """
    seqid, begin, end, sign = strand
    # A digest: names of sequences may hold anything, and be longer than a file name may be.
    name = f"{hashlib.sha256(seqid.encode()).hexdigest()}_{begin}_{end}_{'f' if sign == '+' else 'r'}"
    return folder / SCORES / f"{name}.{start}.scores"


def save_scores(path: Path, rows: Rows) -> None:
    """Write the scores of a chunk in one step: of columns that are mostly 0, what is not, and where.

    Parameters
    ----------
    path
        File to write: arrays of numpy one after another.
    rows : (n, anything) float32
        The scores.
    """
    counts = np.count_nonzero(rows, axis=0)
    thin = counts * (_PLACE.itemsize + rows.itemsize) < len(rows) * rows.itemsize
    with atomic_path(path) as temporary, temporary.open("wb") as out:
        # All of four bytes each: what is mapped is aligned.
        np.save(out, thin.astype(np.int32))
        shape = {"descr": rows.dtype.str, "fortran_order": False, "shape": (len(rows), int((~thin).sum()))}
        np.lib.format.write_array_header_1_0(out, shape)
        for low in range(0, len(rows), _BLOCK):  # A copy of the whole would be as large as the scores.
            out.write(np.compress(~thin, rows[low : low + _BLOCK], axis=1).data)
        for column in rows.T[thin]:
            places = np.flatnonzero(column).astype(_PLACE)
            np.save(out, places)
            np.save(out, column[places])


class StoredRows:
    """The scores of a strand, read from the files of its chunks a slice at a time.

    Parameters
    ----------
    paths
        Chunk by chunk.
    chunk
        Bases of each but the last.
    """

    def __init__(self, paths: Sequence[Path], chunk: int) -> None:
        self._paths, self._chunk = paths, chunk
        self._arrays = functools.cache(_arrays)

    def __getitem__(self, key: slice, /) -> Rows:
        low, high = key.start, key.stop
        parts = []
        for index in range(low // self._chunk, (high - 1) // self._chunk + 1):
            first = index * self._chunk
            parts.append(self._part(index, max(0, low - first), min(self._chunk, high - first)))
        return np.concatenate(parts)

    def _part(self, index: int, low: int, high: int) -> Rows:
        # Mapped anew each time: pages of a map that stays would stay in memory.
        data = np.asarray(np.memmap(self._paths[index], mode="r"))
        arrays = self._arrays(self._paths[index])
        flags, full, *columns = (data[part].view(dtype).reshape(shape) for part, dtype, shape in arrays)
        thin = flags.astype(bool)
        rows = np.zeros((min(high, len(full)) - low, len(thin)), dtype=full.dtype)
        rows[:, ~thin] = full[low:high]
        for column, places, values in zip(np.flatnonzero(thin), columns[::2], columns[1::2], strict=True):
            some = slice(*np.searchsorted(places, (low, high)))
            rows[places[some] - low, column] = values[some]
        return rows


def _arrays(path: Path) -> list[tuple[slice, np.dtype[Any], tuple[int, ...]]]:
    """Return the bytes, the type and the shape of each array of a file."""
    arrays = []
    size = path.stat().st_size
    with path.open("rb") as file:
        while file.tell() < size:
            np.lib.format.read_magic(file)
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
            start = file.tell()
            end = file.seek(math.prod(shape) * dtype.itemsize, os.SEEK_CUR)
            arrays.append((slice(start, end), dtype, shape))
    return arrays


def read_strands(path: Path) -> list[tuple[StrandKey, StrandPrediction]]:
    """Read strands that were done; a last line that was cut short is passed over."""
    if not path.is_file():
        return []
    *lines, _ = path.read_text(encoding="utf-8").split("\n")
    return [_parse(line) for line in lines]


def write_strands(path: Path, strands: Mapping[StrandKey, StrandPrediction]) -> None:
    """Write strands in one step, in the order given."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as out:
        out.writelines(_line(strand, prediction) for strand, prediction in strands.items())


def _line(strand: StrandKey, prediction: StrandPrediction) -> str:
    transcripts = [
        {
            "exons": item.transcript.exons,
            "cds": item.transcript.cds,
            "phase": item.transcript.phase,
            "partial": [item.transcript.partial5, item.transcript.partial3],
            "score": item.transcript.score,
            "exon_scores": item.transcript.exon_scores,
            "cds_scores": item.transcript.cds_scores,
            "log_odds": item.log_odds,
            "gene": item.gene,
        }
        for item in prediction.transcripts
    ]
    rejects = [[reject.start, reject.end, reject.reason] for reject in prediction.rejects]
    return json.dumps({"strand": strand, "transcripts": transcripts, "rejects": rejects}, allow_nan=False) + "\n"


def _parse(line: str) -> tuple[StrandKey, StrandPrediction]:
    row = json.loads(line)
    transcripts = [
        PredictedTranscript(
            Transcript(
                "",
                _intervals(item["exons"]),
                _intervals(item["cds"]),
                phase=item["phase"],
                score=item["score"],
                partial5=item["partial"][0],
                partial3=item["partial"][1],
                exon_scores=item["exon_scores"] and tuple(item["exon_scores"]),
                cds_scores=item["cds_scores"] and tuple(item["cds_scores"]),
            ),
            item["log_odds"],
            item["gene"],
        )
        for item in row["transcripts"]
    ]
    seqid, start, end, strand = row["strand"]
    return (seqid, start, end, strand), StrandPrediction(transcripts, [Reject(*reject) for reject in row["rejects"]])


def _intervals(pairs: list[list[int]]) -> tuple[Interval, ...]:
    return tuple((start, end) for start, end in pairs)
