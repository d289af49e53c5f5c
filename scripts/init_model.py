"""Write an initial model of the family generate, for `train.start` or `runs.NAME.start`.

The weights are random, or those of a DNABERT-2 checkpoint in a prefix-LM; a byte-pair encoding is learned on request.
"""

from __future__ import annotations

from genescribe.cli import JsonText, json_options, parser, run
from genescribe.config import from_mapping
from genescribe.errors import InputError
from genescribe.generate.config import GenerateModelConfig, InitConfig
from genescribe.generate.training.initial import initialise
from genescribe.paths import InputPath, OutputFolder


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--model", type=JsonText(), default="{}", help="JSON object with the model's options")
    arguments.add_argument(
        "--init", type=JsonText(), default="{}", help="JSON object with the keys of `inits.NAME`, without model"
    )
    arguments.add_argument("--fasta", type=InputPath(), nargs="*", default=[], help="genomes to learn an encoding from")
    arguments.add_argument("--output", type=OutputFolder(), required=True, help="folder to write")
    args = arguments.parse_args()
    config = from_mapping(GenerateModelConfig, json_options(args.model, where="--model"), where="--model", key="model")
    init = from_mapping(InitConfig, json_options(args.init, where="--init"), where="--init")
    if args.fasta and not init.vocabulary:
        raise InputError("does nothing here", where="--fasta", remedy="it needs --init with vocabulary; leave it out")
    made = initialise(config, init, args.fasta, args.output)
    tokens = "tokens" if made.prefix.tokenizer else f"{made.encoder.fold} bases per step"
    print(f"{args.output}: {made.architecture}, width {made.encoder.hidden_dim}, {tokens}")


if __name__ == "__main__":
    run(main)
