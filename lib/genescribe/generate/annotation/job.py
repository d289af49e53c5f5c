"""One annotation run from files to files, for `scripts/run_genome_annotation.py`."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast

import duckdb
from torch import nn

from genescribe.config import option, to_mapping
from genescribe.errors import InputError
from genescribe.evidence.junctions import Junctions, read_junctions
from genescribe.files import alone_at, naming, sha256, temporary_folder
from genescribe.generate.annotation.annotate import Annotator, LocusResult, LocusWindow
from genescribe.generate.annotation.locus_rules import gene_of_locus
from genescribe.generate.annotation.run import Annotate, GrowingAnnotation, Journal, annotate_loci, write_results
from genescribe.generate.annotation.search import SearchConfig
from genescribe.generate.config import GenerateModelConfig
from genescribe.generate.forms.transgenic import TransgenicModel, load_published, published_window
from genescribe.generate.loci.gene_list import ListedGene, append_gene_list, sentence_text
from genescribe.generate.loci.loci import Locus, LocusDataset, Window, flanked, only_regions, read_loci, write_database
from genescribe.generate.model import FAMILY, SentenceModel, load_model
from genescribe.generate.text.sentence import inexpressible
from genescribe.genome.annotation.gff3 import SOURCE, read_genes
from genescribe.genome.fasta import Genome
from genescribe.genome.model import Gene, Transcript
from genescribe.genome.repair.sort import sort_annotation
from genescribe.paths import form_of
from genescribe.train.distributed import named_device
from genescribe.train.model_files import CONFIG

_log = logging.getLogger(__name__)
FAILED = 3
"""Exit status of a run that finished, but in which a locus was rejected for an error and not for what was written."""


@dataclass(frozen=True)
class AnnotationJob:
    """Options of a run, under the names of the script."""

    fasta: str = option(doc="genome")
    loci: str = option(doc="GFF3, GTF or BED of the loci to annotate")
    output: str = option("transgenic_inference.gff3", doc="GFF3 to write")
    reject_output: str | None = option(None, doc="JSON lines of rejected loci")
    model: str = option("jlomas/HyenaTransgenic-768L12A6-400M", doc="folder, or name on the hub")
    revision: str | None = option(None, doc="commit on the hub")
    device: str = option("auto", doc="auto, cuda or cpu")
    precision: Literal["auto", "fp32", "fp16", "bf16"] = option("auto", doc="precision of the computation")
    compile: bool = option(False, doc="compile the decoder step")
    batch_size: int = option(1, doc="loci per batch", minimum=1)
    num_workers: int = option(2, doc="processes that read loci", minimum=0)
    prefetch_factor: int = option(2, doc="batches that each of them reads in advance", minimum=1)
    checkpoint_path: str | None = option(None, doc="checkpoint file")
    resume: bool = option(False, doc="resume from the checkpoint")
    no_sort: bool = option(False, doc="the annotation is already sorted")
    keep_db: bool = option(False, doc="keep the DuckDB file of the loci")
    merge_into: str | None = option(None, doc="annotation to extend with the new transcripts")
    hints: str | None = option(None, doc="GFF or BED file of introns supported by evidence")
    hints_source: str | None = option(None, doc="use only rows with this source (column 2 of GFF)")
    gm_key: str = option("GM", doc="attribute for the ID of the source gene, on every row")
    source: str = option(SOURCE, doc="column 2 of the rows")
    prompt: bool = option(False, doc="complete the first transcript of each gene")
    several_genes: bool = option(False, doc="write all genes of a locus that share no base of an exon")
    own_search: bool = option(False, doc="search as the model's authors do, where they say how")
    search: SearchConfig = option(default_factory=SearchConfig, doc="search method")
    constraint: Literal["orf", "grammar"] | None = option(None, doc="as the model says, or one of these")


PUBLISHED_BEAMS = 2
"""Beams of TransGenic's own script."""
_NEUTRAL = {"output", "reject_output", "checkpoint_path", "resume", "num_workers", "prefetch_factor", "keep_db"}


def run_job(job: AnnotationJob) -> int:
    """Annotate; return the exit status: 0, or `FAILED`.

    Raises
    ------
    InputError
        An input that cannot be used, or another process that writes the output, before anything is computed.
    """
    with alone_at(job.output):
        return _run(job)


def _run(job: AnnotationJob) -> int:
    for path in filter(None, (job.fasta, job.loci, job.merge_into, job.hints)):
        if not Path(path).is_file():
            raise InputError("no such file", where=path, remedy="correct the path")
    output = Path(job.output)
    rejects = Path(job.reject_output or f"{output}.rejects.txt")
    journal = Journal(job.checkpoint_path or f"{output}.ckpt.json", _fingerprint(job), resume=job.resume)
    if journal.counts is not None and output.is_file() and rejects.is_file():
        return _report(journal.counts, output, rejects)
    if journal.counts is not None:
        journal.restart()
    genome, model = Genome.open(job.fasta), load_writer(job)
    junctions = _junctions(job, genome, cast(SentenceModel, model).config)
    database = output.with_name(output.name + ".loci.duckdb")
    database.parent.mkdir(parents=True, exist_ok=True)
    loci, outside, prompts = _loci(job, genome.lengths)
    window = (
        published_window if isinstance(model, TransgenicModel) else flanked(cast(SentenceModel, model).config.flank)
    )
    total = write_database(database, loci, genome, window)
    _log.info("%d loci, %d batches done before", total, journal.batches)
    dataset = LocusDataset(database)
    results = annotate_loci(
        dataset,
        _annotate_with(model, job, junctions, prompts),
        journal,
        growing := GrowingAnnotation(output, genome.lengths, job.gm_key, job.source),
        batch_size=job.batch_size,
        num_workers=job.num_workers,
        prefetch_factor=job.prefetch_factor,
    )
    dataset.close()
    assert len(results) == total
    results += [_outside(locus) for locus in outside]
    provenance = {"model": Path(job.model).name, "run": journal.fingerprint}
    counts = write_results(output, rejects, results, genome.lengths, provenance, job.merge_into, job.gm_key, job.source)
    if job.keep_db:
        _keep(database, results, loci, genome, window, Path(job.fasta).name)
    else:
        database.unlink()
    growing.remove()
    journal.finish(counts)
    return _report(counts, output, rejects)


def _annotate_with(
    model: nn.Module, job: AnnotationJob, junctions: Junctions, prompts: Mapping[str, Transcript]
) -> Annotate:
    """Return the function that annotates a batch of loci."""
    search = job.search
    if job.own_search and isinstance(model, TransgenicModel):
        search = replace(search, method="beam", beams=PUBLISHED_BEAMS)
    annotator = Annotator(model, search, precision=job.precision, compiled=job.compile)

    def annotate(batch: Sequence[LocusWindow]) -> list[LocusResult]:
        prepared = []
        for locus in batch:
            hints = junctions.within(locus.seqid, locus.offset, locus.offset + len(locus.codes))
            prepared.append(replace(locus, hints=hints, prompt=prompts.get(locus.id)))
        annotated = zip(annotator(prepared), prepared, strict=True)
        return [gene_of_locus(result, locus, several=job.several_genes) for result, locus in annotated]

    return annotate


def _report(counts: Mapping[str, int], output: Path, rejects: Path) -> int:
    """Log the numbers of accepted, repaired, rejected and failed loci; return the exit status."""
    total = sum(counts[status] for status in ("accepted", "repaired", "rejected"))
    print(
        f"{total} loci: {counts['accepted']} accepted, {counts['repaired']} repaired, {counts['rejected']} rejected"
        f" ({counts['failed']} for an error): {output}, {rejects}"
    )
    return FAILED if counts["failed"] else 0


def load_writer(job: AnnotationJob) -> nn.Module:
    """Return the model of a job on its device: a folder of this family, or a published checkpoint."""
    device = named_device(job.device)
    path = Path(job.model) / CONFIG
    ours = path.is_file() and json.loads(path.read_text(encoding="utf-8")).get("family") == FAMILY
    model: nn.Module
    if ours:
        model = load_model(job.model)
    else:
        model = load_published(job.model, revision=job.revision)
    if job.constraint is not None:
        assert isinstance(model.config, GenerateModelConfig)
        model.config = replace(model.config, constraint=job.constraint)
    return model.to(device)


def _junctions(job: AnnotationJob, genome: Genome, config: GenerateModelConfig) -> Junctions:
    if job.hints is None:
        return Junctions()
    if config.hints is None:
        raise InputError("the model reads no evidence", where="--hints", remedy="train one with model.hints")
    return read_junctions(job.hints, genome.lengths, job.hints_source)


def _loci(job: AnnotationJob, lengths: Mapping[str, int]) -> tuple[list[Locus], list[Locus], dict[str, Transcript]]:
    """Return the loci of a job, those outside the genome, and by locus the transcript that is to be completed.

    An annotation that is not said to be sorted is sorted and repaired first, but for one of nothing but rows of genes.
    """
    bed = form_of(Path(job.loci)) == "BED"
    if job.prompt and bed:
        raise InputError("a BED file has no transcripts", where=job.loci, remedy="give GFF3 or GTF with --prompt")
    with temporary_folder() as scratch:
        source = Path(job.loci)
        # The sorter would drop genes without transcripts.
        regions = not bed and only_regions(source)
        if not (job.no_sort or bed or regions):
            source = scratch / "sorted.gff3"
            sort_annotation(job.loci, source, sorter="auto")
        with naming(job.loci, source):
            loci, outside = read_loci(source, lengths)
            if regions and not job.no_sort:
                number = {seqid: place for place, seqid in enumerate(lengths)}
                loci.sort(key=lambda locus: (number[locus.seqid], locus.start, locus.end))
            return loci, outside, first_transcripts(read_genes(source)) if job.prompt else {}


def first_transcripts(genes: Iterable[Gene]) -> dict[str, Transcript]:
    """Return by gene the first transcript that a sentence can express.

    Raises
    ------
    InputError
        There is none.
    """
    by_gene = {}
    for gene in genes:
        first = next((transcript for transcript in gene.transcripts if inexpressible(transcript) is None), None)
        if first is not None:
            by_gene[gene.id] = first
    if not by_gene:
        raise InputError("no coding transcript to begin with", where="--prompt", remedy="give an annotation with CDS")
    return by_gene


def _outside(locus: Locus) -> LocusResult:
    return LocusResult(
        locus.id,
        locus.seqid,
        locus.start,
        "rejected",
        "outside the genome: unknown sequence, or past its end",
        "",
        "",
        windows=((locus.start, locus.end),),
        strand=locus.strand,
    )


def _keep(
    database: Path, results: Sequence[LocusResult], loci: Sequence[Locus], genome: Genome, window: Window, species: str
) -> None:
    """Add the table of TransGenic to the database that is kept, with the sentences that were written."""
    rows = []
    for locus, result in zip(loci, results, strict=False):
        low, high = window(locus.start, locus.end, genome.lengths[locus.seqid])
        text = None if result.gene is None else sentence_text(result.gene, low)[0]
        rows.append(ListedGene(locus.id, locus.seqid, locus.strand, locus.start, locus.end, low, high, text))
    with duckdb.connect(str(database)) as connection:
        append_gene_list(connection, rows, genome, species)
        connection.execute("CHECKPOINT")


def _fingerprint(job: AnnotationJob) -> str:
    """Return a digest of all that the results depend on: inputs, model, options."""
    options = {name: value for name, value in to_mapping(job).items() if name not in _NEUTRAL}
    files = {"fasta": sha256(job.fasta), "loci": sha256(job.loci)}
    for name, path in (("merge_into", job.merge_into), ("hints", job.hints)):
        if path:
            files[name] = sha256(path)
    folder = Path(job.model)
    if folder.is_dir():
        files |= {
            str(path.relative_to(folder)): sha256(path)
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.name != "provenance.json"
        }
    for name in ("fasta", "loci", "merge_into", "hints"):
        options.pop(name, None)
    options["model"] = folder.name if folder.is_dir() else job.model
    return hashlib.sha256(json.dumps([options, files], sort_keys=True).encode()).hexdigest()
