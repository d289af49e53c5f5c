"""Training AUGUSTUS: which genes, cut out how; and where it is installed, that it learns them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genescribe.errors import InputError
from genescribe.evaluate.accuracy import compare
from genescribe.evaluate.tools import augustus as runner
from genescribe.evaluate.tools.augustus import augustus
from genescribe.evaluate.tools.augustus_training import (
    TrainingOptions,
    flank_length,
    genbank_records,
    set_parameters,
    stop_frequencies,
    train_augustus,
    training_genes,
)
from genescribe.files import read_json
from genescribe.genome.alphabet import decode, encode, reverse_complement
from genescribe.genome.annotation.gff3 import write_gff3
from genescribe.genome.catalogue.database import Catalogue, build_catalogue
from genescribe.genome.fasta import Genome, write_fasta
from genescribe.genome.model import Gene, Transcript
from genescribe.genome.products import coding_codes
from genescribe.simulate import simulate
from genescribe.simulate.parameters import load_parameters

STOP_LINES = "tag:    1 (0.2)\ntaa:    3 (0.6)\ntga:    1 (0.2)\n"


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Catalogue, Genome, list[Gene]]:
    folder = tmp_path_factory.mktemp("simulated")
    parameters = load_parameters("arabidopsis_thaliana")
    sequences, genes = simulate(parameters, 5, total_bases=400_000, n_sequences=2)
    write_fasta(folder / "g.fa", sequences.items())
    write_gff3(folder / "g.gff3", genes, {name: len(codes) for name, codes in sequences.items()})
    build_catalogue(folder / "g.fa", folder / "g.gff3", folder / "g.duckdb")
    return Catalogue(folder / "g.duckdb"), Genome.open(folder / "g.fa"), genes


def coding_of(record: str) -> str:
    """Read a GenBank record back: the coding sequence of its only CDS."""
    location = re.search(r"     CDS             (.*?)/gene", record, re.DOTALL)
    assert location
    text = re.sub(r"\s", "", location[1])
    bases = re.sub(r"[\d\s]", "", record.split("ORIGIN")[1].rstrip("/\n"))
    parts = [bases[int(a) - 1 : int(b)] for a, b in re.findall(r"(\d+)\.\.(\d+)", text)]
    codes = encode("".join(parts))
    return decode(reverse_complement(codes) if text.startswith("complement(") else codes).upper()


class TestChoice:
    def test_genes_lie_in_the_regions_alone_and_apart(self, simulated: tuple[Catalogue, Genome, list[Gene]]) -> None:
        catalogue, genome, genes = simulated
        region = ("chr1", 20_000, 150_000)
        chosen, dropped = training_genes(catalogue, genome, [region])
        inside = [g for g in genes if g.seqid == "chr1" and g.start >= 20_000 and g.end <= 150_000]
        assert 0 < len(chosen) <= len(inside) == len(chosen) + sum(dropped.values())
        for one in chosen:
            assert 20_000 <= one.left <= one.transcript.cds[0][0]
            assert one.transcript.cds[-1][1] <= one.right <= 150_000
            others = [g for g in genes if g.seqid == "chr1" and g.id != one.gene.id]
            assert not any(g.start < one.right and g.end > one.left for g in others)

    def test_records_read_back_as_the_coding_sequence(self, simulated: tuple[Catalogue, Genome, list[Gene]]) -> None:
        catalogue, genome, _ = simulated
        chosen, _ = training_genes(catalogue, genome, [("chr1", 0, None), ("chr2", 0, None)])
        assert {one.gene.strand for one in chosen} == {"+", "-"}
        for one, record in zip(chosen, genbank_records(chosen, genome, 500), strict=True):
            assert coding_of(record) == decode(coding_codes(genome, one.gene, one.transcript)).upper()
            length = re.search(r"LOCUS +\S+ +(\d+) bp", record)
            assert length and int(length[1]) <= one.transcript.cds[-1][1] - one.transcript.cds[0][0] + 1000

    def test_copies_of_a_gene_train_once(self, tmp_path: Path) -> None:
        random = np.random.default_rng(1)
        body = "".join(random.choice(["GCT", "AAA", "CTG", "GAC", "TTC", "CAG"], 150))
        gene, spacer = f"ATG{body}TAA", "T" * 500
        write_fasta(tmp_path / "g.fa", [("s", (spacer + gene) * 3 + spacer)])
        genes = [
            Gene(f"g{i}", "s", "+", (Transcript(f"t{i}", (span,), (span,)),))
            for i in range(3)
            for span in [(500 + i * 956, 956 + i * 956)]
        ]
        write_gff3(tmp_path / "g.gff3", genes, {"s": 3 * 956 + 500})
        build_catalogue(tmp_path / "g.fa", tmp_path / "g.gff3", tmp_path / "g.duckdb")
        chosen, dropped = training_genes(
            Catalogue(tmp_path / "g.duckdb"), Genome.open(tmp_path / "g.fa"), [("s", 0, None)]
        )
        assert [(one.gene.id, one.left, one.right) for one in chosen] == [("g0", 0, 1206)]
        assert dropped == {"protein like that of another": 2}

    @given(st.lists(st.integers(3, 60_000), min_size=1, max_size=20))
    def test_the_flank_is_half_a_gene_and_bounded(self, lengths: list[int]) -> None:
        transcripts = [Transcript("t", ((5, 5 + n),), ((5, 5 + n),)) for n in lengths]
        assert 0 <= flank_length(transcripts) <= 10_000
        assert flank_length(transcripts) <= max(lengths) / 2


class TestFiles:
    def test_frequencies_of_stops(self) -> None:
        assert stop_frequencies(f"more\n{STOP_LINES}")["/Constant/amberprob"] == "0.2"
        with pytest.raises(InputError, match="no frequencies of stop codons"):
            stop_frequencies("tag: 1 (0.2)\n")

    def test_parameters_are_set_in_place(self, tmp_path: Path) -> None:
        path = tmp_path / "x.cfg"
        path.write_text("# a\n/Constant/amberprob                   0.33   # why\nUTR off\n")
        set_parameters(path, {"/Constant/amberprob": "0.2"})
        assert path.read_text() == "# a\n/Constant/amberprob                   0.2   # why\nUTR off\n"
        with pytest.raises(InputError, match="no parameter /Constant/none"):
            set_parameters(path, {"/Constant/none": "1"})

    def test_without_parameters_nothing_is_run(self, tmp_path: Path) -> None:
        with (
            pytest.raises(InputError, match=r"no parameters of AUGUSTUS|no configuration folder"),
            runner.config_folder(tmp_path),
        ):
            pass

    def test_short_stretches_share_a_process(self) -> None:
        chunks = runner._chunks([100] * 50 + [10_000_000] + [150_000] * 3)
        assert chunks[0] == [50]
        assert sorted(i for chunk in chunks for i in chunk) == list(range(54))
        assert len(chunks) == 3


class TestTraining:
    def test_what_is_missing_is_said(
        self, simulated: tuple[Catalogue, Genome, list[Gene]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        catalogue, genome, _ = simulated
        with pytest.raises(InputError, match="augustus is not installed"):
            train_augustus(catalogue, genome, [("chr1", 0, None)], tmp_path / "out", TrainingOptions())

    def test_too_few_genes(self, simulated: tuple[Catalogue, Genome, list[Gene]], tmp_path: Path) -> None:
        if shutil.which("etraining") is None:
            pytest.skip("AUGUSTUS is not on the PATH")
        catalogue, genome, _ = simulated
        with pytest.raises(InputError, match="genes to train AUGUSTUS on"):
            train_augustus(catalogue, genome, [("chr1", 0, 6_000)], tmp_path / "out", TrainingOptions())
        assert not (tmp_path / "out").exists()

    def test_it_learns_and_the_stock_parameters_stay(
        self, simulated: tuple[Catalogue, Genome, list[Gene]], tmp_path: Path
    ) -> None:
        if shutil.which("etraining") is None:
            pytest.skip("AUGUSTUS is not on the PATH")
        catalogue, genome, genes = simulated
        report = train_augustus(catalogue, genome, [("chr1", 0, None)], tmp_path / "out", TrainingOptions())
        assert report == read_json(tmp_path / "out" / "training.json")
        assert sum(float(share) for share in report["stop_codons"].values()) == pytest.approx(1, abs=0.01)
        region = [("chr2", 0, 60_000)]
        found = augustus(genome, "", region, options=("--sample=0",), jobs=1, trained=tmp_path / "out")
        assert compare(genes, found, regions=region)["base"]["f1"] > 0.8
        assert not (runner.installed_config() / "species" / "retrained").exists()
