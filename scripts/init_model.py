"""Write the folder of an untrained model of the family generate, for `train.start` or `runs.NAME.start` to begin with.

Fresh weights, or those of a DNABERT-2 checkpoint in a prefix-LM; a byte-pair encoding is learned where one is wanted.
"""

from __future__ import annotations

from pathlib import Path

from genescribe.cli import json_options, parser, run
from genescribe.config import from_mapping
from genescribe.generate.config import GenerateModelConfig, InitConfig
from genescribe.generate.initial import initialise


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--model", default="{}", help="JSON object with the model's options")
    arguments.add_argument("--init", default="{}", help="JSON object with the keys of `inits.NAME`, without model")
    arguments.add_argument("--fasta", type=Path, nargs="*", default=[], help="genomes to learn an encoding from")
    arguments.add_argument("--output", type=Path, required=True, help="folder to write")
    args = arguments.parse_args()
    config = from_mapping(GenerateModelConfig, json_options(args.model), where="--model", key="model")
    init = from_mapping(InitConfig, json_options(args.init), where="--init")
    made = initialise(config, init, args.fasta, args.output)
    tokens = "tokens" if made.prefix.tokenizer else f"{made.encoder.fold} bases a step"
    print(f"{args.output}: {made.architecture}, width {made.encoder.hidden_dim}, {tokens}")


if __name__ == "__main__":
    run(main)
