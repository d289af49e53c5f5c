"""Training speed of the codon model beside a plain GPT of the same size with a dense mask over padded windows.

Prints tokens per CPU second (forward, backward and step; one thread) on the windows of a prepared folder:

    python benchmarks/codon.py RESULTS/codon/RUN/data
"""

from __future__ import annotations

import time
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, scaled_dot_product_attention

from genescribe.cli import parser, run
from genescribe.codon.config import CodonOptions
from genescribe.codon.network.model import CodonModel
from genescribe.codon.sequences.row_layout import Layout
from genescribe.codon.training.task import IGNORE, CodonBatch, CodonTask, batch_of
from genescribe.data.cursor import Cursor


class Dense(Layout):
    """Attention over whole padded windows, a mask of windows x tokens x tokens keeping coding sequences apart."""

    mask: Tensor
    shape: tuple[int, int]

    def attend(self, qkv: Tensor) -> Tensor:
        q, k, v = qkv.reshape(*self.shape, *qkv.shape[1:]).permute(2, 0, 3, 1, 4).unbind(0)
        return scaled_dot_product_attention(q, k, v, attn_mask=self.mask[:, None]).transpose(1, 2).flatten(0, 1)


def padded(task: CodonTask, windows: list[int], block: int) -> CodonBatch:
    """Return windows padded to `block` tokens as one row, with their dense layout."""
    tokens, targets = torch.zeros(len(windows), block, dtype=torch.int64), torch.full((len(windows), block), IGNORE)
    owner = torch.full((len(windows), block), -1)
    positions = torch.zeros(len(windows), block, dtype=torch.int64)
    for row, number in enumerate(windows):
        one = batch_of(task.training[number])
        tokens[row, : len(one.tokens)], targets[row, : len(one.tokens)] = one.tokens, one.targets
        positions[row, : len(one.tokens)] = one.layout.positions
        owner[row, : len(one.tokens)] = (one.layout.positions == 0).cumsum(0)
    layout = Dense(positions.flatten(), (), torch.zeros(0, dtype=torch.int64))
    mask = (owner[:, :, None] == owner[:, None, :]) & torch.ones(block, block).tril().bool()
    object.__setattr__(layout, "mask", mask)
    object.__setattr__(layout, "shape", (len(windows), block))
    return CodonBatch(tokens.flatten(), targets.flatten(), layout)


def speed(model: CodonModel, batches: list[CodonBatch], amp: bool) -> float:
    """Return real tokens per CPU second; the first batch warms up."""
    optimiser = torch.optim.AdamW(model.parameters(), 1e-3)
    tokens, started = 0, 0.0
    for number, batch in enumerate(batches):
        if number == 1:
            started = time.process_time()
        with torch.autocast("cpu", torch.bfloat16, enabled=amp):
            logits = model(batch.tokens, batch.layout)
        cross_entropy(logits.float(), batch.targets, ignore_index=IGNORE).backward()
        optimiser.step()
        optimiser.zero_grad()
        tokens += int((batch.targets != IGNORE).sum()) if number else 0
    return tokens / (time.process_time() - started)


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("data", type=Path, help="folder of codon_prepare.py")
    arguments.add_argument("--width", type=int, default=128, help="n_embd")
    arguments.add_argument("--layers", type=int, default=4, help="n_layer")
    arguments.add_argument("--heads", type=int, default=2, help="n_head")
    arguments.add_argument("--windows", type=int, default=8, help="windows at a time")
    arguments.add_argument("--batches", type=int, default=5, help="batches to time, after one more")
    args = arguments.parse_args()
    torch.set_num_threads(1)
    options = CodonOptions(n_layer=args.layers, n_head=args.heads, n_embd=args.width, dropout=0.0)
    task = CodonTask(options, [args.data])
    stream = task.batches(Cursor(1, 0, args.windows, args.windows))
    packed = [next(stream) for _ in range(args.batches + 1)]
    chosen = [list(range(i * args.windows, (i + 1) * args.windows)) for i in range(args.batches + 1)]
    dense = [padded(task, windows, options.block_size) for windows in chosen]
    for name, batches in (("blocks", packed), ("dense mask", dense)):
        for amp in (False, True):
            torch.manual_seed(0)
            rate = speed(CodonModel(options), batches, amp)
            print(f"{name}, {'bfloat16' if amp else 'float32'}: {rate:,.0f} tokens/s", flush=True)


if __name__ == "__main__":
    run(main)
