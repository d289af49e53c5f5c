"""N-grams are distributions that know their training data; scores, controls and intervals are what they say."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genescribe.codon import scoring
from genescribe.codon.controls import shuffled, synonym_shuffled
from genescribe.codon.evaluation import evaluate, sanity
from genescribe.codon.methods import MODEL, TRIGRAM
from genescribe.codon.ngram import CodonUsage, InGene, KneserNey, Uniform, synonyms
from genescribe.codon.prepare import Gene, read_genes
from genescribe.codon.vocabulary import EOS, FIRST_CODON, to_tokens
from genescribe.genome.genetic_code import GeneticCode


def gene(codons: list[int], table: int = 11, name: str = "a") -> Gene:
    return Gene("g", name, "test", 0, table, False, "", np.array(codons, dtype=np.uint8))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(0, 63), min_size=1, max_size=30), min_size=1, max_size=8), st.integers(1, 3))
def test_every_n_gram_is_a_distribution_in_every_context(genes: list[list[int]], order: int) -> None:
    training = [np.array(one, dtype=np.uint8) for one in genes]
    unseen = to_tokens(np.arange(63, -1, -1, dtype=np.uint8))
    for predictor in (KneserNey(training, order), InGene(KneserNey(training, order), 10.0), Uniform()):
        for tokens in (unseen, to_tokens(training[0])):
            predicted = predictor.predict(tokens)
            assert predicted.shape == (len(tokens) - 1, 68)
            assert np.allclose(predicted.sum(axis=1), 1)
            assert (predicted[:, [0, 1, 3]] == 0).all()
            assert (predicted[:, [EOS, *range(FIRST_CODON, 68)]] > 0).all()


def test_a_trigram_learns_what_a_bigram_cannot() -> None:
    """A b c and d b e: what follows b depends on the codon before it."""
    training = [np.array([14, *([1, 2, 3, 4, 2, 5] * 30), 48], dtype=np.uint8)] * 4
    scores = {
        n: scoring.score([gene(training[0].tolist())], [KneserNey(training, n).predict(to_tokens(training[0]))])
        for n in (1, 2, 3)
    }
    unigram, bigram, trigram = (float(scores[n].perplexity()) for n in (1, 2, 3))
    assert trigram < 1.1 < bigram < unigram


def test_a_bigram_is_what_the_equations_say() -> None:
    """Counts by hand: A A B from <BOS>, once; few counts, so every discount is 0.5."""
    model = KneserNey([np.array([0, 0, 1], dtype=np.uint8)], 2)
    a, b = FIRST_CODON, FIRST_CODON + 1
    # Continuations: A follows <BOS> and A, B follows A, the end follows B: 2, 1, 1 of 4 kinds.
    lower = {token: (count - 0.5) / 4 + 0.5 * 3 / 4 / 65 for token, count in ((a, 2), (b, 1), (EOS, 1))}
    after_a = model.predict(np.array([1, a, b], dtype=np.uint8))[1]
    share = 0.5 * 2 / 2
    assert after_a[a] == pytest.approx(0.5 / 2 + share * lower[a])
    assert after_a[b] == pytest.approx(0.5 / 2 + share * lower[b])
    assert after_a[EOS] == pytest.approx(share * lower[EOS])


def test_a_model_that_reads_usage_off_the_gene_ends_by_knowing_it() -> None:
    tokens = to_tokens(np.full(400, 7, dtype=np.uint8))
    predicted = InGene(Uniform(), 50.0).predict(tokens)[:, FIRST_CODON + 7]
    assert predicted[0] == pytest.approx(1 / 65)
    assert (np.diff(predicted[:-1]) > 0).all() and predicted[-2] > 0.85


def test_perplexity_counts_codons_and_synonyms_leave_starts_and_stops_out() -> None:
    one = gene([14, 0, 2, 14, 48])  # ATG AAA AAG ATG TAA: lysine has two codons, methionine one
    chances = np.zeros((6, 68))
    chances[:, FIRST_CODON:] = 1 / 64
    chances[1, FIRST_CODON:] = 0
    chances[1, [FIRST_CODON, FIRST_CODON + 2]] = 0.6, 0.2
    scores = scoring.score([one], [chances])
    nats = 4 * math.log(64) - math.log(0.6)
    assert scores.values[0].tolist() == pytest.approx([nats, 5, -math.log(0.75) + math.log(2), 2, 1])
    assert scores.perplexity() == pytest.approx(math.exp(nats / 5))
    assert scores.accuracy() == 0.5


def test_usage_is_among_synonyms() -> None:
    usage = CodonUsage([np.array([0, 0, 0, 2], dtype=np.uint8)])
    assert usage.shares(11)[[0, 2]] == pytest.approx([4 / 6, 2 / 6])
    for table in (4, 11):
        members = synonyms(table)
        assert (usage.shares(table) @ members / members.sum(axis=0) * members.sum(axis=0)).shape == (64,)
        letters = GeneticCode.from_table(table).amino_acids[:64]
        assert members[56].sum() == (letters == letters[56]).sum()  # TGA: tryptophan in 4, stop in 11


def test_the_usage_of_ones_own_genome_leaves_the_gene_out() -> None:
    """Two genes with opposite usage: each is judged by the other, and always wrong."""
    first, second = gene([14, *[0] * 20, 48], name="a"), gene([14, *[2] * 20, 48], name="b")
    assert scoring.own_usage([first, second]).accuracy() == 0.0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 63), min_size=3, max_size=60), st.integers(0, 5))
def test_controls_keep_what_they_say(codons: list[int], seed: int) -> None:
    one = gene(codons)
    letters = GeneticCode.from_table(11).amino_acids
    free, synonymous = shuffled(one, seed), synonym_shuffled(one, seed)
    for other in (free, synonymous):
        assert sorted(other.tolist()) == sorted(codons)
        assert (other[0], other[-1]) == (codons[0], codons[-1])
    assert (letters[synonymous] == letters[codons]).all()
    assert (shuffled(one, seed) == free).all()


def test_intervals_hold_the_value_and_shrink_with_genes() -> None:
    generator = np.random.default_rng(0)
    widths = []
    for count in (20, 2000):
        nats = generator.normal(4, 0.5, (count, 1)) * 100
        scores = scoring.GeneScores(np.hstack([nats, np.full((count, 1), 100), np.zeros((count, 3))]))
        found = scoring.summary(scores, scoring.draws(count, 500))["perplexity"]
        low, high = found["interval"]
        assert low < found["value"] < high
        widths.append(high - low)
    assert widths[1] < widths[0] / 3
    assert scoring.compared(scores, scores, scoring.draws(2000, 50))["perplexity"]["interval"] == [0, 0]


def test_sanity_tells_the_frame_and_the_end() -> None:
    """What knows one codon in frame loses by a shift; what knows no frame loses nothing."""
    genes = [gene([14, *[27] * 30, 48], name=str(n)) for n in range(3)]  # ATG, CGT ..., TAA
    training = [one.codons for one in genes]
    known, blind = sanity(KneserNey(training, 2), genes), sanity(Uniform(), genes)
    assert known["frame_shift_delta"] > 1 > 0.01 > abs(blind["frame_shift_delta"])
    assert known["stop_rate_at_end"] == pytest.approx(known["stop_rate"], rel=3)
    assert [blind["stop_rate"], blind["stop_rate_at_end"]] == pytest.approx([3 / 65] * 2)
    assert sanity(Uniform(), [gene([14, 0, 48])]) == {}


def test_evaluation_puts_the_model_beside_its_baselines(trained: Path, prepared: Path, tmp_path: Path) -> None:
    found = evaluate(trained / "train" / "model", prepared, tmp_path, bootstrap=50)
    methods = found["methods"]
    assert methods["uniform"]["perplexity"]["value"] == pytest.approx(65)
    assert methods[MODEL]["perplexity"]["value"] < methods["uniform"]["perplexity"]["value"] / 1.5
    assert found["first_loss"]["untrained"] == pytest.approx(found["first_loss"]["ln_v"], rel=0.02)
    assert found["untrained_perplexity"] == pytest.approx(68, rel=0.1)
    assert found["genes"] == sum(one.split == "test" for one in read_genes(prepared))
    assert {TRIGRAM, "codon usage", "codon usage of its genome"} <= methods.keys()
    assert found["sanity"][MODEL]["frame_shift_delta"] > 0.1
    rows = (tmp_path / "genes.tsv").read_text().splitlines()
    assert len(rows) == found["genes"] + 1
