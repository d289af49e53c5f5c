from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from genescribe.genome.alphabet import SOFTMASK, Codes, decode, reverse_complement, unmasked
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.genome.fasta import Genome
from genescribe.genome.model import Gene, Transcript, mirror
from genescribe.simulate import SimulationParameters, load_parameters, parameter_sets, simulate, write_simulation
from genescribe.simulate.codons import STOPS
from genescribe.simulate.loci import Isoform, Segment, segments_of

Simulated = tuple[SimulationParameters, dict[str, Codes], list[Gene]]


@pytest.fixture(scope="module")
def simulated() -> Simulated:
    parameters = load_parameters("arabidopsis_thaliana")
    return (parameters, *simulate(parameters, 11, total_bases=2_000_000, n_sequences=4))


@pytest.fixture(scope="module")
def segments(simulated: Simulated) -> list[tuple[Segment, Codes]]:
    """Segments of the major isoforms in transcript orientation, with their sequence."""
    _, sequences, genes = simulated
    result = []
    oriented = {(s, "+"): unmasked(c) for s, c in sequences.items()}
    oriented |= {(s, "-"): reverse_complement(unmasked(c)) for s, c in sequences.items()}
    for gene in genes:
        codes = oriented[gene.seqid, gene.strand]
        major = next(t for t in gene.transcripts if t.canonical)
        alone = Gene(gene.id, gene.seqid, gene.strand, (major,))
        t = (alone if gene.strand == "+" else mirror(alone, len(codes))).transcripts[0]
        isoform = Isoform(t.exons, (t.cds[0][0], t.cds[-1][1]))
        result += [(segment, codes) for segment in segments_of(isoform)]
    return result


def spliced(transcript: Transcript, strand: str, codes: Codes) -> str:
    joined = np.concatenate([codes[start:end] for start, end in transcript.cds])
    return decode(unmasked(joined if strand == "+" else reverse_complement(joined)))


def test_size_strands_and_isoforms(simulated: Simulated) -> None:
    parameters, sequences, genes = simulated
    assert list(sequences) == ["chr1", "chr2", "chr3", "chr4"]
    assert 2_000_000 <= sum(map(len, sequences.values())) < 2_200_000
    strands = Counter(gene.strand for gene in genes)
    assert abs(strands["+"] - strands["-"]) < 5 * len(genes) ** 0.5
    split = [g for g in genes if max(len(t.cds) for t in g.transcripts) > 1]
    assert len(split) / len(genes) == pytest.approx(1 - parameters.structure.single, abs=0.08)
    several = [g for g in split if len(g.transcripts) > 1]
    assert 0.3 * parameters.isoforms.genes < len(several) / len(split) <= parameters.isoforms.genes + 0.08
    assert all(sum(t.canonical for t in gene.transcripts) == 1 for gene in genes)


@pytest.mark.parametrize("name", parameter_sets())
def test_every_isoform_codes(name: str) -> None:
    sequences, genes = simulate(load_parameters(name), 3, total_bases=300_000, n_sequences=2)
    for gene in genes:
        for transcript in gene.transcripts:
            text = spliced(transcript, gene.strand, sequences[gene.seqid])
            codons = [text[i : i + 3] for i in range(0, len(text), 3)]
            assert codons[0] == "ATG" and codons[-1] in STOPS and len(text) % 3 == 0
            assert not set(codons[:-1]) & set(STOPS)
            for start, end in transcript.introns:
                intron = sequences[gene.seqid][start:end]
                text = decode(intron if gene.strand == "+" else reverse_complement(intron))
                assert text[:2] in ("GT", "GC") and text[-2:] == "AG"


def test_the_same_seed_gives_the_same_genome() -> None:
    parameters = load_parameters("drosophila_melanogaster")
    first, second, other = (simulate(parameters, seed, total_bases=60_000, n_sequences=3) for seed in (1, 1, 2))
    assert first[1] == second[1]
    assert all(np.array_equal(first[0][s], second[0][s]) for s in first[0])
    assert first[1] != other[1]


@pytest.mark.parametrize("kind", ["utr5", "utr3", "initial", "internal", "terminal", "intron", "utr_intron", "single"])
def test_lengths_follow_the_law(kind: str, simulated: Simulated, segments: list[tuple[Segment, Codes]]) -> None:
    model = getattr(simulated[0].lengths, kind)
    observed = np.array([s.end - s.start for s, _ in segments if s.kind == kind])
    assert len(observed) > 60
    longest = max(model.head + 1, int(observed.max()))
    distribution = np.exp(model.log_probabilities(longest))
    if kind == "single":
        distribution = np.where(np.arange(1, longest + 1) % 3 == 0, distribution, 0) / model.residues()[0]
    cumulative = np.cumsum(distribution)
    empirical = np.searchsorted(np.sort(observed), np.arange(1, longest + 1), side="right") / len(observed)
    # Kolmogorov-Smirnov: 1.95 / sqrt(n) is the 0.1% critical value.
    assert np.abs(empirical - cumulative).max() < 1.95 / len(observed) ** 0.5


def test_codon_usage(simulated: Simulated, segments: list[tuple[Segment, Codes]]) -> None:
    _, sequences, genes = simulated
    counts: Counter[str] = Counter()
    for gene in genes:
        major = next(t for t in gene.transcripts if t.canonical)
        text = spliced(major, gene.strand, sequences[gene.seqid])
        counts.update(text[i : i + 3] for i in range(3, len(text) - 3, 3))
    total = sum(counts.values())
    expected = simulated[0].codons.joint
    observed = np.array([counts[a + b + c] for a in "ACGT" for b in "ACGT" for c in "ACGT"]) / total
    # Donors and split codons pull about one codon in fifteen their way.
    assert np.abs(observed - expected.reshape(-1)).sum() / 2 < 0.03


@pytest.mark.parametrize(
    ("name", "kind", "offset"), [("donor", "intron", 0), ("acceptor", "intron", -15), ("kozak", "start", -9)]
)
def test_signals_have_their_matrices(
    name: str, kind: str, offset: int, simulated: Simulated, segments: list[tuple[Segment, Codes]]
) -> None:
    expected = np.array(getattr(simulated[0].signals, name))
    anchors = [((s.end if name == "acceptor" else s.start) + offset, c) for s, c in segments if s.kind == kind]
    words = np.stack([codes[a : a + len(expected)] for a, codes in anchors])
    observed = np.stack([np.bincount(column, minlength=4) for column in words.T]) / len(words)
    error = np.sqrt(expected * (1 - expected) / len(words))
    assert (np.abs(observed - expected) < 4.5 * error + 0.002).all()


@pytest.mark.parametrize(("kind", "chain"), [("intron", "intron"), ("utr5", "utr5"), ("utr3", "utr3")])
def test_composition(kind: str, chain: str, simulated: Simulated, segments: list[tuple[Segment, Codes]]) -> None:
    trim = {"intron": (6, 15), "utr5": (0, 9), "utr3": (0, 0)}[kind]
    pieces = [codes[s.start + trim[0] : s.end - trim[1]] for s, codes in segments if s.kind == kind]
    observed = np.bincount(np.concatenate(pieces), minlength=4) / sum(map(len, pieces))
    assert observed == pytest.approx(getattr(simulated[0].chains, chain).composition, abs=0.015)


def test_repeats_lie_between_genes(simulated: Simulated) -> None:
    parameters, sequences, genes = simulated
    masked = {seqid: (codes & SOFTMASK) > 0 for seqid, codes in sequences.items()}
    genic = 0
    for gene in genes:
        assert not masked[gene.seqid][gene.start : gene.end].any()
        genic += gene.end - gene.start
    between = sum(map(len, sequences.values())) - genic
    share = sum(int(m.sum()) for m in masked.values()) / between
    # Copies that do not fit are left out, so the share is below the law's.
    assert 0.5 * parameters.repeats.fraction < share < 1.1 * parameters.repeats.fraction


def test_copies_of_a_family_resemble_each_other(simulated: Simulated) -> None:
    _, sequences, _ = simulated
    words: Counter[bytes] = Counter()
    for codes in sequences.values():
        windows = np.lib.stride_tricks.sliding_window_view(codes, 12)
        words.update(w.tobytes() for w in windows[(windows >= SOFTMASK).all(axis=1)])
    expected_by_chance = sum(words.values()) / 4**12
    assert np.mean(list(words.values())) > 100 * expected_by_chance


def test_files(tmp_path: Path) -> None:
    sequences, genes = simulate(load_parameters("arabidopsis_thaliana"), 5, total_bases=120_000, n_sequences=2)
    write_simulation(sequences, genes, tmp_path / "a.fa", tmp_path / "a.gff3", ("simulated",))
    genome = Genome.open(tmp_path / "a.fa")
    assert genome.lengths == {seqid: len(codes) for seqid, codes in sequences.items()}
    assert all(np.array_equal(genome.codes(seqid), codes) for seqid, codes in sequences.items())
    read = read_genes(tmp_path / "a.gff3")
    assert [(g.id, g.seqid, g.strand, g.transcripts) for g in read] == [
        (g.id, g.seqid, g.strand, g.transcripts) for g in genes
    ]
