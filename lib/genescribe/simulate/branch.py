"""Find the branch point of a set of introns by expectation-maximisation, from a seed.

Every intron has the signal once, because the simulator writes it into every intron. The gene finder asks another
question, in how many introns there is a motif and where, and so fits another model:
`genescribe.segment.composition.branch_points`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genescribe.genome.alphabet import Codes, encode
from genescribe.simulate.parameters import ACCEPTOR, DONOR
from genescribe.simulate.signals import Branch

SEED = "TACTAAC"
"""The branch point of budding yeast; EM starts from a blurred copy of it."""
_FEWEST_BITS = 6.0
_STEPS = 50


def fit_branch(introns: Sequence[Codes], shortest: int) -> Branch | None:
    """Fit one signal per intron, at any allowed distance from its end.

    Parameters
    ----------
    introns
        Bases of introns, 5' to 3', each of at least `shortest`.
    shortest
        Shortest intron of the simulator: the signal must fit into it between donor and acceptor.

    Returns
    -------
    Branch or None
        None where the signal found has less than 6 bits against the composition of the stretch searched: then it is
        no use to a decoder, and rather a feature of the composition.
    """
    width = len(SEED)
    nearest, farthest = ACCEPTOR + width, shortest - DONOR
    if farthest < nearest:
        return None
    stretch = np.stack([intron[len(intron) - farthest : len(intron) - ACCEPTOR] for intron in introns])
    stretch = stretch[(stretch < 4).all(axis=1)].astype(np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(stretch, width, axis=1)  # (introns, places, width)
    background = np.bincount(stretch.reshape(-1), minlength=4) / stretch.size
    hot = np.eye(4)
    matrix = 0.6 * hot[encode(SEED)] + 0.1
    shares = np.full(windows.shape[1], 1.0 / windows.shape[1])
    one_hot = hot[windows]
    for _ in range(_STEPS):
        ratio = (one_hot * np.log(matrix / background)).sum(axis=(2, 3)) + np.log(shares)
        posterior = np.exp(ratio - np.logaddexp.reduce(ratio, axis=1)[:, None])
        matrix = np.einsum("ip,ipwb->wb", posterior, one_hot) + 0.5
        matrix /= matrix.sum(axis=1, keepdims=True)
        shares = posterior.sum(axis=0) + 0.5
        shares /= shares.sum()
    if float((matrix * np.log2(matrix / background)).sum()) < _FEWEST_BITS:
        return None
    # Place 0 is the farthest from the intron's end.
    return Branch(
        matrix=tuple(tuple(round(float(x), 4) for x in row) for row in matrix),  # type: ignore[misc]
        nearest=nearest,
        distances=tuple(round(float(x), 4) for x in shares[::-1]),
    )
