"""A program: train the segment model, and end without a word once a checkpoint stands.

``python cut_training.py SHARDS DIRECTORY OPTIONS CHECKPOINT``: as scripts/train.py does; CHECKPOINT `-` trains to the
end.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Any, cast

import torch

from genescribe.config import from_mapping
from genescribe.files import read_json
from genescribe.segment.config import SegmentModelConfig
from genescribe.segment.training.task import SegmentTask
from genescribe.train.config import TrainConfig
from genescribe.train.engine import train
from genescribe.train.task import Loss, Task

CUT = 9
"""Exit status of a run that was cut."""


class CutTask(SegmentTask):
    """Ends the process, as a kill would, as soon as `checkpoint` is there."""

    checkpoint = Path("-")

    def loss(self, model: torch.nn.Module, batch: Any) -> Loss:
        if self.checkpoint.exists():
            os._exit(CUT)
        return super().loss(model, batch)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    torch.set_num_threads(1)
    shards, directory, options, checkpoint = sys.argv[1:]
    content = read_json(options)
    task = CutTask(from_mapping(SegmentModelConfig, content["model"], where=options), [Path(shards)])
    task.checkpoint = Path(checkpoint)
    train(cast(Task, task), from_mapping(TrainConfig, content["train"], where=options), Path(directory))
