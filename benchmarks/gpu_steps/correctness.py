"""Kernels on the device against the reference on the CPU, in the same process."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import fields, replace

import torch
from torch import Tensor

from genescribe.crf.score import Segments, score
from genescribe.kernels.aot import example
from genescribe.kernels.attention.block_layout import SparseConfig
from genescribe.kernels.attention.block_sparse import attend
from genescribe.kernels.semicrf import dispatch as semicrf
from genescribe.kernels.semicrf.potentials import Potentials
from genescribe.kernels.semicrf.viterbi_stream import ViterbiStream
from genescribe.nn.mamba import Mamba
from gpu_steps.step import Context, Row

BACKENDS = ("triton", "blocked")
LOG_Z = {torch.float64: 1e-9, torch.float32: 1e-5}
"""Largest relative error of log Z, and 100 times it of a gradient relative to its largest entry."""
ATTENTION = {torch.float32: 5e-3, torch.bfloat16: 3e-2}
"""Largest error relative to the largest entry: products of single precision may be TF32."""
SCAN = 2e-3


def crf(context: Context, tell: Callable[[Row], None]) -> None:
    """Compare log Z, gradients, messages, best path and stream, of plain chains and of those with all options."""
    for B, T, K, C in context.sizes.compared:
        for options in (False, True):
            p = example(C, K, options, B, T)
            p = replace(p, content=0.3 * p.content, arrive=None) if options else replace(p, content=0.3 * p.content)
            name = f"B{B} T{T} K{K} C{C}{', all options' if options else ''}"
            wanted_z, wanted = _gradients(p, "reference")
            for backend in BACKENDS:
                for dtype, limit in LOG_Z.items():
                    q = p.to(device=context.device, dtype=dtype)
                    found_z, found = _gradients(q, backend)
                    error = float(((found_z - wanted_z) / wanted_z.abs().clamp(min=1)).abs().max())
                    tell(_row(f"{backend}, {dtype}, log Z, {name}", error, limit))
                    error = max(_error(found[key], wanted[key]) for key in wanted)
                    tell(_row(f"{backend}, {dtype}, gradient, {name}", error, 100 * limit))
                _best_path(p, backend, context, name, tell)
            _messages(p, context, name, tell)
            _products(p, context, name, tell)


def attention(context: Context, tell: Callable[[Row], None]) -> None:
    """Compare block-sparse attention and its gradients with the reference in double precision."""
    B, heads, S, width, block = context.sizes.attention
    generator = torch.Generator().manual_seed(0)
    inputs = [torch.randn(B, heads, S, width, generator=generator, dtype=torch.float64) for _ in range(4)]
    counts, config = torch.full((B,), S - 3), SparseConfig(block, block)
    for slopes in (None, torch.full((heads,), 0.05)):
        wanted = _attended(inputs, counts, config, slopes, "reference", torch.device("cpu"), torch.float64)
        for dtype, limit in ATTENTION.items():
            for backend in ("triton", "reference"):
                if context.rehearsal and (backend, dtype) == ("triton", torch.bfloat16):
                    tell(Row(f"attention, {backend}, {dtype}", None, "", note="Triton's interpreter has no bfloat16"))
                    continue
                found = _attended(inputs, counts, config, slopes, backend, context.device, dtype)
                bias = "" if slopes is None else ", ALiBi"
                for part, mine, theirs in zip(("forward", "dq", "dk", "dv"), found, wanted, strict=True):
                    tell(_row(f"attention, {backend}, {dtype}, {part}{bias}", _error(mine, theirs), limit))


def scan(context: Context, tell: Callable[[Row], None]) -> None:
    """Compare a Mamba block on the device with one on the CPU; `mamba-ssm` computes it where it is installed."""
    B, T, width, state = context.sizes.scan
    theirs = importlib.util.find_spec("mamba_ssm") is not None and context.device.type == "cuda"
    which = "mamba-ssm" if theirs else "PyTorch, as mamba-ssm is not installed"
    torch.manual_seed(0)
    block, x = Mamba(width, state, 4, 2), torch.randn(B, T, width)
    wanted = _with_gradient(block, x)
    found = _with_gradient(block.to(context.device), x.to(context.device))
    for part, mine, reference in zip(("forward", "gradient"), found, wanted, strict=True):
        tell(_row(f"Mamba, {which}, {part}", _error(mine, reference), SCAN))


def _row(what: str, error: float, limit: float) -> Row:
    return Row(what, error, "relative error", passed=error <= limit, note=f"limit {limit:.0e}")


def _error(found: Tensor, wanted: Tensor) -> float:
    """Return the largest difference, relative to the largest wanted entry."""
    found, wanted = found.detach().cpu().double(), wanted.detach().cpu().double()
    return float((found - wanted).abs().max() / wanted.abs().max().clamp(min=1e-12))


def _gradients(p: Potentials, backend: str) -> tuple[Tensor, dict[str, Tensor]]:
    """Return log Z and its gradient in every floating field, finite entries alone, on the CPU."""
    names = [f.name for f in fields(p) if getattr(p, f.name) is not None and getattr(p, f.name).is_floating_point()]
    q = replace(p, **{name: getattr(p, name).detach().clone().requires_grad_() for name in names})
    log_z = semicrf.log_partition(q, backend)
    log_z.sum().backward()
    return log_z.detach().cpu().double(), {name: getattr(q, name).grad.cpu() for name in names}


def _best_path(p: Potentials, backend: str, context: Context, name: str, tell: Callable[[Row], None]) -> None:
    """Compare best scores; of equals any path will do, so that a path is held to its own score."""
    wanted, _ = semicrf.viterbi(p, "reference")
    found, paths = semicrf.viterbi(p.to(device=context.device), backend)
    tell(_row(f"{backend}, best score, {name}", _error(found, wanted), 1e-9))
    tell(_row(f"{backend}, score of its path, {name}", _error(score(p, Segments.of(paths)), wanted), 1e-9))
    for row in range(len(p.lengths)) if backend == BACKENDS[0] else ():
        given = {"phase_offset": int(p.phase_offset[row])} if p.phase_offset is not None else {}
        stream = ViterbiStream(p.transition, p.duration, p.tail, p.start, p.final, **given)
        for part in p.content[row, : int(p.lengths[row])].split(100):
            stream.push(part)
        stream.finish()
        tell(
            _row(
                f"stream on the CPU, {name}, row {row}", abs(stream.score - float(found[row])) / abs(stream.score), 1e-9
            )
        )


def _messages(p: Potentials, context: Context, name: str, tell: Callable[[Row], None]) -> None:
    wanted = semicrf.messages(p, "reference")
    for backend in BACKENDS:
        found = semicrf.messages(p.to(device=context.device), backend)
        errors = []
        for part in ("entry", "leave", "onward"):
            mine, theirs = (getattr(x, part).cpu().double() for x in (found, wanted))
            real = theirs.isfinite()
            same = torch.equal(mine.isfinite(), real)
            errors.append(float((mine - theirs)[real].abs().max()) if same else float("inf"))
        tell(Row(f"{backend}, messages, {name}", max(errors), "nats", passed=max(errors) <= 1e-6, note="limit 1e-06"))


def _products(p: Potentials, context: Context, name: str, tell: Callable[[Row], None]) -> None:
    """Compare the recurrence whose far sums are products of matrices with the one that adds them up."""
    # Imported once triton knows whether it interprets.
    from genescribe.kernels.semicrf.triton.layout import lay_out_chains
    from genescribe.kernels.semicrf.triton.sum import sum_chains
    from genescribe.kernels.triton_launch import GROUP, Tiles

    layout, durations = lay_out_chains(p.to(device=context.device), both=True)
    tiles = Tiles.of(layout.level.shape[2], group=GROUP)
    wanted, found = (sum_chains(layout, durations, one).scores for one in (None, tiles))
    errors = []
    for part in ("entry", "leave"):
        mine, theirs = getattr(found, part), getattr(wanted, part)
        real = theirs.isfinite()
        errors.append(float((mine - theirs)[real].abs().max()) if torch.equal(mine.isfinite(), real) else float("inf"))
    tell(Row(f"triton, {tiles}, scores, {name}", max(errors), "nats", passed=max(errors) <= 1e-9, note="limit 1e-09"))


def _attended(
    inputs: list[Tensor],
    counts: Tensor,
    config: SparseConfig,
    slopes: Tensor | None,
    backend: str,
    device: torch.device,
    dtype: torch.dtype,
) -> list[Tensor]:
    *leaves, gradient = (x.to(device=device, dtype=dtype, copy=True) for x in inputs)
    leaves = [x.requires_grad_() for x in leaves]
    given = None if slopes is None else slopes.to(device)
    out = attend(*leaves, counts.to(device), config, given, backend=backend)
    out.backward(gradient)
    grads = [x.grad for x in leaves]
    return [out, *(grad for grad in grads if grad is not None)]


def _with_gradient(block: torch.nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    x = x.detach().requires_grad_()
    y = block(x)
    y.square().sum().backward()
    assert x.grad is not None
    return y, x.grad
