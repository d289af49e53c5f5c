"""Train AUGUSTUS on the genes of a genome's training regions, for `baseline.py augustus --trained DIR`.

Writes DIR/retrained (parameters) and DIR/training.json: the number of genes used, and the reasons why others were not.
"""

from __future__ import annotations

from genescribe.bake.config import BakeJob
from genescribe.cli import JsonText, integer, json_options, parser, run
from genescribe.config import from_mapping
from genescribe.evaluate.regions import training_regions
from genescribe.evaluate.tools.augustus_training import TrainingOptions, train_augustus
from genescribe.genome.catalogue.database import Catalogue
from genescribe.genome.fasta import Genome
from genescribe.paths import InputPath, OutputFolder


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--fasta", type=InputPath(), required=True, help="genome")
    arguments.add_argument("--catalogue", type=InputPath(), required=True, help="catalogue of its annotation")
    arguments.add_argument(
        "--options",
        type=JsonText(),
        default='{"splits": {"train": ["*"]}}',
        help="JSON object as for bake.py: splits, skip, mask_ends",
    )
    arguments.add_argument(
        "--rounds", type=integer(0), default=0, help="rounds of optimize_augustus.pl; 0: generic meta-parameters"
    )
    arguments.add_argument("--min-cds", type=integer(1), help="shortest CDS to predict; default: from the genes")
    arguments.add_argument("--workers", type=integer(1), default=1, help="processes of the optimisation")
    arguments.add_argument("--output", type=OutputFolder(), required=True, help="folder to write")
    args = arguments.parse_args()

    job = from_mapping(BakeJob, json_options(args.options), where="--options")
    genome = Genome.open(args.fasta)
    regions = training_regions(job, genome.lengths)
    options = TrainingOptions(args.rounds, args.min_cds, args.workers)
    report = train_augustus(Catalogue(args.catalogue), genome, regions, args.output, options)
    print(f"{args.output}: trained on {report['genes']} genes")


if __name__ == "__main__":
    run(main)
