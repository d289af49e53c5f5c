"""Train a model that writes genes by rewards (GRPO), alone or under torchrun; an interrupted run goes on.

Groups of samples of each prompt are rewarded for right exons and genes. Writes DIR/model, DIR/log.csv,
DIR/training_log.csv (rewards, divergence), DIR/eval_log.csv and DIR/memory_0.csv.
"""

from __future__ import annotations

from genescribe.cli import JsonText, json_options, parser, run
from genescribe.generate.reinforce.run import build_run
from genescribe.paths import InputPath, RunFolder
from genescribe.train.engine import train
from genescribe.train.options import RUN_FILES


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument(
        "--data", type=InputPath(), nargs="+", required=True, help="folders that prep_grpo or bake wrote"
    )
    arguments.add_argument(
        "--model", type=InputPath(), required=True, help="folder of the model that training begins with"
    )
    arguments.add_argument(
        "--options", type=JsonText(), default="{}", help="JSON object with the keys `grpo` and `train`"
    )
    arguments.add_argument("--output", type=RunFolder(*RUN_FILES), required=True, help="folder of the run")
    args = arguments.parse_args()
    task, config = build_run(args.data, args.model, json_options(args.options), where="--options")
    train(task, config, args.output)


if __name__ == "__main__":
    run(main)
