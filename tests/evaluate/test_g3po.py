"""benchmarks/g3po.py: which model annotates which record, and what stands in its table."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml

from genescribe.genome.model import Gene, Transcript
from genescribe.models import available


@pytest.fixture(scope="module")
def g3po(repository: Path) -> dict[str, Any]:
    return runpy.run_path(str(repository / "benchmarks" / "g3po.py"))


@pytest.fixture(scope="module")
def rules(repository: Path) -> dict[str, str]:
    example = yaml.safe_load((repository / "examples" / "g3po.yaml").read_text(encoding="utf-8"))
    found: dict[str, str] = example["genomes"]["g3po"]["augustus"]
    return found


@pytest.mark.parametrize(
    ("record", "species", "model"),
    [
        ("BBS1_HUMAN", "human", "vertebrates"),
        ("BBS1_ANOGA", "Anopheles_gambiae", "insects"),
        ("BBS1_BRUMA", "brugia", "nematodes"),
        ("BBS1_PHYIT", "Phaeodactylum_tricornutum", "all_genomes"),
    ],
)
def test_the_model_of_a_clade(
    g3po: dict[str, Any], rules: dict[str, str], record: str, species: str, model: str
) -> None:
    assert g3po["nearest"](record, rules) == species
    assert g3po["clade_of"](species) == model


def test_each_clade_is_one_that_records_have_and_models_ship_for(g3po: dict[str, Any], rules: dict[str, str]) -> None:
    clades = g3po["CLADES"]
    near = [species for some in clades.values() for species in some]
    assert len(near) == len(set(near)) and set(near) <= set(rules.values())
    assert {*clades, g3po["OTHERS"]} <= available().keys()


def test_groups_of_ranks(g3po: dict[str, Any]) -> None:
    ranks = ("Metazoa", "Fungi", "Oomycetes", "Kinetoplastida", "Apicomplexa")
    groups = [g3po["group_of"](rank) for rank in ranks]
    assert groups == ["animals", "fungi", "oomycetes", "kinetoplastids", "others"]


def gene(seqid: str, *cds: tuple[int, int]) -> Gene:
    return Gene(seqid, seqid, "+", (Transcript(f"{seqid}.t", cds, cds),))


def test_groups_are_compared_in_pairs_with_augustus(g3po: dict[str, Any]) -> None:
    truth = [gene("a", (10, 40), (60, 90)), gene("b", (10, 40))]
    wrong = [gene("a", (10, 40)), gene("b", (10, 40))]
    found = g3po["compare"](truth, {"clade": truth, "augustus": wrong}, {"a": "animals", "b": "fungi"})
    assert {group: row["genes"] for group, row in found.items()} == {"animals": 1, "fungi": 1, "all": 2}
    assert found["animals"]["clade"]["gene"]["f1"] == 1 and found["animals"]["augustus"]["gene"]["f1"] == 0
    assert found["animals"]["clade"]["paired"]["gene"]["difference"] == 1
    assert found["fungi"]["clade"]["paired"]["exon"]["difference"] == 0
    assert "paired" not in found["all"]["augustus"]
