"""Evidence in the CRF: introns in lanes are exactly those given, and inference over them is exact."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genescribe.crf.head import SemiCRF
from genescribe.evidence.table import CDSPART, INTRON, PROTEIN, RNA, ROW, START, Rows
from genescribe.genome.alphabet import encode
from genescribe.genome.genetic_code import GeneticCode
from genescribe.kernels.semicrf.dispatch import log_partition, viterbi
from genescribe.kernels.semicrf.potentials import Potentials, Segmentation
from genescribe.labels.gene import GeneScheme
from genescribe.labels.gene_labels import INITIAL, INTRON0, INTRON1, INTRON1_T, STOP
from genescribe.segment.config import SegmentModelConfig
from genescribe.segment.network.gene_scores import SIGNALS, GeneExpansion
from genescribe.segment.network.head import build_head
from genescribe.segment.network.model import Scores
from genescribe.segment.prediction.both_strands import BothStrands
from genescribe.segment.support.features import SLOTS, default_weights, named_weights, strand_evidence, weights_of
from genescribe.segment.support.lanes import lay_out
from genescribe.segment.support.strand import GROUPS, PLAIN, SupportedStrand

CODE = GeneticCode.from_table(1)
STOPS = CODE.always_stop[:64]
DEPTHS = np.ones(3)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 25)), min_size=1, max_size=12, unique=True), st.data())
def test_a_lane_holds_the_introns_that_were_given_and_no_others(
    rows: list[tuple[int, int]], data: st.DataObject
) -> None:
    pairs = list(dict.fromkeys((a, a + size) for a, size in rows))
    starts, ends = [a for a, _ in pairs], [b for _, b in pairs]
    alone = data.draw(st.lists(st.booleans(), min_size=len(pairs), max_size=len(pairs)))
    lanes = lay_out(starts, ends, range(len(pairs)), alone, most=2)
    scores = np.random.default_rng(0).normal(size=len(pairs))
    for lane in range(2):
        inside = np.zeros(60, dtype=bool)
        for start, end, number in lanes.spans.tolist():
            if number == lane:
                assert not inside[max(0, start - 1) : end + 1].any(), "a base lies between bundles"
                inside[start:end] = True
        first, last = ({} for _ in range(2))
        for ends_of, found in ((lanes.first, first), (lanes.last, last)):
            for i in np.flatnonzero(ends_of.lane == lane):
                terms = ends_of.owner == i
                found[int(ends_of.position[i])] = float(scores[ends_of.intron[terms]] @ ends_of.sign[terms])
        possible = {
            (a, b + 1): x + y for a, x in first.items() for b, y in last.items() if a <= b and inside[a : b + 1].all()
        }
        assert set(possible) == {pairs[i] for i in np.flatnonzero(lanes.lane == lane)}
        for pair, score in possible.items():
            assert score == pytest.approx(scores[pairs.index(pair)])
    first_placed = lanes.lane[0]
    assert first_placed == 0, "the best intron is never left out"


def toy(seed: int, length: int = 90) -> tuple[SemiCRF, Potentials, np.ndarray]:
    """Return a CRF of few durations, random scores of a random sequence rich in sites, and its bases."""
    rng = np.random.default_rng(seed)
    codes = np.array(
        encode("".join(rng.choice(["GT", "AG", "ATG", "A", "C", "T", "G", "TAA"]) for _ in range(length)))
    )[:length]
    torch.manual_seed(seed)
    scheme = GeneScheme()
    crf = build_head(SegmentModelConfig(scheme="gene", head="semicrf", max_duration=24, genetic_code=1), scheme)
    assert isinstance(crf, SemiCRF)
    with torch.no_grad():
        for parameter in crf.parameters():
            parameter.normal_()
        expansion = GeneExpansion(scheme, CODE)
        content, signals = torch.randn(1, length, expansion.channels), torch.randn(1, length, len(SIGNALS))
        lengths = torch.tensor([length])
        content, begin, end = expansion(content, signals, torch.from_numpy(codes)[None].long(), lengths)
        p = crf.potentials(content, lengths, begin=begin, end=end, phase_offset=torch.tensor([0]))
    return crf, p.detach().to(dtype=torch.float64), codes.astype(np.uint8)


def rows_of(*rows: tuple[int, int, int, int, float]) -> Rows:
    """Return a table from (start, end, kind, source, weight)."""
    table = np.zeros(len(rows), dtype=ROW)
    for row, (start, end, kind, source, weight) in zip(table, rows, strict=True):
        row["start"], row["end"], row["kind"], row["source"], row["weight"] = start, end, kind, source, weight
        row["strand"], row["protein"] = 1, -1
    return table


def some_introns(codes: np.ndarray, seed: int, count: int) -> list[tuple[int, int]]:
    """Return pairs of a donor and an acceptor, AT-AC among them where there is one."""
    word = [tuple(codes[i : i + 2]) for i in range(len(codes) - 1)]
    first = [i for i, w in enumerate(word) if w in ((2, 3), (0, 3))]
    last = [i + 2 for i, w in enumerate(word) if w in ((0, 2), (0, 1))]
    pairs = [(a, b) for a in first for b in last if b - a >= 20]
    chosen = np.random.default_rng(seed).permutation(len(pairs))[:count]
    return [pairs[i] for i in chosen]


def oracle(p: Potentials, supported: SupportedStrand, best: bool) -> float:
    """Return log Z, or the best score, by going over all segments, those of evidence as pairs of ends."""
    n, C = p.content.shape[1:]
    begin, end = p.begin[0].numpy(), p.end[0].numpy()
    step, table, tail = p.transition.numpy(), p.duration.numpy(), p.tail.numpy()
    explicit = p.explicit.numpy()

    def length_score(k: int, c: int) -> float:
        beyond = max(0, k - explicit[c])
        return table[min(k, explicit[c]) - 1, c] + (beyond * tail[c] if beyond else 0.0)

    def content_of(s: int, t: int, c: int) -> float:
        return float(p.content[0, s:t, c].sum())

    add = max if best else np.logaddexp
    opened = float(supported.weights[SLOTS["opened"]])
    pairs = [
        (int(a), int(b), float(odds), banned)
        for a, b, odds, banned, lane in zip(
            supported.evidence.starts,
            supported.evidence.ends,
            supported.odds,
            supported.evidence.banned,
            supported.lanes.lane,
            strict=True,
        )
        if lane >= 0
    ]
    G = len(GROUPS)
    leave = np.full((n + 1, C + G), -np.inf)

    def site(scores: np.ndarray) -> list[float]:
        each = [max(scores[c] for c in group) for group in GROUPS]
        return [opened] * G if max(each) == -np.inf else each

    def entry(s: int, c: int) -> float:
        if s == 0:
            return float(p.start[c]) if c < C else -np.inf
        result = -np.inf
        targets = [c] if c < C else list(GROUPS[c - C])
        for q in range(C + G):
            origin = q if q < C else GROUPS[q - C][0]
            onto = np.logaddexp.reduce([step[s % 3, origin, target] for target in targets])
            result = add(result, leave[s, q] + onto)
        return float(result)

    entries = np.full((n, C + G), -np.inf)
    for t in range(1, n + 1):
        for c in range(C + G):
            entries[t - 1, c] = entry(t - 1, c)
        for c in range(C):
            for s in range(t):
                if entries[s, c] > -np.inf:
                    score = entries[s, c] + begin[s, c] + content_of(s, t, c) + length_score(t - s, c) + end[t - 1, c]
                    leave[t, c] = add(leave[t, c], score)
        for a, b, odds, banned in pairs:
            if b != t:
                continue
            into, out = site(begin[a]), site(end[b - 1])
            for g, group in enumerate(GROUPS):
                if g < 3 and banned[g]:
                    continue
                score = entries[a, C + g] + into[g] + out[g] + content_of(a, b, group[0])
                leave[t, C + g] = add(leave[t, C + g], score + length_score(b - a, INTRON0) + odds)
    total = -np.inf
    for c in range(C):
        total = add(total, leave[n, c] + float(p.final[c]))
    return float(total)


@pytest.mark.parametrize("seed", range(6))
def test_inference_with_paired_introns_is_exact(seed: int) -> None:
    crf, p, codes = toy(seed)
    pairs = some_introns(codes, seed, 7)
    weights = torch.from_numpy(np.random.default_rng(seed).normal(1.0, 1.0, len(SLOTS)))
    weights[SLOTS["unsupported.0"] : SLOTS["opened"]] = 0
    rows = rows_of(*((a, b, INTRON, RNA, float(k)) for k, (a, b) in enumerate(pairs, 1)))
    supported = SupportedStrand(crf, strand_evidence(rows, 0, len(codes), "+", codes, STOPS, DEPTHS), weights)
    assert (supported.lanes.lane >= 0).sum() >= 2
    grown = supported.grown(p, 0)
    for backend in ("reference", "auto"):
        assert float(log_partition(grown, backend)[0]) == pytest.approx(oracle(p, supported, best=False), abs=1e-6)
        assert float(viterbi(grown, backend)[0][0]) == pytest.approx(oracle(p, supported, best=True), abs=1e-6)


def test_a_stream_in_pieces_finds_the_same_path_and_names_introns_by_the_bases_before() -> None:
    crf, p, codes = toy(3)
    pairs = some_introns(codes, 3, 6)
    weights = torch.full((len(SLOTS),), 9.0, dtype=torch.float64)
    rows = rows_of(*((a, b, INTRON, RNA, 40.0) for a, b in pairs))
    supported = SupportedStrand(crf, strand_evidence(rows, 0, len(codes), "+", codes, STOPS, DEPTHS), weights)
    grown = supported.grown(p, 0)
    stream = supported.stream(None, None)
    for low in range(0, len(codes), 17):
        part = slice(low, low + 17)
        stream.push(*supported.rows(p.content[0, part], p.begin[0, part], p.end[0, part], low, supported.lanes.used))
    path = stream.finish()
    (score,), (whole,) = viterbi(grown)
    assert path.ends.tolist() == whole.ends.tolist()
    used = path.labels >= PLAIN
    assert bool(used.any()), "so much weight is used"
    places = {(int(a), int(b)) for a, b, u in zip(path.starts, path.ends, used, strict=True) if u}
    assert places <= set(pairs)
    plain = supported.plain(path, codes)
    assert int(plain.labels.max()) < PLAIN
    for start, label in zip(plain.starts.tolist(), plain.labels.tolist(), strict=True):
        if label in (INTRON1, INTRON1_T):
            assert (label == INTRON1_T) == (codes[start - 1] == 3)
    assert float(score) > float(viterbi(p)[0][0])


def test_weights_of_nothing_leave_log_z_as_it_was_but_for_the_second_way_to_read_an_intron() -> None:
    crf, p, codes = toy(1)
    none = torch.zeros(len(SLOTS), dtype=torch.float64)
    rows = rows_of((10, 40, CDSPART, PROTEIN, 1.0), (10, 13, START, PROTEIN, 1.0))
    evidence = strand_evidence(rows, 0, len(codes), "+", codes, STOPS, DEPTHS)
    grown = SupportedStrand(crf, evidence, none).grown(p, 0)
    assert float(log_partition(grown)[0]) == pytest.approx(float(log_partition(p)[0]), abs=1e-9)
    weights = none.clone()
    weights[SLOTS["coding.protein.1"]] = 0.5
    weights[SLOTS["start.protein.0"]] = 2.0
    grown = SupportedStrand(crf, evidence, weights).grown(p, 0)
    content = p.content.clone()
    content[0, 10:40, 3 : STOP + 1] += 0.5
    begin = p.begin.clone()
    begin[0, 10, 3 : INITIAL + 3] += 2.0
    expected = log_partition(replace(p, content=content, begin=begin))
    assert float(log_partition(grown)[0]) == pytest.approx(float(expected[0]), abs=1e-9)


def test_introns_of_the_other_strand_and_of_impossible_sites_are_not_used() -> None:
    _, _, codes = toy(2)
    pairs = some_introns(codes, 2, 3)
    rows = rows_of(*((a, b, INTRON, RNA, 5.0) for a, b in pairs), (1, 50, INTRON, RNA, 5.0))
    codes = codes.copy()
    codes[1:3] = (1, 1)
    evidence = strand_evidence(rows, 0, len(codes), "+", codes, STOPS, DEPTHS)
    assert set(zip(evidence.starts.tolist(), evidence.ends.tolist(), strict=True)) == set(pairs)
    assert not len(strand_evidence(rows, 0, len(codes), "-", codes[::-1], STOPS, DEPTHS).starts)


def test_the_weights_that_come_with_the_library_are_known_by_name(tmp_path) -> None:  # type: ignore[no-untyped-def]
    weights = default_weights()
    assert named_weights(weights)["intron.rna.4"] > named_weights(weights).get("intron.rna.0", 0.0) > -6
    assert weights_of(tmp_path).tolist() == weights.tolist()
    assert (weights[SLOTS["unsupported.1"] : SLOTS["opened"]] <= 0).all()


def path_score(p: Potentials, path: Segmentation, background: int) -> float:
    """Return the score of a strand's path, content against between genes."""
    total, before = 0.0, -1
    assert p.begin is not None and p.end is not None and p.explicit is not None
    for start, end, label in zip(path.starts.tolist(), path.ends.tolist(), path.labels.tolist(), strict=True):
        content, rows = p.content[0, start:end], int(p.explicit[label])
        total += float((content[:, label] - content[:, background]).sum())
        if label != background:
            total += float(p.duration[min(end - start, rows) - 1, label] + p.begin[0, start, label])
            total += float(p.end[0, end - 1, label])
            total += float(p.tail[label]) * (end - start - rows) if end - start > rows else 0.0
        if before >= 0:
            total += float(p.transition[start % 3, before, label])
        before = label
    edges = (p.start, path.labels[0]), (p.final, path.labels[-1])
    return total + sum(float(scores[label]) for scores, label in edges if label != background)


@pytest.mark.parametrize("seed", [0, 2, 3, 4])  # whose introns are worth having, of those that find a lane
def test_both_strands_as_one_path_have_paired_introns(seed: int) -> None:
    """The one path is worth the sum of its strands' paths with evidence; no strand alone is worth more."""
    crf, _, _ = toy(seed)
    with torch.no_grad():
        # Between genes nothing costs anything: then scores of strands add up.
        crf.durations.score[:, 0], crf.durations.decay[0], crf.start[0], crf.final[0] = 0.0, -30.0, 0.0, 0.0
    weights = torch.full((len(SLOTS),), 6.0, dtype=torch.float64)
    strands, plain, grown = [], [], []
    for number, count in ((seed, 6), (seed + 10, 2)):
        _, p, codes = toy(number)
        with torch.no_grad():
            own = crf.potentials(p.content, p.lengths, begin=p.begin, end=p.end, phase_offset=torch.tensor([0]))
        p = own.detach().to(dtype=torch.float64)
        p.begin[..., 0] = p.end[..., 0] = 0.0  # type: ignore[index]
        rows = rows_of(*((a, b, INTRON, PROTEIN, 2.0) for a, b in some_introns(codes, number, count)))
        evidence = strand_evidence(rows, 0, len(codes), "+", codes, STOPS, DEPTHS)
        strands.append((SupportedStrand(crf, evidence, weights), codes))
        plain.append(p)
        grown.append(strands[-1][0].grown(p, 0))
    lanes = max(strand.lanes.used for strand, _ in strands)
    length = len(strands[0][1])
    both = BothStrands(strands[0][0].model(plain[0], lanes), 0, length, SupportedStrand.groups(lanes))

    def scores(start: int, end: int) -> tuple[Scores, Scores]:
        parts = [slice(start, end), slice(length - end, length - start)]
        found = [
            strand.scores(Scores(p.content[:, part], p.begin[:, part], p.end[:, part], p.content), part.start, lanes)  # type: ignore[index]
            for (strand, _), p, part in zip(strands, plain, parts, strict=True)
        ]
        return found[0], found[1]

    paths = both.decode(scores, 17, strands[0][0].single(lanes), "auto")
    assert any(bool((path.labels >= PLAIN).any()) for path in paths), "so much weight is used"
    for path, (strand, _) in zip(paths, strands, strict=True):
        pairs = set(zip(strand.evidence.starts.tolist(), strand.evidence.ends.tolist(), strict=True))
        used = path.labels >= PLAIN
        assert set(zip(path.starts[used].tolist(), path.ends[used].tolist(), strict=True)) <= pairs
    total = sum(path_score(p, path, 0) for p, path in zip(grown, paths, strict=True))
    for p, strand in zip(grown, paths, strict=True):
        assert strand.length == length
        alone = replace(p, content=p.content - p.content[..., :1])
        assert float(viterbi(alone)[0][0]) <= total + 1e-3
