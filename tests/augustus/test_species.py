"""Reading parameter sets: every one that is installed, and what is said of those that are damaged."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.augustus.toy_species import CLASSES, NAME, write_species

from genescribe.augustus.convert import convert
from genescribe.augustus.install import CARD, CONFIG_VARIABLE, import_species, species_folder, species_root
from genescribe.augustus.species import read_species
from genescribe.commands import console
from genescribe.errors import InputError
from genescribe.models import available, read_card
from genescribe.segment.network.model import SegmentModel
from genescribe.segment.support.features import default_weights, named_weights, weights_of

TEMPLATES = {"generic", "template_prokaryotic"}
"""Folders of an installation that hold options for training, and no parameters."""


def test_toy_is_read(tmp_path: Path) -> None:
    species = read_species(write_species(tmp_path))
    assert (species.name, len(species.gc), species.genetic_code) == (NAME, CLASSES, 1)
    assert species.gc == pytest.approx((0.4, 0.5))
    assert species.introns is not None and species.introns.classes[1].excess == 90
    assert species.genes == (200, 100)
    for exon in species.exons:
        assert exon.emission.reshape(-1, 4, 3).sum(axis=1) == pytest.approx(1, abs=1e-4)
    assert (species.lengths[0, :30] == 0).all() and species.lengths[1, :30].any()


def test_hidden_emission_comes_from_the_words(tmp_path: Path) -> None:
    plain = read_species(write_species(tmp_path / "plain"))
    hidden = read_species(write_species(tmp_path / "hidden", emission=False))
    assert not np.allclose(plain.exons[0].emission, hidden.exons[0].emission)
    assert hidden.exons[0].emission.reshape(-1, 4, 3).sum(axis=1) == pytest.approx(1)
    assert np.array_equal(plain.exons[0].first, hidden.exons[0].first)


def test_what_lies_between_genes_is_that_of_introns_where_they_are_tied(tmp_path: Path) -> None:
    folder = write_species(tmp_path)
    apart = read_species(folder)
    assert apart.introns is not None
    assert not np.allclose(apart.intergenic[0], apart.introns.classes[0].emission)
    options = folder / f"{NAME}_parameters.cfg"
    for replacement in ("tieIgenicIntron true", ""):
        changed(options, r"tieIgenicIntron \w+\n", f"{replacement}\n")
        tied = read_species(folder)
        assert tied.introns is not None
        assert np.array_equal(tied.intergenic[1], tied.introns.classes[1].emission)


def changed(path: Path, pattern: str, replacement: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.search(pattern, text), pattern
    path.write_text(re.sub(pattern, replacement, text, count=1), encoding="utf-8")


@pytest.mark.parametrize(
    ("kind", "pattern", "replacement", "message"),
    [
        ("exon", r"\[LENGTH\]", "[SHORT]", r"no section \[LENGTH\]"),
        ("exon", r"\[INITEMISSION\]", "[OTHER]", r"no section \[INITEMISSION\] of class \[1\]"),
        ("exon", r"\n\[2\]", "\n[3]", r"no section \[P_ls\] of class \[2\]"),
        ("exon", r"ATG 0\.9", "ATG nought", "'nought' is no number"),
        ("exon", r"ATG 0\.9", "ATG nan", "'nan' is no finite number"),
        ("exon", r"\n300 ", "\n300 1 ", "rows have 5"),
        ("intron", r"\[DSS\]\n# size\n64", "[DSS]\n# size\n256", "256 patterns of 3 bases"),
        ("intron", r"\[TRANSITION\]\n# short\n0\.7", "[TRANSITION]\n# short\n7", "not a share of short introns"),
        ("intron", r"\[ASSMOTIF\]\n# width\n4", "[ASSMOTIF]\n# width\n9", "rows for a width of 9"),
        ("intron", r"# pseudocount\n2\naaa [0-9.e-]+\n", "# pseudocount\n2\n", "63 of 64 words"),
        ("igenic", r"\[P_ls\]", "[words]", r"no section \[P_ls\]"),
    ],
)
def test_damage_is_told_in_one_line(tmp_path: Path, kind: str, pattern: str, replacement: str, message: str) -> None:
    species = write_species(tmp_path, emission=kind != "igenic")
    path = species / f"{NAME}_{kind}_probs.pbl"
    changed(path, pattern, replacement)
    with pytest.raises(InputError, match=message) as error:
        read_species(species)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_cut_and_missing_files(tmp_path: Path) -> None:
    species = write_species(tmp_path)
    path = species / f"{NAME}_exon_probs.pbl"
    text = path.read_text(encoding="utf-8")
    for share in (0.2, 0.5, 0.8, 0.97):
        path.write_text(text[: int(share * len(text))], encoding="utf-8")
        with pytest.raises(InputError):
            read_species(species)
    path.unlink()
    with pytest.raises(InputError, match=r"no toy_exon_probs\.pbl.*template"):
        read_species(species)
    (species / f"{NAME}_parameters.cfg").unlink()
    with pytest.raises(InputError, match=r"no \*_parameters\.cfg"):
        read_species(species)


def test_options_that_are_no_numbers(tmp_path: Path) -> None:
    species = write_species(tmp_path)
    changed(species / f"{NAME}_parameters.cfg", r"dss_start +\d", "dss_start many")
    with pytest.raises(InputError, match="dss_start is 'many'"):
        read_species(species)


def test_windows_of_another_training(tmp_path: Path) -> None:
    species = write_species(tmp_path)
    changed(species / f"{NAME}_parameters.cfg", r"dss_start +\d", "dss_start 5")
    with pytest.raises(InputError, match="dss_start and dss_end are 5 and 1, for 64 patterns"):
        read_species(species)


def test_species_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_species(tmp_path / "config" / "species")
    monkeypatch.setenv(CONFIG_VARIABLE, str(tmp_path / "config"))
    assert species_folder(NAME) == folder == species_folder(str(folder))
    with pytest.raises(InputError, match=r"no species 'toyy'.*did you mean toy"):
        species_folder("toyy")


def test_a_model_in_the_current_folder_does_not_hide_the_species(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same import twice: the first leaves a folder of the species' name."""
    installed = write_species(tmp_path / "config" / "species")
    monkeypatch.setenv(CONFIG_VARIABLE, str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    import_species(species_folder(NAME), Path(NAME))
    assert species_folder(NAME) == installed
    own = write_species(tmp_path / "trained")
    monkeypatch.chdir(own.parent)
    assert species_folder(NAME) == own, "a parameter set in the current folder comes first"


def test_the_command_imports_into_the_cache_and_the_model_has_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    console.main(["models", "import-augustus", str(write_species(tmp_path))])
    assert "300 genes" in capsys.readouterr().out
    assert available()[NAME] == tmp_path / "cache" / "genescribe" / "models" / NAME
    card = read_card(NAME)
    assert card.licence == "Artistic-1.0" and "not said" not in (card.species, card.trained_on, card.not_to_test_on)


def test_import_writes_a_whole_folder(tmp_path: Path) -> None:
    folder, output = write_species(tmp_path), tmp_path / "out" / "model"
    assert "300 genes, 200 with introns, 2 classes" in import_species(folder, output)
    card = (output / CARD).read_text(encoding="utf-8")
    assert "Artistic Licence" in card and "Gaius-Augustus" in card
    worth, usual = named_weights(weights_of(output)), named_weights(default_weights())
    assert worth["intron.rna.4"] == pytest.approx(usual["intron.rna.4"] / 2, abs=1e-3)
    assert worth["intron.protein.0"] == usual["intron.protein.0"] and worth["unsupported.3"] == usual["unsupported.3"]
    first = (output / "model.safetensors").read_bytes()
    import_species(folder, output)
    assert (output / "model.safetensors").read_bytes() == first
    assert [path.name for path in output.parent.iterdir()] == ["model"]
    (output / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="is no imported model"):
        import_species(folder, output)
    shutil.copytree(folder, tmp_path / "broken")
    (tmp_path / "broken" / f"{NAME}_igenic_probs.pbl").unlink()
    with pytest.raises(InputError, match="no such file"):
        import_species(tmp_path / "broken", tmp_path / "other")
    assert not (tmp_path / "other").exists()


def installed() -> list[str]:
    root = species_root()
    return [] if root is None else sorted(path.name for path in root.iterdir() if path.is_dir())


@pytest.mark.slow
@torch.no_grad()
def test_every_installed_species_is_imported() -> None:
    names = installed()
    if not names:
        pytest.skip("AUGUSTUS is not installed (Debian: augustus-data)")
    refused = {}
    for name in names:
        try:
            model = convert(read_species(species_folder(name)))
        except InputError as error:
            refused[name] = str(error)
            continue
        assert all(bool(value.isfinite().all()) for value in model.state_dict().values()), name
    assert set(refused) <= TEMPLATES, refused
    assert all("template" in reason for reason in refused.values())


@pytest.mark.skipif(not installed(), reason="AUGUSTUS is not installed (Debian: augustus-data)")
@pytest.mark.parametrize("name", ["fly", "human", "E_coli_K12", "rice"])
@torch.no_grad()
def test_species_of_each_kind_find_genes(name: str, tmp_path: Path) -> None:
    if name not in installed():
        pytest.skip(f"this installation has no {name}")
    import_species(species_folder(name), tmp_path / "model")
    model = SegmentModel.load(tmp_path / "model")
    codes = torch.randint(0, 4, (1, 3000), generator=torch.Generator().manual_seed(0))
    scores = model.scores(codes)
    path = model.crf.decode(scores.content, torch.tensor([3000]), **scores.boundaries)[0]
    assert path.length == 3000
