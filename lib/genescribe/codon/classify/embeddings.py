"""One vector per coding sequence from the states of a codon model: computed, written and read."""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genescribe.codon.classify.sequences import Sequences, read_sequences
from genescribe.codon.network.predictor import Network
from genescribe.codon.sequences.vocabulary import dna_tokens
from genescribe.errors import InputError
from genescribe.files import atomic_path, sha256
from genescribe.train.model_files import weights_digest

_logger = logging.getLogger("genescribe.codon")
_NOTE = "note_"
_SKETCHES = ("sketches", "sketch_sizes")


def embed(network: Network, dna: Sequence[str], *, layers: Sequence[int] = (-1,)) -> NDArray[np.float32]:
    """Return one vector per sequence, the mean over its codons, (n, layers x C).

    Parameters
    ----------
    network
        The codon model.
    dna
        Coding sequences, in frame.
    layers
        0 is the embedding, 1 the first block, -1 the last; several are put side by side.

    Raises
    ------
    InputError
        A layer that the model does not have.
    """
    depth = network.model.config.n_layer
    if not layers or not all(-depth - 1 <= layer <= depth for layer in layers):
        raise InputError(f"layers {list(layers)} of 0 to {depth}", where="layers", remedy="name layers that exist")
    every = network.states_many((dna_tokens(sequence) for sequence in dna), layers)
    return np.stack([(states[1:] if len(states) > 1 else states).mean(0) for states in every])


def described(network: Network, weights: str, layers: Sequence[int]) -> dict[str, Any]:
    """Return a description of the embeddings; those of equal descriptions may be compared.

    Parameters
    ----------
    network
        The codon model.
    weights
        Digest of its weights.
    layers
        See `embed`.
    """
    depth = network.model.config.n_layer
    return {"weights": weights, "layers": [layer % (depth + 1) for layer in layers]}


def extract_embeddings(
    model: str | Path,
    source: str | Path,
    target: str | Path,
    *,
    layers: Sequence[int] = (-1,),
    untrained: bool = False,
    label: str = "label",
    seed: int = 0,
) -> Sequences:
    """Write the embeddings of a file's sequences as `.npz`: `embeddings`, `ids`, `labels`, and their origin.

    Further columns of the file are in arrays `note_` and its name. Digests of the sequences and words of
    their proteins are kept as well, so that a classifier can tell training from test without them.

    Parameters
    ----------
    model
        Folder of a codon model.
    source
        FASTA or CSV file of coding sequences.
    target
        `.npz` file to write.
    layers
        Layers whose states are joined; 0 is the embedding, negative numbers count from the last.
    untrained
        Use the same network with fresh weights.
    label
        Field of the header, or column, that holds the label.
    seed
        Seed of the fresh weights.

    Raises
    ------
    InputError
        A file that cannot be read, or a layer that the model does not have.
    """
    network = Network.load(model)
    if untrained:
        network = network.untrained(seed)
    sequences = read_sequences(source, label=label)
    if blank := sum(not value for value in sequences.labels):
        _logger.warning("%s: %d of %d sequences have no %r", sequences.source, blank, len(sequences), label)
    values = embed(network, sequences.dna, layers=layers)
    weights = f"fresh weights, seed {seed}" if untrained else weights_digest(model)
    made_by = described(network, weights, layers)
    notes: dict[str, Any] = {f"{_NOTE}{name}": np.array(values) for name, values in sequences.notes.items()}
    with atomic_path(target) as temporary, temporary.open("wb") as out:
        np.savez(
            out,
            embeddings=values,
            ids=np.array(sequences.ids),
            labels=np.array(sequences.labels, dtype=str),
            digests=np.array(sequences.digests),
            sketches=np.concatenate(sequences.sketches),
            sketch_sizes=np.array([len(sketch) for sketch in sequences.sketches]),
            source_sha256=np.array(sha256(source)),
            **made_by,
            **notes,
        )
    return sequences


def read_embeddings(path: str | Path) -> Sequences:
    """Return the sequences of a file that `extract_embeddings` wrote, with their vectors.

    Raises
    ------
    InputError
        It is no such file.
    """
    try:
        with np.load(path) as stored:
            arrays = {name: stored[name] for name in stored.files}
        words, sizes = (arrays[name] for name in _SKETCHES)
        ids = tuple(arrays["ids"].tolist())
        return Sequences(
            str(path),
            ids,
            (),
            tuple(arrays["labels"].tolist()),
            {name.removeprefix(_NOTE): tuple(v.tolist()) for name, v in arrays.items() if name.startswith(_NOTE)},
            tuple(arrays["digests"].tolist()),
            tuple(np.split(words, np.cumsum(sizes)[:-1])),
            arrays["embeddings"],
            {name: arrays[name].tolist() for name in ("weights", "layers")},
        )
    except (KeyError, ValueError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(
            f"no embeddings of sequences ({error})", where=path, remedy="give an .npz of extract_embeddings.py"
        ) from None
