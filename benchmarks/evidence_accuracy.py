"""What evidence adds to a model's genes: none, all, a tenth and a hundredth of it, and further transcripts.

    python benchmarks/evidence_accuracy.py --fasta FASTA --annotation GFF --hints GFF --regions Chr5 --output JSON

F1 of coding sequences, in %, and the difference to none with a paired bootstrap interval. Of further transcripts
(`--isoforms supported`): how many have the coding sequence of a transcript of the reference, and how many of those that
the first transcripts miss, in genes of which one is right, they find.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from genescribe.bake.splits import read_regions
from genescribe.cli import comma_list, parser, run
from genescribe.evaluate.metrics import measure
from genescribe.evaluate.regions import restrict, without_ends
from genescribe.evidence.bam import read_bams
from genescribe.evidence.table import Collector, EvidenceTable
from genescribe.evidence.text import read_text
from genescribe.families import predictor_for
from genescribe.files import write_json
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.genome.fasta import Genome
from genescribe.genome.model import Gene, Interval, Transcript
from genescribe.genome.repair.sort import sort_annotation
from genescribe.predict.config import PredictConfig
from genescribe.predict.genome import predict_genome
from genescribe.predict.stretches import pieces_of
from genescribe.segment.support.fit import thinned

LEVELS = ("base", "exon", "gene")
Coding = tuple[str, str, tuple[Interval, ...]]


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--model", type=Path, default=Path("models/all_genomes"), help="folder of the model")
    arguments.add_argument("--species", default="auto", help="as in annotate.py")
    arguments.add_argument("--fasta", type=Path, required=True, help="genome")
    arguments.add_argument("--annotation", type=Path, required=True, help="reference, repaired before it is read")
    arguments.add_argument("--hints", type=Path, action="append", default=[], help="hints, junctions or alignments")
    arguments.add_argument("--bam", type=Path, action="append", default=[], help="reads aligned to the genome")
    arguments.add_argument("--regions", type=comma_list, default=[], help="what is annotated and scored")
    arguments.add_argument("--mask-ends", type=int, default=0, help="bases at ends of sequences that are not scored")
    arguments.add_argument("--beside", action="append", default=[], help="NAME=GFF of another program")
    arguments.add_argument("--output", type=Path, help="JSON file to write")
    args = arguments.parse_args()

    genome = Genome.open(args.fasta)
    collector = Collector(genome.lengths)
    read_bams(args.bam, genome, collector)
    for path in args.hints:
        read_text(path, collector)
    table, rng = collector.table(), np.random.default_rng(0)
    config = PredictConfig(workers=1, species=args.species)
    pieces = pieces_of(genome, args.regions, config.flank, where=args.fasta)
    found: dict[str, list[Gene]] = {}
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        repaired = Path(folder) / "reference.gff3"
        sort_annotation(args.annotation, repaired)
        reference = read_genes(repaired)
        for name, share in (("none", 0.0), ("all", 1.0), ("isoforms", 1.0), ("10%", 0.1), ("1%", 0.01)):
            evidence = Path(folder) / name if share else None
            if evidence:
                EvidenceTable(table.seqids, thinned(np.array(table.rows), share, rng), table.proteins).save(evidence)
            start = time.process_time()
            used = replace(config, isoforms="supported" if name == "isoforms" else "none")
            factory = predictor_for(args.model, genome, pieces, used, evidence)
            found[name] = predict_genome(factory, args.fasta, pieces, used).genes
            seconds[name] = round(time.process_time() - start, 2)
    for text in args.beside:
        name, _, path = text.partition("=")
        found[name] = read_genes(path)
    regions = read_regions(args.regions or genome.lengths, genome.lengths, where="--regions")
    regions = without_ends(regions, genome.lengths, args.mask_ends)
    scored = restrict(reference, found["isoforms"], regions)
    result = {"seconds": seconds, "further": further(scored.reference, scored.predicted)}
    print("further", result["further"], flush=True)
    for name, genes in found.items():
        metrics = measure(reference, genes, regions=regions, others={"none": found["none"]})
        result[name] = {level: metrics["cds"][level] for level in LEVELS} | {"paired": metrics.get("paired")}
        print(name, {level: round(100 * metrics["cds"][level]["f1"], 1) for level in LEVELS}, flush=True)
    if args.output:
        write_json(args.output, result)


def further(reference: Sequence[Gene], predicted: Sequence[Gene]) -> dict[str, int]:
    """Count what transcripts beside the first of a gene have right."""
    known = {_coding(gene, t) for gene in reference for t in gene.transcripts}
    first = {_coding(gene, gene.transcripts[0]) for gene in predicted}
    others = [_coding(gene, t) for gene in predicted for t in gene.transcripts[1:]]
    missed = set[Coding]()
    for gene in reference:
        own = {_coding(gene, t) for t in gene.transcripts if t.cds}
        if own & first:
            missed |= own - first
    return {
        "transcripts": len(others),
        "right": sum(one in known for one in others),
        "missed_by_first": len(missed),
        "found": len(missed & set(others)),
    }


def _coding(gene: Gene, transcript: Transcript) -> Coding:
    return gene.seqid, gene.strand, transcript.cds


if __name__ == "__main__":
    run(main)
