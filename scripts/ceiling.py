"""Annotate a simulated genome with the distribution that generated it: an upper limit for every model."""

from __future__ import annotations

from typing import get_args

from genescribe.bake.splits import read_regions
from genescribe.cli import number, parser, run
from genescribe.genome.annotation.gff3 import write_gff3
from genescribe.genome.fasta import Genome
from genescribe.paths import InputPath, InputText, NameList, OutputFile
from genescribe.simulate import load_parameters, parameter_sets
from genescribe.simulate.ceiling import ceiling
from genescribe.simulate.parameters import Durations


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--fasta", type=InputPath(), required=True, help="FASTA file that scripts/simulate.py wrote")
    arguments.add_argument(
        "--parameters",
        type=InputText(),
        required=True,
        help=f"{', '.join(parameter_sets())}, or a JSON file: as simulated",
    )
    arguments.add_argument(
        "--durations", choices=get_args(Durations), default="informative", help="as given to scripts/simulate.py"
    )
    arguments.add_argument("--sharpness", type=number(0), default=1.0, help="as given to scripts/simulate.py")
    arguments.add_argument(
        "--regions", type=NameList(), default=[], help="only these regions: seqid or seqid:start-end, ..."
    )
    arguments.add_argument("--backend", default="auto", help="backend of the semi-Markov kernel")
    arguments.add_argument("--output", type=OutputFile(forms=("GFF3",)), required=True, help="GFF3 file to write")
    args = arguments.parse_args()

    parameters = load_parameters(args.parameters).with_durations(args.durations).sharpened(args.sharpness)
    genome = Genome.open(args.fasta)
    regions = read_regions(args.regions or genome.lengths, genome.lengths, where="--regions")
    sequences = {seqid: genome.codes(seqid) for seqid in dict.fromkeys(region.seqid for region in regions)}
    genes = ceiling(parameters, sequences, args.backend)
    write_gff3(args.output, genes, genome.lengths, (f"ceiling: {parameters.name}, durations {args.durations}",))


if __name__ == "__main__":
    run(main)
