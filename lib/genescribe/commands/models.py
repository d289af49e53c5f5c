"""List the trained models that have a name, or show the card of one.

Models come with the program; more can be added in folders listed in $GENESCRIBE_MODELS.

    genescribe models list
    genescribe models show yeast
"""

from __future__ import annotations

import argparse

from genescribe.cli import Parser
from genescribe.models import DEFAULT, available, read_card


def add_arguments(parser: Parser) -> None:
    """Add the options of this command."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="list|show")
    actions.add_parser("list", help="name, species, training data and licence of each", description="List the models.")
    show = actions.add_parser("show", help="the card of one", description="Show the card of a model.")
    show.add_argument("name", help="a name from the list, or the folder of a model")


def main(args: argparse.Namespace) -> None:
    """Run the command."""
    names = list(available()) if args.action == "list" else [args.name]
    for name in names:
        card = read_card(name)
        print(f"{card.name}{' (the default)' if card.name == DEFAULT and card.folder == available()[DEFAULT] else ''}")
        for what, value in (
            ("species", card.species),
            ("trained on", card.trained_on),
            ("licence", card.licence),
            ("folder", card.folder),
        ):
            print(f"  {what:<12}{value}")
        if args.action == "show" and card.text:
            print(f"\n{card.text}")
