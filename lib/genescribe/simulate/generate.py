"""Generate a genome: draw genes and intergenic regions, all bases at once, and keep the truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genescribe.errors import InputError
from genescribe.genome.alphabet import Codes, reverse_complement
from genescribe.genome.annotation.gff3 import write_gff3
from genescribe.genome.fasta import write_fasta
from genescribe.genome.model import Gene
from genescribe.simulate.chains import FREE, fill
from genescribe.simulate.isoforms import draw_isoforms
from genescribe.simulate.loci import Segment, draw_bases, draw_segments, major_isoform, place
from genescribe.simulate.parameters import SimulationParameters
from genescribe.simulate.repeats import draw_families, insert_repeats

_CHAINS = ("intergenic", "intron", "utr5", "utr3")
_CHAIN_OF = {"intergenic": 0, "intron": 1, "utr_intron": 1, "utr5": 2, "utr3": 3}
_RESTARTS = frozenset({"intergenic", "utr5", "utr3"})
"""Kinds of segment that start their Markov chain anew."""


@dataclass
class _Tract:
    """A gene (transcript orientation) or the space between two: bases, some of them `FREE`, and its segments."""

    codes: Codes
    segments: list[Segment]
    strand: str = ""


def simulate(
    parameters: SimulationParameters, seed: int, *, total_bases: int = 1_200_000, n_sequences: int = 8
) -> tuple[dict[str, Codes], list[Gene]]:
    """Draw a genome and its true annotation.

    Parameters
    ----------
    parameters
        Parameters of the simulation.
    seed
        The same seed gives the same genome.
    total_bases
        Bases in all. A sequence ends with the first intergenic stretch that reaches its share.
    n_sequences
        Number of sequences, `chr1`, `chr2`, ...

    Returns
    -------
    sequences
        Base codes by name; repeats are softmasked.
    genes
        In the order of the sequences. The sequence was written for the major isoform, tagged canonical; the others use
        sites that were there by chance.
    """
    if total_bases < 1 or n_sequences < 1:
        raise InputError(
            f"{total_bases} bases in {n_sequences} sequences", where="the simulator", remedy="give at least 1 of each"
        )
    rng = np.random.default_rng(seed)
    families = draw_families(parameters.repeats, parameters.chains.intergenic, rng)
    share = -(-total_bases // n_sequences)
    layout = [_draw_layout(parameters, families, share, rng) for _ in range(n_sequences)]
    _fill_tracts(parameters, [tract for tracts in layout for tract in tracts], rng)
    sequences: dict[str, Codes] = {}
    genes: list[Gene] = []
    for number, tracts in enumerate(layout, start=1):
        seqid, start = f"chr{number}", 0
        pieces = []
        for tract in tracts:
            if tract.strand:
                isoforms = draw_isoforms(parameters, major_isoform(tract.segments), tract.codes, rng)
                identifier = f"SIM{len(genes) + 1:05d}"
                genes.append(place(identifier, seqid, tract.strand, isoforms, start, len(tract.codes), canonical=True))
            pieces.append(reverse_complement(tract.codes) if tract.strand == "-" else tract.codes)
            start += len(tract.codes)
        sequences[seqid] = np.concatenate(pieces)
    return sequences, genes


def write_simulation(
    sequences: dict[str, Codes], genes: list[Gene], fasta: str | Path, gff3: str | Path, header: tuple[str, ...] = ()
) -> None:
    """Write a simulated genome and its annotation.

    Parameters
    ----------
    sequences
        Base codes of each sequence by name.
    genes
        Genes of all sequences.
    fasta, gff3
        Files to write: sequences and annotation.
    header
        Comment lines at the head of the GFF3.
    """
    write_fasta(fasta, sequences.items())
    write_gff3(gff3, genes, {seqid: len(codes) for seqid, codes in sequences.items()}, header)


def _draw_layout(
    parameters: SimulationParameters, families: list[Codes], wanted: int, rng: np.random.Generator
) -> list[_Tract]:
    tracts = [_draw_space(parameters, families, rng)]
    total = len(tracts[0].codes)
    while total < wanted:
        segments = draw_segments(parameters, rng)
        strand = "+" if rng.random() < 0.5 else "-"
        gene = _Tract(draw_bases(parameters, segments, rng), segments, strand)
        space = _draw_space(parameters, families, rng)
        tracts += [gene, space]
        total += len(gene.codes) + len(space.codes)
    return tracts


def _draw_space(parameters: SimulationParameters, families: list[Codes], rng: np.random.Generator) -> _Tract:
    length = int(parameters.lengths.intergenic.sample(rng, 1)[0])
    codes = np.full(length, FREE, dtype=np.uint8)
    insert_repeats(codes, parameters.repeats, families, rng)
    return _Tract(codes, [Segment("intergenic", 0, length)])


def _fill_tracts(parameters: SimulationParameters, tracts: list[_Tract], rng: np.random.Generator) -> None:
    """Draw the free bases of every tract, in place."""
    ends = np.cumsum([0] + [len(tract.codes) for tract in tracts])
    codes = np.concatenate([tract.codes for tract in tracts])
    chain = np.zeros(len(codes), dtype=np.uint8)
    restart = np.zeros(len(codes), dtype=bool)
    for tract, offset in zip(tracts, ends[:-1], strict=True):
        for kind, start, end in tract.segments:
            # Codons and signals are drawn already; the chain named for their bases is not asked.
            chain[offset + start : offset + end] = _CHAIN_OF.get(kind, 0)
            restart[offset + start] = kind in _RESTARTS
    fill(codes, ends, chain, restart, [getattr(parameters.chains, name) for name in _CHAINS], rng)
    for tract, start, end in zip(tracts, ends[:-1], ends[1:], strict=True):
        tract.codes = codes[start:end]
