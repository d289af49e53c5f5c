"""Lengths of genes and their parts: counted, added up, summarised."""

from __future__ import annotations

import json

from genescribe.evaluate.perturb import random_genes
from genescribe.genome.gene_lengths import PARTS, LengthCounts, summary_of
from genescribe.genome.model import Interval, Transcript


def transcript(*cds: Interval) -> Transcript:
    return Transcript("t", cds or ((0, 10),), cds)


def test_lengths_are_those_of_the_coding_part() -> None:
    counts = LengthCounts()
    counts.add(transcript((10, 40), (100, 160)))
    counts.add(transcript((0, 90)))
    counts.add(transcript())  # codes for nothing
    assert counts.to_json() == {
        "gene": [[90, 1], [150, 1]],
        "coding": [[90, 2]],
        "exon": [[30, 1], [60, 1], [90, 1]],
        "intron": [[60, 1]],
    }
    found = counts.summary()
    assert found["exon"] == {"number": 3, "mean": 60.0, "p5": 30, "median": 60, "p95": 60, "longest": 90}
    assert found["intron"]["number"] == 1 and LengthCounts().summary() == {}


def test_counts_of_parts_add_up_to_those_of_all() -> None:
    transcripts = [gene.transcripts[0] for gene in random_genes(3, 60)]
    whole, summed = LengthCounts(), LengthCounts()
    for one in transcripts:
        whole.add(one)
        part = LengthCounts()
        part.add(one)
        summed.add_json(json.loads(json.dumps(part.to_json())))
    assert summed.to_json() == whole.to_json()
    exons = [end - start for one in transcripts for start, end in one.cds]
    assert whole.summary()["exon"] == summary_of(exons) and whole.summary().keys() == set(PARTS)
