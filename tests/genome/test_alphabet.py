"""Base codes and letters."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from genescribe.genome.alphabet import SOFTMASK, N, decode, encode, reverse_complement, unmasked

SEQUENCES = st.text(alphabet="ACGTNacgtn", max_size=80)


@given(SEQUENCES)
def test_letters_survive(text: str) -> None:
    assert decode(encode(text)) == text
    assert decode(encode(text.encode())) == text


@given(SEQUENCES)
def test_the_other_strand_of_the_other_strand(text: str) -> None:
    codes = encode(text)
    complement = text.translate(str.maketrans("ACGTNacgtn", "TGCANtgcan"))[::-1]
    assert decode(reverse_complement(codes)) == complement
    assert np.array_equal(reverse_complement(reverse_complement(codes)), codes)


@given(SEQUENCES)
def test_unmasked_is_upper_case(text: str) -> None:
    assert decode(unmasked(encode(text))) == text.upper()


def test_every_byte_is_a_base_or_n() -> None:
    codes = encode(bytes(range(256)))
    for byte in range(256):
        letter = chr(byte)
        upper = letter.upper() if letter.isascii() else letter
        expected = {"A": 0, "C": 1, "G": 2, "T": 3, "U": 3}.get(upper, N)
        assert codes[byte] & (SOFTMASK - 1) == expected
        assert bool(codes[byte] & SOFTMASK) == (letter.isascii() and letter.islower())
