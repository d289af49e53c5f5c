"""NCBI's tables against facts that are written in every textbook, and translation codon by codon."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genescribe.errors import InputError
from genescribe.genome.alphabet import encode
from genescribe.genome.genetic_code import AMBIGUOUS, GeneticCode, codon_numbers, codon_set

TABLES = [*range(1, 7), *range(9, 17), *range(21, 34)]
CODONS = ["".join(codon) for codon in product("ACGT", repeat=3)]


def amino_acid(table: int, codon: str) -> str:
    return GeneticCode.from_table(table).translate(encode(codon))


def test_codon_numbers_count_in_the_order_a_c_g_t() -> None:
    assert [int(codon_numbers(encode(codon))[0]) for codon in CODONS] == list(range(64))
    assert codon_numbers(encode("ANA"))[0] == AMBIGUOUS


@pytest.mark.parametrize("table", TABLES)
def test_every_table_has_starts_stops_and_all_codons(table: int) -> None:
    code = GeneticCode.from_table(table)
    assert code.number == table
    assert "ATG" in code.starts and code.stops
    assert not code.starts & code.stops
    assert {codon for codon in CODONS if code.is_stop[codon_numbers(encode(codon))[0]]} == code.stops
    assert {codon for codon in CODONS if code.is_start[codon_numbers(encode(codon))[0]]} == code.starts
    assert not code.is_stop[AMBIGUOUS] and not code.is_start[AMBIGUOUS]
    # Whatever always stops is among the stops; the other stops are those that three ciliate tables read through.
    always = {codon for codon in CODONS if amino_acid(table, codon) == "*"}
    assert always <= code.stops
    assert (always == code.stops) == (table not in (27, 28, 31))


@pytest.mark.parametrize(
    ("table", "codon", "expected"),
    [
        (1, "ATG", "M"), (1, "TGG", "W"), (1, "TGA", "*"), (1, "CTG", "L"),
        (2, "AGA", "*"), (2, "ATA", "M"), (2, "TGA", "W"),
        (3, "CTA", "T"), (3, "TGA", "W"),
        (4, "TGA", "W"), (5, "AGA", "S"),
        (6, "TAA", "Q"), (6, "TGA", "*"), (9, "AAA", "N"), (10, "TGA", "C"),
        (11, "TGA", "*"), (12, "CTG", "S"), (13, "AGA", "G"), (14, "TAA", "Y"),
        (15, "TAG", "Q"), (16, "TAG", "L"), (21, "AAA", "N"), (22, "TCA", "*"), (23, "TTA", "*"),
        (24, "AGG", "K"), (25, "TGA", "G"), (26, "CTG", "A"), (27, "TGA", "W"), (29, "TAA", "Y"),
        (30, "TAA", "E"), (32, "TAG", "W"), (33, "TAA", "Y"),
    ],
)  # fmt: skip
def test_what_sets_a_table_apart(table: int, codon: str, expected: str) -> None:
    assert amino_acid(table, codon) == expected


def test_starts_of_the_standard_and_the_bacterial_code() -> None:
    assert GeneticCode.from_table(1).starts == {"ATG", "CTG", "TTG"}
    assert GeneticCode.from_table(11).starts == {"ATG", "CTG", "TTG", "GTG", "ATT", "ATC", "ATA"}
    assert GeneticCode.from_table(11).canonical_starts == {"ATG"}


def test_a_complete_protein_begins_with_m_and_ends_with_a_stop() -> None:
    code = GeneticCode.from_table(27)
    assert code.translate(encode("ATGTGATGA")) == "MWW"
    assert code.translate(encode("ATGTGATGA"), complete=True) == "MW*"
    assert GeneticCode.from_table(11).translate(encode("TTGAAATAA"), complete=True) == "MK*"
    assert code.translate(encode("AT"), complete=True) == ""


@given(st.text(alphabet="ACGTacgtNnR", max_size=60), st.sampled_from(TABLES))
def test_translation_is_codon_by_codon(text: str, table: int) -> None:
    code = GeneticCode.from_table(table)
    whole = [text[i : i + 3] for i in range(0, len(text) - 2, 3)]
    expected = "".join("X" if set(codon.upper()) - set("ACGT") else amino_acid(table, codon) for codon in whole)
    assert code.translate(encode(text)) == expected
    assert len(codon_numbers(encode(text))) == len(text) // 3


def test_lookups_cannot_be_changed_by_accident() -> None:
    code = GeneticCode.from_table(1)
    with pytest.raises(ValueError, match="read-only"):
        code.is_stop[0] = True
    assert np.flatnonzero(codon_set(frozenset({"AAC"}))).tolist() == [1]


@pytest.mark.parametrize("number", [0, 7, 8, 17, 34, -1])
def test_an_unknown_table_is_named(number: int) -> None:
    with pytest.raises(InputError, match=f"no NCBI table {number}"):
        GeneticCode.from_table(number)
