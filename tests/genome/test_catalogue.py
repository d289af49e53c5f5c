"""The catalogue: what it holds, what it flags, what it rejects, and that no gene of any input is lost."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.genome.gene_strategies import SEQUENCES, gene_sets, structure

from genescribe.genome.alphabet import N, decode, encode, reverse_complement
from genescribe.genome.annotation.gff3 import write_gff3
from genescribe.genome.annotation.rows import REMEDIES
from genescribe.genome.catalogue.codons import coding_ends, runs, spliced
from genescribe.genome.catalogue.database import Catalogue, build_catalogue
from genescribe.genome.catalogue.sequence_checks import FLAGS, SHORT_INTRON
from genescribe.genome.catalogue.stats import format_stats
from genescribe.genome.catalogue.tables import REASONS
from genescribe.genome.fasta import Genome, write_fasta
from genescribe.genome.genetic_code import AMBIGUOUS, GeneticCode
from genescribe.genome.model import Gene, Transcript, mirror
from genescribe.genome.products import coding_codes

quick = settings(max_examples=12, deadline=None)
STANDARD = GeneticCode.from_table(1)


def catalogue_of(
    folder: Path, sequences: dict[str, str], annotation: str | list[Gene], code: int = 1, *, tolerant: bool = False
) -> Catalogue:
    """Write a genome and its annotation, and load them."""
    write_fasta(folder / "genome.fa", sequences.items())
    if isinstance(annotation, str):
        (folder / "annotation").write_text(annotation)
    else:
        write_gff3(folder / "annotation", annotation, {name: len(text) for name, text in sequences.items()})
    target = folder / "catalogue.duckdb"
    build_catalogue(folder / "genome.fa", folder / "annotation", target, code, tolerant=tolerant)
    return Catalogue(target)


BODY = "GCTGATTGCGAACTG"
INTRON = "GT" + "ACCT" * 5 + "AG"


def spliced_gene(middle: str = INTRON, *, start: str = "ATG", stop: str = "TAA") -> tuple[str, Transcript]:
    """Return a sequence in which a two-exon gene lies ten bases from both ends, and its transcript."""
    first = start + BODY[:5]
    text = "T" * 10 + first + middle + BODY[5:] + stop + "T" * 10
    exons = ((10, 10 + len(first)), (10 + len(first) + len(middle), len(text) - 10))
    return text, Transcript("t", exons, exons)


def split_stop_gene() -> tuple[str, Transcript]:
    """Return a gene whose intron stands within an in-frame TGA."""
    text, transcript = spliced_gene()
    return text.replace(BODY[:5] + INTRON + BODY[5:], "GCTTG" + INTRON + "A" + BODY[6:]), transcript


def frameshift_gene() -> tuple[str, Transcript]:
    """Return a gene whose coding sequence leaves out one base of its exon."""
    return "T" * 10 + "ATGGCTCATGATTGTAA" + "T" * 10, Transcript("t", ((10, 27),), ((10, 17), (18, 27)))


FLAGGED = {
    "as it should be": (spliced_gene(), 1, set()),
    "GC-AG": (spliced_gene("GC" + INTRON[2:]), 1, set()),
    "AT-AC": (spliced_gene("AT" + INTRON[2:-2] + "AC"), 1, set()),
    "GT-AC": (spliced_gene("GT" + INTRON[2:-2] + "AC"), 1, {"other_splice_site"}),
    "N in a splice site": (spliced_gene("NN" + INTRON[2:]), 1, {"other_splice_site"}),
    "an intron of one base": (spliced_gene("A"), 1, {"short_intron"}),
    "TTG": (spliced_gene(start="TTG"), 1, {"alternative_start"}),
    "GTG": (spliced_gene(start="GTG"), 1, {"no_start"}),
    "GTG in bacteria": (spliced_gene(start="GTG"), 11, {"alternative_start"}),
    "NTG": (spliced_gene(start="NTG"), 1, {"no_start", "ambiguous_bases"}),
    "TGA": (spliced_gene(stop="TGA"), 1, set()),
    "TGA in mycoplasma": (spliced_gene(stop="TGA"), 4, {"no_stop"}),
    "CAA": (spliced_gene(stop="CAA"), 1, {"no_stop"}),
    "a stop before the end": (spliced_gene(stop="TAACAA"), 1, {"no_stop", "internal_stop"}),
    "a stop split by an intron": (split_stop_gene(), 1, {"internal_stop"}),
    "a base too many": (spliced_gene(stop="CTAA"), 1, {"no_stop", "broken_frame"}),
    "a frameshift": (frameshift_gene(), 1, {"frameshift", "no_stop", "broken_frame"}),
}


@pytest.fixture(scope="module")
def flags_found(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str, bool], set[str]]:
    """Return the flags of each case by (case, strand, softmasked): every one on a sequence of its own."""
    found = {}
    for code in (1, 4, 11):
        sequences, genes = {}, []
        keys = [(case, strand, masked) for case in FLAGGED for strand in "+-" for masked in (False, True)]
        for number, (case, strand, masked) in enumerate(keys):
            (text, transcript), _, _ = FLAGGED[case]
            gene = Gene(f"g{number}", f"s{number}", "+", (replace(transcript, id=f"t{number}"),))
            genes.append(gene if strand == "+" else mirror(gene, len(text)))
            bases = text if strand == "+" else decode(reverse_complement(encode(text)))
            sequences[gene.seqid] = bases.lower() if masked else bases
        with catalogue_of(tmp_path_factory.mktemp("flags"), sequences, genes, code) as catalogue:
            flags = catalogue.flags()
        found |= {key: flags.get(f"t{n}", set()) for n, key in enumerate(keys) if FLAGGED[key[0]][1] == code}
    return found


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize("case", FLAGGED)
def test_flags(flags_found: dict[tuple[str, str, bool], set[str]], case: str, strand: str, masked: bool) -> None:
    assert flags_found[case, strand, masked] == FLAGGED[case][2]


def test_a_phase_against_the_lengths(tmp_path: Path) -> None:
    text, transcript = spliced_gene()
    (first, second) = transcript.exons
    row = "I\tx\t{}\t{}\t{}\t.\t+\t{}\t{}\n"
    annotation = row.format("gene", first[0] + 1, second[1], ".", "ID=g")
    annotation += row.format("mRNA", first[0] + 1, second[1], ".", "ID=t;Parent=g")
    annotation += row.format("CDS", first[0] + 1, first[1], 0, "Parent=t")
    with catalogue_of(tmp_path, {"I": text}, annotation + row.format("CDS", *_closed(second), 0, "Parent=t")) as found:
        assert found.flags() == {"t": {"phase_mismatch"}}
    with catalogue_of(tmp_path, {"I": text}, annotation + row.format("CDS", *_closed(second), 1, "Parent=t")) as found:
        assert found.flags() == {}


def _closed(interval: tuple[int, int]) -> tuple[int, int]:
    return interval[0] + 1, interval[1]


def test_a_coding_sequence_cut_by_the_ends_is_partial(tmp_path: Path) -> None:
    gene = Gene("g", "I", "-", (Transcript("t", ((0, 12),), ((0, 12),)),))
    with catalogue_of(tmp_path, {"I": "GCTGATTGCGAA"}, [gene]) as catalogue:
        (found,) = catalogue.genes()
        assert (found.transcripts[0].partial5, found.transcripts[0].partial3) == (True, True)
        assert catalogue.flags() == {}


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize("exons", [False, True])
def test_stops_outside_the_cds_without_rows_of_their_own(tmp_path: Path, strand: str, exons: bool) -> None:
    genes, text = [], ""
    for number in range(4):
        piece, transcript = spliced_gene(stop="TA" + INTRON + "A" if exons else "TAA")
        shift = len(text)
        first, second = transcript.exons
        cds = ((first[0], first[1]), (second[0], second[0] + 10))
        last = ((second[0], second[0] + 12), (second[1] - 1, second[1])) if exons else ((second[0], second[0] + 10),)
        shifted = [tuple((a + shift, b + shift) for a, b in part) for part in (((first, *last)), cds)]
        genes.append(Gene(f"g{number}", "I", "+", (Transcript(f"t{number}", *shifted),)))
        text += piece
    if strand == "-":
        genes = [mirror(gene, len(text)) for gene in genes]
        text = decode(reverse_complement(encode(text)))
    with catalogue_of(tmp_path, {"I": text}, genes) as catalogue:
        found = catalogue.genes()
        assert catalogue.flags() == {}
        assert [t.cds_length for gene in found for t in gene.transcripts] == [21] * 4
        for gene in found:
            bases = coding_codes(Genome.open(tmp_path / "genome.fa"), gene, gene.transcripts[0])
            assert decode(bases) == "ATG" + BODY + "TAA"


def test_a_file_of_incomplete_genes_is_left_alone(tmp_path: Path) -> None:
    text, transcript = spliced_gene(stop="CAA")
    with catalogue_of(tmp_path, {"I": text}, [Gene("g", "I", "+", (transcript,))]) as catalogue:
        assert catalogue.genes()[0].transcripts == (transcript,)
        assert catalogue.flags() == {"t": {"no_stop"}}


@quick
@given(gene_sets(), st.integers(0, 9))
def test_the_catalogue_holds_what_is_read(tmp_path: Path, genes: list[Gene], seed: int) -> None:
    if not genes:
        return
    rng = np.random.default_rng(seed)
    # No stop codon behind a gene by chance, which would be taken for its own.
    sequences = {name: "".join(rng.choice(list("CGcgN"), length)) for name, length in SEQUENCES.items()}
    # FASTA names hold no blanks.
    genes = [gene for gene in genes if " " not in gene.seqid]
    if not genes:
        return
    del sequences["chr 3;x"]
    with catalogue_of(tmp_path, sequences, genes) as catalogue:
        assert catalogue.sequences() == {name: len(text) for name, text in sequences.items()}
        found = catalogue.genes()
        assert [structure(gene) for gene in found] == [structure(gene) for gene in genes]
        assert catalogue.rejected() == []
        for name in sequences:
            assert catalogue.genes([name]) == [gene for gene in found if gene.seqid == name]
        assert catalogue.genes([]) == []
        assert catalogue.stats()["counts"]["genes"] == len(genes)


@given(st.text(alphabet="ACGTN", min_size=30, max_size=60), st.data())
def test_splicing_and_codons_against_a_plain_loop(text: str, data: st.DataObject) -> None:
    edges = data.draw(st.lists(st.integers(0, 30), min_size=2, max_size=8, unique=True).map(sorted))
    parts = list(zip(edges[0::2], edges[1::2], strict=False))
    backwards = data.draw(st.booleans())
    phase = data.draw(st.integers(0, 2))
    codes = encode(text)
    joined = np.concatenate([codes[a:b] for a, b in parts])
    expected = reverse_complement(joined) if backwards else joined
    order = parts[::-1] if backwards else parts
    starts, ends = (np.array(column) for column in zip(*order, strict=True))
    bases = spliced(codes, starts, ends, np.full(len(order), backwards))
    assert np.array_equal(bases, expected)
    # Twice the same sequence, one after the other, so that the offsets matter.
    both = np.concatenate([bases, bases])
    found = coding_ends(both, np.full(2, len(bases)), np.full(2, phase), STANDARD)
    read = decode(bases)[phase:]
    codons = [read[i : i + 3] for i in range(0, len(read) - 2, 3)]
    whole = len(read) % 3 == 0 and bool(codons)
    inner = codons[:-1] if whole else codons
    for which in range(2):
        assert found.leftover[which] == len(read) % 3
        assert found.internal_stops[which] == sum(codon in STANDARD.stops for codon in inner)
        assert found.ambiguous[which] == sum("N" in codon for codon in codons)
        assert STANDARD.is_start[found.first[which]] == (bool(codons) and codons[0] in STANDARD.starts)
        assert STANDARD.is_stop[found.last[which]] == (whole and codons[-1] in STANDARD.stops)


def test_no_coding_sequence_at_all() -> None:
    empty = np.empty(0, dtype=np.int64)
    found = coding_ends(np.array([N, N], dtype=np.uint8), np.array([2]), np.array([0]), STANDARD)
    assert (found.first.tolist(), found.last.tolist()) == ([AMBIGUOUS], [AMBIGUOUS])
    assert runs(empty) == []


def rows_of(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        tables = [name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        return {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in sorted(tables)}


def test_equal_input_gives_equal_rows_in_equal_order(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    text, transcript = spliced_gene()
    sequences = {f"s{number}": text * int(rng.integers(1, 9)) for number in range(50)}
    genes = [
        Gene(f"g{name}", name, "+", (Transcript(f"t{name}", transcript.exons, transcript.cds),)) for name in sequences
    ]
    found = []
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        catalogue_of(folder, sequences, genes).close()
        found.append(rows_of(folder / "catalogue.duckdb"))
    assert found[0] == found[1]
    assert set(found[0]) == {
        "sequences", "genes", "transcripts", "exons", "cds", "introns", "flags", "rejected", "meta"
    }  # fmt: skip


def test_a_catalogue_built_again_while_open(tmp_path: Path) -> None:
    text, transcript = spliced_gene()
    first = catalogue_of(tmp_path, {"I": text}, [Gene("old", "I", "+", (transcript,))])
    second = catalogue_of(tmp_path, {"I": text}, [Gene("new", "I", "+", (transcript,))])
    assert [gene.id for catalogue in (first, second) for gene in catalogue.genes()] == ["old", "new"]
    first.close()
    second.close()


TOLERATED = """\
I\tx\tgene\t1\t9\t.\t+\t.\tID=good
I\tx\tmRNA\t1\t9\t.\t+\t.\tID=good.1;Parent=good
I\tx\tCDS\t1\t9\t.\t+\t0\tParent=good.1
I\tx\tmRNA\t1\t9\t.\t+\t.\tID=good.2;Parent=good
I\tx\tCDS\t9\t1\t.\t+\t0\tParent=good.2
I\tx\tgene\t1\t99\t.\t+\t.\tID=long
I\tx\tmRNA\t1\t99\t.\t+\t.\tID=long.1;Parent=long
V\tx\tgene\t1\t9\t.\t+\t.\tID=elsewhere
I\tx\tgene\t1\t9\t.\t+\t.\tID=twice
I\tx\tmRNA\t1\t9\t.\t+\t.\tID=twice.1;Parent=twice
I\tx\tgene\t2\t9\t.\t+\t.\tID=twice
I\tx\tmRNA\t1\t9\t.\t+\t.\tID=a;Parent=b
I\tx\tmRNA\t1\t9\t.\t+\t.\tID=b;Parent=a
I\tx\tgene\t1
I\tx\tgene\t20\t29\t.\t+\t.\tID=other
I\tx\tCDS\t20\t22\t.\t+\t0\tParent=other
I\tx\tCDS\t27\t29\t.\t+\t4\tParent=other
"""


def test_a_tolerant_catalogue_rejects_what_a_strict_one_stops_at(tmp_path: Path) -> None:
    with catalogue_of(tmp_path, {"I": "ATGGCTTAA" * 5}, TOLERATED, tolerant=True) as catalogue:
        assert [(gene.id, [t.id for t in gene.transcripts]) for gene in catalogue.genes()] == [("good", ["good.1"])]
        rejected = catalogue.rejected()
    by_gene = {(row.gene, row.transcript): (row.reason, row.line) for row in rejected}
    assert {row.reason for row in rejected} <= {*REASONS, *REMEDIES}
    assert by_gene["good", "good.2"] == ("end_before_start", 5)
    assert by_gene["long", None] == ("past_end", 6)
    assert by_gene["elsewhere", None] == ("unknown_seqid", 8)
    assert by_gene["twice", None] == ("duplicate_id", 11)
    assert by_gene["other", "other"] == ("phase", 17)
    assert by_gene["gene-14", None] == ("columns", 14)
    assert {row.reason for row in rejected if row.transcript in ("a", "b")} == {"cyclic_parents"}
    assert len({row.gene for row in rejected} - {"a", "b"}) == 6


def test_circular_sequences_may_be_crossed(tmp_path: Path) -> None:
    annotation = "I\tx\tregion\t1\t20\t.\t+\t.\tID=r;Is_circular=true\n"
    annotation += "".join(
        f"I\tx\t{kind}\t{start}\t{start + 8}\t.\t+\t{phase}\t{key}=g{start}\n"
        for start in (1, 16)
        for kind, phase, key in (("gene", ".", "ID"), ("CDS", "0", "Parent"))
    )
    with catalogue_of(tmp_path, {"I": "ATGGCTTAACCCCCCATGGC"}, annotation) as catalogue:
        assert [gene.id for gene in catalogue.genes()] == ["g1"]
        assert {(row.gene, row.reason) for row in catalogue.rejected()} == {("g16", "across_origin")}


def test_stats_count_what_is_there(tmp_path: Path) -> None:
    text, transcript = spliced_gene()
    other = Transcript("u", transcript.exons)
    gene = Gene("g", "I", "+", (transcript, other), biotype="protein_coding")
    with catalogue_of(tmp_path, {"I": text, "II": "ACGT"}, [gene]) as catalogue:
        stats = catalogue.stats()
        table = format_stats(stats, title="yeast")
    assert stats["counts"] == {
        "sequences": 2, "bases": len(text) + 4, "genes": 1, "coding_genes": 1, "transcripts": 2,
        "coding_transcripts": 1, "canonical_transcripts": 0, "partial_transcripts": 0, "genes_with_isoforms": 1,
        "genes_with_introns": 1, "rejected_genes": 0, "rejected_transcripts": 0, "rejected_rows": 0,
    }  # fmt: skip
    assert stats["splice_sites"] == {"GT-AG": 1, "GC-AG": 0, "AT-AC": 0, "other": 0, "short": 0}
    assert stats["lengths"]["intron"] == dict.fromkeys(
        ("minimum", "quartile1", "median", "quartile3", "maximum"), len(INTRON)
    ) | {"count": 1}
    assert stats["lengths"]["coding_sequence"]["median"] == 21
    assert stats["biotypes"] == {"protein_coding": 1}
    assert set(stats["flags"]) == set(FLAGS)
    assert table.startswith("yeast\n=====\n")
    assert re.search(r"coding genes +1\n", table) and re.search(r"GT-AG +1\n", table)


def test_the_documentation_names_every_flag_and_reason(repository: Path) -> None:
    page = (repository / "docs/catalogue.md").read_text(encoding="utf-8")
    for word in [*FLAGS, *REASONS, *REMEDIES]:
        assert f"`{word}`" in page


def test_short_introns_are_shorter_than_any_real_one() -> None:
    assert SHORT_INTRON <= 15
