"""An encoder from a local folder as a source of per-base features."""

from __future__ import annotations

import importlib
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from genescribe.errors import InputError
from genescribe.generate.config import PretrainedConfig
from genescribe.generate.network.transgenic_checkpoint import kind_of_checkpoint, load_hyena
from genescribe.genome.alphabet import decode, unmasked

HYENA_LINEAR = ["enter", "leave", "expand", "shrink"]
"""Linear layers of HyenaDNA that LoRA and IA3 change."""


def need(module: str) -> Any:
    """Import an optional package.

    Raises
    ------
    InputError
        It is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise InputError(
            f"needs the Python package {module}", where="model", remedy="pip install 'genescribe[pretrained]'"
        ) from None


class Pretrained(nn.Module):
    """(B, T) codes -> (B, T, width): the state of the token that holds each base.

    A locus longer than the encoder's window is read in overlapping pieces; of an overlap each half comes from the
    piece in which it is farther from the edge. Pieces are read one by one, without padding.

    Parameters
    ----------
    config
        Folder of the checkpoint, its tuning, and bases of a window.

    Raises
    ------
    InputError
        No such folder, an encoder with code of its own, or a tokenizer whose tokens do not spell the bases.
    """

    def __init__(self, config: PretrainedConfig) -> None:
        super().__init__()
        if not Path(config.folder).is_dir():
            raise InputError("no such folder", where=config.folder, remedy="download the encoder and give its folder")
        if config.overlap >= config.window:
            raise InputError(
                "the overlap is as long as the window", where="pretrained.overlap", remedy="make it less than window"
            )
        self.config = config
        self.tokenizer: Any = None
        model: Any
        linear: str | list[str] = "all-linear"
        if kind_of_checkpoint(config.folder) is not None:
            model, linear = load_hyena(config.folder), HYENA_LINEAR
            self.width = model.sizes.width
            model.checkpointing = config.checkpointing
        else:
            self.tokenizer, model = _transformer(config)
            self.width = int(model.config.hidden_size)
            if config.checkpointing:
                model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        self.model = cast(nn.Module, _tuned(model, config, linear))

    def train(self, mode: bool = True) -> Pretrained:
        """Set the mode; a frozen encoder keeps to evaluation."""
        super().train(mode)
        if self.config.tuning == "frozen":
            self.model.eval()
        return self

    def forward(self, codes: Tensor, lengths: Tensor) -> Tensor:
        """Return the features of every base; zero past a locus's end.

        Raises
        ------
        InputError
            The tokens do not spell the bases, or the window is longer than the encoder reads.
        """
        features = torch.zeros(*codes.shape, self.width, device=codes.device)
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.config.tuning != "frozen"):
            for row, (bases, length) in enumerate(zip(codes, lengths.tolist(), strict=True)):
                for begin, end, low, high in pieces(length, self.config.window, self.config.overlap):
                    states = self._piece(bases[begin:end])
                    features[row, low:high] = states[low - begin : high - begin]
        return features

    def _piece(self, bases: Tensor) -> Tensor:
        if self.tokenizer is None:
            states: Tensor = self.model(bases[None] & 7)[0].float()
            return states
        text, device = decode(unmasked(bases.cpu().numpy().astype("uint8"))), bases.device
        encoded = self.tokenizer(text, return_tensors="pt").to(device)
        ids = encoded["input_ids"][0].tolist()
        special = set(self.tokenizer.all_special_ids)
        sizes = [
            0 if i in special else len(t) for i, t in zip(ids, self.tokenizer.convert_ids_to_tokens(ids), strict=True)
        ]
        if sum(sizes) != len(text):
            raise InputError(
                "the tokens do not spell the bases", where=self.config.folder, remedy="use an encoder of DNA letters"
            )
        tokens = self.model(**encoded).last_hidden_state[0]
        spread: Tensor = tokens.repeat_interleave(torch.tensor(sizes, device=device), dim=0).float()
        return spread


def _transformer(config: PretrainedConfig) -> tuple[Any, Any]:
    """Return tokenizer and encoder of a folder for `transformers`."""
    transformers = need("transformers")
    # Told nothing of a folder's own code, the library asks at the terminal whether to run it.
    options = {"trust_remote_code": False, "local_files_only": True}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(config.folder, **options)
        return tokenizer, transformers.AutoModel.from_pretrained(config.folder, **options)
    except (OSError, ValueError) as error:
        first = str(error).strip().splitlines()[0]
        remedy = "give one that `transformers` loads without code of its own"
        raise InputError(f"cannot be loaded ({first})", where=config.folder, remedy=remedy) from None


def _tuned(model: Any, config: PretrainedConfig, linear: str | list[str]) -> Any:
    """Return an encoder of which only the weights are trained that are to be; `linear` are its linear layers."""
    if config.tuning == "frozen":
        return model.requires_grad_(False)
    if config.tuning == "full":
        return model
    peft = need("peft")
    if config.tuning == "lora":
        options = peft.LoraConfig(
            r=config.lora_rank, lora_alpha=2 * config.lora_rank, target_modules=linear, lora_dropout=0.0
        )
    else:
        options = peft.IA3Config(target_modules=linear, feedforward_modules=[])
    return peft.get_peft_model(model, options)


def pieces(length: int, window: int, overlap: int) -> list[tuple[int, int, int, int]]:
    """Return (begin, end, low, high) of pieces that cover a locus: the bases read, and the part of them used.

    Parameters
    ----------
    length
        Bases of the locus.
    window
        Most bases of a piece.
    overlap
        Bases that neighbouring pieces share, divided in the middle.

    Examples
    --------
    >>> pieces(25, 10, 2)
    [(0, 10, 0, 9), (8, 18, 9, 16), (15, 25, 16, 25)]
    """
    if length <= window:
        return [(0, length, 0, length)]
    step = window - overlap
    begins = [*range(0, length - window, step), length - window]
    cuts = [0, *((after + begin + window) // 2 for begin, after in pairwise(begins)), length]
    return [(begin, begin + window, cuts[i], cuts[i + 1]) for i, begin in enumerate(begins)]
