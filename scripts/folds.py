"""Assign the sequences of a genome to folds for cross-validation, with homologous genes in one fold.

Writes DIR/K.train.txt, DIR/K.validation.txt and DIR/K.test.txt for each fold K, DIR/all.txt, and DIR/folds.json.
"""

from __future__ import annotations

from pathlib import Path

from genescribe.bake.folds import assign_folds, clusters, summary
from genescribe.cli import comma_list, integer, number, parser, run
from genescribe.files import atomic_directory, write_json
from genescribe.genome.catalogue.database import Catalogue
from genescribe.genome.fasta import Genome
from genescribe.paths import InputPath, OutputFolder
from genescribe.workflow.folds import EVERY, fold_list


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--fasta", type=InputPath(), required=True, help="genome")
    arguments.add_argument("--catalogue", type=InputPath(), required=True, help="catalogue of its annotation")
    arguments.add_argument("--number", type=integer(2), default=5, help="folds")
    arguments.add_argument(
        "--validation",
        type=number(0, 0.5),
        default=0.1,
        help="fraction of the sequences outside a fold used for validation",
    )
    arguments.add_argument("--seed", type=integer(0), default=1, help="seed of the assignment")
    arguments.add_argument("--skip", type=comma_list, default=[], help="sequences to leave out, a,b,c")
    arguments.add_argument("--output", type=OutputFolder(), required=True, help="folder to write")
    args = arguments.parse_args()

    catalogue, genome = Catalogue(args.catalogue), Genome.open(args.fasta)
    seqids = [seqid for seqid in genome.lengths if seqid not in args.skip]
    groups = clusters(catalogue.genes(), genome, catalogue.genetic_code, seqids)
    folds = assign_folds(groups, args.number, args.validation, args.seed)
    with atomic_directory(args.output) as folder:
        for place, fold in enumerate(folds, 1):
            for split, names in fold._asdict().items():
                write_list(folder / fold_list(place, split), names)
        write_list(folder / EVERY, seqids)
        write_json(folder / "folds.json", summary(groups, folds))


def write_list(path: Path, names: list[str]) -> None:
    """Write a name a line."""
    path.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")


if __name__ == "__main__":
    run(main)
