"""Site networks on disk: the folder that training writes, published checkpoints, and one reader for both."""

from __future__ import annotations

from pathlib import Path

from genescribe.nn.site_checkpoints import load_published
from genescribe.nn.site_network import SiteEnsemble, SiteNetwork
from genescribe.sites.config import SiteModelConfig
from genescribe.train.model_files import CONFIG, store_model, stored_options, stored_weights

FAMILY = "sites"


def save_sites(network: SiteNetwork, config: SiteModelConfig, directory: str | Path) -> None:
    """Write `config.json` and `model.safetensors` into an existing directory.

    Parameters
    ----------
    network
        The trained network, on any device.
    config
        Options of the network.
    directory
        Existing folder to write into.
    """
    store_model(directory, FAMILY, config, network.state_dict())


def read_config(directory: str | Path) -> SiteModelConfig:
    """Return the options of a folder that training wrote.

    Raises
    ------
    InputError
        They are missing, not JSON, of another family, or hold an unknown option.
    """
    return stored_options(SiteModelConfig, directory, FAMILY)


def load_sites(path: str | Path) -> SiteEnsemble:
    """Return the network of a folder that training wrote, of a published checkpoint, or of a folder of replicates.

    Raises
    ------
    InputError
        As `read_config` and `genescribe.nn.site_checkpoints.load_published`.
    """
    path = Path(path)
    if not (path / CONFIG).is_file():
        return load_published(path)
    ensemble = SiteEnsemble(read_config(path).network)
    network = ensemble.networks[0]
    network.load_state_dict(stored_weights(path, network.state_dict()))
    return ensemble.eval()
