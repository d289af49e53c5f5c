"""Baselines on simulated loci: the most probable genes under the simulator itself, and the longest open reading frame.

    python benchmarks/simulated_loci.py --data results/prefix_simulated/bake/loci/sim/batch_0 --split test \
        --output benchmarks/results/simulated_loci.json

Each locus is given as a model of the family `generate` has it: its strand, and its bases with 100 beside the gene. The
simulator's decoder gives the most probable genes of this window (`simulate.ceiling`); those on the other strand are
left out. It does not know that the window holds one gene, or where. F1 on coding sequences, 95% bootstrap intervals.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from genescribe import __version__
from genescribe.data.dataset import ShardDataset
from genescribe.evaluate.accuracy import LEVELS, summarize, tally
from genescribe.evaluate.baselines import open_frames
from genescribe.evaluate.bootstrap import intervals
from genescribe.files import write_json
from genescribe.generate.annotation.score import annotated
from genescribe.genome.alphabet import Codes
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Gene, Transcript
from genescribe.simulate import ceiling, load_parameters


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--data", type=Path, nargs="+", required=True)
    arguments.add_argument("--split", default="validation")
    arguments.add_argument("--parameters", default="arabidopsis_thaliana")
    arguments.add_argument("--sharpness", type=float, default=2.0)
    arguments.add_argument("--flank", type=int, default=100)
    arguments.add_argument("--output", type=Path, required=True)
    args = arguments.parse_args()
    law = load_parameters(args.parameters).sharpened(args.sharpness).with_one_transcript()
    truth: list[Gene] = []
    windows: dict[str, tuple[Codes, int, Gene]] = {}
    for sample in ShardDataset(args.data, args.split):
        gene = annotated(sample)
        low = max(0, gene.start - args.flank - sample.meta.start)
        high = min(len(sample.codes), gene.end + args.flank - sample.meta.start)
        truth.append(gene)
        windows[sample.key] = sample.codes[low:high], sample.meta.start + low, gene
    started = time.process_time()
    found = ceiling(law, {key: codes for key, (codes, _, _) in windows.items()})
    seconds = time.process_time() - started
    code = GeneticCode.from_table(1)
    rows = {
        "law": [
            moved(gene, *windows[gene.seqid][1:]) for gene in found if gene.strand == windows[gene.seqid][2].strand
        ],
        "longest ORF": [longest(*window, code) for window in windows.values()],
    }
    report = {"version": __version__, "loci": len(truth), "split": args.split, "law_cpu_seconds": round(seconds, 1)}
    counted = tally(truth, *rows.values())
    report["rows"] = {
        name: {
            level: {**values, "intervals": spread[level]}
            for spread in [intervals(counts, 1000)]
            for level, values in summarize(counts.sum(axis=0)).items()
            if level in LEVELS
        }
        for name, counts in zip(rows, counted, strict=True)
    }
    write_json(args.output, report)
    for name, levels in report["rows"].items():
        print(name, {level: round(100 * levels[level]["f1"], 1) for level in ("base", "exon", "transcript", "gene")})


def moved(gene: Gene, offset: int, locus: Gene) -> Gene:
    """Return a gene of a window in the coordinates of the locus's sequence."""
    transcripts = tuple(
        Transcript(
            f"{locus.id}.{t.id}",
            tuple((a + offset, b + offset) for a, b in t.exons),
            tuple((a + offset, b + offset) for a, b in t.cds),
        )
        for t in gene.transcripts
    )
    return Gene(f"{locus.id}.{gene.id}", locus.seqid, gene.strand, transcripts)


def longest(codes: Codes, offset: int, locus: Gene, code: GeneticCode) -> Gene:
    """Return the longest open reading frame of a window on the strand of its gene."""
    frames = [frame for frame in open_frames(codes, code, 6) if frame[2] == locus.strand]
    start, end, _ = max(frames, key=lambda frame: (frame[1] - frame[0], -frame[0]))
    cds = ((start + offset, end + offset),)
    transcript = Transcript(f"{locus.id}.orf.t", cds, cds)
    return Gene(f"{locus.id}.orf", locus.seqid, locus.strand, (transcript,))


if __name__ == "__main__":
    main()
