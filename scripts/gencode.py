"""The Gencode exon/intron segmentation benchmark: preprocess, train, compare.

Files of DIR (--output-dir, --data-dir): catalogue.duckdb, shards/, train_segment_stats.json, val_segment_stats.json,
test_segment_stats.json, with --jsonl also train.jsonl, val.jsonl and test.jsonl; compare/ and models/ hold what was
trained.
"""

from __future__ import annotations

import argparse

from genescribe.bake.config import BakeConfig
from genescribe.bake.splits import Splits
from genescribe.cli import Parser, comma_list, integer, list_of, parser, run
from genescribe.errors import InputError
from genescribe.files import write_json
from genescribe.paths import InputPath, OutputFile, RunFolder, SharedFolder
from genescribe.train.options import HEADS, RUN_FILES, add_arguments, read_options, start_processes


def chromosomes(first: int, last: int) -> list[str]:
    return [f"chr{number}" for number in range(first, last + 1)]


def head(text: str) -> str:
    if text not in HEADS:
        raise argparse.ArgumentTypeError(f"no head is called {text!r}; known: {', '.join(HEADS)}")
    return text


def main() -> None:
    arguments = parser(__doc__)
    commands = arguments.add_subparsers(dest="command", required=True)
    add_preprocess(commands.add_parser("preprocess", help="annotation and genome to windows with labels"))
    single = commands.add_parser("train", help="train one model")
    single.add_argument(
        "--data-dir",
        type=SharedFolder("shards*", "catalogue.duckdb"),
        required=True,
        help="folder that preprocess wrote",
    )
    single.add_argument(
        "--output",
        type=RunFolder(*RUN_FILES),
        help="folder of the run; DIR/models/<head>-<encoder> where it is not given",
    )
    add_arguments(single)
    several = commands.add_parser("compare", help="train and score the three heads")
    several.add_argument(
        "--data-dir",
        type=SharedFolder("shards*", "catalogue.duckdb"),
        required=True,
        help="folder that preprocess wrote",
    )
    several.add_argument("--output-json", type=OutputFile(), help="file for the results")
    several.add_argument("--seeds", type=list_of(integer(0)), default=[1], help="one model a head and seed")
    several.add_argument("--heads", type=list_of(head), default=list(HEADS), help="which heads")
    several.add_argument("--bootstrap", type=integer(0), default=1000, help="draws for the intervals")
    add_arguments(several, without=("--model", "--seed"), processes=False)
    args = arguments.parse_args()
    {"preprocess": run_preprocess, "train": run_train, "compare": run_compare}[args.command](args)


def add_preprocess(command: Parser) -> None:
    command.add_argument("--gtf", type=InputPath(), required=True, help="annotation; plain or gzip")
    command.add_argument("--fasta", type=InputPath(), required=True, help="genome; plain, gzip or bgzip")
    command.add_argument(
        "--output-dir", type=RunFolder("catalogue.duckdb", "shards"), required=True, help="folder to write"
    )
    command.add_argument("--chunk-size", type=integer(1), default=10_000, help="bases of a window")
    command.add_argument("--overlap", type=integer(0), default=500, help="bases that neighbouring windows share")
    command.add_argument("--train-chroms", type=comma_list, default=chromosomes(1, 18), help="names, a,b,c")
    command.add_argument("--val-chroms", type=comma_list, default=chromosomes(19, 20), help="names, a,b,c")
    command.add_argument("--test-chroms", type=comma_list, default=chromosomes(21, 22), help="names, a,b,c")
    command.add_argument("--genetic-code", type=integer(1), default=1, help="NCBI translation table")
    command.add_argument("--workers", type=integer(1), default=2, help="processes")
    command.add_argument("--jsonl", action="store_true", help="also write the windows as JSON lines")


def run_preprocess(args: argparse.Namespace) -> None:
    # Each command imports what it needs: preprocessing takes seconds, torch alone two of them.
    from genescribe.segment.preprocess import preprocess

    splits = Splits(args.train_chroms, args.val_chroms, args.test_chroms)
    config = BakeConfig(window=args.chunk_size, overlap=args.overlap)
    shards = preprocess(
        args.gtf, args.fasta, args.output_dir, splits, config, workers=args.workers, genetic_code=args.genetic_code
    )
    if args.jsonl:
        from genescribe.segment.benchmark import write_jsonl

        write_jsonl(shards, args.output_dir)
    print(f"{args.output_dir}: {len(shards)} folders of shards")


def run_train(args: argparse.Namespace) -> None:
    start_processes(args)
    from genescribe.segment.benchmark import MODEL, TRAIN, shard_folders
    from genescribe.train.engine import train

    options, where = read_options(args)
    task, config = options.build(shard_folders(args.data_dir), where=where, model=MODEL, train=TRAIN)
    name = f"{task.config.head}-{task.config.encoder.kind}"
    print(train(task, config, args.output or args.data_dir / "models" / name))


def run_compare(args: argparse.Namespace) -> None:
    from genescribe.segment.benchmark import compare_heads, comparison_table

    options, where = read_options(args)
    if options.family != "segment":
        raise InputError(f"compares heads of the family segment, not {options.family}", where=where, remedy="leave it")
    result = compare_heads(
        args.data_dir,
        {"model": options.model, "train": options.train},
        args.seeds,
        heads=args.heads,
        replicates=args.bootstrap,
    )
    if args.output_json:
        write_json(args.output_json, result)
    print(comparison_table(result))


if __name__ == "__main__":
    run(main)
