"""The Gencode exon/intron segmentation benchmark: preprocess, train, compare.

Files of DIR (--output-dir, --data-dir): catalogue.duckdb, shards/, train.jsonl, val.jsonl, test.jsonl and
train_segment_stats.json, val_segment_stats.json, test_segment_stats.json; models/ and compare/ hold the trained models,
one folder for each set of options.
"""

from __future__ import annotations

import argparse

from genescribe.bake.config import BakeConfig
from genescribe.bake.splits import Splits
from genescribe.cli import Parser, integer, list_of, parser, run
from genescribe.errors import InputError
from genescribe.files import write_json
from genescribe.paths import InputPath, NameList, OutputFile, RunFolder, SharedFolder
from genescribe.run_options import HEADS, RUN_FILES, add_arguments, read_options, start_processes


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
        help="folder of the run (default: DIR/models/HEAD-ENCODER-DIGEST, the digest that of the options)",
    )
    add_arguments(single, head="--model")
    several = commands.add_parser("compare", help="train and score the three heads")
    several.add_argument(
        "--data-dir",
        type=SharedFolder("shards*", "catalogue.duckdb"),
        required=True,
        help="folder that preprocess wrote",
    )
    several.add_argument("--output", type=RunFolder(), help="folder for the models (default: DIR/compare)")
    several.add_argument("--output-json", type=OutputFile(forms=("JSON",)), help="file for the results")
    several.add_argument("--seeds", type=list_of(integer(0)), default=[1], help="one model per head and seed")
    several.add_argument("--heads", type=list_of(head), default=list(HEADS), help="heads to compare")
    several.add_argument("--bootstrap", type=integer(0), default=1000, help="bootstrap samples for the intervals")
    add_arguments(several, without=("--head", "--seed"))
    args = arguments.parse_args()
    {"preprocess": run_preprocess, "train": run_train, "compare": run_compare}[args.command](args)


def add_preprocess(command: Parser) -> None:
    command.add_argument("--gtf", type=InputPath(), required=True, help="annotation; plain or gzip")
    command.add_argument("--fasta", type=InputPath(), required=True, help="genome: FASTA, plain, gzip or bgzip")
    command.add_argument(
        "--output-dir", type=RunFolder("catalogue.duckdb", "shards"), required=True, help="folder to write"
    )
    command.add_argument("--chunk-size", type=integer(1), default=10_000, help="length of a window in bases")
    command.add_argument("--overlap", type=integer(0), default=500, help="overlap of adjacent windows, in bases")
    for split, default in (("train", (1, 18)), ("val", (19, 20)), ("test", (21, 22))):
        names = chromosomes(*default)
        help_text = f"sequences or regions, chr1,chr2:1-5000000 (default: {names[0]} to {names[-1]})"
        command.add_argument(f"--{split}-chroms", type=NameList(), default=names, help=help_text)
    command.add_argument("--genetic-code", type=integer(1), default=1, help="NCBI translation table")
    command.add_argument("--workers", type=integer(1), default=2, help="processes")


def run_preprocess(args: argparse.Namespace) -> None:
    # Each command imports what it needs: preprocessing takes seconds, torch alone two of them.
    from genescribe.gencode_benchmark.preprocess import preprocess

    splits = Splits(args.train_chroms, args.val_chroms, args.test_chroms)
    config = BakeConfig(window=args.chunk_size, overlap=args.overlap)
    shards = preprocess(
        args.gtf, args.fasta, args.output_dir, splits, config, workers=args.workers, genetic_code=args.genetic_code
    )
    print(f"{args.output_dir}: {len(shards)} folders of shards")


def run_train(args: argparse.Namespace) -> None:
    start_processes(args)
    from genescribe.gencode_benchmark.compare import MODEL, TRAIN, run_name, shard_folders, validation_table
    from genescribe.segment.training.task import SegmentTask
    from genescribe.train.distributed import join
    from genescribe.train.engine import train

    options, where = read_options(args)
    shards = shard_folders(args.data_dir)
    task, config = options.build(shards, where=where, model=MODEL, train=TRAIN)
    assert isinstance(task, SegmentTask) and task.config.encoder is not None
    name = run_name(f"{task.config.head}-{task.config.encoder.kind}", task, config)
    with join(config.device) as world:
        model = train(task, config, args.output or args.data_dir / "models" / name)
    if world.leads:
        print(f"{model}\n\nValidation windows:\n{validation_table(model, shards)}")
        print("\nTest windows were not read: `gencode compare` scores them, once for each model.")


def run_compare(args: argparse.Namespace) -> None:
    start_processes(args)
    from genescribe.gencode_benchmark.compare import compare_heads, comparison_table, shard_folders

    options, where = read_options(args)
    if options.family != "segment":
        raise InputError(f"compares heads of the family segment, not {options.family}", where=where, remedy="leave it")
    result = compare_heads(
        shard_folders(args.data_dir),
        args.output or args.data_dir / "compare",
        {"model": options.model, "train": options.train},
        args.seeds,
        heads=args.heads,
        replicates=args.bootstrap,
    )
    if result is None:
        return
    if args.output_json:
        write_json(args.output_json, result)
    print(comparison_table(result))


if __name__ == "__main__":
    run(main)
