"""Turn a published checkpoint of a splice-site network into a folder that training can start from.

The licence of the weights holds for what is made of them: OpenSpliceAI's are GPL-3.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

from genescribe.cli import parser, run
from genescribe.errors import InputError
from genescribe.files import atomic_directory
from genescribe.nn.site_checkpoints import load_published
from genescribe.nn.site_network import SiteNetwork
from genescribe.sites.config import SiteModelConfig
from genescribe.sites.model_folder import save_sites


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("checkpoint", type=Path, help="file of OpenSpliceAI")
    arguments.add_argument("-o", "--output", type=Path, required=True, help="folder to write")
    args = arguments.parse_args()

    ensemble = load_published(args.checkpoint)
    if len(ensemble.networks) > 1:
        raise InputError("several replicates", where=args.checkpoint, remedy="give one file: training continues one")
    if args.output.exists():
        raise InputError("is there already", where=args.output, remedy="give a new folder")
    with atomic_directory(args.output) as folder:
        save_sites(cast(SiteNetwork, ensemble.networks[0]), SiteModelConfig(ensemble.config), folder)
    print(f"{args.output}: context {ensemble.config.context}, classes {', '.join(ensemble.config.classes)}")


if __name__ == "__main__":
    run(main)
