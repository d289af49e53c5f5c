"""Train a model on baked windows, alone or under torchrun; an interrupted run goes on where it stopped.

Writes DIR/model (config.json, model.safetensors, provenance.json), DIR/log.csv and DIR/tensorboard.
"""

from __future__ import annotations

from genescribe.cli import parser, run
from genescribe.paths import InputPath, RunFolder, paths_in, refuse_overwriting
from genescribe.train.engine import train
from genescribe.train.options import RUN_FILES, add_arguments, read_options, start_processes


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--data", type=InputPath(), nargs="+", required=True, help="folders that bake wrote")
    arguments.add_argument("--output", type=RunFolder(*RUN_FILES), required=True, help="folder of the run")
    add_arguments(arguments)
    args = arguments.parse_args()
    start_processes(args)
    options, where = read_options(args)
    refuse_overwriting(paths_in([options.model, options.train]), RunFolder(*RUN_FILES).targets(args.output))
    task, config = options.build(args.data, where=where)
    train(task, config, args.output)


if __name__ == "__main__":
    run(main)
