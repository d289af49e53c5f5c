"""Train a codon language model on prepared data; an interrupted run goes on where it stopped.

Writes DIR/train/model, DIR/train/log.csv and DIR/scores/curves.csv (folders as the run's `outputs` say).
"""

from __future__ import annotations

from pathlib import Path

import torch

from genescribe.cli import parser, run
from genescribe.codon.run import load_run
from genescribe.codon.training import train_run


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--data", type=Path, required=True, help="folder of codon_prepare.py")
    arguments.add_argument("--config", type=Path, help="YAML file of the run")
    arguments.add_argument("--options", help="the same as JSON text")
    arguments.add_argument("--resume", action="store_true", help="refuse to begin anew")
    arguments.add_argument("--output", type=Path, required=True, help="folder of the run")
    args = arguments.parse_args()
    config = load_run(args.config, args.options)
    torch.set_num_threads(config.system.threads)
    print(train_run(config, args.data, args.output, resume=args.resume))


if __name__ == "__main__":
    run(main)
