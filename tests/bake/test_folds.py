"""Folds: homologous genes together, every sequence tested once, the same folds again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genescribe.bake.folds import assign_folds, clusters
from genescribe.errors import InputError
from genescribe.genome.fasta import Genome, write_fasta
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Gene, Transcript

GROUPS = st.lists(st.integers(1, 6), min_size=1, max_size=40).map(
    lambda sizes: [[f"s{i}.{j}" for j in range(size)] for i, size in enumerate(sizes)]
)


@given(GROUPS, st.integers(2, 6), st.floats(0, 0.5), st.integers(0, 9))
def test_each_sequence_is_tested_once_and_groups_stay_whole(
    groups: list[list[str]], number: int, validation: float, seed: int
) -> None:
    if len(groups) < number:
        with pytest.raises(InputError, match="use fewer folds"):
            assign_folds(groups, number, validation, seed)
        return
    folds = assign_folds(groups, number, validation, seed)
    everything = sorted(name for group in groups for name in group)
    assert sorted(name for fold in folds for name in fold.test) == everything
    for fold in folds:
        assert sorted([*fold.train, *fold.validation, *fold.test]) == everything
        assert len(fold.validation) <= validation * (len(everything) - len(fold.test))
        for part in fold:
            assert all(set(group) <= set(part) or not set(group) & set(part) for group in groups)
    assert folds == assign_folds(groups, number, validation, seed)


def test_the_seed_decides_and_folds_are_of_like_size() -> None:
    groups = [[f"s{i}"] for i in range(100)]
    one, other = (assign_folds(groups, 5, 0.1, seed) for seed in (1, 2))
    assert one != other
    assert {len(fold.test) for fold in one} == {20}
    assert {len(fold.validation) for fold in one} == {8}


def test_sequences_with_homologous_genes_are_one_group(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    codons = [a + b + c for a in "ACGT" for b in "ACGT" for c in "ACGT" if a + b + c not in ("TAA", "TAG", "TGA")]
    first, other = (["ATG", *random.choice(codons, 200), "TAA"] for _ in range(2))
    relative = [*first[:60], *random.choice(codons, 10), *first[70:]]
    write_fasta(tmp_path / "g.fa", [("a", "".join(first)), ("b", "".join(other)), ("c", "".join(relative))])
    genes = [
        Gene(f"g{seqid}", seqid, "+", (Transcript(f"t{seqid}", ((0, 606),), ((0, 606),)),)) for seqid in ("a", "b", "c")
    ]
    genome, code = Genome.open(tmp_path / "g.fa"), GeneticCode.from_table(1)
    assert clusters(genes, genome, code, ["a", "b", "c"]) == [["a", "c"], ["b"]]
    assert clusters(genes, genome, code, ["b", "c"]) == [["b"], ["c"]]
