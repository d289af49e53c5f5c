"""Counted evidence: the tables against counts by hand, the tensors against plain loops."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from genescribe.genome.alphabet import SOFTMASK, N, encode
from genescribe.genome.genetic_code import GeneticCode
from genescribe.labels.gene_labels import CHANNELS
from genescribe.segment.composition.counting import content_odds, rank_odds, signal_odds
from genescribe.segment.composition.tables import CODON, RANKS, SITES, CountedEvidence
from genescribe.segment.config import EvidenceConfig

CONFIG = EvidenceConfig(order=2, window=13, branch_width=4, branch_reach=9)


@pytest.fixture
def evidence() -> CountedEvidence:
    """Evidence of random tables."""
    generator = torch.Generator().manual_seed(1)
    module = CountedEvidence(CONFIG, GeneticCode.from_table(1), cap=60)
    for buffer in (module.content, module.motif, module.rank, *(getattr(module, name) for name in SITES)):
        buffer.copy_(torch.randn(buffer.shape, generator=generator))
    module.content[-1] = 0
    module.content[:, 0] = 0
    module.distance.copy_(0.9 * torch.rand(module.distance.shape, generator=generator).softmax(2))
    return module


def random_codes(T: int, seed: int = 1, share_n: float = 0.03) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, T)
    codes[rng.random(T) < share_n] = N
    return torch.from_numpy(codes + SOFTMASK * rng.integers(0, 2, T))


def word(bases: list[int], end: int, length: int) -> int:
    """Return the number of the word that ends at `end`, -1 (the tables' last row) where there is none."""
    letters = bases[max(0, end - length + 1) : end + 1]
    if len(letters) < length or N in letters:
        return -1
    return sum(letter * 4 ** (length - 1 - i) for i, letter in enumerate(letters))


def test_content_and_signals_are_those_of_plain_loops(evidence: CountedEvidence) -> None:
    codes = random_codes(80)
    found = evidence(codes[None], torch.tensor([80]))
    bases = (codes % SOFTMASK).tolist()
    for t in range(80):
        assert torch.equal(found.content[0, t], evidence.content[word(bases, t, 3)])
        for k, (name, (left, right)) in enumerate(SITES.items()):
            table = getattr(evidence, name)[0]
            places = [(i, t - left + i) for i in range(left + right) if 0 <= t - left + i < 80]
            pairs = [(i, word(bases, at, 2)) for i, at in places]
            expected = sum(float(table[pair, i]) for i, pair in pairs if pair >= 0)
            assert found.signals[0, t, k].item() == pytest.approx(expected, abs=1e-4)


def test_branch_points_are_summed_over_their_places(evidence: CountedEvidence) -> None:
    codes = random_codes(60, share_n=0)
    found, bases = evidence(codes[None], torch.tensor([60])), (codes % SOFTMASK).tolist()
    motif, distance = evidence.motif[0].numpy(), evidence.distance[0, 0].numpy()
    for t in range(60):
        total = 1.0 - float(distance.sum())
        for d in range(1, CONFIG.branch_reach + 1):
            start = t - d - CONFIG.branch_width + 1
            odds = sum(float(motif[bases[start + i], i]) for i in range(4)) if start >= 0 else 0.0
            total += float(distance[d - 1]) * float(np.exp(odds))
        assert found.signals[0, t, len(SITES)].item() == pytest.approx(np.log(total), abs=1e-4)


def test_ranks_count_the_start_codons_before(evidence: CountedEvidence) -> None:
    text = "ATGCCATGAATGATGATG" + "ATG" * 30 + "TAAATGNTGATG"
    codes = torch.from_numpy(encode(text).astype(np.int64))
    found = evidence(codes[None], torch.tensor([len(text)])).signals[0, :, -1]
    stops = {"TAA", "TAG", "TGA"}
    for t in range(len(text)):
        before, u = 0, t - 3
        while u >= max(0, t - evidence.cap + 3) and text[u : u + 3] not in stops and "N" not in text[u : u + 3]:
            before += text[u : u + 3] == "ATG"
            u -= 3
        expected = float(evidence.rank[min(before, RANKS - 1)]) if text[t : t + 3] == "ATG" else 0.0
        assert found[t].item() == expected, t


def test_means_follow_the_reading_frame_of_either_strand(evidence: CountedEvidence) -> None:
    codes = random_codes(70)
    tracks = evidence(codes[None], torch.tensor([70])).tracks[0]
    bases = (codes % SOFTMASK).tolist()
    other = [3 - base if base < N else N for base in reversed(bases)]
    half = CONFIG.window // 2
    for t, place in itertools.product(range(70), range(3)):
        near = [u for u in range(t - half, t + half + 1) if 0 <= u < 70]
        # This strand: base u is at codon position place + (u - t). The other: positions run backwards.
        sense = sum(float(evidence.content[word(bases, u, 3), CODON + (place + u - t) % 3]) for u in near)
        anti = sum(float(evidence.content[word(other, 69 - u, 3), CODON + (place + t - u) % 3]) for u in near)
        assert tracks[t, 3 + place].item() == pytest.approx(10 * sense / CONFIG.window, abs=1e-4)
        assert tracks[t, 6 + place].item() == pytest.approx(10 * anti / CONFIG.window, abs=1e-4)


def test_a_value_depends_on_its_reach_alone_and_not_on_padding(evidence: CountedEvidence) -> None:
    codes = random_codes(300)
    whole = evidence(codes[None], torch.tensor([300]))
    reach = evidence.reach
    part = evidence(codes[None, 100 - reach : 200 + reach], torch.tensor([100 + 2 * reach]))
    padded = evidence(torch.nn.functional.pad(codes[None], (0, 40), value=1), torch.tensor([300]))
    for one, cut, more in zip(whole, part, padded, strict=True):
        torch.testing.assert_close(one[:, 100:200], cut[:, reach : reach + 100], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(one, more[:, :300], rtol=1e-6, atol=1e-6)
        assert not more[:, 300:].any()
    assert whole.tracks.shape[2] == evidence.width


def test_content_odds_recover_a_chain() -> None:
    rng = np.random.default_rng(5)
    chances = rng.dirichlet(np.ones(4) * 2, size=(len(CHANNELS), 16))
    counts = np.rint(chances * 1e5).astype(np.int64).reshape(len(CHANNELS), 64)
    odds = content_odds(counts)
    expected = np.log(chances / chances[0]).reshape(len(CHANNELS), 64)
    expected[CHANNELS.index("stop")] = 0
    assert np.abs(odds - expected).max() < 0.05
    assert not odds[0].any()


def test_content_of_a_rare_channel_says_nothing() -> None:
    counts = np.full((len(CHANNELS), 64), 1000)
    counts[CHANNELS.index("utr3")] = np.arange(64) % 6
    assert not content_odds(counts).any()


def test_unseen_contexts_back_off_to_shorter_ones() -> None:
    counts = np.zeros((len(CHANNELS), 64), dtype=np.int64)
    counts[0] = 1000
    # Every context but AA. is unseen among first codon bases; there, A is always followed by A.
    counts[CODON, 0] = 100_000
    odds = content_odds(counts).reshape(len(CHANNELS), 16, 4)
    assert (odds[CODON, :, 0] > 1).all() and (odds[CODON, :, 1:] < -1).all()


def test_signal_odds_need_sites() -> None:
    rng = np.random.default_rng(6)
    false = rng.integers(500, 2000, (5, 16))
    assert not signal_odds(np.zeros((5, 16), dtype=np.int64), false).any()
    assert np.abs(signal_odds(false, false)).max() < 0.05
    few = np.zeros((5, 16), dtype=np.int64)
    few[:, 0] = 1
    many = 100 * few
    assert (signal_odds(few, false)[:, 0] > 0).all() and (signal_odds(few, false) < signal_odds(many, false))[
        :, 0
    ].all()


def test_rank_odds_compare_shares() -> None:
    odds = rank_odds(np.array([[5000, 3000, 1000, 1000], [960, 30, 10, 0]]))
    assert odds[0] == pytest.approx(np.log(0.96 / 0.5), abs=0.02)
    assert odds[1] == pytest.approx(np.log(0.03 / 0.3), abs=0.1)
    assert (np.diff(odds) < 0).all()
    assert not rank_odds(np.array([[5000, 3000, 1000, 1000], [0, 0, 0, 0]])).any()


@pytest.mark.parametrize("lengths", [[400, 251], [1, 2], [5, 3], [60, 60]], ids=str)
def test_native_evidence_is_that_of_pytorch(evidence: CountedEvidence, lengths: list[int]) -> None:
    # PyTorch wants a motif's length at least.
    codes = torch.stack([random_codes(max(4, *lengths), seed) for seed in range(len(lengths))])
    found = evidence(codes, torch.tensor(lengths))
    expected = evidence.reference(codes, torch.tensor(lengths))
    for name, value in found._asdict().items():
        torch.testing.assert_close(value, getattr(expected, name), atol=2e-5, rtol=1e-5, msg=name)
