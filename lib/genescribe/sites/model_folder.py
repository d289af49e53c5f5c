"""Site networks on disk: the folder that training writes, published checkpoints, and one reader for both."""

from __future__ import annotations

from pathlib import Path

from genescribe.errors import InputError
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

    Replicates are checkpoints, or folders that training wrote.

    Raises
    ------
    InputError
        Trained replicates of several shapes; see also `read_config` and
        `genescribe.nn.site_checkpoints.load_published`.
    """
    path = Path(path)
    trained = [path] if (path / CONFIG).is_file() else sorted(file.parent for file in path.glob(f"*/{CONFIG}"))
    if not trained:
        return load_published(path)
    shapes = [read_config(folder).network for folder in trained]
    for shape, folder in zip(shapes, trained, strict=True):
        if shape != shapes[0]:
            remedy = "give replicates of one network"
            raise InputError(f"another shape than {trained[0].name}", where=folder, remedy=remedy)
    ensemble = SiteEnsemble(shapes[0], len(trained))
    for network, folder in zip(ensemble.networks, trained, strict=True):
        network.load_state_dict(stored_weights(folder, network.state_dict()))
    return ensemble.eval()
