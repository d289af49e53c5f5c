"""Make a model of a genome that no model fits, from the genome alone.

Genes are predicted with the most suitable model, and a new model is estimated from them. This is repeated until the
genes hardly change. Reads and proteins help in every round. If interrupted, run the same command to resume. Then
annotate with the new model: `genescribe annotate genome.fa --model my_model`.

    genescribe adapt genome.fa -o my_model
"""

from __future__ import annotations

import argparse
import logging

from genescribe.cli import Parser, integer
from genescribe.errors import InputError
from genescribe.models import DEFAULT, HELP, ModelPath
from genescribe.paths import InputPath, OutputFolder

_log = logging.getLogger("adapt")


def add_arguments(parser: Parser) -> None:
    """Add the options of this command."""
    from genescribe.evidence.collect import add_evidence_arguments

    files = parser.add_argument_group("input and output")
    files.add_argument("fasta", type=InputPath(), help="genome: FASTA, plain, gzip or bgzip")
    output = OutputFolder("{name}.work")
    files.add_argument("-o", "--output", type=output, required=True, metavar="MODEL", help="folder to write")
    files.add_argument("--model", type=ModelPath(), default=DEFAULT, help=f"model to start from: {HELP}")
    files.add_argument(
        "--genetic-code", type=integer(0, 33), default=0, help="NCBI genetic code of the nucleus; 0: that of --model"
    )
    add_evidence_arguments(parser)
    parser.add_argument("--workers", type=integer(1), default=2, help="number of processes")


def main(args: argparse.Namespace) -> None:
    """Run the command."""
    from genescribe.evidence.collect import EvidenceFiles, evidence_of
    from genescribe.families import predictor_for
    from genescribe.genome.fasta import Genome
    from genescribe.predict.config import PredictConfig
    from genescribe.predict.interface import CHOICE
    from genescribe.predict.progress import tell_model
    from genescribe.predict.stretches import pieces_of
    from genescribe.predict.work_folder import remove_work, work_folder
    from genescribe.segment.adaptation.rounds import adapt, is_settled, pieces_to_read
    from genescribe.segment.network.species import POOLED

    if args.output.exists() and (not args.output.is_dir() or any(args.output.iterdir())):
        raise InputError("exists already", where=args.output, remedy="give another name with --output, or remove it")
    config, files = PredictConfig(workers=args.workers, genetic_code=args.genetic_code), EvidenceFiles.of(args)
    with work_folder(args.output.with_name(f"{args.output.name}.work"), shown=args.output) as work:
        genome = Genome.open(args.fasta, scratch=work)
        pieces = pieces_to_read(genome, pieces_of(genome, [], config.flank, where=args.fasta))
        evidence = evidence_of(files, genome, work / "evidence", config.workers)
        start = predictor_for(args.model, genome, pieces, config, evidence)
        about = start.provenance()
        tell_model(start.folder, about)
        if about.get(CHOICE) and about["species"] != POOLED:
            _log.warning("%s knows a genome like this one and may be the better model: compare", start.folder.name)
        rounds = adapt(start, genome, pieces, config, args.output, work)
        remove_work(work)
    settled = "" if is_settled(rounds) else ", not settled"
    print(
        f"{args.output}: a model of {len(rounds[-1].genes)} genes, {len(rounds) - 1} rounds{settled}; "
        f"genescribe annotate {args.fasta} --model {args.output}"
    )
