"""Turn a published splice-site network, or that of a combined model, into a folder that training can start from.

The licence of the weights holds for what is made of them: OpenSpliceAI's are GPL-3, those of models/ MIT.
"""

from __future__ import annotations

from typing import cast

from genescribe.cli import parser, run
from genescribe.errors import InputError
from genescribe.files import atomic_directory
from genescribe.nn.site_network import SiteNetwork
from genescribe.paths import InputPath, OutputFolder
from genescribe.segment.sites.combine import networks_of
from genescribe.sites.config import SiteModelConfig
from genescribe.sites.model_folder import save_sites


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument(
        "network", type=InputPath(), help="checkpoint of OpenSpliceAI, or folder of a model such as models/insects"
    )
    arguments.add_argument("-o", "--output", type=OutputFolder(), required=True, help="folder to write")
    args = arguments.parse_args()

    ensembles = networks_of(args.network)
    ensemble = ensembles[0]
    if len(ensembles) > 1 or len(ensemble.networks) > 1:
        raise InputError("several networks", where=args.network, remedy="give one: training continues one")
    with atomic_directory(args.output) as folder:
        save_sites(cast(SiteNetwork, ensemble.networks[0]), SiteModelConfig(ensemble.config), folder)
    print(f"{args.output}: context {ensemble.config.context}, classes {', '.join(ensemble.config.classes)}")


if __name__ == "__main__":
    run(main)
