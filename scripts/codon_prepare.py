"""Divide coding sequences into training, validation and test, and pack them into windows.

Writes DIR/SPLIT.npz, cds.tsv, quarantine.tsv (near-duplicates across splits), statistics.json, integrity.json and
manifest.json. Ends with exit status 2 if windows are empty or transitions are lost, unless --force.
"""

from __future__ import annotations

from genescribe.cli import JsonText, parser, run
from genescribe.codon.run import load_run
from genescribe.codon.sequences.prepare import prepare
from genescribe.errors import InputError
from genescribe.paths import InputPath, OutputFolder


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument(
        "extracted", type=InputPath(), nargs="+", help="folders of codon_extract.py, one per dataset"
    )
    arguments.add_argument("--config", type=InputPath(), help="YAML file of the run")
    arguments.add_argument("--options", type=JsonText(), help="the same as JSON text")
    arguments.add_argument("--force", action="store_true", help="continue although the integrity check fails")
    arguments.add_argument("--output", type=OutputFolder(), required=True, help="folder to write")
    args = arguments.parse_args()
    config = load_run(args.config, args.options)
    names = [dataset.name for dataset in config.data.datasets]
    if len(names) != len(args.extracted):
        what = f"{len(args.extracted)} folders for {len(names)} datasets"
        raise InputError(what, where="extracted", remedy="give one folder for each dataset, in their order")
    integrity = prepare(
        dict(zip(names, args.extracted, strict=True)),
        config.data,
        args.output,
        block_size=config.model.block_size,
        seed=config.outputs.seed,
        force=args.force,
    )
    for name, split in integrity["splits"].items():
        print(f"{name}: {split['windows']:,} windows, {split['transitions']:,} transitions")


if __name__ == "__main__":
    run(main)
