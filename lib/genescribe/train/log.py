"""Logs of a run: `log.csv` and its two halves, TensorBoard scalars, a progress bar."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TextIO

from torch.utils.tensorboard.writer import SummaryWriter
from tqdm import tqdm

from genescribe.files import write_text

COLUMNS = ("step", "epoch", "split", "loss", "lr", "grad_norm", "seconds", "memory_mb")
"""Of every row of the log; the family's metrics follow. Empty where a value does not apply."""

_logger = logging.getLogger("genescribe.train")


TRAINING, VALIDATION = "training_log.csv", "eval_log.csv"
"""The rows of each split by themselves, with the columns that they fill."""
_OF_TRAINING = ("loss", "lr", "grad_norm")


class RunLog:
    """Rows to `log.csv` as they come, by split also to files of their own; TensorBoard, lines to the log, the bar.

    Parameters
    ----------
    directory
        Folder of the run.
    metrics
        The family's columns of a validation.
    parts
        The family's columns of training; see `genescribe.train.task.Loss`.
    rows
        Rows that a checkpoint kept: rows of the file after them are dropped.
    step, total
        Steps done and to do.
    """

    def __init__(
        self,
        directory: Path,
        metrics: Sequence[str],
        rows: list[str],
        step: int,
        total: int,
        *,
        parts: Sequence[str] = (),
    ) -> None:
        self._metrics, self._columns = tuple(metrics), (*COLUMNS, *parts, *metrics)
        self.rows = rows
        self._path = directory / "log.csv"
        write_text(self._path, "".join([self._line(self._columns), *rows]))
        self._file = self._path.open("a", encoding="utf-8")
        own = {"train": metrics, "validation": (*_OF_TRAINING, *parts)}
        self._own = {split: [c for c in self._columns if c not in left_out] for split, left_out in own.items()}
        kept = list(csv.DictReader(io.StringIO("".join([self._line(self._columns), *rows]))))
        self._files: dict[str, TextIO] = {}
        for split, name in (("train", TRAINING), ("validation", VALIDATION)):
            columns = self._own[split]
            lines = [self._line([row[c] for c in columns]) for row in kept if row["split"] == split]
            write_text(directory / name, "".join([self._line(columns), *lines]))
            self._files[split] = (directory / name).open("a", encoding="utf-8")
        self._board = SummaryWriter(str(directory / "tensorboard"), purge_step=step + 1 if step else None)
        self._bar = tqdm(initial=step, total=total, unit="step", desc="train", disable=None)

    def __enter__(self) -> RunLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in (self._file, *self._files.values()):
            file.close()
        self._board.close()
        self._bar.close()

    def advance(self) -> None:
        """Move the bar by a step."""
        self._bar.update()

    def row(self, values: Mapping[str, int | float | str]) -> None:
        """Write one row; `step` and `split` must be among the values."""
        line = self._line([_text(values.get(column, "")) for column in self._columns])
        self.rows.append(line)
        step, split = int(values["step"]), str(values["split"])
        own = self._line([_text(values.get(column, "")) for column in self._own[split]])
        for file, text in ((self._file, line), (self._files[split], own)):
            file.write(text)
            file.flush()
        numbers = {name: value for name, value in values.items() if isinstance(value, float)}
        for name, value in numbers.items():
            self._board.add_scalar(f"{split}/{name}", value, step)
        if split == "train":
            self._bar.set_postfix_str(f"loss {values.get('loss', 0.0):.4f}")
        else:
            scores = ", ".join(f"{name} {values[name]:.4f}" for name in self._metrics)
            _logger.info("step %d of %d: %s", step, self._bar.total, scores)

    @staticmethod
    def _line(cells: Sequence[str]) -> str:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(cells)
        return text.getvalue()


def _text(value: int | float | str) -> str:
    return f"{value:.8g}" if isinstance(value, float) else str(value)
