"""The twenty-four labels of the scheme `gene`, their grammar, and the channels that a network scores.

Frames are absolute: with frame f, the base at position t of a strand (or window) is base ``(t - f) % 3`` of its codon.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from genescribe.labels.grammar import Kind

INTERGENIC, UTR5, UTR5_INTRON = 0, 1, 2
SINGLE, INITIAL, INTERNAL, TERMINAL = 3, 6, 9, 12
"""Of frame 0; those of frames 1 and 2 follow."""
STOP = 15
INTRON0, INTRON1, INTRON1_T, INTRON2, INTRON2_TA, INTRON2_TG = range(16, 22)
UTR3, UTR3_INTRON = 22, 23

EXONS = (SINGLE, INITIAL, INTERNAL, TERMINAL)
INTRONS = ((INTRON0,), (INTRON1, INTRON1_T), (INTRON2, INTRON2_TA, INTRON2_TG))
"""By the bases of a codon before the intron."""
FRAMES = range(3)
NAMES = (
    *("intergenic", "utr5", "utr5_intron"),
    *(f"{exon}_{frame}" for exon in ("single", "initial", "internal", "terminal") for frame in FRAMES),
    *("stop", "intron0", "intron1", "intron1_T", "intron2", "intron2_TA", "intron2_TG", "utr3", "utr3_intron"),
)
KINDS = (
    *(Kind.INTERGENIC, Kind.UTR5, Kind.INTRON),
    *(Kind.CODING,) * 12,
    *(Kind.STOP, *(Kind.INTRON,) * 6, Kind.UTR3, Kind.INTRON),
)

CHANNELS = ("intergenic", "utr5", "utr5_intron", "codon1", "codon2", "codon3", "stop", "intron", "utr3", "utr3_intron")
"""Scores that a network gives a base: a coding base by its place in the codon, in any exon."""
SHORTEST_INITIAL, SHORTEST_INTERNAL = 3, 2
"""An initial exon holds the start codon; of an internal exon of one base, a codon could span two introns."""


def transitions() -> NDArray[np.bool_]:
    """Return which transitions are allowed at boundaries of each position modulo 3, (3, C, C)."""
    allowed = np.zeros((3, len(NAMES), len(NAMES)), dtype=bool)
    for source, destinations in {
        INTERGENIC: (UTR5,),
        UTR5: (UTR5_INTRON,),
        UTR5_INTRON: (UTR5,),
        INTRON0: (STOP,),
        STOP: (INTERGENIC, UTR3, UTR3_INTRON, UTR5),
        UTR3: (INTERGENIC, UTR3_INTRON, UTR5),
        UTR3_INTRON: (UTR3,),
    }.items():
        allowed[:, source, list(destinations)] = True
    for position in FRAMES:
        for frame in FRAMES:
            begun = (position - frame) % 3  # bases of the current codon before this position
            if begun == 0:
                for source in (INTERGENIC, UTR5, UTR5_INTRON, STOP, UTR3):
                    allowed[position, source, [INITIAL + frame, SINGLE + frame]] = True
                allowed[position, [SINGLE + frame, TERMINAL + frame], STOP] = True
            for intron in INTRONS[begun]:
                allowed[position, [INITIAL + frame, INTERNAL + frame], intron] = True
                allowed[position, intron, [INTERNAL + frame, TERMINAL + frame]] = True
    return allowed


def routes() -> NDArray[np.int64]:
    """Return the channel of a base under each label by its position modulo 3, (3, C)."""
    first, intron = CHANNELS.index("codon1"), CHANNELS.index("intron")
    plain = [0, 1, 2, *[first] * 12, CHANNELS.index("stop"), *[intron] * 6]
    plain += [CHANNELS.index("utr3"), CHANNELS.index("utr3_intron")]
    table = np.tile(np.array(plain, dtype=np.int64), (3, 1))
    for exon in EXONS:
        for frame in FRAMES:
            for position in FRAMES:
                table[position, exon + frame] += (position - frame) % 3
    return table
