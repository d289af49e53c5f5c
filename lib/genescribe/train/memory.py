"""Memory of a training process: a number for the log, a table over time, a warning before it runs out."""

from __future__ import annotations

import csv
import logging
import threading
import time
from pathlib import Path
from types import TracebackType

import psutil
import torch

_LOW = 0.05
"""Share of the memory still free at which to warn."""
COLUMNS = ("seconds", "host_mb", "host_free_mb", "gpu_mb", "gpu_reserved_mb", "gpu_free_mb", "unified_mb")
"""Of `memory_<process>.csv`. host: resident, with the reading processes. gpu: held by tensors, and by the allocator.
unified: both together where the GPU has no memory of its own. Empty where there is no such memory."""

_logger = logging.getLogger("genescribe.train")


class MemoryWatch:
    """Measures this process; warns once when little is left. As a context, it writes a row every few seconds.

    Parameters
    ----------
    device
        Device that the process computes on.
    path
        Table to write; rows are added to one that is there. None: no table.
    seconds
        Seconds between two rows.
    """

    def __init__(self, device: torch.device, path: Path | None = None, seconds: float = 30.0) -> None:
        self._device, self._process, self._warned = device, psutil.Process(), False
        self._path, self._seconds, self._started = path, seconds, time.monotonic()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> MemoryWatch:
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        assert self._path is not None
        new = not self._path.exists()
        with self._path.open("a", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            if new:
                table.writeheader()
            while True:
                table.writerow(self.row())
                file.flush()
                if self._ended.wait(self._seconds):
                    return

    def row(self) -> dict[str, str]:
        """Return the memory held now, by the names of `COLUMNS`."""
        host, machine = self._resident(), psutil.virtual_memory()
        values = {"seconds": time.monotonic() - self._started, "host_mb": host, "host_free_mb": machine.available / 1e6}
        if self._device.type == "cuda":
            reserved = torch.cuda.memory_reserved(self._device) / 1e6
            values |= {"gpu_mb": torch.cuda.memory_allocated(self._device) / 1e6, "gpu_reserved_mb": reserved}
            values["gpu_free_mb"] = torch.cuda.mem_get_info(self._device)[0] / 1e6
            if torch.cuda.get_device_properties(self._device).is_integrated:
                values["unified_mb"] = host + reserved
        elif self._device.type == "mps":
            held = torch.mps.driver_allocated_memory() / 1e6
            values |= {"gpu_mb": torch.mps.current_allocated_memory() / 1e6, "gpu_reserved_mb": held}
            values["unified_mb"] = host + held
        return {name: f"{value:.1f}" for name, value in values.items()}

    def megabytes(self) -> float:
        """Return the memory held: on the GPU where the run is on one, else resident with the reading processes."""
        self._warn()
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device) / 1e6
        return self._resident()

    def _resident(self) -> float:
        resident = self._process.memory_info().rss
        for child in self._process.children():
            try:
                resident += child.memory_info().rss
            except psutil.Error:  # It ended meanwhile.
                continue
        return float(resident) / 1e6

    def _warn(self) -> None:
        machine = psutil.virtual_memory()
        if not self._warned and machine.available < _LOW * machine.total:
            self._warned = True
            _logger.warning(
                "%.1f of %.1f GB of memory are left: give a smaller micro_batch or fewer num_workers",
                machine.available / 1e9,
                machine.total / 1e9,
            )
