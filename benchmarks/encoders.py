"""Measure the encoders: CPU seconds of one core, forward, and forward and backward, on windows of 10,000 bases."""

from __future__ import annotations

import time

import torch

from genescribe.cli import parser, run
from genescribe.nn.config import CONTEXTS, EncoderConfig
from genescribe.nn.encoder import Encoder

CHANNELS = 20


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--windows", type=int, default=4, help="windows of a batch")
    arguments.add_argument("--bases", type=int, default=10_000, help="bases of a window")
    arguments.add_argument("--hidden-dim", type=int, default=128, help="width of the context")
    args = arguments.parse_args()
    torch.set_num_threads(1)
    print(f"{'encoder':12} {'parameters':>12} {'forward':>9} {'and backward':>13}")
    for kind in CONTEXTS:
        torch.manual_seed(0)
        encoder = Encoder(EncoderConfig(kind=kind, hidden_dim=args.hidden_dim), CHANNELS)
        tracks, lengths = torch.randn(args.windows, args.bases, CHANNELS), torch.full((args.windows,), args.bases)
        start = time.process_time()
        features = encoder(tracks, lengths)
        forward = time.process_time() - start
        features.square().sum().backward()
        parameters = sum(parameter.numel() for parameter in encoder.parameters())
        print(f"{kind:12} {parameters:12,} {forward:9.2f} {time.process_time() - start:13.2f}")


if __name__ == "__main__":
    run(main)
