"""Windows hold every transition once and nothing across coding sequences; the integrity check catches what is lost."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genescribe.codon.run import CodonRunConfig
from genescribe.codon.sequences.cds import dna_of
from genescribe.codon.sequences.packing import Windows, pack
from genescribe.codon.sequences.prepare import load_windows, prepare, read_genes
from genescribe.codon.sequences.vocabulary import SEP, SIZE, TOKENS, dna_tokens, to_codons, to_tokens
from genescribe.errors import InputError
from genescribe.files import read_json


def transitions(windows: Windows) -> Counter[tuple[int, int, int, int]]:
    """Return (CDS, place, token, next token) of every transition inside a segment."""
    found: Counter[tuple[int, int, int, int]] = Counter()
    for number, (start, end) in enumerate(zip(windows.segments[:-1], windows.segments[1:], strict=True)):
        tokens = windows.tokens[start:end]
        if tokens[-1] == SEP:
            tokens = tokens[:-1]
        for place, (a, b) in enumerate(itertools.pairwise(tokens)):
            found[int(windows.cds[number]), int(windows.offsets[number]) + place, int(a), int(b)] += 1
    return found


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 70), min_size=1, max_size=20),
    st.integers(8, 64),
    st.sampled_from(["multi", "single"]),
    st.integers(0, 99),
)
def test_packing_is_lossless(lengths: list[int], block: int, mode: str, seed: int) -> None:
    generator = np.random.default_rng(seed)
    genes = [generator.integers(0, 64, n).astype(np.uint8) for n in lengths]
    windows = pack(genes, block_size=block, mode=mode, seed=seed)
    expected: Counter[tuple[int, int, int, int]] = Counter()
    for number, gene in enumerate(genes):
        tokens = to_tokens(gene).tolist()
        expected.update((number, i, a, b) for i, (a, b) in enumerate(itertools.pairwise(tokens)))
    assert transitions(windows) == expected
    assert np.diff(windows.windows).max() <= block
    assert windows.pad_only == windows.lost == 0
    separators = int((windows.tokens == SEP).sum())
    assert separators == len(windows.cds) - len(windows)
    if mode == "single":
        assert separators == 0


def test_multi_fills_windows() -> None:
    genes = [np.zeros(n, dtype=np.uint8) for n in (10, 20, 30, 40) * 20]
    windows = pack(genes, block_size=100)
    assert len(windows.tokens) / (len(windows) * 100) > 0.9


def test_too_many_windows_a_sequence_end_the_run_unless_forced(
    prepared: Path, run_config: CodonRunConfig, tmp_path: Path
) -> None:
    extracted = {d.name: prepared.parent / d.name for d in run_config.data.datasets}
    data = replace(run_config.data, pack_mode="single", windows_per_seq=3)
    with pytest.raises(InputError, match=r"windows hold only padding.*--force"):
        prepare(extracted, data, tmp_path / "data", block_size=64)
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["integrity.json"]
    found = prepare(extracted, data, tmp_path / "data", block_size=64, force=True)
    assert found["pad_only"] > 0
    assert len(load_windows(tmp_path / "data", "train")) == found["splits"]["train"]["windows"]
    lossy = replace(data, windows_per_seq=1)
    with pytest.raises(InputError, match=r"[1-9]\d* transitions are in no window"):
        prepare(extracted, lossy, tmp_path / "lossy", block_size=64)


def test_a_prepared_folder_is_the_same_again(prepared: Path, run_config: CodonRunConfig, tmp_path: Path) -> None:
    extracted = {d.name: prepared.parent / d.name for d in run_config.data.datasets}
    prepare(extracted, run_config.data, tmp_path / "again", block_size=96)
    first, second = (read_json(folder / "manifest.json")["files"] for folder in (prepared, tmp_path / "again"))
    assert first == second
    genes = read_genes(prepared)
    assert len(genes) == 120
    assert {gene.split for gene in genes if gene.genome == "Delta.four"} == {"test"}
    statistics = read_json(prepared / "statistics.json")
    assert statistics["train"]["cds"] == sum(gene.split == "train" for gene in genes)


def test_vocabulary() -> None:
    assert SIZE == 68 == len(set(TOKENS))
    assert TOKENS[:4] == ("<PAD>", "<BOS_CDS>", "<EOS_CDS>", "<SEP>")
    tokens = dna_tokens("atg AAA uaa")
    assert [TOKENS[t] for t in tokens] == ["<BOS_CDS>", "ATG", "AAA", "TAA"]
    assert dna_of(to_codons(tokens)) == "ATGAAATAA"
    for bad, message in (("ATGN", "holds the letters 'N'"), ("ATGA", "no multiple of three")):
        with pytest.raises(InputError, match=message):
            dna_tokens(bad)
