"""The scores of the scheme `gene`: what they let through is valid genes, all of them, and nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from genescribe.crf import Potentials, SemiCRF
from genescribe.data.runs import cut, ignore
from genescribe.errors import InputError
from genescribe.genome.alphabet import SOFTMASK, Codes, decode, encode, reverse_complement
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Gene, Interval, Transcript
from genescribe.kernels.semicrf.dispatch import log_partition
from genescribe.kernels.semicrf.potentials import Segmentation
from genescribe.labels.decode import validate_gene
from genescribe.labels.gene import GeneScheme
from genescribe.labels.gene_labels import CHANNELS, INTERGENIC, INTRON0, INTRON1_T, INTRON2_TA, INTRON2_TG, UTR3, UTR5
from genescribe.labels.gene_rules import GeneRules, SignalTables
from genescribe.segment.config import SegmentModelConfig
from genescribe.segment.network.gene_scores import SIGNALS, GeneExpansion
from genescribe.segment.network.head import crf_config, scheme_of

CODE = GeneticCode.from_table(1)
WORDS = ("ATG", "GT", "AG", "GTATG", "CAG", "TAA", "TAG", "TGA", "T", "TA", "TG", "A", "C", "G", "N", "AT", "AC")
RULES = GeneRules(shortest_intron=5)
EVERY_SITE = GeneRules(splice_sites=["GT-AG", "GC-AG", "AT-AC"], shortest_intron=5)


def head(rules: GeneRules = RULES, *, longest: int = 12) -> tuple[GeneScheme, SemiCRF]:
    """Return the scheme and a CRF with random scores that keeps its grammar."""
    config = SegmentModelConfig(scheme="gene", gene=rules, max_duration=longest, duration_knots=0)
    scheme = scheme_of(config)
    assert isinstance(scheme, GeneScheme)
    torch.manual_seed(0)
    return scheme, SemiCRF(crf_config(config, scheme))


def sequence(rng: np.random.Generator, length: int) -> Codes:
    """Return bases rich in signals; some softmasked."""
    text = "".join(rng.choice(WORDS, size=length))[:length]
    return encode(text) | np.where(rng.random(length) < 0.2, SOFTMASK, 0).astype(np.uint8)


def expand(
    scheme: GeneScheme, codes: Codes, content: Tensor | None = None, signals: Tensor | None = None, offset: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    content = torch.zeros(1, len(codes), len(CHANNELS)) if content is None else content
    bases = torch.from_numpy(codes.astype(np.int64))[None]
    lengths, offsets = torch.tensor([len(codes)]), torch.tensor([offset])
    return GeneExpansion(scheme, CODE)(content, signals, bases, lengths, offsets)


def best_path(scheme: GeneScheme, crf: SemiCRF, codes: Codes, seed: int) -> Segmentation:
    """Return the best path under random scores that make genes likely."""
    random = torch.Generator().manual_seed(seed)
    content = 2 * torch.randn(1, len(codes), len(CHANNELS), generator=random)
    content[..., 0] -= 3
    signals = 2 + 3 * torch.randn(1, len(codes), len(SIGNALS), generator=random)
    content, begin, end = expand(scheme, codes, content, signals)
    (path,) = crf.decode(content, torch.tensor([len(codes)]), begin=begin, end=end)
    return path


def as_runs(path: Segmentation) -> np.ndarray:
    return torch.stack([path.ends, path.labels], dim=1).numpy().astype(np.int32)


@pytest.mark.parametrize("phased", [False, True])
def test_signals_that_are_not_read_change_nothing(phased: bool) -> None:
    rng, random = np.random.default_rng(6), torch.Generator().manual_seed(6)
    scheme, _ = head(EVERY_SITE)
    expansion = GeneExpansion(scheme, CODE, phased)
    codes = np.stack([sequence(rng, 200), sequence(rng, 200)])
    bases, lengths = torch.from_numpy(codes.astype(np.int64)), torch.tensor([200, 143])
    content = torch.randn(2, 200, len(CHANNELS), generator=random)
    signals = torch.randn(2, 200, expansion.signals, generator=random)
    read = expansion.reads(bases, lengths)
    assert 0.05 < float(read.float().mean()) < 0.5
    for count in (1, 2):
        given = [x[:count] for x in (bases, lengths)]
        whole = expansion(content[:count], signals[:count], *given)
        cleared = expansion(content[:count], signals[:count].masked_fill(~read[:count], 0), *given)
        other = expansion(content[:count], signals[:count].masked_fill(read[:count], 0), *given)
        for n, length in enumerate(given[1].tolist()):
            assert all(torch.equal(a[n, :length], b[n, :length]) for a, b in zip(whole, cleared, strict=True))
            assert not all(torch.equal(a[n, :length], b[n, :length]) for a, b in zip(whole, other, strict=True))


class TestEveryDecodedGeneIsValid:
    SEEDS = 80

    @pytest.mark.parametrize("rules", [RULES, EVERY_SITE], ids=["default sites", "every site"])
    def test_random_scores_decode_to_valid_genes_on_both_strands(self, rules: GeneRules) -> None:
        scheme, crf = head(rules)
        genes = introns = 0
        seen: set[int] = set()
        for seed in range(self.SEEDS):
            forward = sequence(np.random.default_rng(seed), 200)
            for strand in (forward, reverse_complement(forward)):
                path = best_path(scheme, crf, strand, seed)
                decoded = scheme.decode(as_runs(path))
                seen.update(path.labels.tolist())
                # At a strand's end a gene may lie all but its UTR beyond it, or all but an intron.
                assert {reject.reason for reject in decoded.rejects} <= {
                    "no coding sequence",
                    "intron without exons",
                    "less than a codon within the sequence",
                }
                for transcript in decoded.transcripts:
                    assert validate_gene(transcript, strand, CODE, alternative_starts=False) is None
                    assert not splice_faults(transcript, strand, rules)
                genes += len(decoded.transcripts)
                introns += sum(len(transcript.cds_introns) for transcript in decoded.transcripts)
        assert genes > 300 and introns > 350
        assert seen == set(range(len(scheme.names))), "every label was tried"

    def test_without_the_masks_genes_are_invalid(self) -> None:
        """The test above can fail: the grammar alone does not see the bases."""
        scheme, crf = head()
        codes = sequence(np.random.default_rng(0), 400)
        content = 2 * torch.randn(1, 400, len(scheme.names), generator=torch.Generator().manual_seed(0))
        (path,) = crf.decode(content, torch.tensor([400]))
        transcripts = scheme.decode(as_runs(path)).transcripts
        assert any(validate_gene(transcript, codes, CODE) for transcript in transcripts)


def splice_faults(transcript: Transcript, codes: Codes, rules: GeneRules) -> list[str]:
    """Return the ends of introns that are no splice sites; donors and acceptors apart."""
    donors, acceptors = ({site[part] for site in rules.splice_sites} for part in (slice(0, 2), slice(3, 5)))
    text = decode(codes).upper()
    faults = [text[a : a + 2] for a, _ in transcript.introns if text[a : a + 2] not in donors]
    return faults + [text[b - 2 : b] for _, b in transcript.introns if text[b - 2 : b] not in acceptors]


def genes_by_hand(text: str, rules: GeneRules) -> Iterator[tuple[Interval, ...]]:
    """Yield the exons of every complete gene without UTR: one exon after another, all donors, all acceptors."""
    donors = {site[:2] for site in rules.splice_sites}
    acceptors = {site[3:] for site in rules.splice_sites}

    def grow(exons: tuple[Interval, ...], start: int) -> Iterator[tuple[Interval, ...]]:
        for end in range(start + 1, len(text) + 1):
            whole = (*exons, (start, end))
            coding = "".join(text[a:b] for a, b in whole)
            codons = [coding[i : i + 3] for i in range(0, len(coding) - 2, 3)]
            if any(codon in CODE.stops for codon in codons[:-1]):
                return
            stopped = bool(codons) and codons[-1] in CODE.stops
            if stopped and len(coding) % 3 == 0 and end - start >= 3:
                yield whole
            if text[end : end + 2] in donors and end - start >= (2 if exons else 3) and not stopped:
                for place in range(end + rules.shortest_intron, len(text)):
                    if text[place - 2 : place] in acceptors:
                        yield from grow(whole, place)

    for start in range(len(text)):
        if text[start : start + 3] == "ATG":
            yield from grow((), start)


def uniform(crf: SemiCRF, content: Tensor, begin: Tensor, end: Tensor) -> Potentials:
    """Return potentials that score each allowed segmentation 0, from intergenic space to intergenic space, no UTR."""
    p = crf.potentials(content, torch.tensor([content.shape[1]]), begin=begin, end=end)
    edge = torch.full_like(p.start, -torch.inf)
    edge[INTERGENIC] = 0.0
    level = {name: getattr(p, name) for name in ("transition", "duration", "tail")}
    content = p.content.clone()
    content[..., [UTR5, UTR3]] = -torch.inf
    zeros = {name: torch.where(value.isfinite(), 0.0, value).double() for name, value in level.items()}
    return replace(p, content=content, start=edge, final=edge, **zeros)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32))
def test_the_segmentations_allowed_are_the_valid_genes_and_no_others(seed: int) -> None:
    """Counting: exp(log Z) of scores 0 is the number of ways to lay valid genes on the strand, found by hand."""
    rng = np.random.default_rng(seed)
    text = "C" + "".join(rng.choice([*WORDS, "ATGGT", "CTAG"], size=60))[: int(rng.integers(30, 61))] + "C"
    scheme, crf = head(longest=64)
    p = uniform(crf, *expand(scheme, encode(text)))
    ways = [1] * (len(text) + 1)  # to lay genes on the first t bases
    ends: dict[int, list[int]] = {}
    for exons in genes_by_hand(text, RULES):
        ends.setdefault(exons[-1][1], []).append(exons[0][0])
    for t in range(1, len(text) + 1):
        ways[t] = ways[t - 1] + sum(ways[start] for start in ends.get(t, []))
    assert math.exp(log_partition(p.detach(), "reference").item()) == pytest.approx(ways[-1], rel=1e-9)


def test_the_count_by_hand_reads_codons_across_introns() -> None:
    """Behind TA, C makes TAC and A makes a stop; behind T, CA makes TCA and AA a stop."""
    assert set(genes_by_hand("ATGTAGTCCAGCTAA", RULES)) == {((0, 6),), ((0, 5), (11, 15))}
    assert set(genes_by_hand("ATGTAGTCCAGATAA", RULES)) == {((0, 6),)}
    assert ((0, 4), (11, 16)) in set(genes_by_hand("ATGTGTCCCAGCATAA", RULES))
    assert ((0, 4), (11, 16)) not in set(genes_by_hand("ATGTGTCCCAGAATAA", RULES))


class TestMasks:
    SCHEME = GeneScheme(RULES)

    def label(self, name: str) -> int:
        return self.SCHEME.names.index(name)

    def begins(self, text: str, name: str) -> list[int]:
        return torch.isfinite(expand(self.SCHEME, encode(text))[1][0, :, self.label(name)]).nonzero().flatten().tolist()

    def ends(self, text: str, name: str) -> list[int]:
        return torch.isfinite(expand(self.SCHEME, encode(text))[2][0, :, self.label(name)]).nonzero().flatten().tolist()

    def test_starts_in_their_own_frame(self) -> None:
        text = "CATGCCATGCATGNTGC"
        places = [1, 6, 10]
        for frame in range(3):
            for name in ("single", "initial"):
                assert self.begins(text, f"{name}_{frame}") == [place for place in places if place % 3 == frame]

    def test_stops(self) -> None:
        assert self.begins("CTAACTAGCTGACTANC", "stop") == [1, 5, 9]

    def test_donors_and_what_introns_carry(self) -> None:
        text = "CCGTCTGTTAGTTGGCAGT"
        donors = [0, 2, 6, 10, 14, 17]
        assert self.begins(text, "intron0") == self.begins(text, "utr5_intron") == donors
        assert self.begins(text, "intron1_T") == [0, 6]
        assert self.begins(text, "intron1") == [0, 2, 10, 14, 17]
        assert self.begins(text, "intron2_TA") == [0, 10]
        assert self.begins(text, "intron2_TG") == [0, 14]
        assert self.begins(text, "intron2") == [0, 2, 6, 17]

    def test_an_n_is_no_signal_and_no_stop(self) -> None:
        assert self.begins("CCNTCCGNCCC", "intron0") == [0]
        assert self.begins("CTNGTCCNAGTC", "intron2") == [0, 3, 9]
        assert self.ends("CCNGCCANCC", "intron0") == [9]
        content, _, _ = expand(self.SCHEME, encode("CTNATNACNGA"))
        assert bool(content.isfinite().all())

    def test_acceptors_and_the_stops_that_they_may_not_complete(self) -> None:
        text = "CAGAACAGAGCAGGACAGACC"
        assert self.ends(text, "intron0") == [2, 7, 9, 12, 17, 20]
        assert self.ends(text, "intron1_T") == [9, 17, 20]
        assert self.ends(text, "intron2_TA") == [9, 20]
        assert self.ends(text, "intron2_TG") == [9, 12, 20]

    def test_the_third_base_of_a_stop_codon_is_closed_to_its_frame(self) -> None:
        content, _, _ = expand(self.SCHEME, encode("CCTAACCTGACC"))
        for frame in range(3):
            for name in ("single", "initial", "internal", "terminal"):
                closed = torch.isinf(content[0, :, self.label(f"{name}_{frame}")]).nonzero().flatten().tolist()
                assert closed == [place for place in (4, 9) if (place - 2) % 3 == frame]
        assert bool(content[..., [INTERGENIC, UTR5, UTR3]].isfinite().all())

    def test_switched_sites(self) -> None:
        text = "CCGTCCGCCCATCCACCAGCCC"
        for sites, donors, acceptors in (
            (["GT-AG"], [2], [18]),
            (["GT-AG", "GC-AG"], [2, 6, 18], [18]),
            (["AT-AC"], [10], [15]),
        ):
            scheme = GeneScheme(GeneRules(splice_sites=sites))  # type: ignore[arg-type]
            _, begin, end = expand(scheme, encode(text))
            # The sequence's own ends are open.
            assert begin[0, 1:, INTRON0].isfinite().nonzero().flatten().add(1).tolist() == donors
            assert end[0, 1:-1, INTRON0].isfinite().nonzero().flatten().add(1).tolist() == acceptors

    def test_starts_of_the_genetic_code(self) -> None:
        scheme = GeneScheme(GeneRules(starts="table"))
        _, begin, _ = expand(scheme, encode("CTTGCCCTGGGG"))
        assert begin[0, :, 3:6].isfinite().nonzero().tolist() == [[1, 1], [6, 0]]

    def test_stops_that_introns_cannot_carry_are_refused(self) -> None:
        with pytest.raises(InputError, match=r"genetic code 2 has the stop codon AGA"):
            SignalTables.of(GeneRules(), GeneticCode.from_table(2))
        # A trained model may read a mitochondrion: what it cannot tell is checked after decoding.
        assert GeneExpansion(GeneScheme(), GeneticCode.from_table(2)).stop_inside.any()

    def test_a_code_without_tga_stops_nothing_there(self) -> None:
        expansion = GeneExpansion(self.SCHEME, GeneticCode.from_table(4))
        codes = torch.from_numpy(encode("CCTGACC").astype(np.int64))[None]
        content, _, _ = expansion(torch.zeros(1, 7, 10), None, codes, torch.tensor([7]))
        assert bool(content.isfinite().all())


class TestExpansion:
    SCHEME = GeneScheme(RULES)

    def test_labels_take_the_scores_of_their_channels_and_signals(self) -> None:
        random = torch.Generator().manual_seed(1)
        content, signals = (torch.randn(1, 30, n, generator=random) for n in (len(CHANNELS), len(SIGNALS)))
        expanded, begin, end = expand(self.SCHEME, encode("C" * 30), content, signals, offset=1)
        for t in range(30):
            for frame in range(3):
                place = (t + 1 - frame) % 3
                assert float(expanded[0, t, 9 + frame]) == float(content[0, t, CHANNELS.index("codon1") + place])
            assert float(expanded[0, t, INTRON1_T]) == float(content[0, t, CHANNELS.index("intron")])
        _, begin, end = expand(self.SCHEME, encode("ATGGTAGTAA"), content[:, :10], signals[:, :10])
        assert float(begin[0, 0, 3]) == float(signals[0, 0, SIGNALS.index("start")])
        assert float(begin[0, 3, 16]) == float(signals[0, 3, SIGNALS.index("donor")])
        assert float(end[0, 6, 16]) == float(signals[0, 6, SIGNALS.index("acceptor")])
        assert float(begin[0, 7, 15]) == float(signals[0, 7, SIGNALS.index("stop")])
        assert bool((begin[..., INTERGENIC] == 0).all())

    @settings(deadline=None, max_examples=20)
    @given(st.integers(0, 2**32), st.integers(0, 90), st.integers(5, 60), st.integers(2, 9))
    def test_tiles_with_a_halo_say_what_the_whole_says(self, seed: int, start: int, size: int, halo: int) -> None:
        codes = sequence(np.random.default_rng(seed), 150)
        random = torch.Generator().manual_seed(1)
        content, signals = (torch.randn(1, 150, n, generator=random) for n in (len(CHANNELS), len(SIGNALS)))
        left, right = max(0, start - halo), start + size + halo
        part = slice(left, right)
        whole = expand(self.SCHEME, codes, content, signals)
        tile = expand(self.SCHEME, codes[part], content[:, part], signals[:, part], offset=left)
        for one, all_ in zip(tile, whole, strict=True):
            inside = slice(start - left, start - left + min(size, 150 - start))
            assert torch.equal(one[:, inside], all_[:, start : start + size])

    def test_padding_changes_nothing(self) -> None:
        codes = torch.from_numpy(sequence(np.random.default_rng(3), 60).astype(np.int64))[None]
        expansion = GeneExpansion(self.SCHEME, CODE)
        alone = expansion(torch.zeros(1, 60, 10), None, codes, torch.tensor([60]))
        padded = torch.nn.functional.pad(codes, (0, 9), value=3)
        together = expansion(torch.zeros(1, 69, 10), None, padded, torch.tensor([60]))
        for one, all_ in zip(alone, together, strict=True):
            assert torch.equal(one, all_[:, :60])

    def test_a_shifted_window_has_the_channels_of_the_whole(self) -> None:
        text = "CCATGCCAGTATGCAGGCATAACC"
        exons = ((2, 8), (16, 22))
        gene = Gene("g", "s", "+", (Transcript("t", exons, exons),))
        runs = self.SCHEME.encode([gene], len(text), codes=encode(text)).runs
        expansion = GeneExpansion(self.SCHEME, CODE)
        labels = torch.repeat_interleave(torch.tensor(runs[:, 1]), torch.tensor(np.diff(runs[:, 0], prepend=0)))
        whole = expansion.targets(labels[None].long())
        assert [CHANNELS[c] for c in whole[0, 2:8].tolist()] == ["codon1", "codon2", "codon3"] * 2
        for start in range(1, 10):
            shifted = self.SCHEME.shifted(np.stack([np.arange(1, len(text) + 1), labels.numpy()], 1), start)
            part = torch.from_numpy(shifted[start:, 1]).long()
            assert torch.equal(expansion.targets(part[None]), whole[:, start:])


def test_scores_do_not_depend_on_where_a_strand_begins() -> None:
    """Labels that differ in their frame share their scores, so that a rotation of frames changes nothing."""
    _, crf = head()
    p = crf.potentials(torch.zeros(1, 4, 24), torch.tensor([4]), torch.tensor([True]), torch.tensor([True]))
    turned = [label if not 3 <= label < 15 else label - label % 3 + (label + 1) % 3 for label in range(24)]
    for position in range(3):
        assert torch.equal(p.transition[position], p.transition[(position + 1) % 3][turned][:, turned])
    for field in (p.duration, p.tail, p.start, p.final, p.arrive, p.depart, p.spanning):
        assert field is not None
        assert torch.equal(field, field[..., turned])
    assert not torch.equal(p.transition[0, 9], p.transition[0, 10])
    introns = [2, *range(16, 22), 23]
    assert all(torch.equal(p.duration[:, a], p.duration[:, b]) for a, b in pairwise(introns))
    assert {INTRON2_TA, INTRON2_TG} < set(introns)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32))
def test_masked_labels_of_any_window_agree_with_some_segmentation(seed: int) -> None:
    """Overlapping genes, masked stretches and cut windows never make the loss infinite."""
    rng = np.random.default_rng(seed)
    text = "".join(rng.choice([*WORDS, "ATGGT", "CTAG"], size=60))[:60]
    found = list(genes_by_hand(text, RULES))
    chosen = [found[i] for i in rng.choice(len(found), size=min(4, len(found)), replace=False)] if found else []
    genes = [Gene(str(i), "s", "+", (Transcript(str(i), exons, exons),)) for i, exons in enumerate(chosen)]
    scheme, crf = head()
    codes = encode(text)
    runs = scheme.encode(genes, len(text), codes=codes).runs
    place = int(rng.integers(0, 60))
    runs = ignore(runs, [(place, place + int(rng.integers(0, 9)))])
    start, end = sorted(rng.choice(61, size=2, replace=False).tolist())
    window = scheme.shifted(cut(runs, start, end), start)
    content, begin, last = expand(scheme, codes[start:end])
    edges = (torch.tensor([start > 0]), torch.tensor([end < 60]))
    lengths = torch.tensor([end - start])
    given = dict(zip(("left_censored", "right_censored"), edges, strict=True), begin=begin, end=last)
    assert bool(crf.loss(content, [window], lengths, **given).isfinite().all())


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 80), st.integers(0, 5), st.booleans())
def test_native_scores_are_those_of_pytorch(seed: int, length: int, offset: int, given: bool) -> None:
    rng = np.random.default_rng(seed)
    scheme, _ = head(EVERY_SITE)
    codes = torch.from_numpy(np.stack([sequence(rng, length) for _ in range(2)]).astype(np.int64))
    content = torch.from_numpy(rng.normal(size=(2, length, len(CHANNELS))).astype(np.float32))
    signals = torch.from_numpy(rng.normal(size=(2, length, len(SIGNALS))).astype(np.float32)) if given else None
    expansion = GeneExpansion(scheme, CODE)
    arguments = (content, signals, codes, torch.tensor([length] * 2), torch.tensor([offset, offset + 7]))
    with torch.no_grad():
        for found, expected in zip(expansion(*arguments), expansion.reference(*arguments), strict=True):
            assert torch.equal(found, expected)
