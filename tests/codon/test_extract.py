"""Every CDS of a file is used or rejected with its reason, and what is used translates to the annotated protein."""

from __future__ import annotations

import csv
import gzip
import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.codon.genomes import GenBank, protein, random_cds, reverse, write_genome

from genescribe.codon.sequences import cds as reasons
from genescribe.codon.sequences.cds import Annotated, Cds, Rejected, codons_of, dna_of, judge
from genescribe.codon.sequences.extract import extract, read_extracted
from genescribe.codon.sequences.genbank import read_genbank
from genescribe.codon.sequences.gff3 import read_gff3
from genescribe.errors import InputError
from genescribe.genome.alphabet import encode


def judged(genome: GenBank, tmp_path: Path, **options: bool) -> dict[str, Cds | Rejected]:
    ((_, codes, found),) = read_genbank(genome.write(tmp_path / "g.gb"))
    return {one.id: judge(one, codes, **options).result for one in found}


def reason(result: Cds | Rejected) -> str:
    assert isinstance(result, Rejected)
    return result.reason


@pytest.fixture
def dna() -> str:
    return random_cds(np.random.default_rng(5), 40)


def test_locations_in_pieces_over_the_origin_and_on_the_other_strand(tmp_path: Path, dna: str) -> None:
    genome = GenBank(1000)
    genome.put(950, dna)  # 126 bases: 50 before the origin, 76 behind it
    genome.feature("join(951..1000,1..76)", locus_tag="origin", translation=protein(dna))
    other = reverse(dna)
    genome.put(200, other[:60])
    genome.put(300, other[60:])
    genome.feature(f"complement(join(201..260,301..{300 + len(dna) - 60}))", locus_tag="back", translation=protein(dna))
    genome.put(500, dna[:31])
    genome.put(530, dna[30:])  # slippage: one base is read twice
    genome.feature(f"join(501..531,531..{530 + len(dna) - 30})", locus_tag="slips")
    found = judged(genome, tmp_path)
    for name in ("origin", "back"):
        result = found[name]
        assert isinstance(result, Cds), result
        assert dna_of(result.codons) == dna
        assert result.protein == protein(dna)
    slips = found["slips"]
    assert reason(slips) == reasons.FRAME


def test_reasons_for_rejection(tmp_path: Path, dna: str) -> None:
    genome = GenBank(3000)
    stop_inside = dna[:30] + "TAA" + dna[33:]
    cases = {
        "pseudo": (dna, reasons.PSEUDO, {"pseudo": None}),
        "stop": (stop_inside, reasons.INTERNAL_STOP, {}),
        "frame": (dna[:-1] + "AA", reasons.FRAME, {}),
        "start": ("CCC" + dna[3:], reasons.NO_START, {}),
        "end": (dna[:-3] + "CCC", reasons.NO_STOP, {}),
        "ambiguous": (dna[:30] + "NAA" + dna[33:], reasons.AMBIGUOUS_CODON, {}),
        "other": (dna, reasons.MISMATCH, {"translation": "M" + "A" * 40}),
        "table": (dna, reasons.UNKNOWN_TABLE, {"transl_table": "99"}),
    }
    place = 10
    for name, (bases, _, notes) in cases.items():
        genome.put(place, bases)
        genome.feature(f"{place + 1}..{place + len(bases)}", locus_tag=name, **notes)
        place += len(bases) + 10
    found = judged(genome, tmp_path)
    assert {name: reason(one) for name, one in found.items()} == {name: why for name, (_, why, _) in cases.items()}


def test_partial_ends_codon_start_and_phase(tmp_path: Path, dna: str) -> None:
    genome = GenBank(1000)
    genome.put(0, "A" + dna[3:])
    genome.feature(f"<1..{len(dna) - 2}", locus_tag="cut5", codon_start="2")
    genome.put(300, reverse(dna[:-5]))
    genome.feature(f"complement(<301..{300 + len(dna) - 5})", locus_tag="cut3")
    found = judged(genome, tmp_path)
    assert [reason(found[name]) for name in ("cut5", "cut3")] == [reasons.PARTIAL] * 2
    kept = judged(genome, tmp_path, partial=True)
    first, second = kept["cut5"], kept["cut3"]
    assert isinstance(first, Cds) and isinstance(second, Cds)
    assert dna_of(first.codons) == dna[3:]
    assert dna_of(second.codons) == dna[: (len(dna) - 5) // 3 * 3]


def test_recoded_stops_are_amino_acids(tmp_path: Path, dna: str) -> None:
    genome = GenBank(1000)
    special = dna[:30] + "TGA" + dna[33:]
    wanted = protein(dna[:30]) + "U" + protein("ATG" + dna[33:])[1:]
    genome.put(100, special)
    genome.put(400, reverse(special))
    genome.feature(
        f"101..{100 + len(dna)}", locus_tag="plus", translation=wanted, transl_except="(pos:131..133,aa:Sec)"
    )
    back = 400 + len(dna) - 33
    exception = f"(pos:complement({back + 1}..{back + 3}),aa:Sec)"
    genome.feature(f"complement(401..{400 + len(dna)})", locus_tag="minus", transl_except=exception)
    for result in judged(genome, tmp_path).values():
        assert isinstance(result, Cds), result
        assert result.protein == wanted


def test_genetic_code_4_reads_tga_as_tryptophan() -> None:
    codes = encode("ATGTGAAAATAA")
    four, eleven = (judge(Annotated("x", "s", ((0, 12, 1),), table=table), codes).result for table in (4, 11))
    assert isinstance(four, Cds)
    assert four.protein == "MWK"
    assert isinstance(eleven, Rejected)
    assert eleven.reason == reasons.INTERNAL_STOP


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60), st.booleans(), st.data())
def test_any_cut_into_parts_gives_the_sequence_back(seed: int, codons: int, forward: bool, data: st.DataObject) -> None:
    """Laid on a circle at any place, on either strand, in any parts, a CDS is read as it was."""
    dna = random_cds(np.random.default_rng(seed), codons)
    size = len(dna) + data.draw(st.integers(0, 50))
    origin = data.draw(st.integers(0, size - 1))
    circle = np.array(list("C" * size))
    laid = dna if forward else reverse(dna)
    circle[(origin + np.arange(len(dna))) % size] = list(laid)
    cuts = sorted({0, len(dna), *data.draw(st.lists(st.integers(1, len(dna) - 1), max_size=3))})
    if 0 < size - origin < len(dna):
        cuts = sorted({*cuts, size - origin})
    parts = [
        ((origin + a) % size, (origin + b - 1) % size + 1, 1 if forward else -1) for a, b in itertools.pairwise(cuts)
    ]
    found = judge(Annotated("x", "s", tuple(parts if forward else parts[::-1])), encode("".join(circle))).result
    assert isinstance(found, Cds)
    assert dna_of(found.codons) == dna


def test_files_hold_every_cds_once(tmp_path: Path) -> None:
    path = write_genome(tmp_path / "g.gbff", 12, seed=3)
    packed = tmp_path / "g.gbff.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    summary = extract(packed, tmp_path / "out", min_len=50)
    assert summary["used"] + sum(summary["rejected"].values()) == 12
    entries = read_extracted(tmp_path / "out")
    with (tmp_path / "out" / "rejected.tsv").open() as handle:
        rejected = list(csv.DictReader(handle, delimiter="\t"))
    assert summary["cds"] == 12 == len(entries) + len(rejected)
    assert {row["reason"] for row in rejected} == {reasons.SHORT}
    assert summary["translation"] == {"agree": 12, "differ": 0}
    assert all(len(entry.codons) > 50 for entry in entries)


def test_fasta_and_gff3_give_what_genbank_gives(tmp_path: Path, dna: str) -> None:
    genome = GenBank(1000)
    genome.put(950, dna)
    other = reverse(dna)
    genome.put(200, other[:60])
    genome.put(300, other[60:])
    (tmp_path / "g.fa").write_text(">c\n" + "".join(genome.bases) + "\n")
    rows = [
        "c\t.\tregion\t1\t1000\t.\t+\t.\tID=c;Is_circular=true",
        f"c\t.\tCDS\t951\t{950 + len(dna)}\t.\t+\t0\tID=cds1;locus_tag=origin;product=some%20thing",
        "c\t.\tgene\t201\t400\t.\t-\t.\tID=g2;locus_tag=back",
        "c\t.\tCDS\t201\t260\t.\t-\t0\tID=cds2;Parent=g2",
        f"c\t.\tCDS\t301\t{300 + len(dna) - 60}\t.\t-\t0\tID=cds2;Parent=g2",
        "c\t.\tpseudogene\t500\t600\t.\t+\t.\tID=g3;locus_tag=dead;pseudo=true",
        "c\t.\tCDS\t500\t600\t.\t+\t0\tID=cds3;Parent=g3",
        "d\t.\tCDS\t1\t9\t.\t+\t0\tID=cds4",
    ]
    (tmp_path / "g.gff3").write_text("##gff-version 3\n" + "\n".join(rows) + "\n")
    found = {
        one.id: judge(one, codes).result
        for _, codes, every in read_gff3(tmp_path / "g.fa", tmp_path / "g.gff3")
        for one in every
    }
    for name in ("origin", "back"):
        result = found[name]
        assert isinstance(result, Cds), result
        assert dna_of(result.codons) == dna
    assert reason(found["dead"]) == reasons.PSEUDO
    assert reason(found["cds4"]) == reasons.OUTSIDE
    assert found["origin"].annotated.product == "some thing"


def test_codons_and_bases_are_each_others_inverse() -> None:
    every = np.arange(64, dtype=np.uint8)
    assert (codons_of(dna_of(every)) == every).all()


def test_a_location_on_another_record_is_no_chimera(tmp_path: Path, dna: str) -> None:
    genome = GenBank(1000)
    genome.put(100, dna)
    genome.feature(f"join(101..160,J00194.1:161..{100 + len(dna)})", locus_tag="remote")
    genome.feature(f"J00194.1:101..{100 + len(dna)}", locus_tag="all_remote")
    for name in ("TEST", "TEST.1"):
        genome.feature(f"join({name}:101..160,161..{100 + len(dna)})", locus_tag=f"own_{name}")
    found = judged(genome, tmp_path)
    for name in ("remote", "all_remote"):
        assert reason(found[name]) == reasons.ELSEWHERE
        assert found[name].detail == "J00194.1"  # type: ignore[union-attr]
    for name in ("own_TEST", "own_TEST.1"):
        assert isinstance(found[name], Cds)


@pytest.mark.parametrize(("left", "more"), [("GC", "A"), ("AT", ""), ("TA", ""), ("GN", ""), ("G", "")])
@pytest.mark.parametrize("forward", [True, False])
def test_two_bases_left_over_at_an_open_end_are_an_amino_acid_where_the_third_does_not_matter(
    left: str, more: str, forward: bool, tmp_path: Path, dna: str
) -> None:
    genome = GenBank(1000)
    bases = dna[:-3] + left
    genome.put(100, bases if forward else reverse(bases))
    where = f"101..>{100 + len(bases)}" if forward else f"complement(<101..{100 + len(bases)})"
    for name, translation in (("with", protein(dna) + more), ("without", protein(dna)), ("wrong", protein(dna) + "W")):
        genome.feature(where, locus_tag=name, translation=translation)
    ((_, codes, every),) = read_genbank(genome.write(tmp_path / "g.gb"))
    found = {one.id: judge(one, codes, partial=True) for one in every}
    assert [found[name].agrees for name in ("with", "without", "wrong")] == [True, True, False]
    used = found["with"].result
    assert isinstance(used, Cds)
    assert dna_of(used.codons) == dna[:-3]


def test_an_initiator_may_be_annotated_as_its_own_amino_acid(tmp_path: Path, dna: str) -> None:
    genome = GenBank(1000)
    genome.put(100, "ATC" + dna[3:])
    for name, first in (("as_methionine", "M"), ("as_isoleucine", "I"), ("as_valine", "V")):
        genome.feature(f"101..{100 + len(dna)}", locus_tag=name, translation=first + protein(dna)[1:])
    found = judged(genome, tmp_path)
    assert isinstance(found["as_methionine"], Cds) and isinstance(found["as_isoleucine"], Cds)
    assert reason(found["as_valine"]) == reasons.MISMATCH


def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path: Path) -> None:
    path = write_genome(tmp_path / "g.gbff", 2, seed=1)
    plain = extract(path, tmp_path / "plain")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    marked = extract(path, tmp_path / "marked")
    assert marked["codons"] == plain["codons"] > 0


def gff(tmp_path: Path, sequence: str, *rows: str) -> dict[str, Cds | Rejected]:
    (tmp_path / "g.fa").write_text(f">c\n{sequence}\n")
    (tmp_path / "g.gff3").write_bytes(b"\xef\xbb\xbf##gff-version 3\n" + "\n".join([*rows, ""]).encode())
    every = read_gff3(tmp_path / "g.fa", tmp_path / "g.gff3")
    return {one.id: judge(one, codes).result for _, codes, found in every for one in found}


@pytest.mark.parametrize(
    "row", ["##sequence-region c 1 300", "c\t.\tregion\t1\t300\t.\t+\t.\tID=c", "##sequence-region  c 1  300 "]
)
def test_a_fasta_cut_short_is_refused(row: str, tmp_path: Path, dna: str) -> None:
    cds = f"c\t.\tCDS\t1\t{len(dna)}\t.\t+\t0\tID=a"
    assert isinstance(gff(tmp_path, dna + "A" * (300 - len(dna)), row, cds)["a"], Cds)
    with pytest.raises(InputError, match=r"c has 299 bases, 300 in .*cut short"):
        gff(tmp_path, dna + "A" * (299 - len(dna)), row, cds)


def test_rows_that_the_file_tells_apart_are_no_parts_of_one_cds(tmp_path: Path, dna: str) -> None:
    sequence = dna + "CC" + reverse(dna)
    low, high = len(dna) + 3, 2 * len(dna) + 2
    found = gff(
        tmp_path,
        sequence,
        # One ID on two strands; one ID under two genes; no ID at all, twice at one place.
        f"c\t.\tCDS\t1\t{len(dna)}\t.\t+\t0\tID=two",
        f"c\t.\tCDS\t{low}\t{high}\t.\t-\t0\tID=two",
        f"c\t.\tCDS\t1\t{len(dna)}\t.\t+\t0\tID=x;Parent=g1",
        f"c\t.\tCDS\t{low}\t{high}\t.\t-\t0\tID=x;Parent=g2",
        f"c\t.\tCDS\t1\t{len(dna)}\t.\t+\t0\tnote=a",
        "c\t.\tCDS\t1\t33\t.\t+\t0\tnote=b",
    )
    assert reason(found["two"]) == reasons.TWO_STRANDS
    for name in ("x", "x.2", "c:1"):
        result = found[name]
        assert isinstance(result, Cds) and dna_of(result.codons) == dna
    assert reason(found["c:1.2"]) == reasons.NO_STOP


def test_ambiguous_codons_split_a_cds_on_demand(tmp_path: Path) -> None:
    dna = "ATG" + "AAA" * 10 + "NNA" + "CCC" * 3 + "ANT" + "NNN" + "GGG" * 12 + "TAA"
    genome = GenBank(1000)
    genome.put(100, dna)
    genome.feature(f"101..{100 + len(dna)}", locus_tag="gap")
    genome.put(400, "NTG" + "AAA" * 12 + "TAN")
    genome.feature("401..442", locus_tag="ends")
    genome.put(600, "ATG" + "AAA" * 12 + "TAA")
    genome.feature("601..642", locus_tag="plain")
    path = genome.write(tmp_path / "g.gb")
    dropped = extract(path, tmp_path / "dropped", min_len=10)
    assert (dropped["used"], dropped["rejected"]) == (1, {reasons.AMBIGUOUS_CODON: 2})
    split = extract(path, tmp_path / "split", min_len=10, ambiguous="split")
    assert (split["cds"], split["used"], split["pieces"]) == (3, 3, {"used": 3, "too_short": 1})
    found = {entry.id: (dna_of(entry.codons), entry.partial) for entry in read_extracted(tmp_path / "split")}
    assert found == {
        "gap.piece1": ("ATG" + "AAA" * 10, "3'"),
        "gap.piece4": ("GGG" * 12 + "TAA", "5'"),
        "ends.piece2": ("AAA" * 12, "5'3'"),
        "plain": ("ATG" + "AAA" * 12 + "TAA", ""),
    }
    rejected = (tmp_path / "split" / "rejected.tsv").read_text()
    assert f"gap.piece2\tTEST.1\t101-{100 + len(dna)}(+)\t{reasons.SHORT_PIECE}\t3 codons" in rejected
    too_short = extract(path, tmp_path / "none", min_len=12, ambiguous="split")
    assert too_short["used"] + sum(too_short["rejected"].values()) == 3


def test_a_folder_whose_files_disagree_is_refused(tmp_path: Path) -> None:
    extract(write_genome(tmp_path / "g.gbff", 3, seed=1), tmp_path / "out")
    fasta = tmp_path / "out" / "cds.fa"
    fasta.write_text(fasta.read_text()[:-40])
    with pytest.raises(InputError, match=r"codons in cds\.tsv"):
        read_extracted(tmp_path / "out")
