"""Models by name or by folder, and what their cards say."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

from genescribe.commands import console
from genescribe.errors import InputError
from genescribe.families import load_predictor
from genescribe.models import DEFAULT, ModelPath, available, cache_folder, model_folder, read_card
from genescribe.shipped import shipped


def make(folder: Path, card: str = "") -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    if card:
        (folder / "README.md").write_text(card)
    return folder


def test_every_shipped_model_can_be_named_and_has_a_card() -> None:
    folders = sorted(path.parent for path in shipped("models").glob("*/config.json"))
    assert list(available().values()) == folders and DEFAULT in available()
    for name, folder in available().items():
        card = read_card(name)
        assert card.folder == model_folder(name) == folder and card.licence == "MIT"
        assert "not said" not in (card.species, card.trained_on, card.not_to_test_on) and card.text.startswith(
            f"# {name}"
        )
        assert (folder / "model.safetensors").is_file() or name == DEFAULT


def test_a_folder_with_a_model_goes_before_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("yeast").mkdir()
    assert model_folder("yeast") == shipped("models") / "yeast", "a folder without a model is none"
    shutil.rmtree("yeast")
    make(Path("yeast"))
    assert model_folder("yeast") == Path("yeast") == ModelPath()("yeast")
    assert model_folder(None) == shipped("models") / DEFAULT


def test_models_of_ones_own_are_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = make(tmp_path / "one" / "yeast"), make(tmp_path / "two" / "mine")
    make(tmp_path / "two" / "yeast")
    monkeypatch.setenv("GENESCRIBE_MODELS", os.pathsep.join([str(tmp_path / "one"), "", str(tmp_path / "two")]))
    assert model_folder("yeast") == first and model_folder("mine") == second
    assert {"yeast", "mine", DEFAULT} <= available().keys()


def test_a_cache_that_cannot_be_read_holds_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user's home is kept by sudo and by containers; a user whose number has no name has none."""
    make(tmp_path / "genescribe" / "models" / "mine")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert "mine" in available()
    # The administrator, as whom tests may run, is refused nothing.
    monkeypatch.setattr("os.access", lambda path, mode: not Path(path).is_relative_to(tmp_path))
    assert "mine" not in available() and model_folder("yeast") == shipped("models") / "yeast"


def test_a_user_without_a_home_can_name_models(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(number: int) -> NoReturn:
        raise KeyError(number)

    for variable in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    assert ModelPath()("yeast") == shipped("models") / "yeast" and ModelPath()("~/mine") == Path("~/mine")
    with pytest.raises(InputError, match="XDG_CACHE_HOME: names no folder, and there is no home folder; set it"):
        cache_folder()


def test_an_unknown_model_is_told_with_those_that_are_known(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for given, message in (
        ("yeats", "yeats: no such model; did you mean yeast"),
        ("Plant", "did you mean plants"),
        ("horse", "horse: no such model; give the folder of a model, or a name: all_genomes, auto, .*yeast"),
        (tmp_path, "no model in this folder; give .* name: all_genomes"),
        (tmp_path / "file", "is a file, not the folder of a model; give"),
    ):
        with pytest.raises(InputError, match=message):
            read_card(str(given))
        with pytest.raises(InputError, match=message):
            load_predictor(given)


@pytest.mark.parametrize("card", ["---\n: [\n---\n", "---\njust text\n---\n", "---\nno end\n"])
def test_a_card_that_cannot_be_read_says_so(card: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"README.md: its head is not YAML"):
        read_card(str(make(tmp_path / "m", card)))


def test_cards_are_listed_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    console.main(["models", "list"])
    listed = capsys.readouterr().out
    assert f"{DEFAULT} (the default)\n" in listed and "\nyeast\n" in listed
    console.main(["models", "show", str(make(tmp_path / "m", "---\nspecies: frogs\n---\nRead me.\n"))])
    shown = capsys.readouterr().out
    assert shown.startswith("m\n") and "frogs" in shown and "not said" in shown and shown.endswith("\nRead me.\n")
