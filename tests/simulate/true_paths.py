"""The path of true genes through the states of the chain, and its log-probability."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from genescribe.crf.score import Segments, score
from genescribe.errors import InputError
from genescribe.genome.alphabet import Codes, reverse_complement
from genescribe.genome.model import Gene, mirror
from genescribe.kernels.semicrf.potentials import Segmentation
from genescribe.labels.grammar import representative
from genescribe.simulate.codons import memory_of
from genescribe.simulate.loci import CODING, Isoform, segments_of
from genescribe.simulate.parameters import SimulationParameters
from genescribe.simulate.states import STATES, State, label, potentials


def log_likelihood(parameters: SimulationParameters, codes: Codes, genes: list[Gene]) -> float:
    """Return the log-probability, under the law, of a sequence together with its genes' major isoforms.

    Parameters
    ----------
    parameters
        Parameters of the simulation.
    codes : (n,) uint8
        Base codes of the sequence.
    genes
        Genes of the sequence.
    """
    return float(score(potentials(parameters, codes), Segments.of([path_of(genes, codes)])))


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
