"""Choose the temperature of a model's probabilities by the genes of annotated regions that it was not trained on.

    python scripts/calibrate_model.py --model models/insects --fasta fly.fa --annotation fly.gtf --regions 2L:1-300000

Annotates the regions as `genescribe annotate` does, and writes calibration.json into the model's folder: the
temperature under which the probabilities of genes are nearest to whether they are right. A gene is right if its coding
sequence is that of an annotated transcript. The genes stay the same.
"""

from __future__ import annotations

from pathlib import Path

from genescribe.cli import parser, run
from genescribe.errors import InputError
from genescribe.files import write_json
from genescribe.models import ModelPath
from genescribe.paths import InputPath, NameList
from genescribe.segment.prediction.calibration import Known, fit_on_genomes
from genescribe.segment.training.temperature import CALIBRATION


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--model", type=ModelPath(), required=True, help="folder of a segment model")
    arguments.add_argument("--fasta", type=InputPath(), action="append", required=True, help="a genome; repeatable")
    arguments.add_argument(
        "--annotation", type=InputPath(), action="append", required=True, help="its annotation, GFF3 or GTF"
    )
    arguments.add_argument(
        "--regions",
        type=NameList(),
        action="append",
        required=True,
        help="its regions: seqid or seqid:start-end, ..., or @FILE of them",
    )
    args = arguments.parse_args()

    if not len(args.fasta) == len(args.annotation) == len(args.regions):
        raise InputError("not as many of each", where="--fasta, --annotation, --regions", remedy="give three a genome")
    known = [Known(*genome) for genome in zip(args.fasta, args.annotation, args.regions, strict=True)]
    temperature, genes = fit_on_genomes(args.model, known)
    write_json(Path(args.model) / CALIBRATION, {"temperature": temperature, "genes": genes})
    print(f"temperature {temperature:.3f}, from {genes} genes")


if __name__ == "__main__":
    run(main)
