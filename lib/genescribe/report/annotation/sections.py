"""The sections of an annotation's report."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence

import numpy as np

from genescribe import __version__
from genescribe.evidence.collect import given_files
from genescribe.evidence.table import SOURCES, EvidenceTable
from genescribe.figures.blocks import Block, Cell, Facts, Particulars, Row, Section, Table, Text
from genescribe.genome.products import PROTEINS
from genescribe.models import read_card
from genescribe.predict.config import PredictConfig
from genescribe.predict.progress import reason_of
from genescribe.report.annotation import charts
from genescribe.report.annotation.cautions import cautions, share
from genescribe.report.annotation.comparison import comparison
from genescribe.report.annotation.completeness import FAILED
from genescribe.report.annotation.evidence import Support, support_of
from genescribe.report.annotation.finished import Annotation
from genescribe.report.annotation.numbers import BaseCounts, GeneNumbers, count_bases, count_genes, masked_genes
from genescribe.report.annotation.places import places
from genescribe.report.tables import completeness

LEAST = (0.0, 0.5, 0.8, 0.9, 0.95, 0.99)
"""Thresholds of probability that a table shows."""
_KINDS = {
    "intron": "introns",
    "start": "start codons",
    "stop": "stop codons",
    "CDSpart": "parts of coding exons",
    "exonpart": "parts of exons",
    "nonexonpart": "stretches without exons",
}
_SOURCES = {"rna": "RNA-seq reads", "protein": "proteins", "manual": "hints"}
_NO_SCORES = "The genes have no probabilities: they were not computed (--no-posteriors), or the model gives none."
_UNCHANGED = ("workers", "device", "chunk")
"""Options that do not change the genes."""


def sections_of(annotation: Annotation) -> list[Section]:
    """Return all sections of the report."""
    bases = count_bases(annotation.genome, annotation.pieces)
    numbers = count_genes(annotation.genes, annotation.pieces)
    in_repeats = masked_genes(annotation.genes, annotation.genome) if bases.masked else 0
    table = annotation.evidence_table()
    support = None if table is None else support_of(annotation.genes)
    warnings = [*annotation.warnings, *cautions(bases, numbers, in_repeats, annotation.config.min_posterior)]
    return [
        _summary(annotation, bases, numbers, warnings),
        _input(annotation, bases, table),
        comparison(annotation, bases, numbers),
        _probabilities(numbers),
        *([] if support is None or table is None or not numbers else [_support(support, table)]),
        _completeness(annotation, bases),
        *places(annotation, table),
        _next(annotation),
    ]


def _summary(annotation: Annotation, bases: BaseCounts, numbers: GeneNumbers, warnings: Sequence[str]) -> Section:
    facts = [(f"{len(numbers):,}", "genes", f"{1e6 * len(numbers) / max(bases.total, 1):,.1f} per Mb")]
    known, right = numbers.expected_right()
    if known:
        facts.append((f"{right:,.0f}", "expected to be exactly right", f"{share(right, known)} of the genes"))
    if len(numbers):
        single = share(int((numbers.exons == 1).sum()), len(numbers))
        facts.append((f"{numbers.exons.mean():.2f}", "coding exons per gene", f"{single} have one"))
        median = int(np.percentile(numbers.coding, 50, method="lower"))
        facts.append((f"{numbers.coding.mean():,.0f}", "coding bases per gene", f"median {median:,}"))
        coding = share(numbers.coding_bases, bases.total)
        decimals = 2 if bases.total < 100_000_000 else 0
        facts.append((coding, "of the bases are coding", f"of {bases.total / 1e6:,.{decimals}f} Mb"))
    blocks: list[Block] = [Facts(facts)]
    blocks += [Text(line, "warning") for line in warnings]
    if not warnings:
        blocks.append(
            Text(
                "No warning: genes per Mb, coding bases and exons per gene are like those of the training genomes, "
                "as far as the model knows them, and probabilities are not low. That is no proof that the genes are "
                "right.",
                "note",
            )
        )
    return Section("Summary", blocks)


def _input(annotation: Annotation, bases: BaseCounts, table: EvidenceTable | None) -> Section:
    gap = share(bases.total - bases.known, bases.total)
    total = sum(annotation.genome.lengths.values())
    size = f"{bases.total:,} bases of {bases.sequences:,} sequence{'' if bases.sequences == 1 else 's'}"
    items = [
        ("genome", annotation.genome.path.name),
        ("annotated", size if total == bases.total else f"{size}, of {total:,} bases in the file"),
        (
            "composition",
            f"{share(bases.gc, bases.known)} G or C, {gap} N, {share(bases.masked, bases.total)} soft-masked",
        ),
        *_model(annotation),
    ]
    if "species" in annotation.provenance:
        species = str(annotation.provenance["species"])
        items.append(("species parameters", f"{species}: {reason_of(annotation.provenance)}"))
    items.append(("options", _options(annotation.config)))
    if codes := str(annotation.provenance.get("genetic-codes", "")):
        items.append(("genetic codes", codes))
    if table is not None and annotation.evidence is not None:
        items.append(("evidence", _files(given_files(annotation.evidence)) or "as collected"))
        rows = [f"{count:,} {_KINDS[kind]}" for kind, count in table.counts().items()]
        items.append(("evidence, read", ", ".join(rows) or "nothing"))
    if annotation.rejects:
        reasons = Counter(str(row["reason"]) for row in annotation.rejects)
        ordered = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
        items.append(("not written", "; ".join(f"{count:,} × {reason}" for reason, count in ordered)))
    items.append(("version", f"genescribe {__version__}"))
    digests = [(name, str(value)) for name, value in annotation.provenance.items() if name.endswith("sha256")]
    rows_of = [Row(name, [Cell(value)]) for name, value in digests]
    blocks: list[Block] = [Particulars(items)]
    if rows_of:
        blocks.append(Table("Digests of what the genes were predicted with", "of", ["SHA-256"], rows_of, folded=True))
    return Section("Input and model", blocks)


def _model(annotation: Annotation) -> list[tuple[str, str]]:
    card = read_card(str(annotation.model))
    lines = [("model", f"{card.name}: {annotation.provenance.get('model', 'of no known family')}")]
    lines += [("meant for", card.species)] if card.species != "not said" else []
    return lines + ([("trained on", card.trained_on)] if card.trained_on != "not said" else [])


def _options(config: PredictConfig) -> str:
    """Return the options that are not the default ones, as they are typed."""
    usual = PredictConfig()
    changed = []
    for field in dataclasses.fields(config):
        value, name = getattr(config, field.name), field.name.replace("_", "-")
        if field.name in _UNCHANGED or value == getattr(usual, field.name):
            continue
        changed.append(f"--{name} {value}" if not isinstance(value, bool) else f"--{'' if value else 'no-'}{name}")
    return " ".join(changed) or "all by default"


def _files(files: dict[str, list[str]]) -> str:
    return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in files.items() if names)


def _probabilities(numbers: GeneNumbers) -> Section:
    title = "How sure the model is"
    if not len(numbers.known_scores):
        return Section(title, [Text(_NO_SCORES, "note")] if len(numbers) else [])
    text = Text(
        "The probability of a gene is that of its whole coding sequence, every exon from start to stop. Their sum is "
        "the number of genes to expect to be exactly right, if the genome is like those that the model was trained on."
    )
    rows = []
    for least in LEAST:
        kept, right = numbers.expected_right(least)
        cells = [Cell(f"{kept:,}"), Cell(f"{right:,.0f}"), Cell(share(right, kept))]
        rows.append(Row("all genes" if not least else f"{least:g} or more", cells))
    table = Table(
        "Genes that have at least this probability (--min-posterior), and how many of them to expect to be right.",
        "probability",
        ["genes", "expected right", "share"],
        rows,
    )
    caption = (
        f"Left: genes in {charts.BINS} bins of probability. Right: all genes, the most probable first; the coloured "
        "area is the number of right ones to expect."
    )
    return Section(title, [text, charts.probabilities(numbers, caption), table])


def _support(support: Support, table: EvidenceTable) -> Section:
    total = sum(support.genes.values())
    introns = [f"{count:,} from {_SOURCES[SOURCES[source]]}" for source, count in enumerate(table.introns()) if count]
    supported = f"{support.supported:,} ({share(support.supported, support.introns)})"
    text = [f"Of {support.introns:,} introns of the genes, {supported} are in the evidence."]
    if introns:
        text.append(f"The evidence has introns of the whole genome: {', '.join(introns)}.")
    if "CDSpart" in table.counts():
        aligned = f"{support.proteins:,} genes ({share(support.proteins, total)})"
        text.append(f"Of {aligned}, at least half of the coding bases are aligned to one protein.")
    if "exonpart" in table.counts():
        covered = f"{support.covered:,} genes ({share(support.covered, total)})"
        text.append(f"Reads cover at least half of the coding bases of {covered}.")
    caption = (
        "Genes by the support of their introns. One without support may be right: it may not have been expressed. The "
        "probabilities are no second opinion, as the model has read the evidence too."
    )
    return Section("Support by evidence", [Text(" ".join(text)), charts.support(support, caption)])


def _completeness(annotation: Annotation, bases: BaseCounts) -> Section:
    counts, prefix = annotation.completeness, annotation.prefix
    if counts is None or FAILED in counts:
        why = "" if counts is None else f": BUSCO failed ({counts[FAILED]})"
        option = "--busco LINEAGE" if prefix else "--config busco=LINEAGE"
        text = (
            f"Not measured{why}. Install BUSCO (apt install busco) and annotate again with {option}, for example "
            "fungi_odb10 (busco --list-datasets names all), or run it on the proteins:"
        )
        command = Text(f"busco -i {prefix}{PROTEINS} -m proteins -l LINEAGE -o busco", "code")
        return Section("Completeness", [Text(text), command])
    lineage = counts["lineage"]
    name, version = lineage.get("name", "the lineage"), counts["versions"].get("busco", "")
    caption = (
        f"Genes that nearly all species of {name} have once, looked for in one protein per gene (BUSCO {version}, "
        f"{counts['total']:,} genes, dataset of {lineage.get('creation_date', 'unknown date')})."
    )
    blocks: list[Block] = [
        completeness({"this annotation": counts}, caption),
        Text(
            "Many missing or fragmented ones mean that genes were missed or broken, or that the assembly lacks them: "
            "BUSCO on the genome itself (-m genome) tells which. Many duplicated ones are usual in polyploids; "
            "elsewhere they point to haplotypes that were assembled twice."
        ),
    ]
    if bases.total < sum(annotation.genome.lengths.values()):
        blocks.append(Text("Only a part of the genome was annotated: genes elsewhere count as missing.", "note"))
    return Section("Completeness", blocks)


def _next(annotation: Annotation) -> Section:
    prefix, suffix = annotation.prefix, annotation.suffix
    # The files of a command lie beside each other under one name; a job of the workflow has a folder for them.
    more = f"--min-posterior 0.8 -o {prefix}sure{suffix}" if prefix else "--config min_posterior=0.8"
    blocks: list[Block] = [
        Text("Fewer genes, more of them right: the same command again, with"),
        Text(more, "code"),
        Text(
            "Other programs, such as InterProScan or eggNOG-mapper, predict what the proteins in "
            f"{prefix}{PROTEINS} do. All genes are in {annotation.name}."
        ),
    ]
    return Section("Next steps", blocks)
