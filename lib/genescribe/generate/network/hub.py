"""Checkpoints by their name on the hub of `huggingface_hub`."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from genescribe.errors import InputError
from genescribe.generate.network.pretrained import need


def hub_answers() -> bool:
    """Return whether the hub can be reached: without an answer its own library would try again for a minute."""
    if urllib.request.getproxies():
        return True
    address = urlsplit(need("huggingface_hub.constants").ENDPOINT)
    try:
        socket.create_connection((address.hostname, address.port or 443), timeout=5).close()
    except OSError:
        return False
    return True


def from_hub(name: str, files: Sequence[str], revision: str | None = None) -> Path:
    """Return a folder with files of a repository, those that were fetched before where the hub does not answer.

    Parameters
    ----------
    name
        Name of the repository, ``owner/name``.
    files
        Names or patterns of what is wanted.
    revision
        Commit, branch or tag.

    Raises
    ------
    InputError
        No such repository, or it cannot be reached.
    """
    hub, reached = need("huggingface_hub"), hub_answers()
    try:
        folder = hub.snapshot_download(name, revision=revision, allow_patterns=files, local_files_only=not reached)
    except (OSError, ValueError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            f"no such folder; cannot be loaded from the hub ({first if reached else 'it does not answer'})",
            where=name,
            remedy="correct the path, or fetch the checkpoint where there is a network and give its folder",
        ) from None
    return Path(folder)
