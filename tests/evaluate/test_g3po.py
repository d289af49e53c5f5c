"""benchmarks/g3po.py: which model annotates which record, and what stands in its table."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.augustus.toy_species import NAME, write_species

from genescribe.augustus.install import CONFIG_VARIABLE
from genescribe.genome.model import Gene, Transcript
from genescribe.models import available, model_folder
from genescribe.segment.network.model import read_config


@pytest.fixture(scope="module")
def g3po(repository: Path) -> dict[str, Any]:
    return runpy.run_path(str(repository / "benchmarks" / "g3po.py"))


@pytest.fixture(scope="module")
def rules(repository: Path) -> dict[str, str]:
    example = yaml.safe_load((repository / "examples" / "g3po.yaml").read_text(encoding="utf-8"))
    found: dict[str, str] = example["genomes"]["g3po"]["augustus"]
    return found


@pytest.mark.parametrize(
    ("record", "species", "clade", "model", "networks"),
    [
        ("BBS1_HUMAN", "human", "mammals", "vertebrates", "vertebrates"),
        ("BBS1_DANRE", "zebrafish", "other vertebrates", "eukaryotes", "vertebrates"),
        ("BBS1_ANOGA", "Anopheles_gambiae", "mosquitoes", "insects", "eukaryotes"),
        ("BBS1_IXOSC", "parasteatoda", "other arthropods", "eukaryotes", "eukaryotes"),
        ("BBS1_BRUMA", "brugia", "filarial nematodes", "eukaryotes", "eukaryotes"),
        ("BBS1_SPIPN", "rhizopus_oryzae", "chytrids", "eukaryotes", "eukaryotes"),
    ],
)
def test_the_clade_of_a_record_its_model_and_the_networks_beside_a_set(
    g3po: dict[str, Any], rules: dict[str, str], record: str, species: str, clade: str, model: str, networks: str
) -> None:
    assert g3po["nearest"](record, rules) == species
    assert g3po["clade_of"](species) == clade
    assert g3po["CLADES"][clade][:2] == (model, networks)


def test_a_record_of_no_clade(g3po: dict[str, Any], rules: dict[str, str]) -> None:
    assert g3po["clade_of"](g3po["nearest"]("BBS1_PHYIT", rules)) is None


def test_each_clade_is_one_that_records_have_and_models_ship_for(g3po: dict[str, Any], rules: dict[str, str]) -> None:
    clades = g3po["CLADES"].values()
    near = [species for clade in clades for species in clade.near]
    assert len(near) == len(set(near)) and set(near) <= set(rules.values())
    clades = [*clades, g3po["OTHERS"]]
    assert {clade.model for clade in clades} <= available().keys()
    assert all(read_config(model_folder(clade.networks)).sites for clade in clades)


def test_networks_are_added_to_a_parameter_set(
    g3po: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_species(tmp_path / "species")
    monkeypatch.setenv(CONFIG_VARIABLE, str(tmp_path))
    published = g3po["published"]
    models = tmp_path / "models"
    combined = published(NAME, "insects", models)
    assert combined == models / f"{NAME}+insects" and read_config(combined).sites
    assert not read_config(models / NAME).sites


def test_groups_of_ranks(g3po: dict[str, Any]) -> None:
    ranks = ("Metazoa", "Fungi", "Oomycetes", "Kinetoplastida", "Apicomplexa")
    groups = [g3po["group_of"](rank) for rank in ranks]
    assert groups == ["animals", "fungi", "oomycetes", "kinetoplastids", "others"]


def gene(seqid: str, *cds: tuple[int, int]) -> Gene:
    return Gene(seqid, seqid, "+", (Transcript(f"{seqid}.t", cds, cds),))


def test_groups_are_compared_in_pairs_with_augustus(g3po: dict[str, Any]) -> None:
    truth = [gene("a", (10, 40), (60, 90)), gene("b", (10, 40))]
    wrong = [gene("a", (10, 40)), gene("b", (10, 40))]
    found = g3po["compare"](
        truth, {"clade": truth, "augustus": wrong}, {"a": ["all", "animals"], "b": ["all", "fungi"]}
    )
    assert {group: row["genes"] for group, row in found.items()} == {"animals": 1, "fungi": 1, "all": 2}
    assert found["animals"]["clade"]["gene"]["f1"] == 1 and found["animals"]["augustus"]["gene"]["f1"] == 0
    assert found["animals"]["clade"]["paired"]["gene"]["difference"] == 1
    assert found["fungi"]["clade"]["paired"]["exon"]["difference"] == 0
    assert "paired" not in found["all"]["augustus"]
