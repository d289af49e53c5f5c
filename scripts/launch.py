"""Run a training command on one host with several processes, on the nodes of a Slurm job, or on named hosts.

    launch.py --processes 4 -- scripts/train.py ...             one host
    launch.py --nodes 2 --gpus 4 -- scripts/train.py ...        in a Slurm job of two nodes
    launch.py --hosts a,b --gpus 4 -- scripts/train.py ...      over ssh
    launch.py --hosts a,b --gpus 4 --node-rank 1 -- scripts/train.py ...     on b, by hand; on a with rank 0

All hosts must see the same folders. The exit status is that of the command.
"""

from __future__ import annotations

import argparse
import os
import sys

from genescribe.cli import comma_list, run
from genescribe.train.launch import LaunchConfig, launch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=1, help="nodes of the Slurm job")
    parser.add_argument("--hosts", type=comma_list, default=[], help="hosts without Slurm, the meeting point first")
    parser.add_argument("--node-rank", help="start only this host's part: its place in --hosts, or `slurm`")
    parser.add_argument("--gpus", type=int, default=0, help="GPUs of each host")
    parser.add_argument("--processes", type=int, default=0, help="processes on each host; 0: one a GPU, or one")
    parser.add_argument("--nccl-ifname", help="network interface between the hosts, of NCCL and gloo")
    parser.add_argument("--port", type=int, default=29_400, help="port of the meeting point of --hosts")
    parser.add_argument("--remote-shell", default="ssh -o BatchMode=yes", help="runs a command on a host of --hosts")
    parser.add_argument("--restarts", type=int, default=2, help="times that all start again after one has died")
    parser.add_argument("command", nargs="+", metavar="-- SCRIPT ...", help="script and its arguments")
    args = parser.parse_args()
    config = LaunchConfig(
        nodes=args.nodes,
        hosts=args.hosts,
        processes=args.processes,
        nccl_ifname=args.nccl_ifname,
        port=args.port,
        remote_shell=args.remote_shell,
        restarts=args.restarts,
    )
    rank = os.environ["SLURM_NODEID"] if args.node_rank == "slurm" else args.node_rank
    sys.exit(launch(config, args.gpus, args.command, None if rank is None else int(rank)))


if __name__ == "__main__":
    run(main)
