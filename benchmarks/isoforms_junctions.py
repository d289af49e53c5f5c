"""Additional coding sequences of a gene as candidates that a classifier calls present or not.

    python benchmarks/isoforms_junctions.py collect --model models/plants --fasta FASTA --annotation GFF \
        --regions Chr1,Chr2 --junctions GFF --output chr1.npz
    python benchmarks/isoforms_junctions.py fit --train chr1.npz --validation chr4.npz --test chr5.npz \
        --output FILE.json

`collect` annotates regions with a segment model. With junctions, which the model uses as well, candidates are those of
`benchmarks/isoform_candidates.py`. Without, they are the coding sequence of a gene with one change: another
donor, acceptor or start codon, exons skipped, an exon added, an intron kept or added; the kind of change is then a
feature as well. `fit` learns a logistic regression on genes of which the first coding sequence is right, and applies it
to others of that kind: recall of the annotated additional coding sequences, and precision, at each least probability,
with 95% bootstrap intervals over genes.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from isoform_candidates import FAR, LEAST, Exons, GeneWindow, candidates, described
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from genescribe.cli import comma_list, parser, run
from genescribe.evidence.table import INTRON, STRANDS, Collector, EvidenceTable
from genescribe.evidence.text import read_text
from genescribe.families import predictor_for
from genescribe.files import write_json
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.genome.fasta import Genome
from genescribe.genome.model import Gene, Interval
from genescribe.genome.repair.sort import sort_annotation
from genescribe.genome.strand import GenomeStrand
from genescribe.labels.gene import GeneScheme
from genescribe.predict.config import PredictConfig
from genescribe.predict.stretches import Piece, pieces_of
from genescribe.segment.prediction.predictor import SegmentPredictor

FLANK = 1500
"""Bases beside a gene in which its other exons are looked for, without junctions."""
SHIFT, WEAKER, KEPT = 400, 8.0, 6
"""How far, and by how many nats weaker, another donor or acceptor may be; best pairs of sites that are tried."""
THRESHOLDS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6)
DRAWS = 1000


def main() -> None:
    arguments = parser(__doc__)
    commands = arguments.add_subparsers(dest="command", required=True)
    first = commands.add_parser("collect", help="write the candidates of some regions")
    first.add_argument("--model", type=Path, required=True, help="folder of a segment model")
    first.add_argument("--fasta", type=Path, required=True, help="genome")
    first.add_argument("--annotation", type=Path, required=True, help="reference, repaired before it is read")
    first.add_argument("--regions", type=comma_list, required=True, help="where")
    first.add_argument("--junctions", type=Path, help="introns of reads")
    first.add_argument("--output", type=Path, required=True, help="NPZ file to write")
    second = commands.add_parser("fit", help="learn, choose a least probability, and score")
    for name in ("train", "validation", "test"):
        second.add_argument(f"--{name}", type=Path, nargs="+", required=True, help="NPZ files")
    second.add_argument("--precision", type=float, default=0.6, help="wanted on validation")
    second.add_argument("--output", type=Path, required=True, help="JSON file to write")
    args = arguments.parse_args()
    torch.set_num_threads(1)
    if args.command == "collect":
        np.savez(args.output, **collect(args))
    else:
        fit(args)


# -- candidates ------------------------------------------------------------------------------------------------------
def collect(args: argparse.Namespace) -> dict[str, NDArray[Any]]:
    """Return the candidates of genes of which the first coding sequence is right, and a row a gene."""
    genome = Genome.open(args.fasta)
    config = PredictConfig(workers=1, posteriors=False)
    pieces = pieces_of(genome, args.regions, config.flank, where=args.fasta)
    rows: list[tuple[int, bool, tuple[float, ...]]] = []
    additional: list[int] = []
    predicted = 0
    with tempfile.TemporaryDirectory() as scratch:
        repaired = Path(scratch) / "reference.gff3"
        sort_annotation(args.annotation, repaired)
        reference = read_genes(repaired)
        evidence, reads = None, None
        if args.junctions:
            collector = Collector(genome.lengths)
            read_text(args.junctions, collector)
            reads, evidence = collector.table(), Path(scratch) / "evidence"
            reads.save(evidence)
        factory = cast(Any, predictor_for(args.model, genome, pieces, config, evidence))
        predictor: SegmentPredictor = factory()
        for piece, strand, scores, cds in genes_of(predictor, factory.both_strands, genome, pieces, config):
            predicted += 1
            truth = next((every for every in annotated(reference, piece, strand) if cds in every), None)
            if truth is None:
                continue
            far = FLANK if reads is None else FAR
            low, high = max(0, cds[0][0] - far), min(len(strand), cds[-1][1] + far)
            gene = window_of(predictor, strand, scores, cds, low, high)
            found = every_change(gene) if reads is None else candidates(gene, introns_of(reads, strand, low, high))
            known = {_moved(one, low) for one in truth}
            rows += [(len(additional), one in known, features) for one, features in found]
            additional.append(len(truth) - 1)
    present = np.array([one[1] for one in rows], dtype=bool)
    print(
        f"{predicted} genes, {len(additional)} with a right coding sequence, {sum(additional)} additional ones "
        f"annotated, {present.sum()} among {len(present)} candidates"
    )
    return {
        "features": np.array([one[2] for one in rows], dtype=np.float64).reshape(len(present), -1),
        "present": present,
        "gene": np.array([one[0] for one in rows], dtype=np.int64),
        "additional": np.array(additional, dtype=np.int64),
    }


def genes_of(
    predictor: SegmentPredictor, together: bool, genome: Genome, pieces: Sequence[Piece], config: PredictConfig
) -> Iterator[tuple[Piece, GenomeStrand, NDArray[np.float32], Exons]]:
    """Yield the complete genes of a model with the scores of their strands."""
    for piece in pieces:
        strands = [GenomeStrand(genome, piece.seqid, piece.start, piece.end, strand) for strand in "+-"]
        rows = [predictor.read(strand, 0, len(strand)) for strand in strands]
        if together:
            found = predictor.finish_both(strands, rows, config)
        else:
            found = [predictor.finish(*both, config) for both in zip(strands, rows, strict=True)]
        for strand, scores, prediction in zip(strands, rows, found, strict=True):
            for transcript in (one.transcript for one in prediction.transcripts):
                low, high = transcript.cds[0][0], transcript.cds[-1][1]
                if strand.place[3] == "-":
                    low, high = len(strand) - high, len(strand) - low
                if piece.wants(piece.start + low, piece.start + high) and not transcript.partial5 | transcript.partial3:
                    yield piece, strand, scores, transcript.cds


def window_of(
    predictor: SegmentPredictor, strand: GenomeStrand, scores: NDArray[np.float32], cds: Exons, low: int, high: int
) -> GeneWindow:
    """Return a gene in a window, scored without evidence."""
    p = predictor.potentials(strand, scores, low, high)
    scheme = cast(GeneScheme, predictor.model.scheme)
    return GeneWindow(_moved(cds, low), low, strand[low:high], p, scheme, predictor.code)


def _moved(cds: Exons, low: int) -> Exons:
    return tuple((a - low, b - low) for a, b in cds)


def annotated(reference: Sequence[Gene], piece: Piece, strand: GenomeStrand) -> Iterator[list[Exons]]:
    """Yield the distinct coding sequences of each gene on a strand, in its coordinates."""
    _, start, end, sign = strand.place
    for gene in reference:
        if gene.seqid == piece.seqid and gene.strand == sign and start <= gene.start and gene.end <= end:
            every = dict.fromkeys(t.cds for t in gene.transcripts if t.cds)
            turned = (cds if sign == "+" else tuple((end - b, end - a) for a, b in reversed(cds)) for cds in every)
            yield [_moved(cds, start) if sign == "+" else cds for cds in turned]


def introns_of(reads: EvidenceTable, strand: GenomeStrand, low: int, high: int) -> dict[Interval, float]:
    """Return the introns that reads support in the window ``[low, high)`` of a strand, in its coordinates."""
    seqid, start, end, sign = strand.place
    found: dict[Interval, float] = {}
    for row in reads.on(seqid, start, end):
        if row["kind"] == INTRON and int(row["strand"]) in (0, STRANDS.index(sign) - 1):
            a, b = int(row["start"]) - start, int(row["end"]) - start
            a, b = (a, b) if sign == "+" else (len(strand) - b, len(strand) - a)
            if low <= a and b <= high:
                found[a - low, b - low] = found.get((a - low, b - low), 0.0) + float(row["weight"])
    return found


def every_change(gene: GeneWindow) -> Iterator[tuple[Exons, tuple[float, ...]]]:
    """Yield what a gene becomes by one change that the model does not find too improbable, with features."""
    own, seen = gene.score(gene.cds), {gene.cds}
    kinds = list(CHANGES)
    for kind, change in CHANGES.items():
        for exons in change(gene):
            cds = gene.read(exons)
            if cds is None or cds in seen:
                continue
            seen.add(cds)
            odds = gene.score(cds) - own
            if odds >= LEAST:
                yield cds, (*described(gene, cds, odds, {}), *(float(kind == name) for name in kinds))


def _sites(scores: NDArray[np.float64], low: int, high: int, least: float) -> list[int]:
    low, high = max(low, 0), min(high, len(scores))
    return (low + np.flatnonzero(scores[low:high] >= max(least, -1e9))).tolist() if low < high else []


def _donors(gene: GeneWindow) -> Iterator[Exons]:
    e = gene.cds
    for i, ((start, donor), (acceptor, _)) in enumerate(pairwise(e)):
        low, high = max(start + 2, donor - SHIFT), min(acceptor, donor + SHIFT)
        for x in _sites(gene.donor, low, high, gene.donor[donor] - WEAKER):
            yield (*e[:i], (start, x), *e[i + 1 :])


def _acceptors(gene: GeneWindow) -> Iterator[Exons]:
    e = gene.cds
    for i, ((_, donor), (acceptor, end)) in enumerate(pairwise(e)):
        low, high = max(donor, acceptor - SHIFT), min(end - 2, acceptor + SHIFT)
        for x in _sites(gene.acceptor, low, high, gene.acceptor[acceptor] - WEAKER):
            yield (*e[: i + 1], (x, end), *e[i + 2 :])


def _kept(gene: GeneWindow) -> Iterator[Exons]:
    e = gene.cds
    for i in range(len(e) - 1):
        yield (*e[:i], (e[i][0], e[i + 1][1]), *e[i + 2 :])


def _skipped(gene: GeneWindow) -> Iterator[Exons]:
    e = gene.cds
    for i in range(1, len(e) - 1):
        for j in range(i + 1, min(i + 3, len(e))):
            yield (*e[:i], *e[j:])


def _added(gene: GeneWindow) -> Iterator[Exons]:
    e = gene.cds
    for i, ((_, donor), (acceptor, _)) in enumerate(pairwise(e)):
        first = _sites(gene.acceptor, donor, acceptor, gene.acceptor[acceptor] - WEAKER)
        second = _sites(gene.donor, donor, acceptor, gene.donor[donor] - WEAKER)
        pairs = [(x, y) for x in first for y in second if 10 <= y - x <= SHIFT]
        for x, y in sorted(pairs, key=lambda pair: -(gene.acceptor[pair[0]] + gene.donor[pair[1]]))[:KEPT]:
            yield (*e[: i + 1], (x, y), *e[i + 1 :])


def _split(gene: GeneWindow) -> Iterator[Exons]:
    e = gene.cds
    for i, (start, end) in enumerate(e):
        first, second = _sites(gene.donor, start + 3, end, 0.0), _sites(gene.acceptor, start, end - 2, 0.0)
        pairs = [(x, y) for x in first for y in second if y - x >= 40]
        for x, y in sorted(pairs, key=lambda pair: -(gene.donor[pair[0]] + gene.acceptor[pair[1]]))[:KEPT]:
            yield (*e[:i], (start, x), (y, end), *e[i + 1 :])


def _later(gene: GeneWindow) -> Iterator[Exons]:
    bases = np.concatenate([np.arange(*exon) for exon in gene.cds])
    for x in [int(x) for x in bases[3:-6:3] if gene.start[x] > -np.inf][:KEPT]:
        rest = [exon for exon in gene.cds if exon[1] > x]
        yield ((x, rest[0][1]), *rest[1:])


def _earlier(gene: GeneWindow) -> Iterator[Exons]:
    read = 0
    for i, (start, end) in enumerate(gene.cds):
        low = max(start - 600, gene.cds[i - 1][1] if i else 0, 0)
        for x in range(start - (read % 3 or 3), low, -3):
            if gene.start[x] > -np.inf:
                yield ((x, end), *gene.cds[i + 1 :])
        read += end - start


CHANGES = {
    "donor": _donors,
    "acceptor": _acceptors,
    "kept": _kept,
    "skipped": _skipped,
    "added": _added,
    "split": _split,
    "later": _later,
    "earlier": _earlier,
}


# -- learning --------------------------------------------------------------------------------------------------------
def fit(args: argparse.Namespace) -> None:
    parts = {name: _joined(getattr(args, name)) for name in ("train", "validation", "test")}
    scaler, model = StandardScaler(), LogisticRegression(C=0.1, max_iter=5000)
    model.fit(scaler.fit_transform(parts["train"]["features"]), parts["train"]["present"])
    report: dict[str, Any] = {"genes": {}, "curves": {}}
    for name, part in parts.items():
        chances = model.predict_proba(scaler.transform(part["features"]))[:, 1]
        report["genes"][name] = {
            "genes": len(part["additional"]),
            "additional": int(part["additional"].sum()),
            "candidates": len(part["present"]),
            "present": int(part["present"].sum()),
        }
        if name != "train":
            report["curves"][name] = [rates(part, chances, least) for least in THRESHOLDS]
    enough = [row for row in report["curves"]["validation"] if (row["precision"] or 0) >= args.precision]
    report["chosen"] = max(enough, key=lambda row: row["right"])["least"] if enough else None
    write_json(args.output, report)
    print(report["genes"], "chosen", report["chosen"])
    for name, rows in report["curves"].items():
        print(name, *(f"\n  {row}" for row in rows))


def _joined(paths: Sequence[Path]) -> dict[str, NDArray[Any]]:
    """Return the tables of some files as one."""
    tables, before = [dict(np.load(path)) for path in paths], 0
    for table in tables:
        table["gene"] = table["gene"] + before
        before += len(table["additional"])
    return {
        name: np.concatenate([table[name] for table in tables if name == "additional" or len(table["present"])])
        for name in tables[0]
    }


def rates(part: Mapping[str, NDArray[Any]], chances: NDArray[np.float64], least: float) -> dict[str, Any]:
    """Return counts, recall and precision at a least probability, with intervals."""
    size, chosen = len(part["additional"]), chances >= least
    written = np.bincount(part["gene"][chosen], minlength=size)
    right = np.bincount(part["gene"][chosen & part["present"]], minlength=size)
    draws = np.random.default_rng(0).integers(size, size=(DRAWS, size))
    found: dict[str, Any] = {"least": least}
    found |= {"annotated": int(part["additional"].sum()), "written": int(written.sum()), "right": int(right.sum())}
    for name, whole in (("recall", part["additional"]), ("precision", written)):
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn = right[draws].sum(axis=1) / whole[draws].sum(axis=1)
        found[name] = round(float(right.sum() / whole.sum()), 3) if whole.any() else None
        known = drawn[np.isfinite(drawn)]
        found[f"{name}_interval"] = np.percentile(known, [2.5, 97.5]).round(3).tolist() if len(known) else None
    return found


if __name__ == "__main__":
    run(main)
