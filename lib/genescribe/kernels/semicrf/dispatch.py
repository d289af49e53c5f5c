"""Semi-Markov chains: log partition, best path and messages, with the backend that suits the input.

A backend is a module with

* ``supports(p) -> str | None``: None where it takes the input on this machine, else the reason why not;
* any of the tasks ``expectation(p, wanted)`` (log Z and its gradient; see
  `genescribe.kernels.semicrf.gradients.Expectation`), ``viterbi(p) -> ((B,) float64, list[Segmentation])`` and
  ``messages(p) -> Messages``; beside the last, optionally, ``boundary_messages(p, boundaries) -> BoundaryMessages``;
* optionally, ``working_bytes(p) -> int``, and ``READS_EXPLICIT = True`` where it reads `Potentials.explicit` itself
  (else it is given `Potentials.expanded`).

The reference does all tasks, and so serves where the backend asked for lacks one. Scores are checked here, once, before
a backend is chosen: backends take them as sound.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
from dataclasses import dataclass
from types import ModuleType

import torch
from torch import Tensor

from genescribe.errors import InputError
from genescribe.kernels.measured import TRITON_MEASURED
from genescribe.kernels.semicrf import gradients
from genescribe.kernels.semicrf.potentials import BoundaryMessages, Messages, Potentials, Segmentation

log = logging.getLogger(__name__)

BACKENDS = {
    "reference": "genescribe.kernels.semicrf.reference",
    "blocked": "genescribe.kernels.semicrf.blocked.dispatch",
    "native": "genescribe.kernels.semicrf.native",
    "triton": "genescribe.kernels.semicrf.triton.dispatch",
}
ALIASES = {"exact": "reference", "streaming": "auto"}
"""Names of the Gencode segmentation benchmark."""

_ON_GPU = ("triton", "blocked", "reference") if TRITON_MEASURED else ("blocked", "reference")
PREFERENCE = {"cuda": _ON_GPU, "cpu": ("native", "blocked", "reference")}
"""Backends that `auto` tries, in order, on each kind of device."""

_logged: set[tuple[str, int, int, str]] = set()


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes of the edge tensor (B, T, K, C, C) in float32, which is never built, and of the backend's buffers."""

    edge_tensor: int
    used: int

    def __str__(self) -> str:
        return f"about {self.used / 2**20:,.0f} MiB (the edge tensor would take {self.edge_tensor / 2**20:,.0f} MiB)"


def log_partition(p: Potentials, backend: str = "auto") -> Tensor:
    """Return log Z of each chain.

    Parameters
    ----------
    p
        Potentials: the log scores of a batch of chains.
    backend
        auto, reference, blocked, native or triton; exact and streaming mean reference and auto.

    Returns
    -------
    (B,) float64
        Differentiable in every floating field; the gradient is the marginals.

    Raises
    ------
    InputError
        Scores that make no sense, an unknown backend, or one that does not take this input.

    Notes
    -----
    Differentiable twice; `genescribe.kernels.semicrf.curvature` takes the second derivative, for every backend.
    """
    module, p = _chosen(p, backend, "expectation")
    return gradients.log_partition(module.expectation, p)


def expected_score(p: Potentials, q: Potentials, backend: str = "auto") -> tuple[Tensor, Tensor]:
    """Return log Z of p, and the mean score that q gives to p's segmentations, (B,) float64 each; differentiable.

    `q` is of the same batch, and has the fields and shapes of `p`, without `explicit`; the mean is -inf where q forbids
    what p may do.

    Parameters
    ----------
    p, q
        Scores of two models of the same batch.
    backend
        Name of a backend, or `auto`.
    """
    module, p = _chosen(p.expanded(), backend, "expectation")
    return gradients.expected_score(module.expectation, p, q.checked())


def viterbi(p: Potentials, backend: str = "auto") -> tuple[Tensor, list[Segmentation]]:
    """Return the best score of each chain, (B,) float64, and its segmentation (empty where the score is -inf)."""
    module, p = _chosen(p, backend, "viterbi")
    result: tuple[Tensor, list[Segmentation]] = module.viterbi(p)
    return result


def messages(p: Potentials, backend: str = "auto") -> Messages:
    """Return the log-sums at every boundary."""
    module, p = _chosen(p, backend, "messages")
    result: Messages = module.messages(p)
    return result


def boundary_messages(p: Potentials, boundaries: Tensor, backend: str = "auto") -> BoundaryMessages:
    """Return the log-sums at some boundaries of one chain, (n,) int64, ascending: cheaper than all where they are few.

    A backend that has no such task works out all.

    Parameters
    ----------
    p
        Potentials of a batch of one chain.
    boundaries : (n,) int64
        Boundaries, ascending.
    backend
        Name of a backend, or `auto`.
    """
    module, p = _chosen(p, backend, "messages")
    if hasattr(module, "boundary_messages"):
        result: BoundaryMessages = module.boundary_messages(p, boundaries)
        return result
    sums: Messages = module.messages(p)
    return BoundaryMessages(sums.entry[0][boundaries], sums.onward[0][boundaries], sums.log_partition[0])


def choose_backend(p: Potentials, backend: str = "auto", task: str = "expectation") -> str:
    """Return the backend's name: the one asked for, or with ``auto`` the first of the device's list that takes `p`.

    Parameters
    ----------
    p
        Potentials: the log scores of a batch of chains.
    backend
        Name of a backend, or `auto`.
    task
        Operation: `expectation` (log Z and its gradient), `viterbi` or `messages`; a backend need not offer all.

    Raises
    ------
    InputError
        An unknown backend, or one that does not take this input.
    """
    name = ALIASES.get(backend, backend)
    if name == "auto":
        device = "cuda" if p.content.device.type == "cuda" else "cpu"
        return next(name for name in PREFERENCE[device] if _refusal(name, p) is None and hasattr(_load(name), task))
    if name not in BACKENDS:
        known = ", ".join(["auto", *BACKENDS, *ALIASES])
        raise InputError(f"unknown backend {backend!r}", where="backend", remedy=f"give one of {known}")
    reason = _refusal(name, p)
    if reason is not None:
        raise InputError(f"backend {name!r} does not take this input: {reason}", where="backend", remedy="give auto")
    return name if hasattr(_load(name), task) else "reference"


def memory_estimate(p: Potentials, backend: str = "auto") -> MemoryEstimate:
    """Return the bytes that the backend allocates, beside those of the edge tensor of the textbook algorithm."""
    B, T, K, C = p.shape
    module = _load(choose_backend(p, backend))
    used = getattr(module, "working_bytes", _load("reference").working_bytes)(p)
    return MemoryEstimate(edge_tensor=4 * B * T * K * C * C, used=int(used))


def memory_of_backends(p: Potentials) -> list[str]:
    """Return a line a backend: the memory that it allocates for `p`, and why it does not run here where it does not."""
    lines = []
    for name, module in BACKENDS.items():
        if importlib.util.find_spec(module) is None:
            lines.append(f"{name}: it is not installed")
            continue
        used = getattr(_load(name), "working_bytes", _load("reference").working_bytes)(p) / 2**20
        reason = _refusal(name, p)
        lines.append(f"{name}: about {used:,.0f} MiB" + (f"; not here: {reason}" if reason else ""))
    B, T, K, C = p.shape
    return [*lines, f"the edge tensor of the textbook algorithm, never built: {4 * B * T * K * C * C / 2**20:,.0f} MiB"]


def _chosen(p: Potentials, backend: str, task: str) -> tuple[ModuleType, Potentials]:
    name = choose_backend(p.checked(), backend, task)
    # Of no chains there is nothing to lay out in blocks.
    module = _load(name if len(p.lengths) else "reference")
    _, T, K, C = p.shape
    # Those who train plan memory by this; those who annotate need not know.
    level = logging.INFO if torch.is_grad_enabled() else logging.DEBUG
    # One line per class of shapes: lengths differ from batch to batch and would fill the log.
    shape_class = (name, K, C, f"{T.bit_length()} {p.content.device.type} {level}")
    if shape_class not in _logged:
        _logged.add(shape_class)
        memory = memory_estimate(p, name)
        log.log(level, "semi-Markov CRF: backend %s for T %d, K %d, C %d; %s", name, T, K, C, memory)
    return module, p if getattr(module, "READS_EXPLICIT", False) else p.expanded()


def _refusal(name: str, p: Potentials) -> str | None:
    if importlib.util.find_spec(BACKENDS[name]) is None:
        return "it is not installed"
    reason: str | None = _load(name).supports(p)
    return reason


def _load(name: str) -> ModuleType:
    return importlib.import_module(BACKENDS[name])
