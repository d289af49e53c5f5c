"""Add signal networks to a gene finder: one folder that annotates, with gains fitted on validation windows.

A network is a folder that scripts/train.py wrote (family sites), a published checkpoint of OpenSpliceAI, its name once
`genescribe models fetch` brought it, a folder of replicates, or a gene finder with networks, whose networks are taken.
The windows must be new to the model and to the networks, and all of their genes annotated. Models written by
`genescribe models import-augustus` or scripts/estimate_model.py need no windows: without them, default gains are set.
"""

from __future__ import annotations

from genescribe.cli import JsonText, json_options, parser, run
from genescribe.models import ModelPath, NetworkPath
from genescribe.paths import InputPath, OutputFolder
from genescribe.segment.network.species import POOLED
from genescribe.segment.sites.combine import combine


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--model", type=ModelPath(), required=True, help="folder of a segment model, scheme gene")
    arguments.add_argument("--species", default=POOLED, help="parameters to use, of a model of several genomes")
    arguments.add_argument(
        "--sites", type=NetworkPath(), action="append", required=True, help="a signal network; repeatable"
    )
    arguments.add_argument(
        "--data",
        type=InputPath(),
        nargs="+",
        default=[],
        help="folders that bake wrote; validation is used. Beside an imported model none are needed",
    )
    arguments.add_argument(
        "--gains",
        type=JsonText(),
        help='gains to set instead of fitting them, JSON: {"donor": [gain, offset, factor of own score]}; '
        "--data then sets the temperature alone",
    )
    arguments.add_argument(
        "--windows", type=int, default=120, help="largest number of windows of --data to use, spread over all"
    )
    arguments.add_argument("-o", "--output", type=OutputFolder(), required=True, help="folder to write")
    args = arguments.parse_args()

    gains = json_options(args.gains) if args.gains else None
    fit = combine(args.model, args.species, args.sites, args.data, args.output, args.windows, gains)
    if fit is None:
        print(f"{args.output}: gains as set")
    else:
        print(f"{args.output}: {fit.before:,.0f} -> {fit.after:,.0f} nats on {fit.windows} windows")


if __name__ == "__main__":
    run(main)
