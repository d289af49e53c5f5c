"""Provenance of a model: versions, code, options, data, machine."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

_PACKAGES = ("genescribe", "torch", "numpy", "safetensors", "triton")


def digest(value: Any) -> str:
    """Return the SHA-256 of a JSON value; the order of its keys does not matter."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def describe(fingerprint: Mapping[str, Any], device: torch.device, processes: int) -> dict[str, Any]:
    """Return the contents of `provenance.json`.

    Parameters
    ----------
    fingerprint
        Options and digests of the data.
    device
        Device of the training.
    processes
        Number of training processes.
    """
    return {
        "fingerprint": dict(fingerprint),
        "fingerprint_sha256": digest(fingerprint),
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in _PACKAGES},
        "commit": git_commit(Path(__file__).parent),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or "cpu",
        "platform": platform.platform(),
        "processes": processes,
        "threads": torch.get_num_threads(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def git_commit(folder: Path) -> str | None:
    """Return the commit that `folder` stands at, with `+` where files differ from it; None outside a repository."""
    try:
        head = _git(folder, "rev-parse", "HEAD")
        return head + ("+" if _git(folder, "status", "--porcelain", "--untracked-files=no", ".") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True, timeout=10
    ).stdout.strip()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
