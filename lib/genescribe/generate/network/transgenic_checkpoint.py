"""Load published checkpoints of HyenaDNA and TransGenic strictly, without running their code.

A folder has `config.json` and `model.safetensors` (or several parts with an index) or `pytorch_model.bin`. Sizes come
from the configuration. TransGenic's does not state the sizes of its encoder's feed-forward layers and filters: these
are taken from the shapes of the weights.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from genescribe.errors import InputError
from genescribe.files import read_json
from genescribe.generate.network.hyena import HyenaEncoder, HyenaSizes, positions, window_rates
from genescribe.generate.network.transgenic import TransgenicNetwork, TransgenicSizes, sines
from genescribe.nn.weights import mismatch, read_pickle

CONFIG = "config.json"
HYENA, TRANSGENIC = "hyenadna", "transgenichyena"
"""Values of `model_type`, in small letters."""
_SAFE, _INDEX, _PICKLE = "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin"
WEIGHTS = ("*.safetensors", "*.safetensors.index.json", "*.bin")
"""Patterns of the files of weights."""
_BACKBONE = re.compile(r"^(?:transgenic\.encoder\.hyena\.|hyena\.)?backbone\.")
_LAYER = {
    "mixer.in_proj": "enter",
    "mixer.out_proj": "leave",
    "mixer.short_filter": "short",
    "mixer.filter_fn.bias": "filter.skip",
    "norm1": "norm_mix",
    "norm2": "norm_feed",
    "mlp.fc1": "expand",
    "mlp.fc2": "shrink",
}
_DECODER = {
    "self_attn": "own",
    "encoder_attn": "read",
    "self_attn_layer_norm": "norm_own",
    "encoder_attn_layer_norm": "norm_read",
    "final_layer_norm": "norm_feed",
    "fc1": "expand",
    "fc2": "shrink",
}
_PROJECTIONS = {"q_proj": "query", "k_proj": "key", "v_proj": "value", "out_proj": "leave"}
_REST = {
    "transgenic.downsample.conv1.weight": "fold.0.kernel",
    "transgenic.downsample.rel_bias1": "fold.0.bias",
    "transgenic.downsample.conv2.weight": "fold.1.kernel",
    "transgenic.downsample.rel_bias2": "fold.1.bias",
    "transgenic.decoder.embed_positions.weight": "decoder.places.weight",
    "final_logits_bias": "decoder.bias",
    "lm_head.weight": "decoder.head.weight",
    # The decoder's embedding is stored under two names.
    "transgenic.decoder_embed_tokens.weight": "decoder.embed.weight",
    "transgenic.decoder.embed_tokens.weight": "decoder.embed.weight",
} | {
    f"transgenic.{theirs}.{part}": f"{ours}.{part}"
    for theirs, ours in {
        "downsample.norm1": "fold.0.norm",
        "downsample.norm2": "fold.1.norm",
        "decoder.layernorm_embedding": "decoder.norm",
    }.items()
    for part in ("weight", "bias")
}
_POSITIONS = "transgenic.EncoderOutputPositionalEmbedding.pe"
_EXPECTED = {"activation_function": "gelu", "hyena_order": 2, "layer_norm_epsilon": 1e-5}
"""Values that a configuration must have, if it has these keys: other values are not implemented."""


def kind_of_checkpoint(folder: str | Path) -> str | None:
    """Return `HYENA` or `TRANSGENIC` for the folder of such a checkpoint, None for any other."""
    path = Path(folder) / CONFIG
    if not path.is_file():
        return None
    stored = _configuration(path)
    kind = str(stored.get("model_type", "")).lower()
    return kind if kind in (HYENA, TRANSGENIC) else None


def load_transgenic(folder: str | Path) -> TransgenicNetwork:
    """Return the network of a TransGenic checkpoint, in evaluation mode.

    Raises
    ------
    InputError
        A file is missing or damaged, an option is another than the published code has, or a weight is missing,
        unknown, not finite or of another shape.
    """
    path = Path(folder) / CONFIG
    stored, raw = _configuration(path), read_weights(folder)
    weights, checks = _renamed(raw, path)
    if "decoder.embed.weight" not in weights or "decoder.head.weight" not in weights:
        if not stored.get("tie_word_embeddings", True):
            raise InputError("lacks an embedding, and none is shared", where=folder, remedy="copy the checkpoint again")
        shared = weights.get("decoder.embed.weight", weights.get("decoder.head.weight"))
        if shared is not None:
            weights |= {"decoder.embed.weight": shared, "decoder.head.weight": shared}
    longest = _number(stored, "max_encoder_seqlen", path)
    sizes = TransgenicSizes(
        encoder=_encoder_sizes(stored, weights, "encoder.", longest, path, "encoder_n_layer"),
        layers=_number(stored, "decoder_layers", path),
        heads=_number(stored, "decoder_attention_heads", path),
        inner=_number(stored, "decoder_ffn_dim", path),
        vocabulary=_number(stored, "vocab_size", path),
        longest=_number(stored, "max_decoder_position_embeddings", path),
    )
    if sizes.width % sizes.heads:
        raise InputError(f"{sizes.heads} heads do not divide {sizes.width}", where=path, remedy="copy it again")
    weights.setdefault("decoder.bias", torch.zeros(1, sizes.vocabulary))
    network = TransgenicNetwork(sizes)
    _check_constants(checks, sizes.encoder, folder)
    _fill(network, weights, folder)
    return network.eval()


def load_hyena(folder: str | Path) -> HyenaEncoder:
    """Return the encoder of a HyenaDNA checkpoint, or that of a TransGenic one, in evaluation mode.

    Raises
    ------
    InputError
        See `load_transgenic`.
    """
    if kind_of_checkpoint(folder) == TRANSGENIC:
        return load_transgenic(folder).encoder
    path = Path(folder) / CONFIG
    stored, raw = _configuration(path), read_weights(folder)
    raw.pop("lm_head.weight", None)  # That of its own language model.
    weights, checks = _renamed(raw, path)
    weights = {name.removeprefix("encoder."): value for name, value in weights.items()}
    sizes = _encoder_sizes(stored, weights, "", _number(stored, "max_seq_len", path), path, "n_layer")
    encoder = HyenaEncoder(sizes)
    _check_constants(checks, sizes, folder)
    _fill(encoder, weights, folder)
    return encoder.eval()


def read_weights(folder: str | Path) -> dict[str, Tensor]:
    """Return the weights in a folder, in float32: safetensors (one file or several parts) or a PyTorch file.

    Raises
    ------
    InputError
        There are none, they are damaged, or the PyTorch file contains anything but weights.
    """
    folder = Path(folder)
    path = next((folder / name for name in (_SAFE, _INDEX, _PICKLE) if (folder / name).is_file()), None)
    if path is None:
        raise InputError("no weights", where=folder, remedy=f"put {_SAFE} or {_PICKLE} there")
    if path.name == _PICKLE:
        return {name: value.float() for name, value in read_pickle(path, "copy the checkpoint again").items()}
    try:
        files = [path]
        if path.name == _INDEX:
            files = [folder / Path(part).name for part in sorted(set(read_json(path)["weight_map"].values()))]
        return {name: value.float() for file in files for name, value in load_file(file).items()}
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"damaged weights ({reason})", where=path, remedy="copy the checkpoint again") from None


def _configuration(path: Path) -> dict[str, Any]:
    try:
        stored = read_json(path)
    except FileNotFoundError:
        raise InputError("no such file", where=path, remedy="give the folder of a checkpoint") from None
    except ValueError as error:
        raise InputError(f"not JSON ({error})", where=path, remedy="copy the checkpoint again") from None
    if not isinstance(stored, dict):
        raise InputError("not a configuration", where=path, remedy="copy the checkpoint again")
    return stored


def _number(stored: Mapping[str, Any], name: str, path: Path) -> int:
    value = stored.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InputError(f"{name} is {value!r}, not a number above 0", where=path, remedy="copy the checkpoint again")
    return value


def _encoder_sizes(
    stored: Mapping[str, Any], weights: Mapping[str, Tensor], prefix: str, longest: int, path: Path, layers: str
) -> HyenaSizes:
    """Return an encoder's sizes, from the configuration and from the shapes of its first layer."""
    for name, value in _EXPECTED.items():
        if stored.get(name, value) != value:
            raise InputError(f"{name} is {stored[name]!r}, not {value!r}", where=path, remedy="give another checkpoint")
    first = f"{prefix}layers.0."
    try:
        vocabulary = len(weights[f"{prefix}embed.weight"])
        filter_width, features = weights[f"{first}filter.hidden.0.weight"].shape
        inner, short = len(weights[f"{first}expand.weight"]), weights[f"{first}short.weight"].shape[2]
    except (KeyError, ValueError, IndexError):
        raise InputError("not the weights of a HyenaDNA encoder", where=path.parent, remedy="copy it again") from None
    return HyenaSizes(
        vocabulary=vocabulary,
        width=_number(stored, "d_model", path),
        inner=inner,
        layers=_number(stored, layers, path),
        longest=longest,
        bands=(features - 1) // 2,
        filter_width=filter_width,
        filter_layers=sum(name.startswith(f"{first}filter.hidden.") and name.endswith("weight") for name in weights),
        short=short,
        frequency=float(stored.get("activation_freq", 10)),
    )


def _renamed(raw: Mapping[str, Tensor], path: Path) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return weights under their names in `TransgenicNetwork`, and stored constants.

    A weight may be stored under several names; the copies must be equal.
    """
    weights: dict[str, Tensor] = {}
    constants: dict[str, Tensor] = {}
    for stored_name, value in raw.items():
        # torch.compile adds this prefix to the names of a model that is saved.
        name = stored_name.replace("_orig_mod.", "")
        if name == _POSITIONS or name.endswith(("pos_emb.z", "pos_emb.t", "modulation.deltas")):
            constants[name] = value
            continue
        target = _target(name)
        if target is None:
            raise InputError(f"has unknown {stored_name}", where=path.parent, remedy="give weights of its config.json")
        if target in weights and not torch.equal(weights[target], value):
            raise InputError(f"{stored_name} has another copy", where=path.parent, remedy="copy the checkpoint again")
        weights[target] = value
    for target in [name for name in weights if re.search(r"filter\.hidden\.\d+\.weight$", name)]:
        # The last linear layer of a filter is the one without a bias.
        if target.removesuffix("weight") + "bias" not in weights:
            weights[re.sub(r"hidden\.\d+", "last", target)] = weights.pop(target)
    return weights, constants


def _target(name: str) -> str | None:
    """Return the name of a published weight in `TransgenicNetwork`, or None if it is unknown."""
    if name in _REST:
        return _REST[name]
    if _BACKBONE.match(name):
        return _encoder_target(_BACKBONE.sub("", name))
    match = re.fullmatch(r"transgenic\.decoder\.layers\.(\d+)\.(\w+)\.(?:(\w+)\.)?(weight|bias)", name)
    if match is None or match[2] not in _DECODER:
        return None
    middle = f".{_PROJECTIONS[match[3]]}" if match[3] in _PROJECTIONS else ""
    if (match[2] in ("self_attn", "encoder_attn")) != bool(middle):
        return None
    return f"decoder.layers.{match[1]}.{_DECODER[match[2]]}{middle}.{match[4]}"


def _encoder_target(name: str) -> str | None:
    if name == "embeddings.word_embeddings.weight":
        return "encoder.embed.weight"
    if name in ("ln_f.weight", "ln_f.bias"):
        return f"encoder.norm.{name.removeprefix('ln_f.')}"
    match = re.fullmatch(r"layers\.(\d+)\.(.+)", name)
    if match is None:
        return None
    layer, parameter = f"encoder.layers.{match[1]}", match[2]
    if parameter == "mixer.filter_fn.bias":
        return f"{layer}.filter.skip"
    if mlp := re.fullmatch(r"mixer\.filter_fn\.implicit_filter\.(\d+)\.(weight|bias|freq)", parameter):
        # Linear layers stand at even places, sines between them.
        number = int(mlp[1])
        return f"{layer}.filter.frequency" if mlp[2] == "freq" else f"{layer}.filter.hidden.{number // 2}.{mlp[2]}"
    head, _, part = parameter.rpartition(".")
    return f"{layer}.{_LAYER[head]}.{part}" if head in _LAYER and part in ("weight", "bias") else None


def _check_constants(constants: Mapping[str, Tensor], sizes: HyenaSizes, folder: str | Path) -> None:
    """Check the constants that a checkpoint stores against those computed from its configuration."""
    for name, value in constants.items():
        time, place = positions(sizes.longest, sizes.bands, sizes.longest)
        if name.endswith("pos_emb.z"):
            wanted = place[None]
        elif name.endswith("pos_emb.t"):
            wanted = time[None, :, None]
        elif name.endswith("modulation.deltas"):
            value, wanted = value.abs(), window_rates(sizes.width)[None, None]
        else:
            wanted = sines(sizes.longest, sizes.width)
        if value.shape != wanted.shape or not torch.allclose(value, wanted, rtol=1e-2, atol=1e-2):
            raise InputError(f"{name} is not that of its config.json", where=folder, remedy="copy the checkpoint again")


def _fill(module: nn.Module, weights: Mapping[str, Tensor], folder: str | Path) -> None:
    expected = module.state_dict()
    # An untrained frequency is not stored: it is in the configuration.
    problem = mismatch(expected, weights, [name for name in expected if name.endswith("filter.frequency")])
    if problem:
        raise InputError(problem, where=folder, remedy="give weights of its config.json")
    module.load_state_dict(dict(weights), strict=False)
