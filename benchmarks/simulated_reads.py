"""Write reads as RNA-seq gives them, simulated from an annotation: FASTQ, single reads of 100 bases.

    python benchmarks/simulated_reads.py FASTA ANNOTATION --reads 100000 --output reads.fq
    hisat2-build FASTA genome && hisat2 -x genome -U reads.fq | samtools sort -o reads.bam - && samtools index reads.bam

Expression of genes is lognormal; 6% of reads are of transcripts that are not yet spliced, 0.8% of bases are wrong. No
read is of a noncoding transcript, and none of a repeat that is not annotated: real reads are worse.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from genescribe.cli import parser, run
from genescribe.genome.alphabet import decode, encode, reverse_complement, unmasked
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.genome.fasta import Genome

SIZE, UNSPLICED, WRONG, SPREAD, ISOFORMS = 100, 0.06, 0.008, 1.7, 2


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("fasta", type=Path, help="genome")
    arguments.add_argument("annotation", type=Path, help="its genes")
    arguments.add_argument("--reads", type=int, default=100_000, help="number of reads")
    arguments.add_argument("--seed", type=int, default=1, help="of all that is drawn")
    arguments.add_argument("--output", type=Path, required=True, help="FASTQ to write")
    args = arguments.parse_args()

    rng, genome = np.random.default_rng(args.seed), Genome.open(args.fasta)
    genes = [gene for gene in read_genes(args.annotation) if any(t.cds for t in gene.transcripts)]
    expression = rng.lognormal(0, SPREAD, len(genes))
    chosen = [
        (gene.seqid, t.exons, level)
        for gene, level in zip(genes, expression, strict=True)
        for t in gene.transcripts[:ISOFORMS]
    ]
    share = np.array([level * sum(b - a for a, b in exons) for _, exons, level in chosen])
    number = 0
    with args.output.open("w") as out:
        for (seqid, exons, _), count in zip(chosen, rng.multinomial(args.reads, share / share.sum()), strict=True):
            low = exons[0][0]
            whole = unmasked(genome.codes(seqid, low, exons[-1][1]))
            spliced = np.concatenate([whole[a - low : b - low] for a, b in exons])
            for _ in range(int(count)):
                source = whole if rng.random() < UNSPLICED else spliced
                if len(source) < SIZE:
                    continue
                start = int(rng.integers(0, len(source) - SIZE + 1))
                read = source[start : start + SIZE].copy()
                wrong = np.flatnonzero(rng.random(SIZE) < WRONG)
                read[wrong] = encode("".join(rng.choice(list("ACGT"), len(wrong))))
                read = read if rng.random() < 0.5 else reverse_complement(read)
                out.write(f"@r{number}\n{decode(read)}\n+\n{'I' * SIZE}\n")
                number += 1
    print(f"{args.output}: {number} reads")


if __name__ == "__main__":
    run(main)
