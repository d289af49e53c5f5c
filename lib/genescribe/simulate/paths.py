"""From a path through the states of the chain to genes."""

from __future__ import annotations

from genescribe.genome.model import Gene
from genescribe.kernels.semicrf.potentials import Segmentation
from genescribe.simulate.loci import Segment, major_isoform, place
from genescribe.simulate.states import state_of


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
