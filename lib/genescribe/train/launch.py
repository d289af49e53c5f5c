"""Start the processes of a training run: on one host, on the nodes of a Slurm job, or on named hosts.

Each host runs one torchrun agent, which starts that host's processes. The agents meet at the first host; where a
process dies they stop the others and start all of them again, and training resumes from its last checkpoint. This
module imports nothing heavy: it only starts others.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from genescribe.config import Idle, option
from genescribe.errors import InputError

_SLURM_PORTS = range(20_000, 30_000)
"""Where the agents of a Slurm job meet: a port from its number, so that two jobs on one node do not meet."""
_PASSED_ON = ("PATH", "PYTHONPATH", "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES")
"""Variables of this process's environment that a host reached by a remote shell needs."""


@dataclass(frozen=True)
class LaunchConfig:
    """Options of starting the processes of a training run."""

    nodes: int = option(1, doc="number of hosts; requested from Slurm, otherwise list them in `hosts`", minimum=1)
    hosts: list[str] = option(
        default_factory=list, doc="names or addresses of hosts without Slurm; the first is the meeting point"
    )
    processes: int = option(0, doc="processes on each host; 0: one per GPU, or one", minimum=0)
    nccl_ifname: str | None = option(None, doc="network interface between the hosts, of NCCL and gloo")
    port: int = option(29_400, doc="port of the meeting point, if `hosts` are given", minimum=1024, maximum=65_535)
    remote_shell: str = option("ssh -o BatchMode=yes", doc="command that runs a command on a host of `hosts`")
    restarts: int = option(2, doc="number of restarts of all processes after one has died", minimum=0)

    def idle(self) -> Idle:
        """Return the options that have no effect with the others as they are."""
        return (
            Idle()
            .unless(not self.hosts, "no hosts (there are as many as are named)", "nodes")
            .unless(bool(self.hosts), "hosts", "port", "remote_shell")
        )

    def count(self) -> int:
        """Return the number of hosts."""
        return len(self.hosts) or self.nodes


@dataclass(frozen=True)
class Meeting:
    """Meeting point of the agents of a run.

    Attributes
    ----------
    addresses
        Of the hosts; the first is the meeting point.
    port
        Port of the host.
    name
        Of the run: agents of another run are turned away.
    """

    addresses: tuple[str, ...]
    port: int
    name: str


def environment(config: LaunchConfig) -> dict[str, str]:
    """Return the environment of torchrun and its processes; variables that are set already win."""
    # Processes that start again must not meet at the store of those that died: they would wait for each other's old
    # addresses for ever (seen with torch 2.13, gloo).
    wanted = {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
    if config.nccl_ifname:
        wanted |= {"NCCL_SOCKET_IFNAME": config.nccl_ifname, "GLOO_SOCKET_IFNAME": config.nccl_ifname}
    return {name: os.environ.get(name, value) for name, value in wanted.items()}


def agent(config: LaunchConfig, processes: int, meeting: Meeting | None = None, rank: int = 0) -> list[str]:
    """Return the torchrun command of one host; the training command follows it.

    Parameters
    ----------
    config
        Options of the launch: hosts, processes, meeting point.
    processes
        Processes on this host.
    meeting
        None: this is the only host.
    rank
        Number of this host, from 0.
    """
    words = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={processes}"]
    words.append(f"--max-restarts={config.restarts}")
    if meeting is None:
        return [*words, "--standalone"]
    return [
        *words,
        f"--nnodes={len(meeting.addresses)}",
        "--rdzv-backend=c10d",
        f"--rdzv-id={meeting.name}",
        f"--rdzv-endpoint={meeting.addresses[0]}:{meeting.port}",
        # Names need not resolve, nor hosts know their own: say who holds the meeting, and where each is reached.
        f"--rdzv-conf=is_host={int(rank == 0)}",
        f"--local-addr={meeting.addresses[rank]}",
    ]


def starter(script: str, config: LaunchConfig, gpus: int) -> str:
    """Return the words of a shell command that a training script follows: python alone, or with the launcher.

    CPU threads are not among them: Snakemake tells each job of its own by OMP_NUM_THREADS.

    Parameters
    ----------
    script
        Path of the launcher, `scripts/launch.py`.
    config
        Options of the launch: hosts, processes, meeting point.
    gpus
        GPUs of each host; 0: CPUs.
    """
    processes = config.processes or max(gpus, 1)
    if config.count() == 1 and processes == 1 and not gpus:
        return "python"
    if config.hosts:
        words = ["--hosts", ",".join(config.hosts), "--port", str(config.port), "--remote-shell", config.remote_shell]
    else:
        words = ["--nodes", str(config.nodes)]
    words += ["--gpus", str(gpus), "--processes", str(config.processes)]
    words += ["--nccl-ifname", config.nccl_ifname] if config.nccl_ifname else []
    words += ["--restarts", str(config.restarts)] if config.count() > 1 or processes > 1 else []
    return f"python {shlex.join([script, *words, '--'])}"


def launch(config: LaunchConfig, gpus: int, command: Sequence[str], rank: int | None = None) -> int:
    """Run a training command on all hosts to its end; return its exit status.

    Parameters
    ----------
    config
        Options of the launch: hosts, processes, meeting point.
    gpus
        GPUs of each host; 0: CPUs.
    command
        Script and arguments, the same on every host; its folders are seen by all of them.
    rank
        Start only the part of this host, which is the `rank`-th; None: all.

    Raises
    ------
    InputError
        Several hosts, but neither Slurm nor `hosts`; no such rank; fewer GPUs here than asked for.
    """
    os.environ.update(environment(config))
    processes = config.processes or max(gpus, 1)
    if config.count() == 1:
        if gpus:
            lock_gpus(gpus)
        # Alone it needs no agent.
        _share_threads(processes)
        _become([*([sys.executable] if processes == 1 else agent(config, processes)), *command])
    job = os.environ.get("SLURM_JOB_ID")
    if rank is not None:
        named = Meeting(tuple(config.hosts), config.port, f"genescribe-{config.port}")
        meeting = slurm_meeting(job) if job and not config.hosts else named
        if not 0 <= rank < len(meeting.addresses):
            last = len(meeting.addresses) - 1
            raise InputError(f"no host has rank {rank}", where="--node-rank", remedy=f"give 0 to {last}")
        _share_threads(processes)
        _become([*agent(config, processes, meeting, rank), *command])
    if config.hosts:
        return _over_hosts(config, command)
    if job:
        return _over_slurm(config, command)
    raise InputError(
        f"{config.nodes} hosts requested outside a Slurm job",
        where="launch.nodes",
        remedy="use --profile slurm, or name the hosts in launch.hosts",
    )


def _share_threads(processes: int) -> None:
    """Divide this host's CPU threads among its processes."""
    if threads := os.environ.get("OMP_NUM_THREADS"):
        os.environ["OMP_NUM_THREADS"] = str(max(1, int(threads) // processes))


def _become(command: Sequence[str]) -> NoReturn:
    """Replace this process, so that a signal to it ends the training."""
    sys.stdout.flush()
    os.execvp(command[0], list(command))


# -- Slurm -----------------------------------------------------------------------------------------------------------
def slurm_meeting(job: str) -> Meeting:
    """Return where the agents of a Slurm job meet, from the job's number alone.

    A step that Snakemake starts does not see the list of nodes in its environment.

    Raises
    ------
    InputError
        Slurm does not know the job.
    """
    nodes = _asked("squeue", "--noheader", f"--job={job}", "--format=%N").strip()
    if not nodes:
        raise InputError("Slurm names no nodes of this job", where=f"job {job}", remedy="look at `squeue --job`")
    names = _asked("scontrol", "show", "hostnames", nodes).split()
    port = _SLURM_PORTS[int(job) % len(_SLURM_PORTS)]
    return Meeting(tuple(_slurm_address(name) for name in names), port, job)


def _slurm_address(name: str) -> str:
    fields = dict(
        word.partition("=")[::2]
        for word in _asked("scontrol", "--oneliner", "show", "node", name).split()
        if "=" in word
    )
    return fields.get("NodeAddr", name)


def _asked(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        output = " ".join(done.stderr.split())
        raise InputError(f"{command[0]} failed: {output}", where="Slurm", remedy="look at the cluster")
    return done.stdout


def _over_slurm(config: LaunchConfig, command: Sequence[str]) -> int:
    """Start this launcher on every node of the job; each finds its rank in SLURM_NODEID."""
    count = str(config.nodes)
    step = ["srun", f"--nodes={count}", f"--ntasks={count}", "--ntasks-per-node=1", "--kill-on-bad-exit=1"]
    return subprocess.run([*step, sys.executable, *_again("slurm"), *command], check=False).returncode


def _again(rank: str) -> list[str]:
    """Return this launcher's own command line up to the command, for one host."""
    return [*sys.argv[: sys.argv.index("--")], f"--node-rank={rank}", "--"]


# -- hosts without Slurm ---------------------------------------------------------------------------------------------
def remote_command(config: LaunchConfig, rank: int, command: Sequence[str]) -> list[str]:
    """Return the command that starts one host's part from here.

    Parameters
    ----------
    config
        Hosts, port and shell.
    rank
        Number of the host, from 0.
    command
        Training command, word by word.
    """
    variables = {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | environment(config)
    part = [
        "env",
        *(f"{name}={value}" for name, value in variables.items()),
        sys.executable,
        *_again(str(rank)),
        *command,
    ]
    line = f"cd {shlex.quote(str(Path.cwd()))} && exec {shlex.join(part)}"
    return [*shlex.split(config.remote_shell), config.hosts[rank], line]


def _over_hosts(config: LaunchConfig, command: Sequence[str]) -> int:
    """Start every host's part and wait; the first that fails ends the others."""
    parts = [subprocess.Popen(remote_command(config, rank, command)) for rank in range(len(config.hosts))]
    waiting = dict(enumerate(parts))
    status = 0
    try:
        while waiting and not status:
            for rank, part in list(waiting.items()):
                try:
                    status = part.wait(timeout=0.2)
                except subprocess.TimeoutExpired:
                    continue
                del waiting[rank]
                if status:
                    print(f"genescribe: the part of {config.hosts[rank]} ended with status {status}", file=sys.stderr)
                    break
    finally:
        for part in waiting.values():
            part.terminate()
        for part in waiting.values():
            part.wait()
    return status


# -- GPUs of this host -----------------------------------------------------------------------------------------------
def lock_gpus(count: int, devices: Path = Path("/dev"), locks: Path | None = None, patience: float = 20.0) -> list[int]:
    """Choose GPUs that no other launcher on this host uses, and show only those to CUDA.

    Where `CUDA_VISIBLE_DEVICES` is set already (by Slurm, or by the user), or this host shows no NVIDIA device, nothing
    is done. The devices are held until every process that this one becomes or starts has ended. The lock files stay, in
    the folder of temporary files that all users of the host share: any user can lock them.

    Parameters
    ----------
    count
        Number of GPUs wanted.
    devices, locks
        Folders of the devices and of the lock files.
    patience
        Seconds to wait for them.

    Returns
    -------
    list of int
        The GPUs that are held.

    Raises
    ------
    InputError
        Fewer are free than asked for.
    """
    numbers = sorted(int(path.name[6:]) for path in devices.glob("nvidia[0-9]*") if path.name[6:].isdecimal())
    if "CUDA_VISIBLE_DEVICES" in os.environ or not numbers:
        return []
    folder = locks or Path(tempfile.gettempdir())
    held: dict[int, int] = {}
    deadline = time.monotonic() + patience
    while True:
        for number in numbers:
            if len(held) < count and number not in held:
                file = _locked(folder / f"genescribe-gpu-{number}.lock")
                held |= {number: file} if file is not None else {}
        # The reading processes of a run that was just killed hold its device for some seconds more.
        if len(held) == count or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    if len(held) < count:
        for file in held.values():
            os.close(file)
        raise InputError(
            f"{count} GPUs requested, {len(held)} of {len(numbers)} are free",
            where="GPUs",
            remedy=f"run fewer jobs at a time: snakemake --resources gpu={len(numbers)}",
        )
    for file in held.values():
        os.set_inheritable(file, True)
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, sorted(held)))
    return sorted(held)


def _locked(path: Path) -> int | None:
    """Return the open file that holds a lock; None: somebody else holds it."""
    file = _opened(path)
    if file is None:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file


def _opened(path: Path) -> int | None:
    """Return a lock file, opened; None: it is not to be read.

    Reading is enough to lock it. O_CREAT on a file of another user is refused in a folder like /tmp (Linux,
    fs.protected_regular), so only a new one is made with it.
    """
    while True:
        try:
            return os.open(path, os.O_RDONLY)
        except PermissionError:
            return None
        except FileNotFoundError:
            pass
        try:
            file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
        except FileExistsError:
            continue
        os.fchmod(file, 0o666)  # With any umask.
        return file
