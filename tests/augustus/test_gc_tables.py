"""Tables by class of GC content: weights and words counted base by base, and what a class's genes are like."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from tests.augustus.toy_species import write_species

from genescribe.augustus.convert import convert
from genescribe.augustus.estimate import estimate_model
from genescribe.augustus.gc_tables import (
    CODING,
    SPREAD,
    START_LENGTH,
    TRACT_LENGTH,
    pattern_probabilities,
    with_gc_classes,
    word_probabilities,
)
from genescribe.augustus.species import read_species
from genescribe.augustus.tables import Species
from genescribe.errors import InputError
from genescribe.evaluate.tools.augustus_training import Chosen, TrainingOptions
from genescribe.genome.alphabet import reverse_complement
from genescribe.genome.fasta import Genome, write_fasta
from genescribe.genome.model import Gene, Transcript

WINDOW = 400
EXONS = ((600, 753), (1200, 1401), (2000, 2150))


@pytest.fixture
def species(tmp_path: Path) -> Species:
    return read_species(write_species(tmp_path))


def sequence(rng: np.random.Generator, gc: float, length: int = 3000) -> np.ndarray:
    """Return random bases with a share of G and C, and splice sites at the ends of the introns of `EXONS`."""
    codes = rng.choice(4, length, p=[(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2]).astype(np.uint8)
    for (_, end), (start, _) in pairwise(EXONS):
        codes[end : end + 2], codes[start - 2 : start] = (2, 3), (0, 2)
    return codes


def gene(seqid: str, strand: str, exons: tuple[tuple[int, int], ...], left: int = 0, right: int = 3000) -> Chosen:
    transcript = Transcript("t", exons, exons)
    return Chosen(Gene("g", seqid, strand, (transcript,)), transcript, left, right)


def genome(path: Path, **sequences: np.ndarray) -> Genome:
    write_fasta(path, sequences.items())
    return Genome.open(path)


def gc_of(codes: np.ndarray) -> np.ndarray:
    """Return the GC content of the window around each base, one base at a time."""
    parts = [codes[max(0, at - WINDOW // 2) : at + WINDOW // 2 + 1] for at in range(len(codes))]
    return np.array([np.isin(part, (1, 2)).sum() / (part < 4).sum() for part in parts])


def test_probabilities_are_smoothed_with_lower_orders() -> None:
    counts = np.random.default_rng(1).integers(0, 30, 16).astype(float)
    single = counts.reshape(4, 4).sum(0)
    single = (single + 0.25) / (single.sum() + 1)
    expected = (counts.reshape(4, 4) + 5 * single) / (counts.reshape(4, 4).sum(1, keepdims=True) + 5)
    assert word_probabilities(counts, 5.0) == pytest.approx(expected.reshape(16))
    assert word_probabilities(np.zeros(64), 5.0) == pytest.approx(np.full(64, 0.25))


def test_words_keep_the_bases_next_to_the_last() -> None:
    # Only CAG was seen: given AG's A the last base is G whatever comes before, but more surely behind C.
    counts = np.zeros(64)
    counts[1 * 16 + 0 * 4 + 2] = 50
    found = word_probabilities(counts, 10.0).reshape(4, 4, 4)
    assert found[1, 0].argmax() == 2 and found[3, 0, 2] > found[3, 1, 2]
    assert found[1, 0, 2] > found[3, 0, 2]


def test_patterns_are_smoothed_with_a_markov_chain() -> None:
    rng = np.random.default_rng(2)
    first, given = np.array([0.1, 0.2, 0.3, 0.4]), rng.dirichlet(np.ones(4), (2, 4))
    chain = (first[:, None, None] * given[0][:, :, None] * given[1][None]).reshape(-1)
    assert pattern_probabilities(1e7 * chain, 1e9) == pytest.approx(chain, rel=1e-3)
    odd = np.zeros(64)
    odd[[0, 63]] = 1e6
    assert pattern_probabilities(odd, 10.0)[[0, 63]] == pytest.approx([0.5, 0.5], rel=1e-3)
    assert pattern_probabilities(odd, 10.0).sum() == pytest.approx(1)


def test_coding_words_are_counted_base_by_base(species: Species, tmp_path: Path) -> None:
    codes = sequence(np.random.default_rng(3), 0.5)
    codes[1250] = 4
    chosen = [gene("s", "+", EXONS)]
    found = with_gc_classes(species, [(chosen, genome(tmp_path / "g.fa", s=codes))], (0.4, 0.55), WINDOW)
    counts, gc, phase = np.zeros((2, 3, 4 ** (CODING + 1))), gc_of(codes[400:2350]), 0
    for number, (start, end) in enumerate(EXONS):
        for at in range(start + (3 if number == 0 else 2), end - 3):
            word = codes[at - CODING : at + 1].tolist()
            if max(word) < 4:
                weight = np.exp(-0.5 * ((gc[at - 400] - np.array([0.4, 0.55])) / SPREAD) ** 2)
                frame = (phase + at - start) % 3
                counts[:, frame, int(np.dot(word, 4 ** np.arange(CODING, -1, -1)))] += weight
        phase += end - start
    for number, exon in enumerate(found.exons):
        assert pytest.approx(word_probabilities(counts[number], 100.0)) == exon.emission.T
    assert found.gc == (0.4, 0.55) and found.gc_window == WINDOW


def test_both_strands_tell_the_same(species: Species, tmp_path: Path) -> None:
    codes = sequence(np.random.default_rng(4), 0.45)
    back = tuple((3000 - b, 3000 - a) for a, b in reversed(EXONS))
    both = genome(tmp_path / "g.fa", plus=codes, minus=reverse_complement(codes))
    plus = with_gc_classes(species, [([gene("plus", "+", EXONS)], both)], (0.4, 0.5), WINDOW)
    minus = with_gc_classes(species, [([gene("minus", "-", back)], both)], (0.4, 0.5), WINDOW)
    assert plus.introns is not None and minus.introns is not None
    assert np.array_equal(plus.introns.donor, minus.introns.donor)
    assert np.array_equal(plus.introns.acceptor, minus.introns.acceptor)
    for a, b in zip(plus.exons, minus.exons, strict=True):
        assert a.emission == pytest.approx(b.emission)
        assert a.start.chances == pytest.approx(b.start.chances)
    for c, d in zip(plus.introns.classes, minus.introns.classes, strict=True):
        assert c.acceptor.chances == pytest.approx(d.acceptor.chances)


def test_no_base_beyond_a_gene_s_own_stretch_is_read(species: Species, tmp_path: Path) -> None:
    codes = sequence(np.random.default_rng(5), 0.45)
    other = codes.copy()
    other[:550], other[2200:] = 2, 2
    both = genome(tmp_path / "g.fa", a=codes, b=other)
    tables = [
        with_gc_classes(species, [([gene(name, "+", EXONS, 550, 2200)], both)], (0.4, 0.5), WINDOW) for name in "ab"
    ]
    for a, b in zip(tables[0].exons, tables[1].exons, strict=True):
        assert np.array_equal(a.emission, b.emission) and np.array_equal(a.start.chances, b.start.chances)


def test_a_class_is_that_of_its_genes_and_the_model_has_them_all(species: Species, tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    poor, rich = [sequence(rng, 0.35) for _ in range(8)], [sequence(rng, 0.6) for _ in range(8)]
    names = {f"s{number}": codes for number, codes in enumerate(poor + rich)}
    chosen = [gene(name, "+", EXONS) for name in names]
    found = with_gc_classes(species, [(chosen, genome(tmp_path / "g.fa", **names))], (0.35, 0.6), WINDOW)
    assert found.introns is not None
    for exon, expected in zip(found.exons, (0.35, 0.6), strict=True):
        strong = exon.emission.reshape(-1, 4, 3)[:, 1:3].sum(1).mean()
        assert strong == pytest.approx(expected, abs=0.03)
    for table, intron in zip(found.intergenic, found.introns.classes, strict=True):
        assert table.reshape(-1, 4)[:, 1:3].sum(1).mean() == pytest.approx(0.475, abs=0.03)
        assert table is intron.emission
    assert len(found.introns.classes[0].acceptor.chances) == TRACT_LENGTH == found.windows.tract
    assert len(found.exons[0].start.chances) == START_LENGTH == found.windows.start
    model = convert(found)
    assert model.config.tables is not None and list(model.config.tables.gc) == [0.35, 0.6]


def strong(table: np.ndarray) -> float:
    """Return the share of G and C behind all words alike."""
    return float(table.reshape(-1, 4)[:, 1:3].sum(1).mean())


def test_where_genomes_differ_introns_and_flanks_are_of_a_class_too(species: Species, tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    names = {f"s{number}": sequence(rng, gc) for number, gc in enumerate([0.35] * 8 + [0.6] * 8)}
    parts = [([gene(name, "+", EXONS) for name in names], genome(tmp_path / "g.fa", **names))]
    for table, gc in zip(
        with_gc_classes(species, parts, (0.35, 0.6), WINDOW, True).intergenic, (0.35, 0.6), strict=True
    ):
        assert strong(table) == pytest.approx(gc, abs=0.03)
    shared = with_gc_classes(species, parts, (0.35, 0.6), WINDOW).intergenic
    assert np.array_equal(shared[0], shared[1])


def test_genes_without_introns_tell_what_is_beside_them(species: Species, tmp_path: Path) -> None:
    codes = np.full(3000, 1, np.uint8)
    codes[600:900] = np.random.default_rng(8).integers(0, 4, 300)
    codes[[500, 700]] = 3
    parts = [([gene("s", "+", ((600, 900),))], genome(tmp_path / "g.fa", s=codes))]
    of_class = with_gc_classes(species, parts, (0.5, 0.8), WINDOW, True).intergenic[1].reshape(-1, 4)
    assert of_class[4**4 // 3, 1] > 0.9  # Behind CCCC there is C.
    assert with_gc_classes(species, parts, (0.5, 0.8), WINDOW).intergenic[1] == pytest.approx(0.25)


def test_long_introns_do_not_outweigh_short_ones(species: Species, tmp_path: Path) -> None:
    def table(length: int) -> np.ndarray:
        """Return the chances of A, C, G and T behind GGGG: C in an intron of GGGGC, G in one of G's, where known."""
        exons = ((100, 200), (200 + length, 300 + length))
        long = np.resize(np.array([2, 2, 2, 2, 1], np.uint8), 400 + length)
        names = {"long": long, "short": np.full(700, 2, np.uint8)}
        genes = [gene("long", "+", exons, 0, 400 + length), gene("short", "+", ((100, 200), (500, 600)), 0, 700)]
        parts = [(genes, genome(tmp_path / f"{length}.fa", **names))]
        return with_gc_classes(species, parts, (0.5, 1.0), WINDOW, True).intergenic[1].reshape(-1, 4)[2 * 85]

    few, many = table(4000), table(40_000)
    assert few[1] > 0.1 and few[2] > 0.5 and many == pytest.approx(few, abs=0.05)


def test_a_set_without_introns_is_refused(tmp_path: Path) -> None:
    bacterium = read_species(write_species(tmp_path, introns=False))
    with pytest.raises(InputError, match="genes without introns"):
        with_gc_classes(bacterium, [], (0.4, 0.5), WINDOW)


@pytest.mark.parametrize("classes", [(0.5, 0.4), (0.4, 0.4)])
def test_classes_that_do_not_ascend_are_refused(classes: tuple[float, ...], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="classes do not ascend"):
        estimate_model([], tmp_path / "model", TrainingOptions(), gc_classes=classes)


def test_noncoding_sequence_is_not_counted_by_classes_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no classes to count by; give --gc-classes too"):
        estimate_model([], tmp_path / "model", TrainingOptions(), noncoding=True)
