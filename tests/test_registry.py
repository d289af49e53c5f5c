"""Fetching published weights by name, from files here in the network's place."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from genescribe.commands import console
from genescribe.errors import InputError
from genescribe.models import NetworkPath, fetched
from genescribe.registry import fetch, published

WEIGHTS = b"not weights, but bytes with a digest"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("GENESCRIBE_MODELS", raising=False)
    return tmp_path / "cache" / "genescribe" / "models"


def registry(folder: Path, **changes: str) -> Path:
    (folder / "model_400nt.pt").write_bytes(WEIGHTS)
    entry = {
        "name": "frogs",
        "species": "frogs",
        "url": (folder / "model_400nt.pt").as_uri(),
        "sha256": hashlib.sha256(WEIGHTS).hexdigest(),
        "licence": "GPL-3.0",
        "trained_on": "a frog",
        "not_to_test_on": "that frog",
    }
    path = folder / "registry.json"
    path.write_text(json.dumps({"models": [entry | changes]}))
    return path


def test_every_entry_that_ships_says_all_and_is_pinned() -> None:
    entries = published()
    assert len(entries) >= 15
    for one in entries.values():
        assert len(one.sha256) == 64 and one.url.startswith("https://") and one.licence == "GPL-3.0"
        assert all((one.species, one.trained_on, one.not_to_test_on))
    assert len({one.sha256 for one in entries.values()}) == len({one.url for one in entries.values()}) == len(entries)


def test_weights_are_fetched_once_and_can_be_named(tmp_path: Path, cache: Path) -> None:
    path = registry(tmp_path)
    folder = fetch("frogs", path)
    assert folder == cache / "frogs" == fetched("frogs") == NetworkPath()("frogs")
    assert (folder / "model_400nt.pt").read_bytes() == WEIGHTS and "GPL-3.0" in (folder / "README.md").read_text()
    (tmp_path / "model_400nt.pt").unlink()
    assert fetch("frogs", path) == folder, "the second time nothing is read"


def test_offline_folders_hold_weights_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "offline" / "frogs").mkdir(parents=True)
    (tmp_path / "offline" / "frogs" / "model_400nt.pt").write_bytes(WEIGHTS)
    monkeypatch.setenv("GENESCRIBE_MODELS", str(tmp_path / "offline"))
    assert fetch("frogs", registry(tmp_path)) == tmp_path / "offline" / "frogs"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"sha256": "0" * 64}, r"its sha256 is [0-9a-f]{64}, not 0{64}"),
        ({"url": "file:///no/such/model.pt"}, r"cannot be downloaded"),
        ({"name": "toads"}, r"frogs: no such weights; known: toads"),
        ({"colour": "green"}, r"colour"),
    ],
)
def test_what_goes_wrong_is_one_line_and_leaves_nothing(
    changes: dict[str, str], problem: str, tmp_path: Path, cache: Path
) -> None:
    with pytest.raises(InputError, match=problem):
        fetch("frogs", registry(tmp_path, **changes))
    assert not cache.exists() or not list(cache.iterdir())


def test_a_file_that_is_no_registry_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text("[]")
    with pytest.raises(InputError, match=r"no list `models` in it"):
        published(tmp_path / "r.json")


def test_the_list_says_what_can_be_fetched_and_what_is_here(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(registry(tmp_path))
    console.main(["models", "list", "--registry", path])
    assert "not here; genescribe models fetch frogs" in capsys.readouterr().out
    console.main(["models", "show", "frogs", "--registry", path])
    assert "that frog" in capsys.readouterr().out
    console.main(["models", "fetch", "frogs", "--registry", path])
    assert capsys.readouterr().out.strip().endswith("frogs")
    console.main(["models", "show", "frogs", "--registry", path])
    assert "Published weights of a signal network" in capsys.readouterr().out
