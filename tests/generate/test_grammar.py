"""The automaton: what it lets through is a gene, and every gene that obeys the signals is let through."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.generate.sentence_strategies import LENGTH, genes

from genescribe.generate.text import pointer
from genescribe.generate.text.grammar import Grammar
from genescribe.generate.text.pointer import PointerAutomaton
from genescribe.generate.text.sentence import GeneSentence, gene_of, sentence_of
from genescribe.generate.text.window_signals import Signals
from genescribe.genome.alphabet import N, decode, encode, gaps
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Gene
from genescribe.labels.decode import validate_gene
from genescribe.labels.gene_rules import GeneRules

CODE = GeneticCode.from_table(1)
RULES = GeneRules(splice_sites=["GT-AG", "GC-AG", "AT-AC"])


def on_its_strand(gene: Gene) -> GeneSentence:
    sentence = sentence_of(gene)
    return sentence if sentence.strand == "+" else sentence.reverse_complement(LENGTH)


def values(sentence: GeneSentence) -> list[int]:
    return [step.value for step in pointer.encode(sentence)]


@settings(max_examples=40, deadline=None)
@given(gene=genes())
def test_the_free_grammar_takes_every_sentence(gene: Gene) -> None:
    sentence = on_its_strand(gene)
    automaton = PointerAutomaton(Grammar(Signals.free(LENGTH)))
    for value in values(sentence):
        assert automaton.allowed()[value]
        automaton.advance(value)
    assert automaton.finished
    assert automaton.grammar.sentence() == sentence


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_written_at_random_is_a_gene(seed: int) -> None:
    """A model of random weights, in short: valid reading frames and splice sites, and no dead end."""
    rng = np.random.default_rng(seed)
    codes = rng.choice(5, size=int(rng.integers(300, 900)), p=[0.3, 0.2, 0.2, 0.29, 0.01]).astype(np.uint8)
    for place in rng.integers(0, len(codes), 2 * (seed % 2)):
        codes[place : place + int(rng.integers(10, 60))] = N  # a gap, in which nothing codes
    signals = Signals.of(codes, CODE, RULES)
    text = decode(codes)
    written = 0
    for _ in range(4):
        automaton = PointerAutomaton(Grammar(signals, most_features=int(rng.integers(1, 12))))
        grammar = automaton.grammar
        for _ in range(3000):
            options = np.flatnonzero(automaton.allowed())
            if automaton.finished or not len(options):
                break
            automaton.advance(int(rng.choice(options)))
        if not signals.start.any():
            assert not automaton.finished
            continue
        assert grammar.chains
        # Only what waits for a feature that cannot come is left out, and that is rare.
        alive = {i for i, kept in enumerate(grammar.listing.alive) if kept}
        assert not automaton.finished or alive <= {i for chain in grammar.chains for i in chain}
        sentence = grammar.sentence()
        assert GeneSentence.parse(str(sentence)) == sentence
        for transcript in gene_of(sentence, "g", "s").transcripts:
            written += 1
            assert validate_gene(transcript, codes, CODE, alternative_starts=False) is None
            for start, end in transcript.introns:
                assert f"{text[start : start + 2]}-{text[end - 2 : end]}" in RULES.splice_sites
                assert end - start >= RULES.shortest_intron
    assert written or not signals.start.any()


def test_a_gene_with_isoforms_is_let_through() -> None:
    #         0123456789
    leader = "CCCCCCCCCC"
    intron = "GT" + "C" * 26 + "AG"
    coding = [leader + "ATGGCCGCCG", intron, "CCGCCGCC", intron, "GCCTAACCCC"]
    codes = encode("".join(coding))
    # ATGGCCGCCG CCGCCGCC GCCTAA: 10 + 8 + 6 = 24 bases; without the middle exon: 16 bases, no frame.
    a = "0|five_prime_UTR1|10|+|.;10|CDS1|20|+|A;50|CDS2|58|+|C;88|CDS3|94|+|A;94|three_prime_UTR1|98|+|.;"
    sentence = GeneSentence.parse(a + ">five_prime_UTR1|CDS1|CDS2|CDS3|three_prime_UTR1;CDS1|CDS2|CDS3")
    automaton = PointerAutomaton(Grammar(Signals.of(codes, CODE, GeneRules())))
    for value in values(sentence):
        assert automaton.allowed()[value]
        automaton.advance(value)
    assert automaton.finished
    assert automaton.grammar.sentence() == sentence


def test_a_stop_codon_that_an_intron_splits_is_not_written() -> None:
    intron = "GT" + "C" * 26 + "AG"
    codes = encode("ATGGCCTA" + intron + "ACCGCCTAACC")
    signals = Signals.of(codes, CODE, GeneRules())
    assert signals.donor[8]
    assert not signals.continuations(8, 1)[8 + len(intron)]
    assert signals.continuations(7, 2).sum() == 0


@given(st.lists(st.one_of(st.text("ACGTN", max_size=20), st.just("N" * 13)), max_size=4).map("".join))
def test_signals_against_their_definition(text: str) -> None:
    codes = encode(text)
    signals = Signals.of(codes, CODE, RULES)
    for place in range(len(text) + 1):
        stops = [i for i in range(place, len(text) - 2, 3) if text[i : i + 3] in CODE.stops]
        end = stops[0] + 3 if stops else None
        if end is not None and any(place < right and left < end for left, right in gaps(codes)):
            stops, end = [], None
        assert (int(signals.stop_end[place]) if stops else None) == end
        assert signals.start[place] == (text[place : place + 3] == "ATG" and bool(stops))
        assert signals.donor[place] == (text[place : place + 2] in {"GT", "GC", "AT"})
        assert signals.acceptor[place] == (place >= 2 and text[place - 2 : place] in {"AG", "AC"})


def test_nothing_to_begin_with_is_a_dead_end() -> None:
    signals = Signals.of(encode("CCCCCCCC"), CODE, GeneRules())
    assert not PointerAutomaton(Grammar(signals)).allowed().any()
