"""Train a model on baked windows, alone or under torchrun; an interrupted run resumes.

Writes FOLDER/model (config.json, model.safetensors, provenance.json), FOLDER/log.csv and FOLDER/tensorboard.

    genescribe train --data baked --config run.yaml --output run
"""

from __future__ import annotations

import argparse

from genescribe.cli import Parser
from genescribe.paths import InputPath, RunFolder, paths_in, refuse_overwriting


def add_arguments(parser: Parser) -> None:
    """Add the options of this command."""
    from genescribe import run_options

    files = parser.add_argument_group("input and output")
    files.add_argument("--data", type=InputPath(), nargs="+", required=True, help="folders written by bake")
    files.add_argument("--output", type=RunFolder(*run_options.RUN_FILES), required=True, help="folder of the run")
    run_options.add_arguments(parser)


def main(args: argparse.Namespace) -> None:
    """Run the command."""
    from genescribe.run_options import RUN_FILES, read_options, start_processes
    from genescribe.train.engine import train

    start_processes(args)
    options, where = read_options(args)
    refuse_overwriting(paths_in([options.model, options.train]), RunFolder(*RUN_FILES).targets(args.output))
    task, config = options.build(args.data, where=where)
    train(task, config, args.output)
