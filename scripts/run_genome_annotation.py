"""Write all transcripts of given loci with a model of the generate family: FASTA and GFF3 (or BED) in, GFF3 out.

Exit status: 0 success; 2 an input cannot be used; 3 the run finished, but a locus was rejected because of an error
(lack of memory, ...) and not because of its prediction.
"""

from __future__ import annotations

import sys
from pathlib import Path

from genescribe.cli import Parser, integer, number, parser, run
from genescribe.config import from_mapping
from genescribe.generate.annotation.job import AnnotationJob, run_job
from genescribe.generate.annotation.search import SearchConfig
from genescribe.paths import InputPath, InputText, OutputFile


def add_files(arguments: Parser) -> None:
    """Add what is read and written, and how the work is shared out."""
    add = arguments.add_argument
    add("fasta_file", type=InputPath(), help="genome: FASTA, plain, gzip or bgzip")
    add("gff_file", type=InputPath(), help="loci: GFF3 or GTF (rows of type gene), or BED")
    add(
        "-o",
        "--output",
        type=OutputFile("{name}.loci.duckdb", "{name}.rejects.txt", "{name}.ckpt.json", "{name}.part", forms=("GFF3",)),
        default=AnnotationJob.output,
        help="GFF3 to write",
    )
    add("--reject_output", type=OutputFile(), help="JSON lines of the rejected loci (default: <output>.rejects.txt)")
    add(
        "-m",
        "--model",
        type=InputText(),
        default=AnnotationJob.model,
        help="folder that training wrote, or TransGenic's or another published checkpoint: folder or name on the hub",
    )
    add("--device", default="auto", help="cuda (auto: if available) or cpu")
    add("--precision", choices=("auto", "fp32", "fp16", "bf16"), default="auto", help="precision of the computation")
    add("--compile", action="store_true", help="compile the decoding step with torch.compile")
    add("--batch_size", type=integer(1), default=1, help="loci per batch")
    add("--max_length", type=integer(1), default=SearchConfig.max_length, help="longest sentence, in steps or tokens")
    add("--num_workers", type=integer(0), default=2, help="processes that read loci; 0: read in the main process")
    add("--prefetch_factor", type=integer(1), default=2, help="batches that each of them reads in advance")
    add("--checkpoint_path", type=OutputFile(), help="checkpoint (default: <output>.ckpt.json)")
    add("--resume", action="store_true", help="resume from the checkpoint, at once if the run is finished")
    add("--no_sort", action="store_true", help="the GFF is well-formed; do not sort and repair it")
    add("--keep_db", action="store_true", help="keep <output>.loci.duckdb, with the table geneList")
    add("--prompt", action="store_true", help="complete the first transcript of each gene of the GFF")
    add("--several_genes", action="store_true", help="write all genes of a locus, not only the one that fills it most")
    add("--source", default=AnnotationJob.source, help="column 2 of the GFF3")


def add_writing(arguments: Parser) -> None:
    """Add what decides which sentences are written."""
    add = arguments.add_argument
    add(
        "--merge-into",
        type=InputPath(),
        metavar="GFF",
        help="write this annotation with the new transcripts added to its genes",
    )
    add(
        "--hints",
        type=InputPath(),
        metavar="FILE",
        help="GFF or BED file of introns supported by evidence, for models that read it",
    )
    add("--hints_source", help="use only its rows with this source (column 2 of GFF)")
    add("--gm_key", default="GM", help="attribute of every row for the ID of the source gene; gm for validators")
    add(
        "--search",
        choices=("greedy", "beam", "sample"),
        help="search method (default: greedy; TransGenic's checkpoints: a beam of two)",
    )
    add("--beams", type=integer(1), default=SearchConfig.beams, help="sentences kept per locus with --search beam")
    add(
        "--samples",
        type=integer(1),
        default=SearchConfig.samples,
        help="sentences drawn per locus with --search sample",
    )
    add(
        "--isoforms",
        type=number(0.0001, 1),
        default=SearchConfig.isoforms,
        help="beam, sample: lowest probability of additional transcripts",
    )
    add("--temperature", type=number(0.01), default=SearchConfig.temperature, help="temperature of --search sample")
    add("--top_k", type=integer(0), default=SearchConfig.top_k, help="--search sample: only the most probable; 0: all")
    add(
        "--top_p",
        type=number(0.0001, 1),
        default=SearchConfig.top_p,
        help="--search sample: only the most probable that have this probability together",
    )
    add("--seed", type=integer(0), default=SearchConfig.seed, help="seed of --search sample")
    add(
        "--constraint",
        choices=("orf", "grammar"),
        help="orf: valid reading frames and splice sites; grammar: grammar alone",
    )
    add("--revision", help="commit of a checkpoint on the hub")


def main() -> None:
    arguments = parser(__doc__)
    add_files(arguments)
    add_writing(arguments)
    arguments.only(["beams"], lambda args: args.search == "beam", "--search beam")
    arguments.only(
        ["samples", "temperature", "top_k", "top_p", "seed"], lambda args: args.search == "sample", "--search sample"
    )
    arguments.only(["isoforms"], lambda args: args.search in ("beam", "sample"), "--search beam or sample")
    arguments.only(["prefetch_factor"], lambda args: args.num_workers > 0, "--num_workers above 0")
    arguments.only(["hints_source"], lambda args: args.hints, "--hints")
    args = arguments.parse_args()
    search = {"method": args.search or "greedy", "beams": args.beams, "temperature": args.temperature}
    search |= {"seed": args.seed, "max_length": args.max_length, "samples": args.samples, "isoforms": args.isoforms}
    search |= {"top_k": args.top_k, "top_p": args.top_p}
    named = {
        name: str(value) if isinstance(value, Path) else value
        for name, value in vars(args).items()
        if name in AnnotationJob.__dataclass_fields__
    }
    options = {
        **named,
        "fasta": str(args.fasta_file),
        "loci": str(args.gff_file),
        "search": search,
        "own_search": args.search is None,
    }
    job = from_mapping(AnnotationJob, options, where="command line")
    sys.exit(run_job(job))


if __name__ == "__main__":
    run(main)
