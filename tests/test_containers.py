"""Container definitions: what they run is one script, which a bare Debian root can run as well."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

INSTALL = "bash /usr/src/genescribe/containers/install.sh /usr/src/genescribe"


def test_both_definitions_run_the_same_script(repository: Path) -> None:
    docker, apptainer = ((repository / name).read_text() for name in ("Dockerfile", "Apptainer.def"))
    assert INSTALL in docker and INSTALL in apptainer and INSTALL in (repository / "containers/test.sh").read_text()
    assert re.search("^FROM (.*)$", docker, re.MULTILINE)[1] == re.search("^From: (.*)$", apptainer, re.MULTILINE)[1]  # type: ignore[index]
    assert "--gpus all" in docker and "--nv" in apptainer


def test_the_image_has_the_pinned_pytorch_and_all_that_is_shipped(repository: Path) -> None:
    script = (repository / "containers" / "install.sh").read_text()
    pinned = re.search(r"^TORCH \?= (\S+)$", (repository / "Makefile").read_text(), re.MULTILINE)
    assert pinned and pinned[1] in script
    left_out = (repository / ".dockerignore").read_text().split()
    assert not {"Snakefile", "config.yaml", "rules", "scripts", "envs", "profiles", "models", "lib"} & set(left_out)


@pytest.mark.parametrize("script", ["install.sh", "test.sh"])
def test_scripts_are_bash(repository: Path, script: str) -> None:
    path = repository / "containers" / script
    assert subprocess.run(["bash", "-n", path], check=False).returncode == 0
    assert path.stat().st_mode & 0o111


@pytest.mark.slow
@pytest.mark.tools
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for chroot")
@pytest.mark.skipif(shutil.which("debootstrap") is None, reason="needs debootstrap, not installed")
def test_the_steps_work_in_a_bare_debian_root(repository: Path, tmp_path: Path) -> None:
    environment = os.environ | {"TOOLS": "tabix"}
    words = [str(repository / "containers" / "test.sh"), str(tmp_path / "root")]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    assert "the image works" in done.stdout and not (tmp_path / "root").exists()
