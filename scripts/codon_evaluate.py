"""Score a codon model on held-out genes, compared with n-grams, codon usage and controls.

Writes DIR/metrics.json (perplexity and synonymous codons right, with bootstrap intervals over genes) and DIR/genes.tsv.
"""

from __future__ import annotations

from genescribe.cli import integer, parser, run
from genescribe.codon.evaluation.held_out import evaluate
from genescribe.codon.evaluation.methods import MODEL, TRIGRAM
from genescribe.paths import InputPath, RunFolder


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--model", type=InputPath(), required=True, help="folder of the model")
    arguments.add_argument("--data", type=InputPath(), required=True, help="folder of codon_prepare.py")
    arguments.add_argument(
        "--bootstrap", type=integer(0), default=1000, help="bootstrap samples of genes for the intervals"
    )
    arguments.add_argument(
        "--genes", type=integer(0), default=0, help="number of test genes to score, chosen at random; 0: all"
    )
    arguments.add_argument("--device", default="cpu", help="cpu, cuda or mps")
    arguments.add_argument("--seed", type=integer(0), default=0, help="seed of samples and controls")
    arguments.add_argument(
        "--output", type=RunFolder("metrics.json", "genes.tsv"), required=True, help="folder to write"
    )
    args = arguments.parse_args()
    metrics = evaluate(
        args.model,
        args.data,
        args.output,
        bootstrap=args.bootstrap,
        genes=args.genes,
        device=args.device,
        seed=args.seed,
    )
    for name in (MODEL, TRIGRAM):
        value, interval = (metrics["methods"][name]["perplexity"][key] for key in ("value", "interval"))
        ends = f" [{interval[0]:.2f}-{interval[1]:.2f}]" if interval else ""
        print(f"{name}: perplexity {value:.2f}{ends} on {metrics['codons']:,} codons")


if __name__ == "__main__":
    run(main)
