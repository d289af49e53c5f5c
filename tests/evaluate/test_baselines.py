"""The ORF rule against a plain search, on yeast; AUGUSTUS where it is installed."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genescribe.errors import InputError
from genescribe.evaluate.accuracy import compare
from genescribe.evaluate.baselines import longest_first, open_frames, orf_rule
from genescribe.evaluate.tools.augustus import augustus
from genescribe.genome.alphabet import decode, encode, reverse_complement
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.genome.fasta import Genome, write_fasta
from genescribe.genome.genetic_code import GeneticCode

STANDARD = GeneticCode.from_table(1)
YEAST = Path("eukaryotes/Saccharomyces.cerevisiae")
TEST_SEQUENCES = [(seqid, 0, None) for seqid in ("XIII", "XIV", "XV", "XVI")]


def plain_search(sequence: str, minimum: int) -> set[tuple[int, int, str]]:
    """Read every frame codon by codon."""
    found = set()
    for strand, letters in (("+", sequence), ("-", decode(reverse_complement(encode(sequence))))):
        for frame in range(3):
            start = None
            for i in range(frame, len(letters) - 2, 3):
                codon = letters[i : i + 3].upper()
                if codon == "ATG" and start is None:
                    start = i
                elif codon in STANDARD.stops:
                    if start is not None and i + 3 - start >= minimum:
                        left, right = (start, i + 3) if strand == "+" else (len(letters) - i - 3, len(letters) - start)
                        found.add((left, right, strand))
                    start = None
    return found


@given(st.text("ACGTacgtN", max_size=400), st.sampled_from([6, 9, 30]))
@settings(max_examples=200)
def test_frames_equal_a_plain_search(sequence: str, minimum: int) -> None:
    found = open_frames(encode(sequence), STANDARD, minimum)
    assert set(found) == plain_search(sequence, minimum)
    assert len(found) == len(set(found))


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 30), st.sampled_from("+-")), max_size=20))
def test_the_longest_frames_win(raw: list[tuple[int, int, str]]) -> None:
    frames = [(start, start + length, strand) for start, length, strand in raw]
    taken = longest_first(frames)
    assert taken == sorted(taken)
    assert all(a[1] <= b[0] for a, b in pairwise(taken))
    for frame in set(frames) - set(taken):
        rivals = [t for t in taken if t[0] < frame[1] and frame[0] < t[1]]
        assert max(t[1] - t[0] for t in rivals) >= frame[1] - frame[0]


def test_genes_are_placed_in_their_region(tmp_path: Path) -> None:
    frame = "ATG" + "GCA" * 10 + "TAA"
    write_fasta(tmp_path / "g.fa", [("s", "C" * 50 + frame + "C" * 7 + decode(reverse_complement(encode(frame))))])
    genes = orf_rule(Genome.open(tmp_path / "g.fa"), STANDARD, 30, [("s", 40, None)])
    assert [(g.start, g.end, g.strand) for g in genes] == [(50, 86, "+"), (93, 129, "-")]
    assert genes == orf_rule(Genome.open(tmp_path / "g.fa"), STANDARD, 30)
    assert orf_rule(Genome.open(tmp_path / "g.fa"), STANDARD, 37) == []


def test_yeast_scores_as_known(data_dir: Path) -> None:
    """Exon F1 86.9 and gene F1 89.3 on the RefSeq annotation of chromosomes XIII-XVI."""
    genome = Genome.open(data_dir / YEAST / "genome.fa.gz")
    reference = read_genes(data_dir / YEAST / "annotation.refseq_R64-4-1.gff3.gz")
    predicted = orf_rule(genome, STANDARD, 300, TEST_SEQUENCES)
    metrics = compare(reference, predicted, regions=TEST_SEQUENCES)
    scores = {level: round(100 * metrics[level]["f1"], 1) for level in ("base", "exon", "gene")}
    assert scores == {"base": 98.6, "exon": 86.9, "gene": 89.3}
    assert metrics["gene"]["reference"] == 1889


class TestAugustus:
    def test_without_the_program_the_reason_is_told(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write_fasta(tmp_path / "g.fa", [("s", "ACGT" * 20)])
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(InputError, match="not installed"):
            augustus(Genome.open(tmp_path / "g.fa"), "fly")

    @pytest.fixture
    def installed(self) -> None:
        if not shutil.which("augustus"):
            pytest.skip("AUGUSTUS is not on the PATH")

    @pytest.mark.usefixtures("installed")
    def test_an_unknown_species_is_refused(self, tmp_path: Path) -> None:
        write_fasta(tmp_path / "g.fa", [("s", "ACGT" * 20)])
        with pytest.raises(InputError, match="AUGUSTUS failed"):
            augustus(Genome.open(tmp_path / "g.fa"), "no_such_species")

    @pytest.mark.usefixtures("installed")
    def test_a_stretch_of_yeast(self, data_dir: Path) -> None:
        genome = Genome.open(data_dir / YEAST / "genome.fa.gz")
        reference = read_genes(data_dir / YEAST / "annotation.refseq_R64-4-1.gff3.gz")
        regions = [("XIV", 100_000, 130_000), ("XIV", 200_000, 230_000)]
        predicted = augustus(genome, "saccharomyces_cerevisiae_S288C", regions, options=("--sample=0", "--UTR=off"))
        metrics = compare(reference, predicted, regions=regions)
        assert metrics["gene"]["f1"] > 0.75
        assert metrics["base"]["f1"] > 0.95
        names = [g.id for g in predicted] + [t.id for g in predicted for t in g.transcripts]
        assert len(set(names)) == len(names)
        for gene in predicted:
            codes = genome.codes(gene.seqid, gene.start, gene.end)
            sense = codes if gene.strand == "+" else reverse_complement(codes)
            assert STANDARD.translate(sense[-3:]) == "*"
