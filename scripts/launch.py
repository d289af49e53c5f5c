"""Run a training command on one host with several processes, on the nodes of a Slurm job, or on named hosts.

    launch.py --processes 4 -- scripts/train.py ...             one host
    launch.py --nodes 2 --gpus 4 -- scripts/train.py ...        in a Slurm job of two nodes
    launch.py --hosts a,b --gpus 4 -- scripts/train.py ...      over ssh
    launch.py --hosts a,b --gpus 4 --node-rank 1 -- scripts/train.py ...     on b, by hand; on a with rank 0

All hosts must see the same folders. The exit status is that of the command.
"""

from __future__ import annotations

import os
import sys

from genescribe.cli import comma_list, integer, parser, run
from genescribe.errors import InputError
from genescribe.train.launch import LaunchConfig, launch


def main() -> None:
    arguments = parser(__doc__, raw=True)
    arguments.add_argument("--nodes", type=integer(1), default=1, help="nodes of the Slurm job")
    arguments.add_argument("--hosts", type=comma_list, default=[], help="hosts without Slurm, the meeting point first")
    arguments.add_argument("--node-rank", help="start only this host's part: its place in --hosts, or `slurm`")
    arguments.add_argument("--gpus", type=integer(0), default=0, help="GPUs of each host")
    arguments.add_argument(
        "--processes", type=integer(0), default=0, help="processes on each host; 0: one a GPU, or one"
    )
    arguments.add_argument("--nccl-ifname", help="network interface between the hosts, of NCCL and gloo")
    arguments.add_argument(
        "--port", type=integer(1024, 65_535), default=29_400, help="port of the meeting point of --hosts"
    )
    arguments.add_argument("--remote-shell", default="ssh -o BatchMode=yes", help="runs a command on a host of --hosts")
    arguments.add_argument(
        "--restarts", type=integer(0), default=2, help="times that all start again after one has died"
    )
    arguments.add_argument("command", nargs="+", metavar="-- SCRIPT ...", help="script and its arguments")
    arguments.only(["nodes"], lambda args: not args.hosts, "no --hosts")
    arguments.only(["port", "remote_shell"], lambda args: args.hosts, "--hosts")
    several = "several hosts or processes"
    arguments.only(["restarts"], lambda args: args.hosts or max(args.nodes, args.gpus, args.processes) > 1, several)
    args = arguments.parse_args()
    config = LaunchConfig(
        nodes=args.nodes,
        hosts=args.hosts,
        processes=args.processes,
        nccl_ifname=args.nccl_ifname,
        port=args.port,
        remote_shell=args.remote_shell,
        restarts=args.restarts,
    )
    rank = os.environ.get("SLURM_NODEID", "no rank") if args.node_rank == "slurm" else args.node_rank
    if rank is not None and not rank.isdecimal():
        raise InputError(f"{rank!r} is not a host's place", where="--node-rank", remedy="give a number, or slurm on it")
    sys.exit(launch(config, args.gpus, args.command, None if rank is None else int(rank)))


if __name__ == "__main__":
    run(main)
