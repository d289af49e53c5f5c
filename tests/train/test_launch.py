"""What the launcher starts, without starting it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from genescribe.errors import InputError
from genescribe.train.launch import LaunchConfig, Meeting, agent, environment, launch, lock_gpus, slurm_meeting, starter


def test_one_host_stands_alone() -> None:
    words = agent(LaunchConfig(), 4)
    assert "--standalone" in words and "--nproc-per-node=4" in words


def test_the_first_host_holds_the_meeting() -> None:
    meeting = Meeting(("10.0.0.1", "10.0.0.2"), 29400, "run")
    first, second = (agent(LaunchConfig(), 2, meeting, rank) for rank in (0, 1))
    assert "--rdzv-conf=is_host=1" in first and "--rdzv-conf=is_host=0" in second
    assert "--local-addr=10.0.0.1" in first and "--local-addr=10.0.0.2" in second
    assert {"--nnodes=2", "--rdzv-endpoint=10.0.0.1:29400", "--rdzv-id=run"} <= set(first) & set(second)


def test_the_network_interface_is_that_of_both_backends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NCCL_SOCKET_IFNAME", raising=False)
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    wanted = environment(LaunchConfig(nccl_ifname="ib0"))
    assert (wanted["NCCL_SOCKET_IFNAME"], wanted["GLOO_SOCKET_IFNAME"]) == ("ib0", "lo")
    assert not [name for name in environment(LaunchConfig()) if name.endswith("IFNAME")]


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put stand-ins for Slurm's commands on PATH: nodes n[1-2], of which only the second says its address."""
    for name, text in {
        "squeue": "[ $2 = --job=41234 ] && echo 'n[1-2]' || echo",
        "scontrol": "case $2 in hostnames) printf 'n1\\nn2\\n';; *) [ $4 = n1 ] && echo NodeName=n1 OS=Linux 1 || "
        "echo NodeName=n2 NodeAddr=10.9.8.7 NodeHostName=x;; esac",
    }.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{text}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def test_a_slurm_job_s_number_says_where_to_meet(slurm: Path) -> None:
    assert slurm_meeting("41234") == Meeting(("n1", "10.9.8.7"), 21234, "41234")
    with pytest.raises(InputError, match="job 5: Slurm names no nodes"):
        slurm_meeting("5")
    (slurm / "squeue").write_text("#!/bin/sh\necho 'slurm_load_jobs error:\n no contact' >&2; exit 1\n")
    with pytest.raises(InputError, match="squeue failed: slurm_load_jobs error: no contact"):
        slurm_meeting("5")


def test_what_cannot_be_started_is_one_line(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    with pytest.raises(InputError, match="2 hosts requested outside a Slurm job"):
        launch(LaunchConfig(nodes=2), 0, ["x.py"])
    with pytest.raises(InputError, match="no host has rank 2; give 0 to 1"):
        launch(LaunchConfig(hosts=["a", "b"]), 0, ["x.py"], 2)
    words = [sys.executable, str(repository / "scripts" / "launch.py"), "--nodes", "2", "--", "x.py"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr.startswith("genescribe: error: ") and done.stderr.count("\n") == 1


@pytest.mark.parametrize("fails", [False, True])
def test_every_host_is_told_and_a_failing_one_ends_the_others(repository: Path, tmp_path: Path, fails: bool) -> None:
    shell = tmp_path / "shell"
    action = "[ $1 = b ] && exit 3; exec sleep 600" if fails else "true"
    shell.write_text(f'#!/bin/sh\necho "$2" > {tmp_path}/$1.line\n{action}\n')
    shell.chmod(0o755)
    words = [sys.executable, str(repository / "scripts" / "launch.py"), "--hosts", "a,b", "--remote-shell", str(shell)]
    done = subprocess.run([*words, "--", "x.py", "--name", "it's"], capture_output=True, text=True, timeout=500)
    assert done.returncode == (3 if fails else 0)
    assert ("the part of b ended with status 3" in done.stderr) == fails
    line = (tmp_path / "b.line").read_text()
    assert "--node-rank=1 -- x.py --name" in line and "PATH=" in line and line.startswith("cd ")


def test_gpus_are_taken_by_one_run_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    for number in range(3):
        (tmp_path / f"nvidia{number}").touch()
    (tmp_path / "nvidiactl").touch()
    locks = tmp_path / "locks"
    locks.mkdir()
    assert lock_gpus(2, tmp_path, locks, 0) == [0, 1]
    assert os.environ.pop("CUDA_VISIBLE_DEVICES") == "0,1"
    with pytest.raises(InputError, match="2 GPUs requested, 1 of 3 are free"):
        lock_gpus(2, tmp_path, locks, 0)
    assert lock_gpus(1, tmp_path, locks, 0) == [2]
    assert lock_gpus(1, tmp_path, locks, 0) == [], "a choice that was made already stands"
    assert lock_gpus(1, tmp_path / "locks", locks, 0) == [], "no device is seen"


LOCK = """
import os, sys
from pathlib import Path
from genescribe.train.launch import lock_gpus
os.umask(0o077)
os.setgroups([])
os.setgid(int(sys.argv[3]))
os.setuid(int(sys.argv[3]))
print(lock_gpus(1, Path(sys.argv[1]), Path(sys.argv[2]), 0))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be two users in turn")
def test_a_lock_that_another_user_made_is_none(tmp_path: Path) -> None:
    """In a folder like /tmp, after the first user's run; a lock file that is not to be read costs one GPU, not all."""
    shared = Path(tempfile.gettempdir())
    for folder in (tmp_path, *tmp_path.parents):
        if shared in folder.parents:
            folder.chmod(0o755)
    devices, locks = tmp_path / "gpu", tmp_path / "locks"
    devices.mkdir()
    locks.mkdir()
    locks.chmod(0o1777)
    for number in range(2):
        (devices / f"nvidia{number}").touch()

    def as_user(number: int) -> str:
        environment = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
        command = [sys.executable, "-c", LOCK, str(devices), str(locks), str(number)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-500:]
        return done.stdout.strip()

    assert as_user(1000) == "[0]"
    assert as_user(1001) == "[0]"
    (locks / "genescribe-gpu-0.lock").chmod(0o600)
    assert as_user(1001) == "[1]"
    assert as_user(1000) == "[0]"


def test_processes_of_a_host_share_its_threads(repository: Path, tmp_path: Path) -> None:
    # To files: what two processes write to one pipe may be mixed.
    (tmp_path / "show.py").write_text("import os; open(os.environ['RANK'], 'w').write(os.environ['OMP_NUM_THREADS'])")
    command = [sys.executable, str(repository / "scripts" / "launch.py"), "--processes", "2", "--", "show.py"]
    environment = os.environ | {"OMP_NUM_THREADS": "6"}
    subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=True)
    assert [(tmp_path / rank).read_text() for rank in "01"] == ["3", "3"]


def test_one_process_needs_no_launcher() -> None:
    assert starter("launch.py", LaunchConfig(), 0) == "python"


def test_gpus_are_taken_by_the_launcher() -> None:
    said = starter("launch.py", LaunchConfig(nodes=2, nccl_ifname="ib0"), 4)
    assert said.startswith("python launch.py --nodes 2 --gpus 4")
    assert "--nccl-ifname ib0" in said and said.endswith(" --")
    assert "--gpus 1 " in starter("launch.py", LaunchConfig(), 1)
