"""Genes that a sentence can say, for hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from genescribe.genome.model import Gene, Transcript

LENGTH = 6_144


@st.composite
def genes(draw: st.DrawFn) -> Gene:
    """Genes of one to four coding isoforms that share most exons, anywhere in a window, on either strand."""
    count = draw(st.integers(1, 6))
    steps = draw(st.lists(st.integers(1, 300), min_size=2 * count, max_size=2 * count))
    place, exons = draw(st.integers(0, 500)), []
    for gap, size in zip(steps[::2], steps[1::2], strict=True):
        exons.append((place + gap, place + gap + size))
        place += gap + size
    strand = draw(st.sampled_from("+-"))
    found: dict[object, Transcript] = {}
    for number in range(draw(st.integers(1, 4))):
        chosen = draw(st.lists(st.sampled_from(exons), min_size=1, unique=True).map(sorted))
        first = draw(st.integers(0, len(chosen) - 1))
        last = draw(st.integers(first, len(chosen) - 1))
        begin = draw(st.integers(chosen[first][0], chosen[first][1] - 1))
        end = draw(st.integers(max(begin, chosen[last][0]) + 1, chosen[last][1]))
        cds = tuple((max(a, begin), min(b, end)) for a, b in chosen[first : last + 1])
        transcript = Transcript(f"t{number}", tuple(chosen), cds, draw(st.integers(0, 2)))
        found.setdefault((transcript.exons, transcript.cds, transcript.phase), transcript)
    ordered = tuple(sorted(found.values(), key=lambda t: (t.start, t.end, t.id)))
    return Gene("g", "s", strand, ordered)
