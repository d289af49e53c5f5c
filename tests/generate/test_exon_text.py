"""Exon text: what is encoded decodes to the same intervals, the automaton lets it be written, and it scores 1."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.generate.toy_loci import toy_gene

from genescribe.evaluate.accuracy import compare
from genescribe.generate.reinforce.config import RewardConfig
from genescribe.generate.reinforce.reward import Judge
from genescribe.generate.text.exon_text import (
    END,
    NEXT,
    Chain,
    ExonAutomaton,
    ExonTextError,
    chains_of,
    chains_of_sentence,
    decode,
    encode,
    genes_of,
)
from genescribe.generate.text.sentence import sentence_of
from genescribe.genome.alphabet import BASES, Codes
from genescribe.genome.alphabet import decode as letters_of
from genescribe.genome.alphabet import encode as codes_of
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.genome.fasta import Genome
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Gene

ITEMS = re.compile(r"<\w+>|<[+-]>|[ACGTN]")


@st.composite
def windows(draw: st.DrawFn) -> tuple[Codes, list[Chain]]:
    """Draw a window with up to three chains; few letters, so that stretches often occur twice."""
    length = draw(st.integers(60, 160))
    letters = draw(st.integers(2, 4))
    codes = np.random.default_rng(draw(st.integers(0, 2**16))).choice(letters, size=length).astype(np.uint8)
    chains = []
    for _ in range(draw(st.integers(1, 3))):
        cuts = sorted(draw(st.sets(st.integers(0, length), min_size=2, max_size=2)))
        first, last = cuts
        size = draw(st.integers(1, 12))
        exons = [(first, min(last, first + size))]
        while exons[-1][1] + 5 + 8 < last:
            start = exons[-1][1] + 5
            exons.append((start, min(last, start + 8)))
        chains.append(Chain(tuple(exons), draw(st.sampled_from("+-"))))
    return codes, chains


def encoded(chains: list[Chain], codes: Codes) -> tuple[str | None, str]:
    """Return the text of some chains, or why they have none."""
    try:
        return encode(chains, codes, shortest_intron=5), ""
    except ExonTextError as error:
        return None, error.reason


@settings(max_examples=150, deadline=None)
@given(windows())
def test_what_is_encoded_decodes_to_itself_or_is_refused(drawn: tuple[Codes, list[Chain]]) -> None:
    codes, chains = drawn
    text, reason = encoded(chains, codes)
    if text is None:
        assert reason == "placed elsewhere"
        return
    assert decode(text, codes, shortest_intron=5) == sorted(set(chains))
    automaton = ExonAutomaton(codes, shortest_intron=5)
    for item in [*ITEMS.findall(text), END]:
        assert item in automaton.allowed()
        automaton.advance(item)
    assert automaton.finished and not automaton.allowed()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**16))
def test_whatever_is_written_inside_the_automaton_is_stretches_of_the_window(seed: int) -> None:
    rng = np.random.default_rng(seed)
    codes = rng.choice(4, size=80).astype(np.uint8)
    automaton, items = ExonAutomaton(codes, shortest_intron=5), []
    # One chain: the order of chains is the business of `decode`.
    for _ in range(40):
        options = sorted(automaton.allowed() - ({"<+>", "<->"} if items else {END}))
        if not options:
            break
        item = options[int(rng.integers(len(options)))]
        automaton.advance(item)
        items.append(item)
        if automaton.finished:
            break
    while items and items[-1] in (NEXT, END):
        items.pop()
    if len(items) < 2:
        return
    (chain,) = decode("".join(items), codes, shortest_intron=5)
    bases, text = letters_of(codes), "".join(items)
    assert [bases[a:b] for a, b in chain.exons] == text[3:].split(NEXT)
    assert all(b[0] - a[1] >= 5 for a, b in zip(chain.exons, chain.exons[1:], strict=False))


def test_introns_with_known_ends_decide_where_a_stretch_lies() -> None:
    codes = codes_of("CCATGAAA" + "GTCCCCAG" + "CATCAT" + "CCCC" + "CATCAT" + "CC")
    chain = Chain(((2, 8), (16, 22)), "+")
    text = encode([chain], codes, shortest_intron=5)
    assert text == "<+>ATGAAA<exon>CATCAT"
    assert decode(text + END, codes, shortest_intron=5) == [chain]
    with pytest.raises(ExonTextError, match="placed elsewhere"):
        encode([Chain(((2, 8), (26, 32)), "+")], codes, shortest_intron=5)
    for bad, reason in (("ATG", "not exon text"), ("<+>ATG<exon>", "not exon text"), ("<+>TTTTT", "no stretch")):
        with pytest.raises(ExonTextError, match=reason):
            decode(bad, codes)
    with pytest.raises(ExonTextError, match="short intron"):
        encode([chain], codes, shortest_intron=9)
    with pytest.raises(ExonTextError, match="outside"):
        encode([Chain(((30, 40),), "+")], codes)
    assert decode("", codes) == []


def test_the_oracle_scores_one_in_text_reward_and_evaluation() -> None:
    """Annotation -> exon text -> genes, both strands: F1 1.0; and the same intervals as the gene sentence has."""
    judge, rng = Judge(RewardConfig(), GeneticCode.from_table(1)), np.random.default_rng(1)
    strands = set()
    for number in range(20):
        codes, gene = toy_gene(f"g{number}", rng)
        chains, cut = chains_of([gene], 0, len(codes))
        assert cut == 0
        sentence = sentence_of(gene)
        assert chains == chains_of_sentence(sentence)
        found = decode(encode(chains, codes), codes)
        predicted = genes_of(found, gene.seqid)
        scores = compare([gene], predicted)
        assert {scores[level]["f1"] for level in ("base", "exon", "transcript", "gene")} == {1.0}
        assert judge.of(sentence, sentence_of(predicted[0]), codes).value == 1.0
        strands.add(gene.strand)
    assert strands == {"+", "-"}


ARABIDOPSIS = "eukaryotes/Arabidopsis.thaliana_1pct"


def test_windows_of_a_real_genome(data_dir: Path) -> None:
    """All coding transcripts of Arabidopsis's first percent, in windows of 20 kb; what is not said is counted."""
    genome = Genome.open(data_dir / ARABIDOPSIS / "genome.fa.gz")
    genes: dict[str, list[Gene]] = {}
    for gene in read_genes(data_dir / ARABIDOPSIS / "annotation.gff3.gz"):
        genes.setdefault(gene.seqid, []).append(gene)
    counts: Counter[str] = Counter()
    for seqid, found in genes.items():
        for start in range(0, genome.lengths[seqid], 20_000):
            end = min(start + 20_000, genome.lengths[seqid])
            codes, (chains, cut) = genome.codes(seqid, start, end), chains_of(found, start, end)
            counts["cut"] += cut
            for chain in chains:
                try:
                    assert decode(encode([chain], codes), codes) == [chain]
                    counts["told"] += 1
                except ExonTextError as error:
                    counts[error.reason] += 1
    print(dict(counts))
    assert counts["told"] > 0.95 * (counts.total() - counts["cut"])
    assert set(BASES) == set("ACGTN")
