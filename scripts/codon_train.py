"""Train a codon language model on prepared data; an interrupted run goes on where it stopped.

Writes DIR/train/model, DIR/train/log.csv and DIR/scores/curves.csv (folders as the run's `outputs` say).
"""

from __future__ import annotations

import torch

from genescribe.cli import JsonText, parser, run
from genescribe.codon.run import load_run
from genescribe.codon.training import train_run
from genescribe.paths import InputPath, RunFolder


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--data", type=InputPath(), required=True, help="folder of codon_prepare.py")
    arguments.add_argument("--config", type=InputPath(), help="YAML file of the run")
    arguments.add_argument("--options", type=JsonText(), help="the same as JSON text")
    arguments.add_argument("--resume", action="store_true", help="refuse to begin anew")
    arguments.add_argument("--output", type=RunFolder("train", "scores"), required=True, help="folder of the run")
    args = arguments.parse_args()
    config = load_run(args.config, args.options)
    torch.set_num_threads(config.system.threads)
    print(train_run(config, args.data, args.output, resume=args.resume))


if __name__ == "__main__":
    run(main)
