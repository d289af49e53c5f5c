"""How long genes and their parts are: counted gene by gene, added up over genomes, summarised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from genescribe.genome.model import Transcript

PARTS = ("gene", "coding", "exon", "intron")
"""From start to stop codon, introns included; the coding sequence; coding exons; the introns between them."""
LENGTHS = "lengths"
"""Key under which a model's statistics hold `LengthCounts.summary` of its training genes."""
Summary = dict[str, float]
"""Number, mean, 5th and 95th percentile, median and maximum of some lengths."""


class LengthCounts:
    """Lengths of the parts of genes, each with the number of times that it was seen."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[int]] = {part: Counter() for part in PARTS}

    def add(self, transcript: Transcript) -> None:
        """Count a gene by one of its transcripts; one that codes for nothing does not count."""
        if not transcript.cds:
            return
        self._counts["gene"][transcript.cds[-1][1] - transcript.cds[0][0]] += 1
        self._counts["coding"][transcript.cds_length] += 1
        self._counts["exon"].update(end - start for start, end in transcript.cds)
        self._counts["intron"].update(end - start for start, end in transcript.cds_introns)

    def add_json(self, value: Mapping[str, Iterable[Sequence[int]]]) -> None:
        """Add the counts that `to_json` returned."""
        for part, rows in value.items():
            for length, count in rows:
                self._counts[part][length] += count

    def to_json(self) -> dict[str, list[list[int]]]:
        """Return part -> (length, number) in ascending order."""
        return {part: [list(item) for item in sorted(counts.items())] for part, counts in self._counts.items()}

    def summary(self) -> dict[str, Summary]:
        """Return part -> `summary_of` its lengths; parts that were not seen are left out."""
        return {
            part: summary_of(np.repeat([*counts], [*counts.values()]))
            for part, counts in self._counts.items()
            if counts
        }


def summary_of(lengths: ArrayLike) -> Summary:
    """Return number, mean, percentiles and maximum of some lengths.

    Parameters
    ----------
    lengths : (n,) int
        At least one.

    Examples
    --------
    >>> summary_of([3, 1, 2])
    {'number': 3, 'mean': 2.0, 'p5': 1, 'median': 2, 'p95': 2, 'longest': 3}
    """
    values = np.asarray(lengths, dtype=np.int64)
    low, middle, high = (int(value) for value in np.percentile(values, (5, 50, 95), method="lower"))
    mean = round(float(values.mean()), 3)
    return {"number": len(values), "mean": mean, "p5": low, "median": middle, "p95": high, "longest": int(values.max())}
