"""Peak memory and disk of annotating one very long sequence, by its length.

    GENESCRIBE_DATA=... python benchmarks/predict_memory.py --model models/yeast --megabases 5 20

The sequence is yeast's chromosomes, again and again: denser in genes than any chromosome of that length. The model is
the given one with an encoder of a few weights: labels, CRF, counted evidence and the numbers kept a base are the same,
and so is the memory of all that grows with the sequence. Runs scripts/annotate.py, both strands, posterior
probabilities on; memory is that of the largest process, disk the largest size that its folder of work was seen to have.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from predict import REPOSITORY, timed

from genescribe.cli import parser, run
from genescribe.errors import InputError
from genescribe.files import write_json
from genescribe.genome.fasta import Genome, write_fasta
from genescribe.labels.gene_labels import CHANNELS
from genescribe.segment.network.model import SegmentModel

YEAST = "eukaryotes/Saccharomyces.cerevisiae/genome.fa.gz"
SEQID = "long"


def small_model(source: Path, target: Path) -> None:
    """Save the model of a folder with an encoder that costs little and says nothing."""
    full = SegmentModel.load(source)
    encoder = replace(full.config.encoder, conv_width=16, conv_kernel=3, hidden_dim=8, num_layers=1)
    torch.manual_seed(0)
    small = SegmentModel(replace(full.config, encoder=encoder))
    kept = {name: value for name, value in full.state_dict().items() if not name.startswith(("encoder.", "head."))}
    small.load_state_dict(kept, strict=False)
    # What is left is counting and the CRF; the biases let them find as many genes as yeast has.
    torch.nn.init.zeros_(small.head.weight)
    channels = small.expansion.channels
    bias = torch.zeros(len(small.head.bias))
    bias[CHANNELS.index("codon1") : CHANNELS.index("codon3") + 1], bias[channels:] = 3.0, 6.0
    with torch.no_grad():
        small.head.bias.copy_(bias)
    target.mkdir()
    small.save(target)


def long_sequence(genome: Genome, bases: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return all sequences of a genome again and again, in so many bases."""
    once = np.concatenate([genome.codes(seqid) for seqid in genome.lengths])
    return np.resize(once, bases)


class DiskWatch(threading.Thread):
    """Looks at the size of a folder until it is told to stop."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.peak, self._folder, self._over = 0, folder, threading.Event()

    def run(self) -> None:
        """Look twice per second."""
        while not self._over.wait(0.5):
            self.peak = max(self.peak, self._size())

    def stop(self) -> None:
        """End."""
        self._over.set()
        self.join()

    def _size(self) -> int:
        total = 0
        for path in self._folder.rglob("*"):
            try:
                total += path.stat().st_size
            except FileNotFoundError:  # removed meanwhile
                continue
        return total


def measure(model: Path, genome: Genome, bases: int, workers: int, scratch: Path) -> dict[str, Any]:
    """Annotate so many bases; return what it took."""
    fasta, output = scratch / "long.fa", scratch / "out.gff3"
    write_fasta(fasta, [(SEQID, long_sequence(genome, bases))])
    command = [sys.executable, str(REPOSITORY / "scripts" / "annotate.py"), str(fasta), "--model", str(model)]
    watch = DiskWatch(scratch / f"{output.name}.work")
    watch.start()
    began = time.perf_counter()
    found: dict[str, Any] = timed([*command, "--workers", str(workers), "-o", str(output)])
    watch.stop()
    genes = sum("\tgene\t" in line for line in output.open(encoding="utf-8"))
    return {
        "bases": bases,
        "workers": workers,
        "genes": genes,
        "disk_mib": watch.peak / 2**20,
        **found,
        "seconds": time.perf_counter() - began,
    }


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--model", type=Path, required=True, help="folder of a trained model")
    arguments.add_argument("--megabases", type=int, nargs="+", default=[250], help="lengths to try, in order")
    arguments.add_argument("--workers", type=int, default=2, help="processes")
    arguments.add_argument("--output", type=Path, help="JSON file to write")
    args = arguments.parse_args()
    data = os.environ.get("GENESCRIBE_DATA")
    if not data:
        raise InputError("not set", where="GENESCRIBE_DATA", remedy="name the folder of docs/data.md")
    genome, rows = Genome.open(Path(data) / YEAST), []
    for megabases in args.megabases:
        with tempfile.TemporaryDirectory() as scratch:
            small_model(args.model, Path(scratch) / "model")
            row = measure(Path(scratch) / "model", genome, megabases * 1_000_000, args.workers, Path(scratch))
        rows.append(row)
        print(
            f"{row['bases']:,} bases: {row['genes']:,} genes, {row['peak_mib']:.0f} MiB in the largest process, "
            f"{row['disk_mib']:.0f} MiB of disk, {row['cpu_seconds']:.0f} CPU s",
            flush=True,
        )
        if args.output:
            write_json(
                args.output, {"provenance": {"torch": torch.__version__, "model": str(args.model)}, "rows": rows}
            )


if __name__ == "__main__":
    run(main)
