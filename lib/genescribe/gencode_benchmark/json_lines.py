"""Windows as JSON lines, the form in which other programs of the benchmark read them. Imports no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from genescribe.data.dataset import ShardDataset
from genescribe.data.runs import Runs
from genescribe.data.sample import Sample
from genescribe.files import atomic_path
from genescribe.genome.alphabet import decode, unmasked


def write_json_lines(shards: Sequence[Path], folder: Path, names: Mapping[str, str]) -> None:
    """Write the windows of each split as `<name>.jsonl`: chrom, start, end, strand, sequence, labels.

    Start and end are 0-based half-open on the forward strand. Sequence and labels are those of the strand, 5' to 3';
    label -1 is not known.

    Parameters
    ----------
    shards
        Folders that were baked.
    folder
        Folder to write the files into.
    names
        Split -> name of its file, without the suffix.
    """
    for split, name in names.items():
        dataset = ShardDataset(shards, split)
        with atomic_path(folder / f"{name}.jsonl") as temporary, temporary.open("w", encoding="ascii") as out:
            for number in tqdm(range(len(dataset)), desc=f"{name}.jsonl", unit="window", disable=None):
                out.write(json_line(dataset[number]))


def json_line(sample: Sample) -> str:
    """Return a window as a line of JSON."""
    meta = sample.meta
    place = {"chrom": meta.seqid, "start": meta.start, "end": meta.end, "strand": meta.strand}
    opened = json.dumps(place, separators=(",", ":")).removesuffix("}")
    return f'{opened},"sequence":"{decode(unmasked(sample.codes))}","labels":[{_labels(sample.runs)}]}}\n'


def _labels(runs: Runs) -> str:
    # A run is a text repeated: some thirty times as fast as a list of numbers given to the JSON encoder.
    lengths = np.diff(runs[:, 0], prepend=0)
    return "".join(f"{label}," * length for label, length in zip(runs[:, 1], lengths, strict=True)).removesuffix(",")
