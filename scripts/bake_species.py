"""Bake all species of a folder RAW/<G.species>/, each with a genome (fna.gz, *.fa) and an annotation (gff.gz).

A species that cannot be baked is reported and the others go on; the exit status is then 3. Species that are baked
already stay. Writes DIR/<species>/ (shards), DIR/gene_index.json, DIR/bake_config.json and DIR/eval.json.
"""

from __future__ import annotations

import sys

from genescribe.bake.species import SpeciesConfig, bake_species
from genescribe.cli import JsonText, comma_list, integer, json_options, parser, run
from genescribe.config import from_mapping
from genescribe.paths import InputPath, RunFolder

FAILED = 3


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("raw", type=InputPath(), help="folder with a folder a species")
    arguments.add_argument("--val_species", type=comma_list, default=[], help="species that validate, a,b")
    arguments.add_argument("--test_species", type=comma_list, default=[], help="species that test, a,b")
    arguments.add_argument("--eval", type=integer(0), default=100, help="held-out loci of eval.json")
    arguments.add_argument(
        "--options", type=JsonText(), default="{}", help="JSON object with the keys bake, genetic_codes and seed"
    )
    arguments.add_argument(
        "--output",
        type=RunFolder("gene_index.json", "bake_config.json", "eval.json"),
        required=True,
        help="folder to write",
    )
    args = arguments.parse_args()
    options = {**json_options(args.options), "eval_loci": args.eval}
    held_out = {"val_species": args.val_species, "test_species": args.test_species}
    report = bake_species(args.raw, from_mapping(SpeciesConfig, {**options, **held_out}, where="options"), args.output)
    print(f"{args.output}: {len(report.baked)} species baked, {len(report.failed)} failed")
    for name, reason in report.failed.items():
        print(f"{name}: {reason}", file=sys.stderr)
    sys.exit(FAILED if report.failed else 0)


if __name__ == "__main__":
    run(main)
