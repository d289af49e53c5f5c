"""Far sums of a group of blocks as products of matrices, for tensor cores of double precision (A100, H100).

Under one scale a block and a label, what the sources of the blocks before a group give to its ends is, for each label
and each distance between two blocks, the product of a matrix of sources (a row a block of the group) and a Toeplitz
matrix of durations: ``sum_i W[g, i] D[distance * SIZE + j - i]``. In double precision all digits stay, so that the
rules of `far` hold as they are. What lies within the group is left to `far_sum`.
"""

from __future__ import annotations

import triton.language as tl

from genescribe.kernels.semicrf.triton.blocks import LEAST_FACTOR
from genescribe.kernels.semicrf.triton.far import NO_SCALE
from genescribe.kernels.triton_launch import jit


@jit()
def far_products(  # type: ignore[no-untyped-def]
    factors, alive, outer, first, blocks, far, N, C, SIZE: tl.constexpr, GROUP: tl.constexpr
):
    """Store in `outer` the log-sums over the sources before block `first` at the ends of the group that begins there.

    inf marks a sum that cannot be trusted: the block's far part is then taken in the log domain.
    """
    weights, scale, far_weights, far_scale, sure = factors
    none = float("-inf")
    i = tl.arange(0, SIZE)
    target = first + tl.arange(0, GROUP)
    inside = target < blocks
    base_step = N.to(tl.int64) * C
    farthest = tl.minimum(far, tl.minimum(first + GROUP, blocks) - 1)
    # Label by label: with several at a time the matrices do not fit the registers.
    for label in tl.range(0, C):
        chain = tl.program_id(0).to(tl.int64) * C + label
        oldest = tl.zeros([GROUP], tl.int64)
        if alive is not None:
            oldest = tl.load(alive + (target * SIZE - 1) * base_step + chain, inside & (target > 0), 0)
        top = tl.full([GROUP], NO_SCALE, tl.float64)
        for lag in tl.range(1, farthest + 1):
            source = target - lag
            real = inside & (source >= 0) & (source < first)
            if alive is not None:
                real = real & ((source + 1) * SIZE > oldest)
            bound = tl.load(scale + source * base_step + chain, real, NO_SCALE)
            top = tl.maximum(top, bound + tl.load(far_scale + (lag - 1) * C + label))
        total = tl.zeros([GROUP, SIZE], tl.float64)
        for lag in tl.range(1, farthest + 1):
            source = target - lag
            real = inside & (source >= 0) & (source < first)
            bound = tl.load(scale + source * base_step + chain, real, NO_SCALE)
            factor = tl.exp(tl.minimum(bound + tl.load(far_scale + (lag - 1) * C + label) - top, 0.0))
            position = source[:, None] * SIZE + i[None, :]
            weight = tl.load(weights + position * base_step + chain, real[:, None], 0.0)
            present = weight > 0.0
            if alive is not None:
                present = present & (position >= oldest[:, None])
            weight = tl.where(present, tl.maximum(weight * factor[:, None], LEAST_FACTOR), 0.0)
            row = (lag - 1) * 2 * SIZE + (SIZE - 1) - i[:, None] + i[None, :]
            table = tl.load(far_weights + row * C + label)
            total = tl.dot(weight, table, total, input_precision="ieee", out_dtype=tl.float64)
        positive = total > 0.0
        sums = tl.where(positive, tl.log(tl.where(positive, total, 1.0)) + top[:, None], none)
        sums = tl.where(positive & (total < sure), float("inf"), sums)
        at = (target[:, None] * SIZE + i[None, :]) * base_step + chain
        tl.store(outer + at, sums, inside[:, None])
