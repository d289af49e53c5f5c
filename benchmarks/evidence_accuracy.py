"""What introns of RNA-seq add to a model's genes: none, all reads, a tenth and a hundredth of them, on one stretch.

    python benchmarks/evidence_accuracy.py --fasta FASTA --annotation GFF --hints GFF --regions Chr5 --output JSON

F1 of coding sequences, in %, and the difference to none with a paired bootstrap interval.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

from genescribe.bake.splits import read_regions
from genescribe.cli import comma_list, parser, run
from genescribe.evaluate.metrics import measure
from genescribe.evidence.table import Collector, EvidenceTable
from genescribe.evidence.text import read_text
from genescribe.families import predictor_for
from genescribe.files import write_json
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.genome.fasta import Genome
from genescribe.genome.model import Gene
from genescribe.predict.config import PredictConfig
from genescribe.predict.genome import predict_genome
from genescribe.predict.stretches import pieces_of
from genescribe.segment.support.fit import thinned

LEVELS = ("base", "exon", "gene")


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--model", type=Path, default=Path("models/all_genomes"), help="folder of the model")
    arguments.add_argument("--species", default="auto", help="as in annotate.py")
    arguments.add_argument("--fasta", type=Path, required=True, help="genome")
    arguments.add_argument("--annotation", type=Path, required=True, help="reference")
    arguments.add_argument("--hints", type=Path, required=True, help="introns")
    arguments.add_argument("--regions", type=comma_list, default=[], help="what is annotated and scored")
    arguments.add_argument("--beside", action="append", default=[], help="NAME=GFF of another program")
    arguments.add_argument("--output", type=Path, help="JSON file to write")
    args = arguments.parse_args()

    genome, reference = Genome.open(args.fasta), read_genes(args.annotation)
    collector = Collector(genome.lengths)
    read_text(args.hints, collector)
    table, rng = collector.table(), np.random.default_rng(0)
    config = PredictConfig(workers=1, species=args.species)
    pieces = pieces_of(genome, args.regions, config.flank, where=args.fasta)
    found: dict[str, list[Gene]] = {}
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, share in (("none", 0.0), ("all", 1.0), ("10%", 0.1), ("1%", 0.01)):
            evidence = Path(folder) / name if share else None
            if evidence:
                EvidenceTable(table.seqids, thinned(np.array(table.rows), share, rng), table.proteins).save(evidence)
            start = time.process_time()
            factory = predictor_for(args.model, genome, pieces, config, evidence)
            found[name] = predict_genome(factory, args.fasta, pieces, config).genes
            seconds[name] = round(time.process_time() - start, 2)
    for text in args.beside:
        name, _, path = text.partition("=")
        found[name] = read_genes(path)
    regions = read_regions(args.regions or genome.lengths, genome.lengths, where="--regions")
    result = {"seconds": seconds}
    for name, genes in found.items():
        metrics = measure(reference, genes, regions=regions, others={"none": found["none"]})
        result[name] = {level: metrics["cds"][level] for level in LEVELS} | {"paired": metrics.get("paired")}
        print(name, {level: round(100 * metrics["cds"][level]["f1"], 1) for level in LEVELS}, flush=True)
    if args.output:
        write_json(args.output, result)


if __name__ == "__main__":
    run(main)
