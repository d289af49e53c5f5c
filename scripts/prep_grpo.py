"""Choose prompts for training by rewards among baked loci, apart from validation and test loci.

Writes shards of loci (DIR/train-00000.tar: the prompts; DIR/validation-00000.tar: held-out loci), DIR/prompts.json (how
many of each genome, and what was left out why) and DIR/bake.json (options and digests).
"""

from __future__ import annotations

from genescribe.cli import JsonText, json_options, parser, run
from genescribe.config import from_mapping
from genescribe.generate.reinforce.config import PromptConfig
from genescribe.generate.reinforce.prompts import prepare_prompts
from genescribe.paths import InputPath, OutputFolder


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument(
        "--data", type=InputPath(), nargs="+", required=True, help="folders that bake wrote, target sentences"
    )
    arguments.add_argument(
        "--options", type=JsonText(), default="{}", help="JSON object with the keys of `grpo.NAME.prompts`"
    )
    arguments.add_argument("--output", type=OutputFolder(), required=True, help="folder to write")
    args = arguments.parse_args()
    config = from_mapping(PromptConfig, json_options(args.options), where="--options")
    counts = prepare_prompts(args.data, config, args.output)
    print(f"{args.output}: {sum(counts['prompts'].values())} prompts, {sum(counts['held_out'].values())} held-out loci")


if __name__ == "__main__":
    run(main)
