"""Turn the coding sequences of several genomes into packed windows by split, checked, counted and hashed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genescribe.bake.leakage import connected, similar_pairs, sketch
from genescribe.codon.config import SPLITS, DataConfig
from genescribe.codon.sequences import splits
from genescribe.codon.sequences.extract import Entry, read_extracted
from genescribe.codon.sequences.homology import CROWD, protein_of
from genescribe.codon.sequences.packing import Windows, pack
from genescribe.codon.sequences.vocabulary import FIRST_CODON, TOKENS
from genescribe.config import to_mapping
from genescribe.errors import InputError
from genescribe.files import atomic_directory, read_json, read_table, sha256, write_json, write_table, write_text

TABLE = "cds.tsv"
COLUMNS = ("genome", "id", "split", "cluster", "codons", "table", "partial", "homologue", "product")
_GC = np.array([sum(base in "CG" for base in codon) for codon in TOKENS[FIRST_CODON:]])
_GC3 = np.array([codon[2] in "CG" for codon in TOKENS[FIRST_CODON:]])


@dataclass(frozen=True)
class Gene:
    """A coding sequence of a prepared folder.

    Attributes
    ----------
    genome, id
        Where it comes from.
    split
        train, validation, test or quarantine.
    cluster
        Number of its homology cluster.
    table
        Number of the NCBI translation table.
    homologue
        Of a test or validation CDS: whether a training CDS resembles it.
    product
        Name of the product.
    codons : (n,) uint8
        Numbers 0..63.
    """

    genome: str
    id: str
    split: str
    cluster: int
    table: int
    homologue: bool
    product: str
    codons: NDArray[np.uint8]


def prepare(
    extracted: Mapping[str, str | Path],
    config: DataConfig,
    target: str | Path,
    *,
    block_size: int,
    seed: int = 1,
    force: bool = False,
) -> dict[str, Any]:
    """Write the data of a run.

    Parameters
    ----------
    extracted
        Dataset -> folder that `genescribe.codon.sequences.extract.extract` wrote.
    config
        Options of splits and packing.
    target
        Folder to write: `SPLIT.npz` (windows), `codons.npz` and `cds.tsv` (the coding sequences), `quarantine.tsv`,
        `statistics.json`, `integrity.json`, `manifest.json`, `itos.txt`.
    block_size
        Most tokens of a window.
    seed
        Of splits and of the order of windows.
    force
        Write the data although its integrity is at fault.

    Returns
    -------
    dict
        What `integrity.json` holds.

    Raises
    ------
    InputError
        A split without coding sequences; or windows without a transition, or transitions in no window (unless
        `force`): then `integrity.json` alone is written.
    """
    target = Path(target)
    names = [dataset.name for dataset in config.datasets]
    entries = {name: read_extracted(extracted[name]) for name in names}
    every = [entry for name in names for entry in entries[name]]
    genome = np.repeat(np.arange(len(names)), [len(entries[name]) for name in names])
    pairs, shares = similar_pairs([sketch(protein_of(entry.codons, entry.table)) for entry in every], crowd=CROWD)
    cluster = connected(len(every), pairs)
    lengths = np.array([len(entry.codons) for entry in every], dtype=np.int64)
    assignment = splits.assign(config, genome, lengths, cluster, pairs, shares, seed=seed)
    windows = {
        name: _packed(every, np.flatnonzero(assignment.split == number), config, block_size, seed)
        for number, name in enumerate(SPLITS)
    }
    integrity = _integrity(every, assignment.split, windows)
    if not integrity["ok"] and not force:
        write_json(target / "integrity.json", integrity)
        raise InputError(
            f"{integrity['pad_only']} windows hold only padding, {integrity['lost']} transitions are in no window",
            where=target / "integrity.json",
            remedy="adjust block_size or windows_per_seq, or give --force to leave both out",
        )
    manifest = {
        "options": {"data": to_mapping(config), "block_size": block_size, "seed": seed},
        "sources": {name: read_json(Path(extracted[name]) / "summary.json") for name in names},
    }
    with atomic_directory(target) as folder:
        for name, packed in windows.items():
            _save(folder / f"{name}.npz", packed)
        starts = np.concatenate([[0], np.cumsum(lengths)])
        np.savez(folder / "codons.npz", codons=np.concatenate([entry.codons for entry in every]), starts=starts)
        _write_table(folder, names, every, genome, cluster, assignment)
        write_text(folder / "itos.txt", "".join(f"{token}\n" for token in TOKENS))
        write_json(folder / "statistics.json", _statistics(names, every, genome, assignment.split, windows, lengths))
        write_json(folder / "integrity.json", integrity)
        hashes = {path.name: sha256(path) for path in sorted(folder.iterdir())}
        write_json(folder / "manifest.json", manifest | {"files": hashes})
    return integrity


def read_genes(folder: str | Path, split: str | None = None) -> list[Gene]:
    """Return the coding sequences of a prepared folder, of one split or of all.

    Raises
    ------
    InputError
        Nothing was prepared there.
    """
    folder = Path(folder)
    if not (folder / TABLE).exists():
        raise InputError("no prepared coding sequences here", where=folder, remedy="run codon_prepare.py first")
    with np.load(folder / "codons.npz") as stored:
        codons, starts = stored["codons"], stored["starts"]
    return [
        Gene(
            row["genome"],
            row["id"],
            row["split"],
            int(row["cluster"]),
            int(row["table"]),
            row["homologue"] == "yes",
            row["product"],
            codons[starts[number] : starts[number + 1]],
        )
        for number, row in enumerate(read_table(folder / TABLE, "\t"))
        if split is None or row["split"] == split
    ]


def load_windows(folder: str | Path, split: str) -> Windows:
    """Return the windows of a split."""
    with np.load(Path(folder) / f"{split}.npz") as stored:
        return Windows(*(stored[name] for name in ("tokens", "windows", "segments", "cds", "offsets")))


def data_digest(folder: str | Path) -> str:
    """Return a digest of everything that training reads."""
    files = read_json(Path(folder) / "manifest.json")["files"]
    return "-".join(files[f"{name}.npz"][:16] for name in SPLITS)


def _packed(every: Sequence[Entry], mine: NDArray[np.int64], config: DataConfig, block_size: int, seed: int) -> Windows:
    packed = pack(
        [every[i].codons for i in mine.tolist()],
        block_size=block_size,
        mode=config.pack_mode,
        windows_per_seq=config.windows_per_seq,
        partial=[every[i].partial for i in mine.tolist()],
        seed=seed,
    )
    numbers = mine[packed.cds] if len(packed.cds) else packed.cds
    return Windows(
        packed.tokens, packed.windows, packed.segments, numbers, packed.offsets, packed.pad_only, packed.lost
    )


def _integrity(every: Sequence[Entry], split: NDArray[np.int64], windows: Mapping[str, Windows]) -> dict[str, Any]:
    """Return how much packing lost or left empty, counted again from the windows themselves."""
    by_split = {}
    for number, name in enumerate(SPLITS):
        packed = windows[name]
        chosen = [every[i] for i in np.flatnonzero(split == number).tolist()]
        wanted = sum(len(e.codons) + 1 - ("5'" in e.partial) - ("3'" in e.partial) for e in chosen)
        # All segments but the last of each window end with <SEP>.
        separators = len(packed.cds) - len(packed)
        packed_count = len(packed.tokens) - len(packed.cds) - separators
        by_split[name] = {
            "windows": len(packed),
            "pad_only": packed.pad_only,
            "transitions": packed_count,
            "lost": wanted - packed_count,
        }
    pad_only, lost = (sum(numbers[key] for numbers in by_split.values()) for key in ("pad_only", "lost"))
    return {"ok": pad_only == 0 and lost == 0, "pad_only": pad_only, "lost": lost, "splits": by_split}


def _save(path: Path, packed: Windows) -> None:
    np.savez(
        path,
        tokens=packed.tokens,
        windows=packed.windows,
        segments=packed.segments,
        cds=packed.cds,
        offsets=packed.offsets,
    )


def _write_table(
    folder: Path,
    names: Sequence[str],
    every: Sequence[Entry],
    genome: NDArray[np.int64],
    cluster: NDArray[np.int64],
    assignment: splits.Assignment,
) -> None:
    chosen = [splits.NAMES[number] for number in assignment.split.tolist()]
    rows = []
    for i, cds in enumerate(every):
        homologue = "yes" if assignment.homologue[i] else "no"
        row = [names[genome[i]], cds.id, chosen[i], int(cluster[i]), len(cds.codons), cds.table, cds.partial]
        rows.append([*row, homologue, cds.product])
    write_table(folder / TABLE, COLUMNS, rows, delimiter="\t")
    quarantined = []
    for i in np.flatnonzero(assignment.partner >= 0).tolist():
        j = int(assignment.partner[i])
        closest = [names[genome[j]], every[j].id, f"{assignment.share[i]:.3f}", chosen[j]]
        quarantined.append([names[genome[i]], every[i].id, *closest])
    columns = ["genome", "id", "resembles_genome", "resembles", "share_of_words", "its_split"]
    write_table(folder / "quarantine.tsv", columns, quarantined, delimiter="\t")


def _statistics(
    names: Sequence[str],
    every: Sequence[Entry],
    genome: NDArray[np.int64],
    split: NDArray[np.int64],
    windows: Mapping[str, Windows],
    lengths: NDArray[np.int64],
) -> dict[str, Any]:
    """Return, by split and within it by genome: coding sequences, codons, lengths, GC, GC of third bases, windows."""
    usage = np.stack([np.bincount(entry.codons, minlength=64) for entry in every])
    result: dict[str, Any] = {}
    for number, name in enumerate(splits.NAMES):
        mine = split == number
        described = _describe(usage[mine], lengths[mine])
        described["genomes"] = {
            names[g]: _describe(usage[mine & (genome == g)], lengths[mine & (genome == g)])
            for g in np.unique(genome[mine]).tolist()
        }
        if name in windows:
            packed = windows[name]
            described["windows"], described["tokens"] = len(packed), len(packed.tokens)
        result[name] = described
    return result


def _describe(usage: NDArray[np.int64], lengths: NDArray[np.int64]) -> dict[str, Any]:
    total = usage.sum(axis=0)
    codons = int(total.sum())
    return {
        "cds": len(lengths),
        "codons": codons,
        "median_codons": float(np.median(lengths)) if len(lengths) else 0.0,
        "gc": round(float((total * _GC).sum()) / (3 * codons), 4) if codons else 0.0,
        "gc3": round(float((total * _GC3).sum()) / codons, 4) if codons else 0.0,
    }
