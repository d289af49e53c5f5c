"""List trained models, show a model's card, fetch published weights, import AUGUSTUS parameters.

Some models come with the program. Fetched and imported ones are kept in ~/.cache/genescribe/models ($XDG_CACHE_HOME);
$GENESCRIBE_MODELS lists further folders of models. Options called --model take any of the listed names.

    genescribe models list
    genescribe models show yeast
    genescribe models fetch openspliceai-mane-400
    genescribe models import-augustus fly
"""

from __future__ import annotations

import argparse

from genescribe.cli import Parser
from genescribe.models import DEFAULT, Card, available, cache_folder, fetched, read_card
from genescribe.paths import InputPath, OutputFolder
from genescribe.registry import Published, fetch, published


def add_arguments(parser: Parser) -> None:
    """Add the options of this command."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="list|show|fetch|import-augustus")
    listing = actions.add_parser(
        "list",
        help="list trained models and published weights",
        description="List trained models and published weights.",
    )
    show = actions.add_parser("show", help="show the card of a model", description="Show the card of a model.")
    show.add_argument("name", help="a name from the list, or the folder of a model")
    fetching = actions.add_parser(
        "fetch", help="download published weights", description="Download published weights and verify their digest."
    )
    fetching.add_argument("name", help="a name from the list")
    for subparser in (listing, show, fetching):
        subparser.add_argument(
            "--registry", type=InputPath(), help="list of published weights (default: the built-in list)"
        )
    importing = actions.add_parser(
        "import-augustus",
        help="make a model from an AUGUSTUS parameter set",
        description="Make a model from an AUGUSTUS parameter set. These are under the Artistic Licence 1.0.",
    )
    importing.add_argument("species", metavar="SPECIES|FOLDER", help="name in AUGUSTUS, such as fly, or species folder")
    importing.add_argument(
        "-o", "--output", type=OutputFolder(), metavar="MODEL", help="folder to write (default: in the cache)"
    )


def main(args: argparse.Namespace) -> None:
    """Run the command."""
    if args.action == "import-augustus":
        from genescribe.augustus.install import import_species, species_folder

        folder = species_folder(args.species)
        output = args.output or cache_folder() / folder.name
        output.parent.mkdir(parents=True, exist_ok=True)
        line = import_species(folder, output)
        print(f"{output}: {line}")
    elif args.action == "fetch":
        print(fetch(args.name, args.registry))
    elif args.action == "list":
        for name in available():
            _print_card(read_card(name))
        for weights in published(args.registry).values():
            _print_published(weights)
    elif args.name in (known := published(args.registry)) and fetched(args.name) is None:
        _print_published(known[args.name])
    else:
        card = read_card(args.name)
        _print_card(card)
        if card.text:
            print(f"\n{card.text}")


def _print_card(card: Card) -> None:
    usual = card.name == DEFAULT and card.folder == available()[DEFAULT]
    print(f"{card.name}{' (the default)' if usual else ''}")
    _print(
        species=card.species,
        trained_on=card.trained_on,
        not_to_test_on=card.not_to_test_on,
        licence=card.licence,
        folder=str(card.folder),
    )


def _print_published(weights: Published) -> None:
    folder = fetched(weights.name)
    print(f"{weights.name} (published weights of a signal network)")
    _print(
        species=weights.species,
        trained_on=weights.trained_on,
        not_to_test_on=weights.not_to_test_on,
        licence=weights.licence,
        url=weights.url,
        sha256=weights.sha256,
        folder=f"not here; genescribe models fetch {weights.name}" if folder is None else str(folder),
    )


def _print(**values: str) -> None:
    for name, value in values.items():
        print(f"  {name.replace('_', ' '):<16}{value}")
