"""Choose the temperature of a model's probabilities by the genes of annotated regions that it was not trained on.

    python scripts/calibrate_model.py --model models/insects --genome fly.fa.gz fly.gtf.gz 2L:1700001-2000000

Annotates the regions as `genescribe annotate` does, and writes calibration.json into the model's folder: the
temperature under which the probabilities of genes are nearest to whether they are right. A gene is right if its coding
sequence is that of an annotated transcript. The genes stay the same.
"""

from __future__ import annotations

from pathlib import Path

from genescribe.cli import parser, run
from genescribe.files import write_json
from genescribe.models import ModelPath
from genescribe.paths import InputPath, NameList
from genescribe.segment.prediction.calibration import Known, fit_on_genomes
from genescribe.segment.training.temperature import CALIBRATION


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--model", type=ModelPath(), required=True, help="folder of a segment model")
    arguments.add_argument(
        "--genome",
        nargs=3,
        action="append",
        required=True,
        metavar=("FASTA", "ANNOTATION", "REGIONS"),
        help="genome, its annotation, and regions: seqid or seqid:start-end, ...; repeatable",
    )
    args = arguments.parse_args()

    path, names = InputPath(), NameList()
    known = [Known(path(fasta), path(annotation), names(regions)) for fasta, annotation, regions in args.genome]
    temperature, genes = fit_on_genomes(args.model, known)
    write_json(Path(args.model) / CALIBRATION, {"temperature": temperature, "genes": genes})
    print(f"temperature {temperature:.3f}, from {genes} genes")


if __name__ == "__main__":
    run(main)
