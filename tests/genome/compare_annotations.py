"""Compare two annotations regardless of their IDs, order and attributes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from genescribe.genome.annotation.text import gff3_attributes, table_rows

Feature = tuple[str, str, int, int, str, str]
"""seqid, type, start, end, strand, phase."""

Tree = tuple[Feature, frozenset[object]]
"""A feature with the set of its children's trees."""


def canonical(path: str | Path, *, phases: bool = False) -> frozenset[Tree]:
    """Return a GFF3 file as the set of its top features, each with the features below it, without IDs.

    Parameters
    ----------
    path
        GFF3, plain or gzip.
    phases
        Whether the phase is part of what is compared.

    Notes
    -----
    A row with several parents stands below each. A row whose Parent does not exist counts as a top feature. Exact
    repetitions below one parent count once, and a row that is its own parent counts as a top feature. AGAT writes some
    Parents in lower case: a Parent that matches no ID is matched without regard to case.
    """
    features: list[Feature] = []
    names: list[str] = []
    parents: list[list[str]] = []
    for _, columns in table_rows(path):
        attributes = gff3_attributes(columns[8])
        name = attributes.get("ID", "")
        phase = columns[7] if phases else "."
        features.append((columns[0], columns[2], int(columns[3]), int(columns[4]), columns[6], phase))
        names.append(name)
        parents.append([p for p in attributes.get("Parent", "").split(",") if p not in ("", name)])
    known = {name.lower(): name for name in names if name} | {name: name for name in names if name}
    children: dict[str, list[int]] = {}
    top = []
    for index, wanted in enumerate(parents):
        found = {known[p if p in known else p.lower()] for p in wanted if p in known or p.lower() in known}
        for parent in found:
            children.setdefault(parent, []).append(index)
        if not found:
            top.append(index)

    def tree(index: int) -> Tree:
        return features[index], frozenset(map(tree, children.get(names[index], ())))

    return frozenset(map(tree, top))


def difference(ours: Iterable[Tree], theirs: Iterable[Tree]) -> str:
    """Return the rows of two canonical forms that differ, as text (`+` only in ours, `-` only in theirs)."""
    mine, other = frozenset(ours), frozenset(theirs)
    lines = [line for tree in sorted(other - mine, key=repr) for line in _show(tree, "-", 0)]
    return "\n".join(lines + [line for tree in sorted(mine - other, key=repr) for line in _show(tree, "+", 0)])


def _show(tree: Tree, mark: str, depth: int) -> list[str]:
    seqid, type_, start, end, strand, phase = tree[0]
    lines = [f"{mark} {'  ' * depth}{seqid} {type_} {start}-{end} {strand} {phase}"]
    for child in sorted(tree[1], key=repr):
        lines += _show(child, mark, depth + 1)  # type: ignore[arg-type]
    return lines
