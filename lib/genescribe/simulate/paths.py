"""Convert between genes and paths through the states of the chain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from genescribe.errors import InputError
from genescribe.genome.alphabet import Codes, reverse_complement
from genescribe.genome.model import Gene, mirror
from genescribe.kernels.semicrf.potentials import Segmentation
from genescribe.labels.grammar import representative
from genescribe.simulate.codons import memory_of
from genescribe.simulate.loci import CODING, Isoform, Segment, major_isoform, place, segments_of
from genescribe.simulate.states import STATES, State, label, state_of


def genes_of(segmentation: Segmentation, seqid: str, prefix: str = "G") -> list[Gene]:
    """Return the genes between the intergenic segments, one isoform each; IDs are `prefix`, seqid and a number.

    Parameters
    ----------
    segmentation
        Labelled segments of the forward strand.
    seqid
        Name of the sequence.
    prefix
        Beginning of the IDs.
    """
    genes: list[Gene] = []
    for strand, segments in _runs(segmentation):
        start, end = segments[0].start, segments[-1].end
        if strand == "+":
            relative = [Segment(s.kind, s.start - start, s.end - start) for s in segments]
        else:
            relative = [Segment(s.kind, end - s.end, end - s.start) for s in reversed(segments)]
        identifier = f"{prefix}_{seqid}_{len(genes) + 1:05d}"
        isoforms = [major_isoform(relative)]
        genes.append(place(identifier, seqid, strand, isoforms, start, end - start, canonical=False))
    return genes


def _runs(segmentation: Segmentation) -> list[tuple[str, list[Segment]]]:
    """Return strand and segments, left to right, of every stretch between two intergenic ones."""
    runs: list[tuple[str, list[Segment]]] = []
    inside = False
    rows = zip(segmentation.starts.tolist(), segmentation.ends.tolist(), segmentation.labels.tolist(), strict=True)
    for start, end, number in rows:
        state = state_of(number)
        if state is not None:
            if not inside:
                runs.append((state[0], []))
            runs[-1][1].append(Segment(state[1].kind, start, end))
        inside = state is not None
    return runs


def path_of(genes: list[Gene], codes: Codes) -> Segmentation:
    """Return the path that spells the major isoform of each gene of one sequence.

    Parameters
    ----------
    genes
        Genes of the sequence that do not touch, each with UTRs: what the simulator writes.
    codes : (T,)
        Its bases.

    Raises
    ------
    InputError
        A gene without a coding transcript.
    """
    ends, labels = [], []
    last = 0
    for gene in sorted(genes, key=lambda g: g.start):
        for start, end, number in _labelled(gene, codes):
            if start > last:
                ends.append(start)
                labels.append(0)
            ends.append(end)
            labels.append(number)
            last = end
    if last < len(codes):
        ends.append(len(codes))
        labels.append(0)
    return Segmentation(ends=torch.tensor(ends), labels=torch.tensor(labels))


def _labelled(gene: Gene, codes: Codes) -> list[tuple[int, int, int]]:
    """Return start, end and label of the segments of a gene's major isoform, left to right on the forward strand."""
    n = len(codes)
    major = representative(gene, complete=True)
    if major is None:
        raise InputError(f"gene {gene.id} does not code", where=gene.seqid, remedy="give coding genes")
    alone = replace(gene, transcripts=(major,))
    forward = gene.strand == "+"
    transcript = (alone if forward else mirror(alone, n)).transcripts[0]
    oriented = codes if forward else reverse_complement(codes)
    isoform = Isoform(transcript.exons, transcript.coding_span)
    rows: list[tuple[int, int, int]] = []
    coded = 0
    for kind, start, end in segments_of(isoform):
        state = State(kind)
        if kind in CODING:
            # `frame` is where whole codons begin: on the reverse strand counted so that the length plays no part.
            first = start - coded
            state = State(kind, frame=first % 3 if forward else (n - 1 - first) % 3)
            coded += end - start
        elif kind == "intron":
            state = State(kind, memory=memory_of(np.asarray(oriented[start - coded % 3 : start])))
        number = label(gene.strand, STATES.index(state))
        rows.append((start, end, number) if forward else (n - end, n - start, number))
    return rows if forward else rows[::-1]
