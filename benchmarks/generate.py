"""The generate family on C. elegans small genes: accuracy beside baselines, isoforms. Writes a table and JSON.

    python benchmarks/generate.py --model MODEL --fasta genome.fa --catalogue catalogue.duckdb --baked DIR \
        --against augustus=FILE --output benchmarks/results/generate

The loci are those of the baked folder's test split; each method answers on the strand of the locus. The longest open
reading frame of the locus is a baseline that knows neither introns nor isoforms.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import torch

from genescribe import __version__
from genescribe.evaluate.accuracy import summarize, tally
from genescribe.evaluate.baselines import open_frames
from genescribe.evaluate.bootstrap import intervals, paired_intervals
from genescribe.evaluate.tools.augustus import augustus
from genescribe.files import read_json, sha256, write_json, write_text
from genescribe.generate.annotation.annotate import Annotator, LocusResult, LocusWindow
from genescribe.generate.annotation.search import SearchConfig
from genescribe.generate.loci.bake import LOCI
from genescribe.generate.model import load_model
from genescribe.genome.alphabet import reverse_complement
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.genome.catalogue.database import Catalogue
from genescribe.genome.fasta import Genome
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Gene, Transcript, mirror
from genescribe.labels.decode import validate_gene

SHOWN = ("base", "exon", "intron_chain", "transcript", "gene")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--model", type=Path, action="append", default=[], required=True)
    arguments.add_argument("--fasta", type=Path, required=True)
    arguments.add_argument("--catalogue", type=Path, required=True)
    arguments.add_argument("--baked", type=Path, required=True)
    arguments.add_argument("--split", default="test")
    arguments.add_argument("--augustus", help="species")
    arguments.add_argument("--against", action="append", default=[], metavar="NAME=GFF")
    arguments.add_argument("--methods", nargs="+", default=["greedy"], help="greedy, beam, sample")
    arguments.add_argument("--beams", type=int, default=4)
    arguments.add_argument("--output", type=Path, required=True, help="without suffix")
    args = arguments.parse_args()
    torch.set_num_threads(1)
    genome, code = Genome.open(args.fasta), GeneticCode.from_table(1)
    with duckdb.connect(str(args.baked / LOCI), read_only=True) as connection:
        query = "SELECT gene FROM loci WHERE split = ? ORDER BY key"
        names = {row[0] for row in connection.execute(query, [args.split]).fetchall()}
    truth = [gene for gene in Catalogue(args.catalogue).genes() if gene.id in names]
    truth = [replace(gene, transcripts=coding(gene)) for gene in truth]
    rows: dict[str, list[Gene]] = {"longest ORF": [longest(gene, genome, code) for gene in truth]}
    details: dict[str, Any] = {}
    for folder in args.model:
        for method in args.methods:
            search = SearchConfig(method, args.beams)  # type: ignore[arg-type]
            results, seconds = annotate(folder, truth, genome, search)
            name = f"{folder.parent.name} {method}"
            rows[name] = [result.gene for result in results if result.gene is not None]
            details[name] = described(results, truth, genome, code) | {"cpu_seconds": round(seconds, 2)}
    if args.augustus:
        rows["augustus"] = on_strand(
            augustus(genome, args.augustus, [(g.seqid, 0, None) for g in truth], jobs=1), truth
        )
    for text in args.against:
        name, _, path = text.partition("=")
        places = {gene.seqid for gene in truth}
        rows[name] = on_strand([gene for gene in read_genes(path) if gene.seqid in places], truth)
    # A coding sequence is right or wrong once, however many untranslated ends it is written with.
    accuracy = compare(distinct(truth), {name: distinct(genes) for name, genes in rows.items()})
    report = {
        "version": __version__,
        "loci": len(truth),
        "models": {folder.parent.name: provenance(folder) for folder in args.model},
        "accuracy": accuracy,
        "accuracy_with_repeats": compare(truth, rows),
        "details": details,
    }
    write_json(f"{args.output}.json", report)
    write_text(f"{args.output}.md", table(report))
    print(table(report))


def distinct(genes: list[Gene]) -> list[Gene]:
    """Return the genes with one transcript a coding sequence."""
    return [replace(gene, transcripts=tuple({t.cds: t for t in gene.transcripts}.values())) for gene in genes]


def coding(gene: Gene) -> tuple[Transcript, ...]:
    return tuple(t for t in gene.transcripts if t.cds)


def provenance(folder: Path) -> dict[str, Any]:
    stored = read_json(folder / "provenance.json")
    size = sum(p.numel() for p in load_model(folder).parameters())
    return {"parameters": size, "steps": stored["steps"], "weights_sha256": sha256(folder / "model.safetensors")}


def longest(gene: Gene, genome: Genome, code: GeneticCode) -> Gene:
    """Return the longest open reading frame of the locus on its strand, as a gene."""
    frames = [f for f in open_frames(genome.codes(gene.seqid), code, 6) if f[2] == gene.strand]
    start, end, _ = max(frames, key=lambda f: (f[1] - f[0], -f[0]))
    cds = ((start, end),)
    return Gene(f"{gene.id}.orf", gene.seqid, gene.strand, (Transcript(f"{gene.id}.orf.t", cds, cds),))


def on_strand(found: list[Gene], truth: list[Gene]) -> list[Gene]:
    """Return the genes on the strand of their locus: the strand is given to every method."""
    strand = {gene.seqid: gene.strand for gene in truth}
    return [gene for gene in found if strand[gene.seqid] == gene.strand]


def windows(truth: list[Gene], genome: Genome) -> list[LocusWindow]:
    return [LocusWindow(g.id, g.seqid, g.start, g.end, g.strand, 0, genome.codes(g.seqid)) for g in truth]


def annotate(folder: Path, truth: list[Gene], genome: Genome, search: SearchConfig) -> tuple[list[LocusResult], float]:
    annotator = Annotator(load_model(folder), search)
    loci = windows(truth, genome)
    order = np.argsort([len(locus.codes) for locus in loci])
    results: dict[int, LocusResult] = {}
    started = time.process_time()
    for begin in range(0, len(order), 16):
        chosen = order[begin : begin + 16].tolist()
        for number, result in zip(chosen, annotator([loci[i] for i in chosen]), strict=True):
            results[number] = result
    return [results[i] for i in range(len(loci))], time.process_time() - started


def described(results: list[LocusResult], truth: list[Gene], genome: Genome, code: GeneticCode) -> dict[str, Any]:
    """Return how many loci were accepted, valid reading frames, and how the additional isoforms fare."""
    counts = {status: sum(r.status == status for r in results) for status in ("accepted", "repaired", "rejected")}
    valid = total = several = right = wanted = said = 0
    for gene, result in zip(truth, results, strict=True):
        first, *others = dict.fromkeys(t.cds for t in gene.transcripts)
        wanted += len(others)
        if result.gene is None:
            continue
        codes = genome.codes(gene.seqid)
        turned = result.gene if gene.strand == "+" else mirror(result.gene, len(codes))
        strand = codes if gene.strand == "+" else reverse_complement(codes)
        total += len(turned.transcripts)
        valid += sum(validate_gene(t, strand, code, alternative_starts=False) is None for t in turned.transcripts)
        chains = dict.fromkeys(t.cds for t in sorted(result.gene.transcripts, key=lambda t: -(t.score or 0)))
        extra = list(chains)[1:]
        several += len(chains) > 1
        said += len(extra)
        right += sum(cds in {first, *others} for cds in extra)
    found = {"wanted": wanted, "said": said, "right": right, "loci_with_several": several}
    return {**counts, "valid_orfs": valid, "transcripts": total, "additional_isoforms": found}


def compare(truth: list[Gene], rows: dict[str, list[Gene]]) -> dict[str, Any]:
    names = list(rows)
    counts = tally(truth, *rows.values())
    result: dict[str, Any] = {}
    for name, mine in zip(names, counts, strict=True):
        values = summarize(mine.sum(axis=0))
        spread, gain = intervals(mine), paired_intervals(counts[0], mine)
        result[name] = {
            level: {
                "sensitivity": values[level]["sensitivity"],
                "precision": values[level]["precision"],
                "f1": values[level]["f1"],
                "interval": spread[level]["f1"],
                "above_longest_orf": gain[level]["f1"],
            }
            for level in SHOWN
        }
    return result


def table(report: dict[str, Any]) -> str:
    lines = [
        f"{report['loci']} loci; F1 on distinct coding sequences with 95% bootstrap intervals",
        "",
        "| method | exon | intron chain | transcript | gene |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, levels in report["accuracy"].items():
        cells = []
        for level in SHOWN[1:]:
            entry = levels[level]
            spread = entry["interval"]
            shown = "-" if entry["f1"] is None else f"{100 * entry['f1']:.1f}"
            cells.append(shown if spread is None else f"{shown} ({100 * spread[0]:.1f}-{100 * spread[1]:.1f})")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
