"""The text that published TransGenic checkpoints write, read into genes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.generate.published_transgenic import tokens_of
from tests.generate.toy_loci import toy_genome

from genescribe.generate.text.free_text import FreeText, published_prompt, published_text
from genescribe.generate.text.sentence import sentence_of
from genescribe.generate.text.tokenizer import EOS, VOCABULARY


# -- texts -----------------------------------------------------------------------------------------------------------
def read(text: str, length: int = 400) -> FreeText:
    written = FreeText(length, lambda features, strand: None)
    for token in tokens_of(text):
        written.write(token)
    return written


def test_published_texts_are_read_in_any_order_of_features(tmp_path: Path) -> None:
    _, _, genes = toy_genome(tmp_path, {"t": 12})
    assert {gene.strand for gene in genes} == {"+", "-"}
    for gene in genes:
        sentence = sentence_of(gene)
        written = read(published_text(sentence))
        turned = sentence if gene.strand == "+" else sentence.reverse_complement(400)
        assert written.finished and written.strand == gene.strand and not written.abandoned
        found = {features for features, _ in written.transcripts()}
        assert found == {tuple(turned.features[i] for i in chain) for chain in turned.transcripts}
        assert tokens_of(published_text(sentence))[: len(published_prompt(sentence))] == published_prompt(sentence)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("10|CDS1|19|+|A;30|CDS2|39|+|C>CDS1|CDS2", 1),  # A phase that does not follow is computed.
        ("10|CDS1|19|+|A;30|CDS2|39|-|A>CDS1;CDS1|CDS2", 1),  # Two strands.
        ("10|CDS1|19|+|A;30|CDS1|39|+|A>CDS1", 1),  # A name twice.
        ("19|CDS1|10|+|A>CDS1", 0),
        ("10|CDS1|401|+|A>CDS1", 0),
        ("10|CDS1|19|+|A>CDS1;CDS2;CDS1|CDS1", 1),
        ("10|five_prime_UTR1|19|+|.>five_prime_UTR1", 0),
        ("10|CDS1|19|+|A;15|CDS2|39|+|A>CDS1|CDS2;CDS2", 1),
    ],
)
def test_what_is_no_transcript_is_left_out(text: str, count: int) -> None:
    assert len(read(text).transcripts()) == count


def test_any_tokens_can_be_written() -> None:
    rng = np.random.default_rng(3)
    for _ in range(200):
        written = FreeText(400, lambda features, strand: None)
        for token in [*rng.integers(0, len(VOCABULARY), size=60).tolist(), EOS]:
            written.write(int(token))
        assert written.finished
        written.transcripts()
