"""What a run leaves to look at: `log.csv`, TensorBoard scalars, a progress bar."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from torch.utils.tensorboard.writer import SummaryWriter
from tqdm import tqdm

from genescribe.files import write_text

COLUMNS = ("step", "epoch", "split", "loss", "lr", "grad_norm", "seconds", "memory_mb")
"""Of every row of the log; the family's metrics follow. Empty where a value does not apply."""

_logger = logging.getLogger("genescribe.train")


class RunLog:
    """Rows to `log.csv` as they come, scalars to TensorBoard, lines to the log, and the bar.

    Parameters
    ----------
    directory
        Of the run.
    metrics
        The family's columns.
    rows
        Rows that a checkpoint kept: whatever the file held after them is dropped.
    step, total
        Steps done and to do.
    """

    def __init__(self, directory: Path, metrics: Sequence[str], rows: list[str], step: int, total: int) -> None:
        self._metrics, self._columns = tuple(metrics), (*COLUMNS, *metrics)
        self.rows = rows
        self._path = directory / "log.csv"
        write_text(self._path, "".join([self._line(self._columns), *rows]))
        self._file = self._path.open("a", encoding="utf-8")
        self._board = SummaryWriter(str(directory / "tensorboard"), purge_step=step + 1 if step else None)
        self._bar = tqdm(initial=step, total=total, unit="step", desc="train", disable=None)

    def __enter__(self) -> RunLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._board.close()
        self._bar.close()

    def advance(self) -> None:
        """Move the bar by a step."""
        self._bar.update()

    def row(self, values: Mapping[str, int | float | str]) -> None:
        """Write one row; `step` and `split` must be among the values."""
        line = self._line([_text(values.get(column, "")) for column in self._columns])
        self.rows.append(line)
        self._file.write(line)
        self._file.flush()
        step, split = int(values["step"]), values["split"]
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
