"""The default model: it hands over to the model of the package that suits the genome, and says why."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from genescribe.errors import InputError
from genescribe.families import load_predictor, predictor_for
from genescribe.files import read_table
from genescribe.genome.fasta import Genome, write_fasta
from genescribe.models import available, model_folder
from genescribe.predict.config import PredictConfig
from genescribe.predict.interface import CHOICE, DOUBT, SCORES
from genescribe.predict.stretches import pieces_of
from genescribe.segment.network.model import read_config
from genescribe.segment.network.species import POOLED, word_counts
from genescribe.segment.prediction.auto import AutoPredictorFactory, alike
from genescribe.segment.prediction.factory import sample_words

GENOMES = {
    "Drosophila.melanogaster_2L_3Mb": "insects",
    "Homo.sapiens_chr1_chunks": "vertebrates",
    "Leishmania.major_chr1": "all_genomes",
    "Plasmodium.falciparum_chr1-8": "plasmodium",
    "Populus.trichocarpa_Chr01_8Mb": "plants",
    "Saccharomyces.cerevisiae": "all_genomes",
    "Trypanosoma.brucei_chr1": "all_genomes",
}


def test_it_chooses_between_models_that_ship_by_species_that_the_chooser_knows() -> None:
    said = json.loads((model_folder("auto") / "config.json").read_text())
    assert said["models"].keys() <= {POOLED, *read_config(model_folder(said["chooser"])).species.names}
    assert set(said["models"].values()) <= available().keys() - {"auto", said["chooser"]}


@pytest.mark.parametrize("name", GENOMES)
def test_real_genomes_get_the_model_of_their_kind(data_dir: Path, name: str, tmp_path: Path) -> None:
    genome = Genome.open(data_dir / "eukaryotes" / name / "genome.fa.gz", scratch=tmp_path)
    factory = predictor_for(
        model_folder(None), genome, pieces_of(genome, [], 0, where=genome.path), PredictConfig(device="cpu")
    )
    said = factory.provenance()
    assert factory.folder.name == GENOMES[name] and said[CHOICE] and said[SCORES]
    assert (
        said["model-config-sha256"] == load_predictor(model_folder(GENOMES[name])).provenance()["model-config-sha256"]
    )


@pytest.mark.parametrize("species", ["Saprolegnia diclina VS20", "Thecamonas trahens ATCC 50062"])
def test_words_alone_do_not_make_a_trypanosome(data_dir: Path, species: str, tmp_path: Path) -> None:
    """Genomes rich in GC have the words of Leishmania, but their genes have introns."""
    folder = data_dir / "benchmarks" / "G3PO_confirmed"
    records = [row["record"] for row in read_table(folder / "species.tsv", "\t") if row["species"] == species]
    everything = Genome.open(folder / "genome.fa.gz", scratch=tmp_path)
    write_fasta(tmp_path / "a.fa", ((name, everything.codes(name)) for name in records))
    genome = Genome.open(tmp_path / "a.fa")
    pieces = pieces_of(genome, [], 0, where=genome.path)
    config = PredictConfig(device="cpu")
    alone = predictor_for(model_folder("all_genomes"), genome, pieces, config)
    assert alone.provenance()["species"] == "leishmania"
    said = predictor_for(model_folder(None), genome, pieces, config)
    assert said.folder.name == "eukaryotes" and said.provenance()["species"] == POOLED
    assert "like those of leishmania, its genes are not" in said.provenance()[DOUBT]


@pytest.mark.parametrize(
    ("species", "model"), [("human", "vertebrates"), ("yeast", "all_genomes"), ("pooled", "eukaryotes")]
)
def test_a_species_that_is_named_replaces_the_choice(species: str, model: str, tmp_path: Path) -> None:
    fasta = tmp_path / "a.fa"
    fasta.write_text(">a\n" + "ACGT" * 100 + "\n")
    genome = Genome.open(fasta)
    pieces, config = pieces_of(genome, [], 0, where=fasta), PredictConfig(device="cpu", species=species)
    factory = predictor_for(model_folder(None), genome, pieces, config)
    assert factory.folder.name == model and CHOICE not in factory.provenance()
    chooser = AutoPredictorFactory(model_folder(None), "cpu").with_evidence(tmp_path)
    assert chooser.for_genome(genome, pieces, species).evidence == tmp_path
    assert chooser.recoded(12).for_genome(genome, pieces, species).genetic_code().number == 12


def test_a_genome_like_none_gets_the_model_of_all_and_is_told_to_expect_little(tmp_path: Path) -> None:
    fasta = tmp_path / "a.fa"
    bases = np.random.default_rng(2).choice(list("ACGT"), 60_000, p=[0.1, 0.4, 0.4, 0.1])
    fasta.write_text(">a\n" + "".join(bases) + "\n")
    genome = Genome.open(fasta)
    factory = predictor_for(
        model_folder(None), genome, pieces_of(genome, [], 0, where=fasta), PredictConfig(device="cpu")
    )
    said = factory.provenance()
    assert factory.folder.name == "eukaryotes" and said["species"] == POOLED and "expect little" in said[DOUBT]


@pytest.mark.parametrize(
    "text",
    [
        '{"family": "auto"}',
        '{"family": "auto", "chooser": "yeast", "models": []}',
        '{"family": "auto", "chooser": "yeast", "models": {}, "words": {"a": [0.5]}}',
    ],
)
def test_a_folder_that_names_no_models_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(InputError, match="names no model to choose with"):
        AutoPredictorFactory(tmp_path)


def test_a_genome_that_the_chooser_does_not_know_is_told_by_its_words() -> None:
    words = AutoPredictorFactory(model_folder("auto"), "cpu").words
    chances = words["plasmodium"].reshape(4, 4, 4)
    rng = np.random.default_rng(3)
    bases = [0, 3]
    for _ in range(60_000):
        following = chances[bases[-2], bases[-1]]
        bases.append(int(rng.choice(4, p=following / following.sum())))
    own = np.array(bases, dtype=np.uint8)
    assert alike(word_counts(own), words) == "plasmodium"
    assert alike(word_counts(own[:10_000]), words) is None  # too little to tell
    assert alike(word_counts(rng.permutation(own)), words) is None  # as many of each base, but other words
    assert alike(word_counts(own), {}) is None


@pytest.mark.parametrize("name", ["Saccharomyces.cerevisiae", "Drosophila.melanogaster_2L_3Mb"])
def test_no_other_genome_has_its_words(data_dir: Path, name: str, tmp_path: Path) -> None:
    genome = Genome.open(data_dir / "eukaryotes" / name / "genome.fa.gz", scratch=tmp_path)
    words = AutoPredictorFactory(model_folder("auto"), "cpu").words
    assert alike(sample_words(genome, pieces_of(genome, [], 0, where=genome.path)), words) is None
