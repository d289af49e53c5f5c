"""The blocked recurrence in PyTorch, for any device: see `blocked.layout` for the equations."""

from __future__ import annotations

from torch import Tensor

from genescribe.kernels.semicrf.blocked import best as blocked_best
from genescribe.kernels.semicrf.blocked.counts import Posterior, end_log_z
from genescribe.kernels.semicrf.blocked.durations import duration_counts
from genescribe.kernels.semicrf.blocked.layout import SIZES, Durations, Layout, choose_size, growth, lay_out, refusal
from genescribe.kernels.semicrf.blocked.sum import Recurrence, Scores
from genescribe.kernels.semicrf.potentials import Counts, Messages, Potentials, Segmentation

READS_EXPLICIT = True


def supports(p: Potentials) -> str | None:
    """Return None where cumulative sums keep their digits, else the reason."""
    return refusal(p)


def working_bytes(p: Potentials) -> int:
    """Return the bytes of log Z with its gradient: both directions' scores and the far table."""
    B, T, K, C = p.shape
    return 8 * C * (2 * 12 * B * (T + SIZES[0]) + SIZES[0] * (K + SIZES[0]))


def expectation(p: Potentials, wanted: frozenset[str]) -> tuple[Tensor, Counts]:
    """Return log Z of each chain and the expected counts of the wanted fields."""
    if not wanted and p.depart is None:
        layout, _, scores = _run(p, both=False)
        return end_log_z(layout, scores).value() + layout.shift.sum(0), {}
    posterior = Posterior(p, *_run(p, both=True))
    counts = posterior.counts(wanted)
    if wanted & {"duration", "tail"}:
        counts["duration"], counts["tail"] = duration_counts(posterior)
    return posterior.log_z.value() + posterior.layout.shift.sum(0), counts


def messages(p: Potentials) -> Messages:
    """Return the log-sums at every boundary."""
    p = p.detach()
    return Posterior(p, *_run(p, both=True)).messages()


def viterbi(p: Potentials) -> tuple[Tensor, list[Segmentation]]:
    """Return the best score of each chain, (B,) float64, and its segmentation (empty where all are forbidden)."""
    return blocked_best.viterbi(p.detach())


def _run(p: Potentials, *, both: bool) -> tuple[Layout, Durations, Scores]:
    durations = Durations.of(p)
    growing = growth(p, durations)
    layout = lay_out(p, durations.order, choose_size(p, growing), both)
    return layout, durations, Recurrence(layout, durations, growing).run()
