"""scripts/import_sites.py: the network of a shipped model as the beginning of another training."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest
import torch

from genescribe.errors import InputError
from genescribe.segment.sites.combine import networks_of
from genescribe.sites.model_folder import load_sites


def import_sites(repository: Path, monkeypatch: pytest.MonkeyPatch, model: str, target: Path) -> None:
    monkeypatch.setattr(sys, "argv", ["import_sites.py", str(repository / "models" / model), "-o", str(target)])
    runpy.run_path(str(repository / "scripts" / "import_sites.py"))["main"]()


def test_the_network_of_a_shipped_model(repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import_sites(repository, monkeypatch, "insects", tmp_path / "start")
    (known,) = networks_of(repository / "models" / "insects")
    found = load_sites(tmp_path / "start")
    assert found.config == known.config
    torch.testing.assert_close(found.state_dict(), known.state_dict(), rtol=0, atol=0)


def test_a_model_without_a_network(repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a segment model without signal networks"):
        import_sites(repository, monkeypatch, "yeast", tmp_path / "start")
    assert not (tmp_path / "start").exists()
