"""Sentences: grammar, canonical order, exact inverses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.generate.sentence_strategies import LENGTH, genes

from genescribe.generate.text import tokenizer
from genescribe.generate.text.sentence import (
    NAMES,
    GeneSentence,
    Kind,
    SentenceError,
    expressible_part,
    gene_of,
    sentence_of,
)
from genescribe.genome.model import Gene, Transcript, mirror


def structures(gene: Gene) -> list[tuple[object, ...]]:
    return sorted((t.exons, t.cds, t.phase) for t in gene.transcripts)


@given(genes())
def test_a_gene_comes_back_through_text_and_tokens(gene: Gene) -> None:
    sentence = sentence_of(gene, offset=0)
    assert GeneSentence.parse(str(sentence)) == sentence
    assert GeneSentence.parse(tokenizer.text_of(tokenizer.encode(sentence))) == sentence
    assert tokenizer.text_of(tokenizer.encode(sentence)) == str(sentence)
    again = gene_of(sentence, "g", "s")
    assert again.strand == gene.strand
    assert structures(again) == structures(gene)


@given(genes())
def test_one_annotation_has_one_sentence(gene: Gene) -> None:
    shuffled = Gene(gene.id, gene.seqid, gene.strand, gene.transcripts[::-1])
    assert str(sentence_of(shuffled)) == str(sentence_of(gene))


@given(genes())
def test_the_reverse_complement_is_that_of_the_mirrored_gene_and_an_involution(gene: Gene) -> None:
    sentence = sentence_of(gene)
    turned = sentence.reverse_complement(LENGTH)
    assert turned == sentence_of(mirror(gene, LENGTH))
    assert turned.reverse_complement(LENGTH) == sentence
    assert GeneSentence.parse(str(turned)) == turned


@given(genes(), st.integers(0, 1000))
def test_the_window_may_begin_anywhere(gene: Gene, offset: int) -> None:
    sentence = sentence_of(gene, -offset)
    assert sentence == sentence_of(gene).shifted(offset)
    assert structures(gene_of(sentence, "g", "s", -offset)) == structures(gene)


@given(genes(), st.data())
def test_a_mutilated_sentence_parses_or_is_refused(gene: Gene, data: st.DataObject) -> None:
    text = list(str(sentence_of(gene)))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place] = data.draw(st.sampled_from(["", "|", ";", ">", "0", "9", "+", "-", "A", ".", "CDS1"]))
    try:
        sentence = GeneSentence.parse("".join(text))
    except SentenceError:
        return
    assert GeneSentence.parse(str(sentence)) == sentence


def test_the_words() -> None:
    gene = Gene(
        "g",
        "s",
        "-",
        (
            Transcript("a", ((10, 40), (60, 100)), ((20, 40), (60, 90))),
            Transcript("b", ((10, 40), (70, 100)), ((20, 40), (70, 90))),
        ),
    )
    assert str(sentence_of(gene)) == (
        "90|five_prime_UTR1|100|-|.;70|CDS1|90|-|A;60|CDS2|90|-|A;20|CDS3|40|-|A;20|CDS4|40|-|B;"
        "10|three_prime_UTR1|20|-|.;"
        ">five_prime_UTR1|CDS1|CDS4|three_prime_UTR1;five_prime_UTR1|CDS2|CDS3|three_prime_UTR1"
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no >"),
        ("0|CDS1|9|+|A", "no >"),
        ("0|CDS1|9|+|A;>", "not a feature's name"),
        (">CDS1", "not a feature"),
        ("9|CDS1|0|+|A;>CDS1", "empty or reversed feature"),
        ("0|CDS1|9|+|.;>CDS1", "phase and type do not match"),
        ("0|CDS1|9|+|A;20|CDS2|29|-|A;>CDS1|CDS2", "two strands"),
        ("0|CDS1|9|+|A;20|CDS2|29|+|B;>CDS1|CDS2", "phases do not follow"),
        ("0|CDS1|9|+|A;8|CDS2|29|+|A;>CDS1|CDS2", "features overlap"),
        ("0|CDS1|9|+|A;9|CDS2|29|+|A;>CDS1|CDS2", "features of one type touch"),
        ("0|CDS1|9|+|A;20|CDS2|29|+|A;>CDS1", "feature in no transcript"),
        ("0|CDS1|9|+|A;>CDS1|CDS2", "transcript of an undeclared feature"),
        ("0|CDS1|9|+|A;0|CDS1|12|+|A;>CDS1", "feature named twice"),
        ("0|three_prime_UTR1|9|+|.;9|CDS1|29|+|A;>three_prime_UTR1|CDS1", "types out of order"),
        ("0|five_prime_UTR1|9|+|.;>five_prime_UTR1", "no coding feature"),
        ("00|CDS1|9|+|A;>CDS1", "not a feature"),
        ("0|CDS1|9|+|A;>CDS1;CDS1", "the same transcript twice"),
    ],
)
def test_what_is_no_sentence(text: str, reason: str) -> None:
    with pytest.raises(SentenceError) as caught:
        GeneSentence.parse(text)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("transcript", "reason"),
    [
        (Transcript("t", ((0, 10),)), "non-coding transcript"),
        (Transcript("t", ((0, 10),), ((0, 9),), partial3=True), "partial coding sequence"),
        (Transcript("t", ((0, 10), (10, 20)), ((0, 10), (10, 20))), "exons touch"),
        (Transcript("t", ((0, 20),), ((0, 10), (11, 20))), "coding sequence with a gap inside an exon"),
        (Transcript("t", ((0, 10),), ((0, 12),)), "coding sequence outside the exons"),
        (Transcript("t", ((0, 9), (20, 25), (30, 39)), ((0, 9), (30, 39))), "untranslated exon between coding ones"),
        (
            Transcript("t", ((0, 12), (30, 39)), ((0, 9), (30, 39))),
            "exon partly coding inside the coding sequence",
        ),
    ],
)
def test_what_no_sentence_can_say(transcript: Transcript, reason: str) -> None:
    told = expressible_part(Gene("g", "s", "+", (transcript,)))
    assert told.gene is None
    assert told.reason == reason
    assert told.left_out == (("t", reason),)
    sound = Transcript("u", ((0, 9),), ((0, 9),))
    told = expressible_part(Gene("g", "s", "+", (transcript, sound, sound)))
    assert told.gene is not None
    assert told.gene.transcripts == (sound,)
    assert told.left_out == (("t", reason), ("u", "repeats another transcript"))


def test_more_features_than_tokens_are_refused_whole() -> None:
    exons = tuple((20 * i, 20 * i + 9) for i in range(151))
    told = expressible_part(Gene("g", "s", "+", (Transcript("t", exons, exons),)))
    assert told.gene is None
    assert told.reason == "more than 150 CDS features"


def test_the_vocabulary_is_the_published_one() -> None:
    words = tokenizer.VOCABULARY
    assert len(words) == len(set(words)) == 272
    assert words[:4] == ("<s>", "<pad>", "</s>", "<unk>")
    assert "".join(words[4:22]) == "0123456789ABC>.+-;"
    assert (words[22], words[171]) == ("CDS1", "CDS150")
    assert (words[172], words[221]) == ("five_prime_UTR1", "five_prime_UTR50")
    assert (words[222], words[271]) == ("three_prime_UTR1", "three_prime_UTR50")
    for number in range(22, 272):
        kind, place = tokenizer.kind_of(number)  # type: ignore[misc]
        assert words[number] == f"{NAMES[kind]}{place}"
    assert tokenizer.kind_of(21) is None


def test_tokens_that_spell_nonsense_are_shown_and_refused() -> None:
    tokens = [tokenizer.BOS, 22, 22, 18, 9, tokenizer.UNK, 300, tokenizer.EOS, 4]
    assert tokenizer.text_of(tokens) == "CDS1|CDS1|.|5|<unk>"
    with pytest.raises(SentenceError):
        GeneSentence.parse(tokenizer.text_of(tokens))


def test_kinds_are_in_the_order_of_a_transcript() -> None:
    assert Kind.UTR5 < Kind.CDS < Kind.UTR3
