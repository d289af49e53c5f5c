"""Extract the coding sequences of a genome: GenBank, or FASTA and GFF3.

Writes DIR/cds.fa, cds.tsv, rejected.tsv (every CDS that is not used, with a reason) and summary.json.
"""

from __future__ import annotations

from genescribe.cli import integer, parser, run
from genescribe.codon.sequences.extract import extract
from genescribe.genome.inputs import resolve_path
from genescribe.paths import InputText, OutputFolder


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument(
        "annotation", type=InputText(resolve_path), help="GenBank file; GFF3 with --fasta; plain or gzip"
    )
    arguments.add_argument("--fasta", type=InputText(resolve_path), help="sequences of a GFF3 file")
    arguments.add_argument(
        "--table", type=integer(1), default=11, help="NCBI genetic code, if the file does not give one"
    )
    arguments.add_argument(
        "--min-len", type=integer(1), default=30, help="least number of codons, without the stop codon"
    )
    arguments.add_argument("--partial", action="store_true", help="use CDS that are incomplete at an end")
    arguments.add_argument(
        "--ambiguous", choices=("drop", "split"), default="drop", help="drop CDS with ambiguous codons, or split them"
    )
    arguments.add_argument("--output", type=OutputFolder(), required=True, help="folder to write")
    args = arguments.parse_args()
    summary = extract(
        resolve_path(args.annotation),
        args.output,
        fasta=resolve_path(args.fasta) if args.fasta else None,
        table=args.table,
        min_len=args.min_len,
        partial=args.partial,
        ambiguous=args.ambiguous,
    )
    agree, differ = summary["translation"]["agree"], summary["translation"]["differ"]
    print(f"{args.output}: {summary['used']:,} of {summary['cds']:,} CDS used, {summary['codons']:,} codons")
    print(f"translations: {agree:,} of {agree + differ:,} agree with /translation")


if __name__ == "__main__":
    run(main)
