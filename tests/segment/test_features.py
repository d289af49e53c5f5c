"""Tracks against a slow and plain computation, and the two promises: relative frames, bounded reach."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genescribe.errors import InputError
from genescribe.genome.alphabet import encode, reverse_complement
from genescribe.genome.genetic_code import GeneticCode
from genescribe.segment.config import TRACKS
from genescribe.segment.network.features import Tracks

CODE = GeneticCode.from_table(1)
STOPS = CODE.stops


def codes(sequence: str) -> torch.Tensor:
    return torch.from_numpy(encode(sequence).copy())[None]


def compute(sequence: str, *names: str, cap: int = 60) -> np.ndarray:
    tracks = Tracks(names, CODE, cap).eval()
    return tracks(codes(sequence), torch.tensor([len(sequence)]))[0].numpy()


def breaks(sequence: str, p: int) -> bool:
    """Whether the codon at base p ends a run: a stop, or not three known bases."""
    codon = sequence[p : p + 3] if p >= 0 else ""
    return len(codon) < 3 or "N" in codon or codon in STOPS


def plain_run(sequence: str, i: int, f: int, cap: int) -> tuple[list[int], int]:
    """Codon starts of the run around the codon at i - f, as far as `cap` bases from it, and its own start."""
    p = i - f
    if breaks(sequence, p):
        return [], p
    left, right = [], []
    for q in range(p - 3, p - cap, -3):
        if breaks(sequence, q):
            break
        left.append(q)
    for q in range(p + 3, p + cap, 3):
        if breaks(sequence, q):
            break
        right.append(q)
    return [*reversed(left), p, *right], p


def scaled(length: int, cap: int) -> float:
    return math.log1p(length) / math.log1p(cap)


def plain(sequence: str, name: str, cap: int) -> np.ndarray:
    rows = []
    for i in range(len(sequence)):
        row = []
        for f in range(3):
            run, p = plain_run(sequence, i, f, cap)
            if name == "orf":
                row.append([3 * len(run)])
            elif name == "stops":
                row.append([3 * sum(q <= p for q in run), 3 * sum(q >= p for q in run)])
            else:
                starts = [q for q in run if sequence[q : q + 3] == "ATG" and q <= p]
                row.append([3 * sum(q >= starts[0] for q in run) if starts else 0])
        rows.append([scaled(value, cap) for column in zip(*row, strict=True) for value in column])
    return np.array(rows)


sequences = st.text(alphabet="ACGTN", min_size=1, max_size=8).flatmap(
    lambda unit: st.lists(
        st.sampled_from(["A", "C", "G", "T", "N", "ATG", "TAA", "CCC", "GGC", unit]), min_size=1, max_size=60
    )
)


@settings(max_examples=60, deadline=None)
@given(parts=sequences, cap=st.sampled_from([3, 9, 30, 31, 1500]))
def test_lengths_equal_a_plain_computation(parts: list[str], cap: int) -> None:
    sequence = "".join(parts)
    whole = cap - cap % 3
    for name in ("stops", "starts"):
        np.testing.assert_allclose(compute(sequence, name, cap=cap), plain(sequence, name, whole), atol=1e-6)
    np.testing.assert_allclose(compute(sequence, "orf", cap=cap)[:, :3], plain(sequence, "orf", whole), atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(parts=sequences)
def test_the_other_strand_is_this_strand_of_the_reverse_complement(parts: list[str]) -> None:
    sequence = "".join(parts)
    turned = torch.from_numpy(reverse_complement(encode(sequence)).copy())[None]
    lengths = torch.tensor([len(sequence)])
    tracks = Tracks(["orf"], CODE, 60).eval()
    here, there = tracks(codes(sequence), lengths)[0], tracks(turned, lengths)[0].flip(0)
    # Codon position f counted from the codon's left end is 2 - f counted from its right end.
    torch.testing.assert_close(here[:, 3:], there[:, :3].flip(1))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 40), st.text("ACGT", min_size=90, max_size=120), st.text("ACGTN", max_size=50), st.data())
def test_values_depend_on_bases_within_reach_alone(cap: int, core: str, flank: str, data: st.DataObject) -> None:
    tracks = Tracks(TRACKS, CODE, max(cap, 3)).eval()
    i = data.draw(st.integers(tracks.reach, len(core) - 1 - tracks.reach)) if len(core) > 2 * tracks.reach else None
    if i is None:
        return
    around = flank + core + flank
    apart = tracks(codes(core), torch.tensor([len(core)]))[0, i]
    within = tracks(codes(around), torch.tensor([len(around)]))[0, i + len(flank)]
    assert torch.equal(apart, within)


def test_padding_is_zero_and_unseen() -> None:
    tracks = Tracks(TRACKS, CODE, 60).eval()
    alone = tracks(codes("ACGTATGCCCTAAG"), torch.tensor([14]))
    padded = torch.cat([codes("ACGTATGCCCTAAG"), codes("ATGATGATG")], dim=1)
    together = tracks(padded, torch.tensor([14]))
    assert torch.equal(together[:, :14], alone)
    assert not together[:, 14:].any()
    assert together.shape == (1, 23, tracks.width) == (1, 23, sum(TRACKS.values()))


def test_bases_and_softmask() -> None:
    values = compute("AcGtN", "bases", "softmask")
    assert values[:, :4].tolist() == [*np.eye(4).tolist(), [0.25] * 4]
    assert values[:, 4].tolist() == [0, 1, 0, 1, 0]


def test_training_hides_the_softmask_of_whole_sequences() -> None:
    torch.manual_seed(3)
    tracks = Tracks(["softmask"], CODE, softmask_dropout=0.5).train()
    values = tracks(codes("acgt").expand(200, 4), torch.full((200,), 4))[..., 0]
    shown = values.sum(dim=1)
    assert set(shown.tolist()) == {0.0, 4.0}
    assert 60 < int((shown > 0).sum()) < 140


def test_the_genetic_code_counts() -> None:
    open_in_table_4 = "AAATGAAAA"
    tracks = Tracks(["orf"], GeneticCode.from_table(4), 60).eval()
    values = tracks(codes(open_in_table_4), torch.tensor([9]))[0]
    assert math.isclose(float(values[0, 0]), scaled(9, 60), rel_tol=1e-6)
    assert math.isclose(float(compute(open_in_table_4, "orf")[0, 0]), scaled(3, 60), rel_tol=1e-6)


def test_an_unknown_track_is_one_line() -> None:
    with pytest.raises(InputError, match="features: unknown track 'gc'; known: bases, softmask, orf, stops, starts"):
        Tracks(["gc"], CODE)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text(alphabet="ACGTNacgt", min_size=1, max_size=150), min_size=1, max_size=3),
    st.permutations(tuple(TRACKS)),
    st.integers(3, 80),
)
def test_native_tracks_are_those_of_pytorch(sequences: list[str], names: list[str], cap: int) -> None:
    tracks = Tracks(names, CODE, cap).eval()
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    batch = torch.full((len(sequences), int(lengths.max()) + 2), 7)
    for row, sequence in enumerate(sequences):
        batch[row, : len(sequence)] = codes(sequence)[0]
    assert torch.equal(tracks(batch, lengths), tracks.reference(batch, lengths))
