"""The place of trained models and the workflow, which come with the library beside its modules."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
INSTALLED = _PACKAGE / "_shipped"
"""In an installed package; `setup.py` copies everything there."""
CHECKOUT = _PACKAGE.parents[1]
"""In a clone of the repository."""


def shipped(name: str) -> Path:
    """Return the path of a file or folder that comes with the library, such as `models` or `Snakefile`.

    Examples
    --------
    >>> shipped("models").name
    'models'
    """
    return (INSTALLED if INSTALLED.is_dir() else CHECKOUT) / name
