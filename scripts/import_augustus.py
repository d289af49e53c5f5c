"""Make a model of a parameter set of AUGUSTUS, to annotate with: a species' name, or a species folder.

The model has AUGUSTUS's content, signals, lengths and transitions, and no network; README.md beside it says what it is
and under which licence. Parameter sets are under the Artistic Licence and are not part of this software.
"""

from __future__ import annotations

from pathlib import Path

from genescribe.cli import parser, run


def main() -> None:
    from genescribe.augustus.install import import_species, species_folder

    arguments = parser(__doc__)
    arguments.add_argument("species", metavar="SPECIES|FOLDER", help="as AUGUSTUS names it (fly), or its folder")
    arguments.add_argument("-o", "--output", type=Path, required=True, metavar="MODEL", help="folder to write")
    args = arguments.parse_args()
    card = import_species(species_folder(args.species), args.output)
    print(f"{args.output}: {card}")


if __name__ == "__main__":
    run(main)
