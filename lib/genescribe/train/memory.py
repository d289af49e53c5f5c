"""How much memory a training process holds, and a warning before the machine runs out."""

from __future__ import annotations

import logging

import psutil
import torch

_LOW = 0.05
"""Share of the memory still free at which to warn."""

_logger = logging.getLogger("genescribe.train")


class MemoryWatch:
    """Measures this process; warns once when little is left."""

    def __init__(self, device: torch.device) -> None:
        self._device, self._process, self._warned = device, psutil.Process(), False

    def megabytes(self) -> float:
        """Return the memory held: on the GPU where the run is on one, else resident with the reading processes."""
        self._warn()
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device) / 1e6
        resident = self._process.memory_info().rss
        for child in self._process.children():
            try:
                resident += child.memory_info().rss
            except psutil.Error:  # It ended meanwhile.
                continue
        return resident / 1e6

    def _warn(self) -> None:
        machine = psutil.virtual_memory()
        if not self._warned and machine.available < _LOW * machine.total:
            self._warned = True
            _logger.warning(
                "%.1f of %.1f GB of memory are left: give a smaller micro_batch or fewer num_workers",
                machine.available / 1e9,
                machine.total / 1e9,
            )
