"""Labelled sequences from FASTA or CSV, and their features: embeddings of a model, k-mers of bases or of codons."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genescribe.codon.network import Network
from genescribe.codon.vocabulary import CODONS, dna_tokens
from genescribe.config import to_mapping
from genescribe.errors import InputError
from genescribe.files import atomic_path, sha256

POOLINGS = ("mean", "last", "max", "begin")


@dataclass(frozen=True)
class Sequences:
    """Some coding sequences.

    Attributes
    ----------
    ids
        Unique.
    dna
        Whole codons, upper case.
    labels
        Empty where the file gives none.
    notes
        What else the file says of each: other columns of CSV, other key=value words of FASTA headers; "" where it is
        silent on a sequence.
    """

    ids: tuple[str, ...]
    dna: tuple[str, ...]
    labels: tuple[str, ...]
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)


def read_sequences(path: str | Path, *, label: str = "label") -> Sequences:
    """Read FASTA (`label=` and other key=value words in the header) or CSV (columns `seq`, `id`, `label` and others).

    Raises
    ------
    InputError
        No sequence, no column `seq`, repeated ids, letters other than bases, or incomplete codons.
    """
    path = Path(path)
    text = path.read_text(encoding="utf-8")
    rows = list(_from_fasta(text) if text.lstrip().startswith(">") else _from_csv(path, text))
    if not rows:
        raise InputError("no sequence", where=path, remedy="give FASTA, or CSV with a column seq")
    ids, dna, notes = zip(*rows, strict=True)
    double = next((name for name, count in Counter(ids).items() if count > 1), None)
    if double is not None:
        raise InputError(f"the id {double!r} occurs twice", where=path, remedy="give each sequence its own")
    cleaned = tuple("".join(one.split()).upper().replace("U", "T") for one in dna)
    for name, one in zip(ids, cleaned, strict=True):
        dna_tokens(one, where=f"{path}: {name}")
    keys = dict.fromkeys(key for one in notes for key in one)
    columns = {key: tuple(one.get(key, "") for one in notes) for key in keys}
    labels = columns.pop(label, ())
    return Sequences(ids, cleaned, labels if all(labels) else (), columns)


Row = tuple[str, str, dict[str, str]]
"""Id, sequence, what else is said of it."""


def _from_fasta(text: str) -> Iterator[Row]:
    for record in text.split(">")[1:]:
        head, _, body = record.partition("\n")
        name, *words = head.split() or [""]
        yield name, body, dict(word.split("=", 1) for word in words if "=" in word)


def _from_csv(path: Path, text: str) -> Iterator[Row]:
    reader = csv.DictReader(text.splitlines())
    if "seq" not in (reader.fieldnames or []):
        raise InputError("no column `seq`", where=path, line=1, remedy="name the column of the sequences seq")
    for number, row in enumerate(reader, 1):
        notes = {key: value or "" for key, value in row.items() if key not in ("id", "seq", None)}
        yield row.get("id") or f"row{number}", row["seq"] or "", notes


# -- embeddings of a model ---------------------------------------------------------------------------------------------
def embed(
    network: Network, dna: Sequence[str], *, layers: Sequence[int] = (-1,), pooling: str = "mean"
) -> NDArray[np.float32]:
    """Return one vector a sequence, (n, layers x C).

    Parameters
    ----------
    network
        The model.
    dna
        Coding sequences.
    layers
        0 is the embedding, 1 the first block, -1 the last; several are put side by side.
    pooling
        Over codons: `mean`, `max`, `last` (the last codon), `begin` (`<BOS_CDS>`). There is no padding to leave out.
    """
    found = []
    for states in network.states_many((dna_tokens(one) for one in dna), layers):
        codons = states[1:] if len(states) > 1 else states
        pooled = {"mean": codons.mean(0), "max": codons.max(0), "last": codons[-1], "begin": states[0]}[pooling]
        found.append(pooled)
    return np.stack(found)


def extract_embeddings(
    model: str | Path,
    source: str | Path,
    target: str | Path,
    *,
    layers: Sequence[int] = (-1,),
    pooling: str = "mean",
    untrained: bool = False,
    label: str = "label",
    seed: int = 0,
) -> Sequences:
    """Write the embeddings of a file's sequences as `.npz`: `embeddings`, `ids`, `labels`, and what they come from.

    What else the file says of the sequences is in arrays `note_` and its name.

    Raises
    ------
    InputError
        A file that cannot be read, or a layer that the model does not have.
    """
    network = Network.load(model)
    if untrained:
        network = network.untrained(seed)
    depth = network.model.config.n_layer
    if not all(-depth - 1 <= layer <= depth for layer in layers):
        raise InputError(f"layers {list(layers)} of 0 to {depth}", where="--layers", remedy="name layers that exist")
    sequences = read_sequences(source, label=label)
    values = embed(network, sequences.dna, layers=layers, pooling=pooling)
    metadata: dict[str, Any] = {
        "layers": np.array(layers),
        "pooling": np.array(pooling),
        "untrained": np.array(untrained),
        "model": np.array(str(to_mapping(network.model.config))),
        "source_sha256": np.array(sha256(source)),
    } | {f"note_{name}": np.array(values) for name, values in sequences.notes.items()}
    with atomic_path(target) as temporary, temporary.open("wb") as out:
        np.savez(
            out,
            embeddings=values,
            ids=np.array(sequences.ids),
            labels=np.array(sequences.labels, dtype=str),
            **metadata,
        )
    return sequences


# -- k-mers ------------------------------------------------------------------------------------------------------------
def kmer_features(dna: Sequence[str], k: int, alphabet: str = "base") -> NDArray[np.float32]:
    """Return the share of each k-mer, (n, 4^k or 64^k).

    Parameters
    ----------
    dna
        Sequences.
    k
        Letters of a word; at most 8 bases or 2 codons.
    alphabet
        `base`, in all three frames; or `codon`, in frame.
    """
    if not 1 <= k <= (8 if alphabet == "base" else 2):
        raise InputError(f"k is {k}", where="k", remedy="give 1 to 8 bases, or 1 or 2 codons")
    letters = 4 if alphabet == "base" else 64
    number = {codon: i for i, codon in enumerate(CODONS)}
    rows = np.zeros((len(dna), letters**k), dtype=np.float32)
    for row, text in zip(rows, dna, strict=True):
        values = (
            np.array(["ACGT".index(base) for base in text])
            if alphabet == "base"
            else np.array([number[text[i : i + 3]] for i in range(0, len(text) - 2, 3)])
        )
        if len(values) >= k:
            words = np.lib.stride_tricks.sliding_window_view(values, k) @ (letters ** np.arange(k))
            np.add.at(row, words, 1 / len(words))
    return rows
