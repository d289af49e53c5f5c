"""Score every single-codon change of a coding sequence; write a table and a figure."""

from __future__ import annotations

from genescribe.cli import comma_list, integer, parser, run
from genescribe.codon.interpret.pictures import mutation_picture
from genescribe.codon.network.predictor import Network
from genescribe.codon.sequences.vocabulary import dna_tokens, to_codons
from genescribe.codon.use.mutations import mutation_map, whole_map, write_map
from genescribe.errors import InputError
from genescribe.files import write_text
from genescribe.paths import InputPath, OutputFile


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("model", type=InputPath(), help="folder of the model")
    arguments.add_argument("--dna", required=True, help="coding sequence, whole codons")
    arguments.add_argument("--table", type=integer(1), default=11, help="NCBI genetic code")
    arguments.add_argument(
        "--whole",
        type=comma_list,
        default=[],
        help="codons (from 1) whose changes are scored by the whole sequence, not only by the preceding codons",
    )
    arguments.add_argument(
        "--output",
        type=OutputFile("{stem}.svg", forms=("TSV",)),
        required=True,
        help="TSV file to write, with a figure next to it",
    )
    args = arguments.parse_args()
    network, codons = Network.load(args.model), to_codons(dna_tokens(args.dna, where="--dna"))
    if args.whole:
        if not all(text.isdecimal() and 1 <= int(text) <= len(codons) for text in args.whole):
            raise InputError(f"not codons 1 to {len(codons)}", where="--whole", remedy="give numbers, as 1,2,3")
        places = [int(text) - 1 for text in args.whole]
        write_map(args.output, codons, whole_map(network, codons, places), args.table, places)
        return
    ratios = mutation_map(network, codons)
    write_map(args.output, codons, ratios, args.table)
    write_text(args.output.with_suffix(".svg"), mutation_picture("mutations", codons, ratios, args.table, "").svg)


if __name__ == "__main__":
    run(main)
