"""Options of a training run from a file, JSON text and the command line, checked once."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genescribe.cli import JsonText, Parser, integer
from genescribe.config import from_mapping, option
from genescribe.errors import InputError
from genescribe.families import family
from genescribe.files import parse_yaml
from genescribe.nn.config import CONTEXTS
from genescribe.paths import InputPath
from genescribe.train.config import TrainConfig
from genescribe.train.launch import LaunchConfig, agent, environment

if TYPE_CHECKING:
    from genescribe.train.task import Task

RUN_FILES = ("model", "log.csv", "training_log.csv", "eval_log.csv", "checkpoints", "tensorboard")
"""Files that training writes into the folder of a run."""
HEADS = ("linear", "semicrf", "pytorch-crf")

_BENCHMARK: dict[str, tuple[str, dict[str, Any]]] = {
    "--head": (
        "model.head",
        {"choices": HEADS, "help": "linear CRF (K=1), semi-Markov CRF, or the package pytorch-crf"},
    ),
    "--encoder": (
        "model.encoder.kind",
        {"choices": tuple(sorted(CONTEXTS)), "help": "layers that carry context along the sequence"},
    ),
    "--max-duration": ("model.max_duration", {"type": int, "help": "longest explicit duration, K"}),
    "--hidden-dim": ("model.encoder.hidden_dim", {"type": int, "help": "width of the context"}),
    "--num-layers": ("model.encoder.num_layers", {"type": int, "help": "layers of the context"}),
    "--d-state": ("model.encoder.d_state", {"type": int, "help": "mamba: size of the state per channel"}),
    "--d-conv": ("model.encoder.d_conv", {"type": int, "help": "mamba: width of the convolution, in steps"}),
    "--expand": ("model.encoder.expand", {"type": int, "help": "mamba: inner width, a multiple of --hidden-dim"}),
    "--epochs": ("train.epochs", {"type": float, "help": "passes over the training windows"}),
    "--batch-size": ("train.batch_size", {"type": int, "help": "windows per step, over all processes"}),
    "--lr": ("train.lr", {"type": float, "help": "highest learning rate"}),
    "--weight-decay": ("train.weight_decay", {"type": float, "help": "AdamW weight decay"}),
    "--crf-reg": ("model.crf_reg", {"type": float, "help": "regularisation of the CRF's scores"}),
    "--emission-clamp": ("model.emission_clamp", {"type": float, "help": "largest score of a base; 0: no limit"}),
    "--backend": ("model.backend", {"help": "CRF kernel: auto, reference, blocked, native, triton, exact, streaming"}),
    "--log-every": ("train.validate_epochs", {"type": float, "help": "epochs between validations"}),
    "--device": ("train.device", {"help": "auto, cpu, cuda or cuda:N"}),
    "--seed": ("train.seed", {"type": int, "help": "seed of weights, order and dropout"}),
    "--num-workers": ("train.num_workers", {"type": int, "help": "reader processes per training process"}),
}
"""Option -> the key that it sets, and how argparse reads it.

The names of the Gencode segmentation benchmark, where the first is `--model`.
"""


@dataclass(frozen=True)
class RunOptions:
    """One training run."""

    family: str = option("segment", doc="model family")
    model: dict[str, Any] = option(default_factory=dict, doc="options of the model")
    train: dict[str, Any] = option(default_factory=dict, doc="options of the training engine")

    def build(
        self, folders: Sequence[Path], *, where: str, model: Any = None, train: TrainConfig | None = None
    ) -> tuple[Task, TrainConfig]:
        """Return the task on the shards of some folders, and how to train it; options are checked before any data.

        `model` and `train` have the values of options that are not given; None: the family's defaults.

        Parameters
        ----------
        folders
            Folders of baked shards.
        where
            Source of the options, for messages.
        model, train
            Values of options that are not given; None: the family's defaults.
        """
        chosen = family(self.family, where=where)
        training = from_mapping(chosen.train_config, self.train, where=where, key="train", base=train)
        if training.start is not None and not self.model:
            options = chosen.stored_options(training.start)
        else:
            options = from_mapping(chosen.model_config, self.model, where=where, key="model", base=model)
        return chosen.build_task(options, folders), training


def add_arguments(parser: Parser, *, head: str = "--head", without: Collection[str] = ()) -> None:
    """Add the options of a run to a script's parser.

    Parameters
    ----------
    parser
        Parser that gets the options.
    head
        Name of the option of the head; in the Gencode segmentation benchmark it is ``--model``.
    without
        Single options that the script sets itself.
    """
    group = parser.add_argument_group("model and training")
    group.add_argument("--config", type=InputPath(), help="YAML or JSON file with family, model and train")
    group.add_argument("--options", type=JsonText(), help="the same as JSON text; overrides the file")
    single = parser.add_argument_group("single options, which override both")
    for flag, (_, how) in _BENCHMARK.items():
        if flag not in without:
            single.add_argument(head if flag == "--head" else flag, dest=flag, default=argparse.SUPPRESS, **how)
    single.add_argument("--no-triton", action="store_true", help="on a GPU: the PyTorch kernel, `blocked`")
    several = parser.add_argument_group("distributed training (or start the command with torchrun)")
    several.add_argument("--distributed", action="store_true", help="start --world-size processes on this machine")
    several.add_argument("--world-size", type=integer(1), default=1, help="number of processes")
    several.add_argument("--nccl-ifname", help="network interface of NCCL")
    parser.only(["distributed"], lambda args: args.world_size > 1, "--world-size above 1")
    parser.only(["world_size"], lambda args: args.distributed, "--distributed")
    parser.only(
        ["nccl_ifname"], lambda args: args.distributed or "WORLD_SIZE" in os.environ, "--distributed, or torchrun"
    )


def read_options(arguments: argparse.Namespace) -> tuple[RunOptions, str]:
    """Return the options of the command line, and the name of their source, for messages.

    Raises
    ------
    InputError
        A file that cannot be parsed, or an unknown key.
    """
    where = str(arguments.config or "options")
    data: dict[str, Any] = {}
    if arguments.config is not None:
        data = _overlaid(data, _parsed(arguments.config, where))
    if arguments.options is not None:
        data = _overlaid(data, _parsed(arguments.options, "--options"))
    for flag, (key, _) in _BENCHMARK.items():
        if flag in vars(arguments):
            value = vars(arguments)[flag]
            for part in reversed(key.split(".")):
                value = {part: value}
            data = _overlaid(data, value)
    if arguments.no_triton and _has_cuda():
        data = _overlaid(data, {"model": {"backend": "blocked"}})
    return from_mapping(RunOptions, data, where=where), where


def start_processes(arguments: argparse.Namespace) -> None:
    """Replace this process by torchrun where `--distributed` asks for it and torchrun has not started it already."""
    config = LaunchConfig(nccl_ifname=arguments.nccl_ifname)
    os.environ.update(environment(config))
    if arguments.distributed and arguments.world_size > 1 and "WORLD_SIZE" not in os.environ:
        program = Path(sys.argv[0])
        # Its path would put the package's own folder before all others that modules are looked up in.
        words = ["-m", program.parent.name] if program.name == "__main__.py" else [sys.argv[0]]
        os.execv(sys.executable, [*agent(config, arguments.world_size), *words, *sys.argv[1:]])


def _has_cuda() -> bool:
    # Here, so that a script which only lists its options need not wait for torch.
    import torch

    return torch.cuda.is_available()


def _parsed(source: str | Path, where: str) -> dict[str, Any]:
    data = parse_yaml(source, where)
    if not isinstance(data, dict):
        raise InputError("holds no options", where=where, remedy="write `family:`, `model:` and `train:`")
    return data


def _overlaid(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of both; `above` wins, mappings are merged.

    Examples
    --------
    >>> _overlaid({"train": {"lr": 0.1, "seed": 1}}, {"train": {"seed": 2}})
    {'train': {'lr': 0.1, 'seed': 2}}
    """
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _overlaid(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged
