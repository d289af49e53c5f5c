"""Run BUSCO on the proteins of an annotation (one isoform per gene) or on a genome, and write its counts as JSON."""

from __future__ import annotations

from genescribe import __version__
from genescribe.bake.splits import Region
from genescribe.cli import integer, parser, run
from genescribe.evaluate.tools.busco import nothing_found, run_busco, write_longest_proteins
from genescribe.files import naming, temporary_folder, write_json
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.genome.catalogue.database import Catalogue
from genescribe.genome.fasta import Genome
from genescribe.genome.genetic_code import GeneticCode
from genescribe.paths import InputPath, InputText, NameList, OutputFile


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--fasta", type=InputPath(), required=True, help="genome")
    arguments.add_argument(
        "--annotation",
        type=InputPath(),
        help="GFF3, GTF, catalogue.duckdb or the folder of a prediction; none: genome mode",
    )
    arguments.add_argument("--regions", type=NameList(), default=[], help="only genes in seqid or seqid:start-end, ...")
    arguments.add_argument("--genetic-code", type=integer(1), default=1, help="NCBI table")
    arguments.add_argument(
        "--lineage", type=InputText(), required=True, help="folder of a lineage, or the name of one to download"
    )
    arguments.add_argument("--threads", type=integer(1), default=1, help="threads of BUSCO")
    arguments.add_argument("--output", type=OutputFile(forms=("JSON",)), required=True, help="JSON file to write")
    arguments.only(["regions", "genetic_code"], lambda args: args.annotation is not None, "--annotation")
    args = arguments.parse_args()

    if args.annotation is None:
        result = run_busco(args.fasta, args.lineage, "genome", args.threads)
    else:
        genome = Genome.open(args.fasta)
        source = args.annotation / "annotation.gff3" if args.annotation.is_dir() else args.annotation
        genes = list(Catalogue(source).genes()) if source.suffix == ".duckdb" else read_genes(source)
        regions = [Region.parse(text, genome.lengths, where="--regions") for text in args.regions] or None
        with temporary_folder() as folder:
            code = GeneticCode.from_table(args.genetic_code)
            fasta, count = write_longest_proteins(genes, regions, genome, code, folder)
            if count:
                with naming(source, folder):
                    result = run_busco(fasta, args.lineage, "proteins", args.threads)
            else:
                result = nothing_found(args.lineage, "proteins")
        result |= {"proteins": count}
    result["provenance"] = {"genescribe": __version__, "regions": args.regions, "genetic_code": args.genetic_code}
    write_json(args.output, result)
    print(f"{args.output}: {result['complete']} of {result['total']} complete")


if __name__ == "__main__":
    run(main)
