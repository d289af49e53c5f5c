"""One annotation run, from files to files: what `scripts/run_genome_annotation.py` does."""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from torch import nn

from genescribe.config import option, to_mapping
from genescribe.errors import InputError
from genescribe.evidence.junctions import Junctions, read_junctions
from genescribe.files import alone_at, sha256
from genescribe.generate.annotate import Annotator, LocusWindow
from genescribe.generate.config import GenerateModelConfig
from genescribe.generate.loci import Locus, LocusDataset, read_loci, write_database
from genescribe.generate.model import FAMILY, load_model
from genescribe.generate.published import PublishedModel
from genescribe.generate.run import Journal, annotate_loci, write_results
from genescribe.generate.search import SearchConfig
from genescribe.genome.fasta import Genome
from genescribe.genome.sort import sort_annotation
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
    model: str = option("jlomas/HyenaTransgenic-768L12A6-400M", doc="folder or name on the hub")
    revision: str | None = option(None, doc="commit on the hub")
    trust_remote_code: bool = option(False, doc="run code that comes with a checkpoint")
    device: str = option("auto", doc="auto, cuda or cpu")
    precision: Literal["auto", "fp32", "fp16", "bf16"] = option("auto", doc="of the computation")
    compile: bool = option(False, doc="compile the step of the decoder")
    batch_size: int = option(1, doc="loci at a time", minimum=1)
    num_workers: int = option(2, doc="processes that read loci", minimum=0)
    prefetch_factor: int = option(2, doc="batches that each of them reads ahead", minimum=1)
    checkpoint_path: str | None = option(None, doc="checkpoint file")
    resume: bool = option(False, doc="go on from the checkpoint")
    no_sort: bool = option(False, doc="the annotation is sorted")
    keep_db: bool = option(False, doc="keep the DuckDB file of loci")
    merge_into: str | None = option(None, doc="annotation to be given the new transcripts")
    hints: str | None = option(None, doc="GFF or BED of introns that evidence speaks for")
    hints_source: str | None = option(None, doc="only rows of this source, column 2 of GFF")
    gm_key: str = option("GM", doc="attribute that names the gene a locus was given as")
    search: SearchConfig = option(default_factory=SearchConfig, doc="how sentences are chosen")
    constraint: Literal["orf", "grammar"] | None = option(None, doc="as the model says, or one of these")


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
    genome, output = Genome.open(job.fasta), Path(job.output)
    model = load_writer(job)
    config = model.config
    assert isinstance(config, GenerateModelConfig)
    if job.hints is not None and config.hints is None:
        raise InputError("the model reads no evidence", where="--hints", remedy="train one with model.hints")
    junctions = Junctions() if job.hints is None else read_junctions(job.hints, genome.lengths, job.hints_source)
    checkpoint = Path(job.checkpoint_path or f"{output}.ckpt.json")
    fingerprint = _fingerprint(job)
    journal = Journal(checkpoint, fingerprint, resume=job.resume)
    database = output.with_name(output.name + ".loci.duckdb")
    database.parent.mkdir(parents=True, exist_ok=True)
    total = write_database(database, _loci(job, genome.lengths), genome, config.flank)
    _log.info("%d loci, %d batches done before", total, journal.batches)
    dataset = LocusDataset(database)
    annotator = Annotator(model, job.search, precision=job.precision, compiled=job.compile)
    results = annotate_loci(
        dataset,
        lambda loci: annotator([_with_hints(locus, junctions) for locus in loci]),
        journal,
        batch_size=job.batch_size,
        num_workers=job.num_workers,
        prefetch_factor=job.prefetch_factor,
    )
    dataset.close()
    assert len(results) == total
    rejects = job.reject_output or f"{output}.rejects.txt"
    provenance = {"model": Path(job.model).name, "run": fingerprint}
    counts = write_results(output, rejects, results, genome.lengths, provenance, job.merge_into, job.gm_key)
    journal.remove()
    if not job.keep_db:
        database.unlink()
    print(
        f"{total} loci: {counts['accepted']} accepted, {counts['repaired']} repaired, {counts['rejected']} rejected"
        f" ({counts['failed']} for an error): {output}, {rejects}"
    )
    return FAILED if counts["failed"] else 0


def load_writer(job: AnnotationJob) -> nn.Module:
    """Return the model of a job on its device: a folder of this family, or a checkpoint of `transformers`."""
    device = named_device(job.device)
    path = Path(job.model) / CONFIG
    ours = path.is_file() and json.loads(path.read_text(encoding="utf-8")).get("family") == FAMILY
    model: nn.Module = (
        load_model(job.model)
        if ours
        else PublishedModel(job.model, revision=job.revision, trust_remote_code=job.trust_remote_code)
    )
    if job.constraint is not None:
        assert isinstance(model.config, GenerateModelConfig)
        model.config = replace(model.config, constraint=job.constraint)
    return model.to(device)


def _loci(job: AnnotationJob, lengths: Mapping[str, int]) -> list[Locus]:
    """Return the loci of a job; an annotation that is not said to be sorted is sorted and repaired first."""
    if job.no_sort or Path(job.loci).name.removesuffix(".gz").endswith(".bed"):
        return read_loci(job.loci, lengths)
    with tempfile.TemporaryDirectory(prefix="genescribe-") as scratch:
        target = Path(scratch) / "sorted.gff3"
        sort_annotation(job.loci, target, sorter="auto")
        return read_loci(target, lengths)


def _with_hints(locus: LocusWindow, junctions: Junctions) -> LocusWindow:
    return replace(locus, hints=junctions.within(locus.seqid, locus.offset, locus.offset + len(locus.codes)))


def _fingerprint(job: AnnotationJob) -> str:
    """Return a digest of all that the results depend on: inputs, model, options."""
    kept = {name: value for name, value in to_mapping(job).items() if name not in _NEUTRAL}
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
        kept.pop(name, None)
    kept["model"] = folder.name if folder.is_dir() else job.model
    return hashlib.sha256(json.dumps([kept, files], sort_keys=True).encode()).hexdigest()
