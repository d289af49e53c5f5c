"""Rates: the semi-Markov CRF, the networks by batch and precision, training steps, loci that are written."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from genescribe.config import from_mapping
from genescribe.data.dataset import ShardDataset
from genescribe.families import family
from genescribe.files import read_json, read_table
from genescribe.generate.annotation.annotate import Annotator, LocusWindow
from genescribe.generate.model import load_model
from genescribe.kernels.semicrf import dispatch as semicrf
from genescribe.kernels.semicrf.potentials import Potentials
from genescribe.models import model_folder
from genescribe.nn.site_config import SiteNetworkConfig
from genescribe.nn.site_network import SiteNetwork
from genescribe.segment.network.model import SegmentModel
from genescribe.train.engine import train
from gpu_steps.bundle import ENCODER, RECIPE
from gpu_steps.prediction import GOALS, HUMAN, NETWORK
from gpu_steps.step import Context, Row, best_seconds, bound, peak_memory

LOCI = 64
PRECISIONS = ("float32", "tf32", "bf16")


def crf(context: Context, tell: Callable[[Row], None]) -> None:
    """Time forward + backward, and the best path, of each backend and of `flash-semicrf` where it is installed."""
    B, T, K, C = context.sizes.chains
    p = _chains(B, T, K, C, context.device)
    name, steps = f"B{B} T{T} K{K} C{C}", B * T * C * (K + C)
    # Scores in, gradients out, and the messages of both directions between the passes.
    moved = 8 * B * T * C * 6
    for backend in ("triton", "blocked"):
        work: dict[str, tuple[Callable[[], object], int, float]] = {
            "forward + backward": (lambda b=backend: semicrf.log_partition(p, b).sum().backward(), 6, 1.0),  # type: ignore[misc]
            "best path": (lambda b=backend: semicrf.viterbi(p.detach(), b), 2, 1 / 3),  # type: ignore[misc]
        }
        for task, (function, operations, share) in work.items():
            seconds = best_seconds(function, context)
            note = bound(context, seconds, operations * steps, moved * share, "float64")
            tell(Row(f"CRF {task}, {backend}, {name}", seconds, "s", note=f"{note}; {peak_memory(context.device)}"))
    _tiles(context, p, name, tell)
    if importlib.util.find_spec("flash_semicrf") is None:
        tell(Row("flash-semicrf", None, "s", note="not installed"))
        return
    import flash_semicrf

    sums = torch.cat([torch.zeros_like(p.content[:, :1]), p.content.cumsum(1)], 1).detach().requires_grad_()
    transition, duration = (x.detach().requires_grad_() for x in (p.transition[0], p.duration))
    forward = flash_semicrf.semi_crf_streaming_forward
    seconds = best_seconds(lambda: forward(sums, transition, duration, p.lengths, K).sum().backward(), context)
    tell(Row(f"CRF forward + backward, flash-semicrf, {name}", seconds, "s", note=peak_memory(context.device)))


def _tiles(context: Context, p: Potentials, name: str, tell: Callable[[Row], None]) -> None:
    """Time the recurrence of log Z with each of the sizes that its kernel may have, and say which is fastest."""
    from genescribe.kernels.semicrf.triton.layout import lay_out_chains
    from genescribe.kernels.semicrf.triton.sum import sum_chains
    from genescribe.kernels.triton_launch import Tiles

    layout, durations = lay_out_chains(p.detach(), both=True)
    default, *others = Tiles.candidates(p.content.shape[2])
    found = {}
    # Interpreted kernels would take minutes.
    for tiles in [default, others[-1]] if context.rehearsal else [default, *others]:
        seconds = best_seconds(lambda t=tiles: sum_chains(layout, durations, t), context)  # type: ignore[misc]
        tell(Row(f"recurrence of log Z, {tiles}, {name}", seconds, "s", note="as it is used" * (tiles == default)))
        found[str(tiles)] = seconds
    best = min(found, key=found.__getitem__)
    tell(Row("the fastest of these", found[best], "s", note=f"{best}: {found[str(default)] / found[best]:.2f} times"))


def _chains(B: int, T: int, K: int, C: int, device: torch.device) -> Potentials:
    """Return normal scores in float64: bases of spread 1, transitions and durations of spread 0.1."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int, scale: float = 1.0) -> Tensor:
        return (scale * torch.randn(*shape, generator=generator, dtype=torch.float64)).to(device).requires_grad_()

    zero = torch.zeros(C, dtype=torch.float64, device=device)
    return Potentials(
        content=normal(B, T, C),
        lengths=torch.full((B,), T, device=device),
        transition=normal(1, C, C, scale=0.1),
        duration=normal(K, C, scale=0.1),
        tail=zero - torch.inf,
        start=zero,
        final=zero,
    )


def networks(context: Context, tell: Callable[[Row], None]) -> None:
    """Time signal networks of both contexts and the encoder of the largest model, in Mb of one strand a second."""
    for size in GOALS:
        _signal_network(context, tell, size)
    for batch in context.sizes.batches:
        _encoder(context, tell, batch)


def _signal_network(context: Context, tell: Callable[[Row], None], size: int) -> None:
    """Time a signal network of random weights."""
    device, bases = context.device, context.sizes.network
    network = SiteNetwork(SiteNetworkConfig(context=size)).to(device).eval()  # type: ignore[arg-type]
    codes = torch.randint(0, 4, (1, bases + size), device=device)
    # Each of a unit's two convolutions reads and writes 32 channels.
    flop, moved = 2 * _weights(network) * bases, 4 * bases * 32 * 2 * 2 * len(network.units)
    for precision in PRECISIONS:
        seconds = _timed(context, precision, lambda: network(codes))
        note = f"{bound(context, seconds, flop, moved, precision)}; {peak_memory(device)}"
        tell(Row(NETWORK.format(size, precision), bases / seconds / 1e6, "Mb/s", note=note))
        if precision == "float32":
            minutes = 2 * HUMAN * seconds / bases / 60
            reached = context.reached(minutes, GOALS[size])
            tell(Row(f"the same on both strands of 3 Gb, {size} bases", minutes, "min", reached))


def _encoder(context: Context, tell: Callable[[Row], None], batch: int) -> None:
    """Time the encoder of the largest model and its tables on neighbouring tiles."""
    model = SegmentModel.load(model_folder(ENCODER)).specialised().to(context.device).eval()
    assert model.encoder is not None
    tile, halo = (900, 90) if context.rehearsal else (model.config.tile, model.config.halo)
    codes = torch.randint(0, 4, (1, batch * tile + 2 * halo), device=context.device)
    tiles = [(halo + i * tile, halo + (i + 1) * tile) for i in range(batch)]
    bases = batch * tile
    flop = 2 * bases * (_weights(model.encoder.local) + _weights(model.encoder.context) / model.encoder.config.fold)
    # Tracks, local features and context, read and written once each.
    moved = 4 * bases * model.encoder.width * 8
    for precision in PRECISIONS:
        seconds = _timed(context, precision, lambda: model.tiled_scores(codes, tiles))
        note = f"{bound(context, seconds, flop, moved, precision)}; {peak_memory(context.device)}"
        tell(
            Row(
                f"encoder and tables of {ENCODER}, {batch} tiles, {precision}", bases / seconds / 1e6, "Mb/s", note=note
            )
        )


def steps(context: Context, tell: Callable[[Row], None]) -> None:
    """Time training steps of the recipe, each backend of the CRF by name."""
    recipe = read_json(context.bundle / RECIPE)
    kind = family(recipe["family"])
    # On the CPU these would train for minutes.
    for backend in ("auto",) if context.rehearsal else ("blocked", "triton"):
        config = from_mapping(kind.model_config, {**recipe["model"], "backend": backend}, where=RECIPE, key="model")
        options = {key: value for key, value in recipe["train"].items() if key != "epochs"}
        options |= {"max_steps": context.sizes.steps, "validate_epochs": 1e6, "log_every": 1}
        options |= {"device": str(context.device)}
        task = kind.build_task(config, [context.bundle / "shards"])
        folder = context.folder / f"steps_{backend}"
        shutil.rmtree(folder, ignore_errors=True)
        train(task, from_mapping(kind.train_config, options, where=RECIPE), folder)
        seconds = [float(row["seconds"]) for row in read_table(folder / "training_log.csv")]
        # The first steps compile kernels.
        first = len(seconds) // 2
        rate = (len(seconds) - first) / max(seconds[-1] - seconds[first - 1], 1e-9)
        note = f"{options['batch_size']} windows of 20 kb; {peak_memory(context.device)}"
        tell(Row(f"training, {ENCODER}, CRF {backend}", rate, "steps/s", note=note))


def loci(context: Context, tell: Callable[[Row], None]) -> None:
    """Time loci that are written, by how many are written together."""
    annotator = Annotator(load_model(context.bundle / "generate").to(context.device))
    dataset = ShardDataset([context.bundle / "loci"], "train")
    most = 1 if context.rehearsal else LOCI
    order = np.argsort(dataset.lengths, kind="stable")[:most]
    codes = [dataset[int(i)].codes for i in order]
    windows = [LocusWindow(str(i), "s", 0, len(x), "+", 0, x) for i, x in enumerate(codes)]
    for batch in context.sizes.batches:

        def write(size: int = batch) -> None:
            for begin in range(0, len(windows), size):
                annotator(windows[begin : begin + size])

        rate = len(windows) / best_seconds(write, context)
        tell(Row(f"loci written, {batch} together", rate, "loci/s", note=peak_memory(context.device)))


def _timed(context: Context, precision: str, work: Callable[[], object]) -> float:
    """Return the seconds that something takes in a precision."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
    with torch.no_grad(), torch.autocast(context.device.type, dtype=torch.bfloat16, enabled=precision == "bf16"):
        return best_seconds(work, context)


def _weights(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())
