"""Second pass: attach waiting rows, create missing transcripts and loci, drop empty loci."""

from __future__ import annotations

from collections.abc import Iterable

from genescribe.genome.repair.forest import Forest, Parts
from genescribe.genome.repair.levels import LOCUS, PART, TRANSCRIPT, needs_children
from genescribe.genome.repair.rows import Row
from genescribe.genome.repair.separate import set_strays_apart, untangle
from genescribe.genome.repair.waiting import Bucket, Waiting


def link(forest: Forest, waiting: Waiting) -> None:
    """Leave no row without its parent."""
    _match_case(forest)
    _move_early_buckets(forest, waiting)
    _join_split_buckets(waiting)
    for locus in sorted(waiting.buckets, key=lambda name: (name in forest.names.made, name)):
        for name in sorted(waiting.buckets[locus]):
            _empty_bucket(forest, waiting, locus, name)
    _make_transcripts(forest)
    _reattach(forest, waiting)
    set_strays_apart(forest)
    untangle(forest)
    _part_places(forest)
    _make_loci(forest)
    drop_empty_loci(forest)


def _match_case(forest: Forest) -> None:
    """Resolve Parents that differ from the one ID of their sequence that they can mean in upper and lower case only."""
    transcripts = [row for rows in forest.transcripts.values() for row in rows]
    known = _by_lower_case([*transcripts, *forest.loci.values()])
    for name in [name for name in forest.parts if name not in forest.locus_of and name not in forest.loci]:
        parts = [part for rows in forest.parts[name].values() for part in rows]
        meant = known.get((name.lower(), parts[0].seqid)) if parts else None
        if meant is None:
            continue
        del forest.parts[name]
        for part in parts:
            part.parent = meant
            forest.add_part(part)
            forest.log(part, f"Parent {name} taken as {meant}")
    known = _by_lower_case(forest.loci.values())
    for name in [name for name in forest.transcripts if name not in forest.loci]:
        rows = forest.transcripts[name]
        meant = known.get((name.lower(), rows[0].seqid)) if rows else None
        if meant is None:
            continue
        del forest.transcripts[name]
        for transcript in rows:
            transcript.parent = meant
            forest.add_transcript(transcript)
            forest.log(transcript, f"Parent {name} taken as {meant}")


def _by_lower_case(rows: Iterable[Row]) -> dict[tuple[str, str], str | None]:
    """Return the IDs by their lower case and sequence; None where two IDs have that form."""
    known: dict[tuple[str, str], str | None] = {}
    for row in rows:
        assert row.id is not None
        key = row.id.lower(), row.seqid
        known[key] = row.id if known.get(key, row.id) == row.id else None
    return known


def _move_early_buckets(forest: Forest, waiting: Waiting) -> None:
    """Move rows that were read before their locus (under the shared value) to the locus's own buckets."""
    for value in list(waiting.buckets):
        locus = waiting.known.get(value, value)
        if locus == value:
            continue
        if locus not in waiting.buckets:
            waiting.buckets[locus] = waiting.buckets.pop(value)
            continue
        first = next((row.id for row in waiting.seen.get(locus, ()) if row.id not in forest.names.made), None)
        if first is None:
            continue
        for name in [name for name in waiting.buckets[value] if name in forest.names.made]:
            bucket = waiting.buckets[value].pop(name)
            home = waiting.bucket(locus, first)
            home.parts.extend(bucket.parts)
            home.transcript = home.transcript or bucket.transcript
        if not waiting.buckets[value]:
            del waiting.buckets[value]


def _join_split_buckets(waiting: Waiting) -> None:
    """Give parts that were read before their transcript to that transcript."""
    for buckets in waiting.buckets.values():
        complete = [name for name in sorted(buckets) if buckets[name].transcript is not None]
        for name in sorted(buckets):
            if complete and buckets[name].transcript is None:
                buckets[complete[0]].parts.extend(buckets.pop(name).parts)


def _empty_bucket(forest: Forest, waiting: Waiting, locus: str, name: str) -> None:
    bucket = waiting.buckets[locus][name]
    if bucket.transcript is not None and name not in forest.locus_of:
        forest.add_transcript(bucket.transcript)
    if not bucket.parts:
        if bucket.transcript is not None and "exon" not in forest.parts.get(name, {}):
            forest.add_part(bucket.transcript.derive("exon", None, name))
            forest.log(bucket.transcript, f"exon made for {name}, which has no parts")
        return
    made: Row | None = None
    for part in bucket.parts:
        if bucket.transcript is None:
            bucket.transcript = forest.transcript(name)
        if bucket.transcript is None:
            friend = _linked_friend(waiting, part)
            if friend is not None:
                part.parent = friend
                forest.add_part(part)
                forest.log(part, f"{part.type} without Parent: linked to {friend} by its shared value")
                continue
            bucket.transcript = made = _transcript_of_bucket(forest, waiting, locus, name, bucket)
        part.parent = name
        forest.add_part(part)
        forest.log(part, f"{part.type} without Parent: linked to {name}")
    if made is not None:
        forest.fit_transcript(made)


def _linked_friend(waiting: Waiting, part: Row) -> str | None:
    """Return the transcript of rows that share this part's value and have a parent, where no locus has that value."""
    value = waiting.shared(part, LOCUS)
    levels = waiting.linked.get(value or "")
    if not levels or LOCUS in levels:
        return None
    return levels.get(TRANSCRIPT) or levels.get(PART)


def _transcript_of_bucket(forest: Forest, waiting: Waiting, locus: str, name: str, bucket: Bucket) -> Row:
    coding = any(part.kind == "cds" for part in bucket.parts)
    parent = waiting.locus_id.get(locus) or (locus if locus in forest.loci else None)
    if parent is None:
        parent = waiting.locus_id[locus] = forest.names.new("gene")
    row = bucket.parts[0].derive("mRNA" if coding else "RNA", name, parent)
    forest.add_transcript(row)
    forest.log(row, f"{row.type} {name} made for parts without one")
    return row


def _make_transcripts(forest: Forest) -> None:
    """Make the transcripts that parts name as their parent and that do not exist."""
    by_tag: dict[tuple[str, str], list[str]] = {}
    for known in forest.loci.values():
        _index(by_tag, known)
    for name in sorted(forest.parts):
        if name in forest.locus_of:
            continue
        parts = forest.parts[name]
        rows = [row for kind in sorted(parts) for row in parts[kind]]
        if name in forest.loci:
            _parts_of_locus(forest, forest.loci[name], parts, rows)
            continue
        locus = _locus_by_tag(forest, by_tag, rows)
        if locus is None:
            locus = _locus_for(forest, rows[0])
            _index(by_tag, locus)
        _make_transcript(forest, locus, name, parts, rows)


def _index(by_tag: dict[tuple[str, str], list[str]], locus: Row) -> None:
    for tag in locus.tags:
        by_tag.setdefault(tag, []).append(locus.id or "")


def _locus_by_tag(forest: Forest, by_tag: dict[tuple[str, str], list[str]], rows: list[Row]) -> Row | None:
    """Return the one locus that shares a value with one of the parts."""
    for row in rows:
        for tag in row.tags:
            matches = [name for name in by_tag.get(tag, ()) if forest.loci[name].seqid == row.seqid]
            if len(matches) == 1:
                return forest.loci[matches[0]]
    return None


def _locus_for(forest: Forest, template: Row) -> Row:
    """Make a locus for parts that have neither transcript nor locus."""
    wanted = template.tags[0][1] if template.tags else None
    name = forest.names.claim(wanted, "gene") if wanted else forest.names.new("gene")
    row = template.derive("match" if "match" in template.kind else "gene", name, None)
    forest.loci[name] = row
    forest.log(row, f"{row.type} {name} made for parts without one")
    return row


def _parts_of_locus(forest: Forest, locus: Row, parts: Parts, rows: list[Row]) -> None:
    """Give a transcript to parts that name a locus as their parent.

    A transcript of the locus that has no parts takes them. Where all have parts of their own, these are taken for
    another gene under the same name.
    """
    assert locus.id is not None
    transcripts = forest.transcripts.get(locus.id, [])
    full = {row.kind for row in transcripts if row.id in forest.parts}
    fitting = [row for row in transcripts if row.kind not in full and all(map(row.contains, rows))]
    home = fitting[0] if fitting else None
    forest.parts.pop(locus.id)
    if home is not None:
        name = home.id or ""
        forest.log(home, f"takes the parts that name {locus.id} as their parent")
    else:
        name = forest.names.new("rna")
        if transcripts:
            locus = locus.derive(locus.type, forest.names.new(locus.kind), None)
            assert locus.id is not None
            forest.loci[locus.id] = locus
            forest.log(rows[0], f"{locus.type} {locus.id} made: the transcripts of that parent have parts of their own")
    for row in rows:
        row.parent = name
    forest.parts[name] = parts
    if home is None:
        _make_transcript(forest, locus, name, parts, rows)
    else:
        forest.fit_transcript(home)


def _make_transcript(forest: Forest, locus: Row, name: str, parts: Parts, rows: list[Row]) -> None:
    if name in forest.loci:
        # Gene and transcript of one name, as in many GTF files.
        del forest.parts[name]
        name = forest.names.new("rna")
        forest.parts[name] = parts
        for part in rows:
            part.parent = name
    row = rows[0].derive("mRNA" if "cds" in parts else "RNA", name, locus.id)
    forest.names.claim(name, row.kind)
    forest.add_transcript(row)
    forest.fit_transcript(row)
    forest.log(row, f"{row.type} {name} made for parts without one")


def _reattach(forest: Forest, waiting: Waiting) -> None:
    """Correct transcripts that were attached by place alone where their parts share a value with another locus."""
    for locus_id, names in waiting.attached.items():
        for name in names:
            row = forest.transcript(name)
            wanted = _value_of_parts(forest, locus_id, row) if row is not None else None
            if row is None or wanted is None:
                continue
            forest.transcripts[locus_id].remove(row)
            row.parent = wanted
            forest.add_transcript(row)
            forest.log(row, f"{name} moved from {locus_id} to {wanted}, as its parts say")


def _value_of_parts(forest: Forest, locus_id: str, transcript: Row) -> str | None:
    parts = forest.parts.get(transcript.id or "", {})
    tagged = next((row for rows in parts.values() for row in rows if row.tags), None)
    if tagged is None:
        return None
    for _, value in tagged.tags:
        if value == locus_id:
            continue
        locus = forest.loci.get(value)
        if locus is None or (
            locus.seqid == tagged.seqid and locus.start <= transcript.end and locus.end >= transcript.start
        ):
            return value
    return None


def _part_places(forest: Forest) -> None:
    """Give transcripts on another sequence or strand than their locus a locus of their own."""
    for name in list(forest.transcripts):
        rows = forest.transcripts[name]
        if not rows:
            continue
        home = forest.loci.get(name, rows[0])
        for row in [row for row in rows if not _beside(home, row)]:
            rows.remove(row)
            row.parent = f"{name}-{row.seqid if row.seqid != home.seqid else 'antisense'}"
            forest.add_transcript(row)
            where = "sequence" if row.seqid != home.seqid else "strand"
            forest.log(row, f"{row.id} lies on another {where} than {name}: taken for another gene")


def _beside(locus: Row, row: Row) -> bool:
    strands = {locus.strand, row.strand}
    return locus.seqid == row.seqid and not {"+", "-"} <= strands


def _make_loci(forest: Forest) -> None:
    """Make the loci that transcripts name as their parent and that do not exist."""
    for name in sorted(forest.transcripts):
        rows = forest.transcripts[name]
        if name in forest.loci or not rows:
            continue
        locus_id = forest.names.claim(name, "gene")
        locus = rows[0].derive("match" if "match" in rows[0].kind else "gene", locus_id, None)
        if locus_id != name:
            del forest.transcripts[name]
            for row in rows:
                row.parent = locus_id
                forest.add_transcript(row)
        forest.loci[locus_id] = locus
        forest.fit_locus(locus)
        forest.log(locus, f"{locus.type} {locus_id} made for {rows[0].type} {rows[0].id}")


def drop_empty_loci(forest: Forest) -> None:
    """Leave out loci without transcripts, unless their type stands alone."""
    for name in [name for name, row in forest.loci.items() if needs_children(row.kind)]:
        if not forest.transcripts.get(name):
            row = forest.loci.pop(name)
            forest.log(row, f"{row.type} {name} has no transcript and no part: left out")
