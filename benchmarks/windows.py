"""A model that writes windows of several genes, over a stretch of a genome, beside other annotations of it.

    python benchmarks/windows.py --model MODEL --fasta FASTA --annotation GFF --region SEQID:START-END \
        --against segment=FILE --augustus SPECIES --output benchmarks/results/windows_pombe

Windows of the model's length lie at every half of it along both strands; neither strand nor place of a gene is given.
Of what a window says, the genes are kept whose middle is in its central half. Scores are of coding sequences, in the
whole stretch, with 95% bootstrap intervals. The baseline is the rule that every long open reading frame is a gene.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from tqdm import tqdm

from genescribe.bake.splits import read_regions
from genescribe.cli import parser, run
from genescribe.evaluate.baselines import orf_rule
from genescribe.evaluate.metrics import measure
from genescribe.evaluate.tools.augustus import augustus
from genescribe.files import write_json, write_text
from genescribe.generate.annotation.annotate import Annotator, LocusWindow
from genescribe.generate.annotation.search import SearchConfig
from genescribe.generate.loci.tiles import distinct, genes_apart
from genescribe.generate.model import load_model
from genescribe.genome.annotation.gff3 import read_genes, write_gff3
from genescribe.genome.fasta import Genome
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Gene
from genescribe.genome.repair.sort import sort_annotation

AT_ONCE, SHOWN, SHORTEST_ORF = 8, ("base", "exon", "gene"), 300
Stretch = tuple[str, int, int]


def main() -> None:
    arguments = parser(__doc__)
    add = arguments.add_argument
    add("--model", type=Path, required=True, help="folder of the model")
    add("--fasta", type=Path, required=True, help="genome")
    add("--annotation", type=Path, required=True, help="reference, repaired before it is read")
    add("--region", required=True, help="what is annotated and scored")
    add("--beams", type=int, default=1, help="sentences kept; 1: greedy")
    add("--against", action="append", default=[], metavar="NAME=GFF", help="another annotation of the region")
    add("--augustus", help="species of AUGUSTUS")
    add("--output", type=Path, required=True, help="JSON, table and GFF3 to write, without suffix")
    args = arguments.parse_args()
    torch.set_num_threads(1)
    genome = Genome.open(args.fasta)
    (region,) = read_regions([args.region], genome.lengths, where="--region")
    started = time.process_time()
    rows = {"model": written(Annotator(load_model(args.model), search_of(args.beams)), genome, region)}
    seconds = time.process_time() - started
    write_gff3(f"{args.output}.gff3", rows["model"], genome.lengths)
    if args.augustus:
        rows[f"AUGUSTUS, {args.augustus}"] = augustus(genome, args.augustus, [region], jobs=1)
    rows["open reading frames"] = orf_rule(genome, GeneticCode.from_table(1), SHORTEST_ORF, [region])
    for text in args.against:
        name, _, path = text.partition("=")
        rows[name] = read_genes(path)
    with tempfile.TemporaryDirectory() as folder:
        repaired = Path(folder) / "reference.gff3"
        sort_annotation(args.annotation, repaired)
        reference = read_genes(repaired)
    scores = {name: measure(reference, genes, regions=[region])["cds"] for name, genes in rows.items()}
    write_json(f"{args.output}.json", {"region": args.region, "cpu_seconds": round(seconds, 1), "cds": scores})
    lines = [f"| {' | '.join(('', *SHOWN))} |", f"| {' | '.join(['---'] * (1 + len(SHOWN)))} |"]
    for name, levels in scores.items():
        cells = [
            f"{100 * levels[level]['f1']:.1f} ({'-'.join(f'{100 * x:.1f}' for x in levels[level]['interval']['f1'])})"
            for level in SHOWN
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    write_text(f"{args.output}.md", "\n".join(lines) + "\n")
    print("\n".join(lines))


def search_of(beams: int) -> SearchConfig:
    return SearchConfig("greedy") if beams == 1 else SearchConfig("beam", beams)


def written(annotator: Annotator, genome: Genome, region: Stretch) -> list[Gene]:
    """Return the genes that a model writes on both strands of a stretch."""
    found: list[Gene] = []
    windows = list(windows_of(genome, region, annotator.config.window_limit))
    for begin in tqdm(range(0, len(windows), AT_ONCE), desc="windows", unit="batch", disable=None):
        batch = windows[begin : begin + AT_ONCE]
        results = annotator([window for window, _ in batch])
        for (_, (low, high)), result in zip(batch, results, strict=True):
            genes = [] if result.gene is None else genes_apart(result.gene)
            found += [gene for gene in genes if low <= (gene.start + gene.end) // 2 < high]
    return distinct(found)


def windows_of(genome: Genome, region: Stretch, size: int) -> Iterator[tuple[LocusWindow, tuple[int, int]]]:
    """Yield windows, strand by strand, and the part of each of which genes are kept."""
    seqid, low, high = region
    starts = list(range(low, max(high - size, low) + size // 2, size // 2))
    for strand in "+-":
        for start in starts:
            end = min(start + size, high)
            core = low if start == low else start + size // 4, high if start == starts[-1] else start + size * 3 // 4
            name = f"{seqid}.{start + 1}{strand}"
            yield LocusWindow(name, seqid, start, end, strand, start, genome.codes(seqid, start, end)), core


if __name__ == "__main__":
    run(main)
