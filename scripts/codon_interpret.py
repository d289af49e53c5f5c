"""Look into a codon model in six steps, each with tables, pictures and a null; and mutation maps.

Writes DIR/1_frequencies, 2_embeddings, 3_attention, 4_next_token, 5_saliency, 6_probes, 7_mutations.
"""

from __future__ import annotations

import re

from genescribe.cli import integer, parser, run
from genescribe.codon.interpret.run import interpret
from genescribe.paths import InputPath, OutputFolder


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--model", type=InputPath(), required=True, help="folder of the model")
    arguments.add_argument("--data", type=InputPath(), required=True, help="folder of codon_prepare.py")
    arguments.add_argument("--name", default="codon", help="of the run, for the names of pictures")
    arguments.add_argument("--genes", type=integer(1), default=200, help="test genes to look at")
    arguments.add_argument("--window", type=integer(1), default=9, help="codons of a window of high saliency")
    arguments.add_argument("--top", type=integer(1), default=200, help="windows that motifs are mined in")
    arguments.add_argument("--maps", type=integer(0), default=3, help="mutation maps to draw")
    arguments.add_argument("--device", default="cpu", help="cpu, cuda or mps")
    arguments.add_argument("--seed", type=integer(0), default=0, help="of everything that is drawn")
    arguments.add_argument("--output", type=OutputFolder(), required=True, help="folder to write")
    args = arguments.parse_args()
    interpret(
        args.model,
        args.data,
        args.output,
        label=re.sub(r"[^\w-]", "_", args.name),
        genes=args.genes,
        window=args.window,
        top=args.top,
        maps=args.maps,
        seed=args.seed,
        device=args.device,
    )


if __name__ == "__main__":
    run(main)
