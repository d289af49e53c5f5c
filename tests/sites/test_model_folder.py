"""Folders of site networks: one network, and replicates of one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from genescribe.errors import InputError
from genescribe.nn.site_config import SiteNetworkConfig
from genescribe.nn.site_network import SiteNetwork
from genescribe.sites.config import SiteModelConfig
from genescribe.sites.model_folder import load_sites, save_sites


def write(folder: Path, width: int, seed: int) -> Path:
    config = SiteModelConfig(network=SiteNetworkConfig(80, width))
    torch.manual_seed(seed)
    folder.mkdir(parents=True)
    save_sites(SiteNetwork(config.network), config, folder)
    return folder


def test_replicates_that_were_trained_here_are_averaged(tmp_path: Path) -> None:
    folders = [write(tmp_path / "all" / name, 8, seed) for seed, name in enumerate("abc")]
    codes = torch.randint(0, 4, (1, 80 + 50))
    mean = torch.stack([load_sites(folder).probabilities(codes) for folder in folders]).mean(0)
    ensemble = load_sites(tmp_path / "all")
    assert len(ensemble.networks) == 3
    torch.testing.assert_close(ensemble.probabilities(codes), mean, atol=1e-6, rtol=0)


def test_replicates_of_several_shapes_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "all" / "a", 8, 0)
    write(tmp_path / "all" / "b", 4, 0)
    with pytest.raises(InputError, match="another shape than a"):
        load_sites(tmp_path / "all")
