"""Train a model that writes genes with rewards (GRPO), alone or under torchrun; an interrupted run resumes.

Groups of samples for each prompt are rewarded for correct exons and genes. Writes DIR/model, DIR/log.csv,
DIR/training_log.csv (rewards, divergence), DIR/eval_log.csv and DIR/memory_0.csv.
"""

from __future__ import annotations

from genescribe.cli import JsonText, json_options, parser, run
from genescribe.generate.reinforce.run import build_run
from genescribe.paths import InputPath, RunFolder
from genescribe.run_options import RUN_FILES
from genescribe.train.engine import train


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument(
        "--data", type=InputPath(), nargs="+", required=True, help="folders that prep_grpo or bake wrote"
    )
    arguments.add_argument("--model", type=InputPath(), required=True, help="folder of the initial model")
    arguments.add_argument(
        "--options", type=JsonText(), default="{}", help="JSON object with the keys `grpo` and `train`"
    )
    arguments.add_argument("--output", type=RunFolder(*RUN_FILES), required=True, help="folder of the run")
    args = arguments.parse_args()
    task, config = build_run(args.data, args.model, json_options(args.options), where="--options")
    train(task, config, args.output)


if __name__ == "__main__":
    run(main)
