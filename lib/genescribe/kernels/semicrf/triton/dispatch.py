"""The Triton backend: the recurrences of both directions, the duration counts and the best path as GPU kernels.

What surrounds the kernels (laying out the blocks, expected counts from the scores of both directions) is that of the
blocked backend, in PyTorch on the same device. With ``TRITON_INTERPRET=1`` set before the first import of triton, the
kernels run on the CPU in Triton's interpreter, slowly, for tests.
"""

from __future__ import annotations

import importlib.util

from torch import Tensor

from genescribe.kernels.semicrf.blocked.counts import Posterior, end_log_z
from genescribe.kernels.semicrf.potentials import Counts, Messages, Potentials, Segmentation

READS_EXPLICIT = True
MOST_LABELS = 256
"""A program holds the transitions between all labels in its registers."""


def supports(p: Potentials) -> str | None:
    """Return None where the kernels run on the device of `p`, else the reason why not."""
    if importlib.util.find_spec("triton") is None:
        return "triton is not installed"
    if p.content.shape[2] > MOST_LABELS:
        return f"{p.content.shape[2]} labels, its kernels hold {MOST_LABELS}"
    if p.content.device.type == "cuda" or (p.content.device.type == "cpu" and _interpreted()):
        return None
    return f"its kernels run on CUDA devices, and the scores are on {p.content.device.type}"


def working_bytes(p: Potentials) -> int:
    """Return the bytes of the layout, the scores and the posteriors of both directions, as measured at the peak."""
    B, T, _, C = p.shape
    options = (p.begin, p.end, p.arrive, p.depart)
    return 8 * T * B * C * (26 + 4 * sum(option is not None for option in options))


def expectation(p: Potentials, wanted: frozenset[str]) -> tuple[Tensor, Counts]:
    """Return log Z of each chain and the expected counts of the wanted fields."""
    from genescribe.kernels.semicrf.triton.durations import DurationCounts
    from genescribe.kernels.semicrf.triton.layout import lay_out_chains
    from genescribe.kernels.semicrf.triton.sum import sum_chains

    both = bool(wanted) or p.depart is not None
    layout, durations = lay_out_chains(p, both)
    run = sum_chains(layout, durations)
    if not both:
        return end_log_z(layout, run.scores).value() + layout.shift.sum(0), {}
    posterior = Posterior(p, layout, durations, run.scores)
    counts = posterior.counts(wanted)
    if wanted & {"duration", "tail"}:
        counts["duration"], counts["tail"] = DurationCounts(posterior, run).counts()
    return posterior.log_z.value() + layout.shift.sum(0), counts


def messages(p: Potentials) -> Messages:
    """Return the log-sums at every boundary."""
    from genescribe.kernels.semicrf.triton.layout import lay_out_chains
    from genescribe.kernels.semicrf.triton.sum import sum_chains

    p = p.detach()
    layout, durations = lay_out_chains(p, both=True)
    return Posterior(p, layout, durations, sum_chains(layout, durations).scores).messages()


def viterbi(p: Potentials) -> tuple[Tensor, list[Segmentation]]:
    """Return the best score of each chain, (B,) float64, and its segmentation."""
    from genescribe.kernels.semicrf.triton.viterbi import best_paths

    return best_paths(p.detach())


def _interpreted() -> bool:
    """Whether kernels imported from now on run in the interpreter."""
    import triton

    return bool(triton.knobs.runtime.interpret)
