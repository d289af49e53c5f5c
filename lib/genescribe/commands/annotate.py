"""Annotate a genome with a trained model.

FASTA in; GFF3, GTF or BED12 out, with FASTA files of proteins, coding sequences, exons and introns, rejected genes with
reasons (.rejects.jsonl), a summary (.summary.json), and a report to read first (.report.html). If interrupted, run the
same command to resume.

    genescribe annotate genome.fa
    genescribe annotate genome.fa --model yeast --min-posterior 0.5 -o genes.gff3
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from genescribe.cli import Parser
from genescribe.errors import InputError
from genescribe.models import DEFAULT, HELP, ModelPath
from genescribe.paths import InputPath, InputText, NameList, OutputFile, Source, refuse_overwriting, stem_of

if TYPE_CHECKING:
    from genescribe.genome.fasta import Genome

_OTHER = "give another name with --output"


def add_arguments(parser: Parser) -> None:
    """Add the options of this command."""
    from genescribe.evidence.collect import add_evidence_arguments
    from genescribe.genome.annotation.formats import FORMS
    from genescribe.predict import options, organelles
    from genescribe.report.annotation.completeness import HELP as BUSCO_HELP

    files = parser.add_argument_group("input and output")
    files.add_argument("fasta", type=InputPath(), help="genome: FASTA, plain, gzip or bgzip")
    files.add_argument("--model", type=ModelPath(), default=DEFAULT, help=HELP)
    files.add_argument(
        "-o",
        "--output",
        type=_output(),
        help="file to write, compressed and indexed if its name ends in .gz; all other files are next to it "
        "(default: the name of the genome with .gff3, in the current folder)",
    )
    files.add_argument("--format", choices=FORMS, help="default: by the suffix of --output, else gff3")
    files.add_argument(
        "--locus-tag", metavar="PREFIX", help="add locus tags and names as NCBI requires them: docs/submit.md"
    )
    files.add_argument(
        "--regions", type=NameList(), default=[], help="only these regions: seqid or seqid:start-end, ..."
    )
    files.add_argument("--busco", metavar="LINEAGE", type=InputText(), help=BUSCO_HELP)
    organelles.add_argument(files)
    add_evidence_arguments(parser)
    options.add_arguments(parser)
    parser.only(["flank"], lambda args: args.regions, "--regions")


def main(args: argparse.Namespace) -> None:
    """Run the command."""
    from genescribe.evaluate.tools.busco import check_busco
    from genescribe.evidence.collect import EvidenceFiles, evidence_of
    from genescribe.families import predictor_for
    from genescribe.genome.annotation.formats import AnnotationForm, genes_in_words
    from genescribe.genome.fasta import Genome
    from genescribe.predict.file_names import REPORT
    from genescribe.predict.genome import predict_genome
    from genescribe.predict.options import config_of
    from genescribe.predict.organelles import with_organelles
    from genescribe.predict.output_files import write_annotation
    from genescribe.predict.progress import tell_model
    from genescribe.predict.stretches import pieces_of
    from genescribe.predict.support import with_support
    from genescribe.predict.work_folder import remove_work, work_folder
    from genescribe.report.annotation.completeness import measure_completeness
    from genescribe.report.annotation.finished import Annotation
    from genescribe.report.annotation.page import write_annotation_report

    config, beside = config_of(args), _beside()
    form = AnnotationForm.of(args.output, args.format, args.locus_tag)
    target = args.output or _usual_output(args.fasta, args.model, form.suffix)
    evidence_files = EvidenceFiles.of(args)
    if args.busco:
        check_busco(args.busco)
    with work_folder(target.with_name(f"{target.name}.work"), shown=target) as work:
        genome = Genome.open(args.fasta, scratch=work)
        if args.output is None:
            _check_same_genome(target, genome)
        pieces = pieces_of(genome, args.regions, config.flank, where="--regions" if args.regions else args.fasta)
        evidence = evidence_of(evidence_files, genome, work / "evidence", config.workers)
        factory, pieces, warnings = with_organelles(
            predictor_for(args.model, genome, pieces, config, evidence), genome, pieces, args.genetic_code_of
        )
        tell_model(factory.folder, factory.provenance())
        prediction = with_support(predict_genome(factory, genome, pieces, config, work), evidence, config)
        folder = work / "whole"
        warnings = write_annotation(folder, prediction, genome, pieces, factory, config, warnings, form)
        counts = measure_completeness(folder, args.busco, config.workers) if args.busco else None
        report = Annotation.of(prediction, genome, pieces, factory, config, warnings, evidence, counts)
        reported = write_annotation_report(folder / REPORT, report.named(target))
        _move(folder, target, form.suffix)
        remove_work(work)
    others, stem = ",".join(name for name in beside if name != REPORT), target.with_name(stem_of(target))
    first = f"read {stem}.{REPORT} first; " if reported else ""
    print(f"{genes_in_words(len(prediction.genes))}: {target}; {first}also {stem}.{{{others}}}")


def _check_same_genome(target: Path, genome: Genome) -> None:
    """Refuse to replace the annotation of another genome: files of many assemblies have one name, such as genomic.fna.

    Raises
    ------
    InputError
        The file has sequences that the genome lacks, or of other lengths.
    """
    from genescribe.genome.annotation.text import table_rows
    from genescribe.genome.annotation.written import read_written

    if not target.exists():
        return
    known, written = genome.lengths, read_written(target).lengths
    # GFF3 gives the length of every sequence; other forms have names alone.
    names = written or dict.fromkeys(columns[0] for _, columns in table_rows(target))
    if any(name not in known or written.get(name, known[name]) != known[name] for name in names):
        raise InputError("exists already, and is of another genome", where=target, remedy=_OTHER)


def _move(folder: Path, target: Path, suffix: str) -> None:
    """Move the files of a finished annotation to their places, the annotation itself last."""
    from genescribe.genome.annotation.formats import INDEXES
    from genescribe.predict.file_names import STEM

    written = folder / f"{STEM}{suffix}"
    moves = {folder / name: target.with_name(f"{stem_of(target)}.{name}") for name in _beside()}
    moves |= {written.with_name(written.name + index): target.with_name(target.name + index) for index in INDEXES}
    for made, place in moves.items():
        if made.exists():
            made.replace(place)
        else:  # An index that is not needed, a report that failed: those of an earlier run would be of other genes.
            place.unlink(missing_ok=True)
    written.replace(target)


def _beside() -> tuple[str, ...]:
    from genescribe.genome.products import CODING, EXONS, INTRONS, PROTEINS
    from genescribe.predict.file_names import REJECTS, REPORT, SUMMARY

    return PROTEINS, CODING, EXONS, INTRONS, REJECTS, SUMMARY, REPORT


def _output() -> OutputFile:
    from genescribe.genome.annotation.formats import INDEXES, WRITTEN

    beside = (*(f"{{name}}{index}" for index in INDEXES), *(f"{{stem}}.{name}" for name in _beside()))
    return OutputFile("{name}.work", *beside, forms=WRITTEN, compressed=True)


def _usual_output(fasta: Path, model: Path, suffix: str) -> Path:
    """Return where the annotation of a genome goes by default.

    Raises
    ------
    InputError
        Files that this program did not write stand there: perhaps the published annotation of the same genome.
    """
    from genescribe.genome.annotation.gff3 import SOURCE

    target = Path(f"{stem_of(fasta)}{suffix}")
    (written,) = _output().targets(target)
    refuse_overwriting([Source(fasta), Source(model)], [written])
    if target.exists():
        head = target.read_bytes()[:200]
        if f"\n#{SOURCE} ".encode() not in b"\n" + head:
            raise InputError("exists already, and was not written by this program", where=target, remedy=_OTHER)
    for path in written.written():
        if not target.exists() and path.is_file():
            raise InputError(f"exists already, and not beside {target.name}", where=path, remedy=_OTHER)
    return target
