"""The Gencode exon/intron segmentation benchmark: preprocess, train, compare.

Files of DIR (--output-dir, --data-dir): catalogue.duckdb, shards/, train_segment_stats.json, val_segment_stats.json,
test_segment_stats.json, with --jsonl also train.jsonl, val.jsonl and test.jsonl; compare/ and models/ hold what was
trained.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from genescribe.bake.config import BakeConfig
from genescribe.bake.splits import Splits
from genescribe.cli import comma_list, parser, run
from genescribe.files import write_json
from genescribe.train.options import HEADS, add_arguments, read_options, start_processes


def chromosomes(first: int, last: int) -> list[str]:
    return [f"chr{number}" for number in range(first, last + 1)]


def main() -> None:
    arguments = parser(__doc__)
    commands = arguments.add_subparsers(dest="command", required=True)
    style = {"formatter_class": argparse.ArgumentDefaultsHelpFormatter, "allow_abbrev": False}
    add_preprocess(commands.add_parser("preprocess", help="annotation and genome to windows with labels", **style))
    single = commands.add_parser("train", help="train one model", **style)
    single.add_argument("--data-dir", type=Path, required=True, help="folder that preprocess wrote")
    single.add_argument(
        "--output", type=Path, help="folder of the run; DIR/models/<head>-<encoder> where it is not given"
    )
    add_arguments(single)
    several = commands.add_parser("compare", help="train and score the three heads", **style)
    several.add_argument("--data-dir", type=Path, required=True, help="folder that preprocess wrote")
    several.add_argument("--output-json", type=Path, help="file for the results")
    several.add_argument("--seeds", type=comma_list, default=["1"], help="one model a head and seed")
    several.add_argument("--heads", type=comma_list, default=list(HEADS), help="which heads")
    several.add_argument("--bootstrap", type=int, default=1000, help="draws for the intervals")
    add_arguments(several)
    args = arguments.parse_args()
    {"preprocess": run_preprocess, "train": run_train, "compare": run_compare}[args.command](args)


def add_preprocess(command: argparse.ArgumentParser) -> None:
    command.add_argument("--gtf", type=Path, required=True, help="annotation; plain or gzip")
    command.add_argument("--fasta", type=Path, required=True, help="genome; plain, gzip or bgzip")
    command.add_argument("--output-dir", type=Path, required=True, help="folder to write")
    command.add_argument("--chunk-size", type=int, default=10_000, help="bases of a window")
    command.add_argument("--overlap", type=int, default=500, help="bases that neighbouring windows share")
    command.add_argument("--train-chroms", type=comma_list, default=chromosomes(1, 18), help="names, a,b,c")
    command.add_argument("--val-chroms", type=comma_list, default=chromosomes(19, 20), help="names, a,b,c")
    command.add_argument("--test-chroms", type=comma_list, default=chromosomes(21, 22), help="names, a,b,c")
    command.add_argument("--genetic-code", type=int, default=1, help="NCBI translation table")
    command.add_argument("--workers", type=int, default=2, help="processes")
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
    from genescribe.segment.benchmark import DEFAULTS, shard_folders
    from genescribe.train.engine import train

    options, where = read_options(args, DEFAULTS)
    task, config = options.build(shard_folders(args.data_dir), where=where)
    name = f"{task.config.head}-{task.config.encoder.kind}"
    print(train(task, config, args.output or args.data_dir / "models" / name))


def run_compare(args: argparse.Namespace) -> None:
    from genescribe.segment.benchmark import DEFAULTS, compare_heads, comparison_table

    options, _ = read_options(args, DEFAULTS)
    result = compare_heads(
        args.data_dir,
        {"model": options.model, "train": options.train},
        map(int, args.seeds),
        heads=args.heads,
        replicates=args.bootstrap,
    )
    if args.output_json:
        write_json(args.output_json, result)
    print(comparison_table(result))


if __name__ == "__main__":
    run(main)
