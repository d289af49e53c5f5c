"""First pass: give each row an ID, a level and a parent as it is read.

A parent is found, in this order, by

1. the row's own Parent (GTF: `gene_id` of a transcript, `transcript_id` of its parts);
2. a value that the rows of a locus share (`locus_tag`, `gene_id` or what the user names);
3. its place: a part belongs to the transcript above it, a transcript to the locus above it.

Rows of the kinds 2 and 3 wait in buckets, locus by locus and transcript by transcript, since the locus itself may come
later in the file; `genescribe.genome.repair.link` empties the buckets.
"""

from __future__ import annotations

from pathlib import Path

from genescribe.errors import InputError
from genescribe.genome.repair.forest import Forest
from genescribe.genome.repair.levels import LOCUS, PART, TRANSCRIPT, UNKNOWN, level_of, needs_children
from genescribe.genome.repair.read import AnnotationReader, Header
from genescribe.genome.repair.rows import Attributes, Row, encode, encode_reserved
from genescribe.genome.repair.twins import Twins
from genescribe.genome.repair.waiting import Waiting

RESERVED = frozenset(
    ("ID", "Name", "Alias", "Parent", "Target", "Gap", "Derives_from", "Note", "Dbxref", "Ontology_term", "Is_circular")
)
"""Attribute names that GFF3 defines; all others must begin with a small letter."""


class Grouper:
    """Takes the rows of a file in order and fills a `Forest` and the `Waiting` buckets."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.forest = Forest()
        self.waiting = Waiting()
        self._owner: dict[str, str] = {}
        self._elsewhere: dict[tuple[str, str], str] = {}
        self._declared: dict[str, Row] = {}
        self._spelling: dict[str, str] = {}
        self._empty: set[str] = set()
        self._twins = Twins()
        self._unknown: list[tuple[Row, Attributes]] = []
        # The state of the reading position.
        self._seqid = ""
        self._key: str | None = None
        self._locus: Row | None = None
        self._locus_is_made = False
        self._transcript: Row | None = None
        self._part: Row | None = None
        self._after_transcript = False

    def add(self, row: Row, attributes: Attributes) -> None:
        """Place one row."""
        parents = attributes.get("Parent", [])
        level = level_of(row.kind, row.source.lower(), bool(parents))
        if level == UNKNOWN:
            if attributes.get("ID"):
                self._unknown.append((row, attributes))
            else:
                self.forest.log(row, f"type {row.type} belongs to no gene: row left out")
            return
        if row.seqid != self._seqid:
            self._seqid, self._key = row.seqid, None
            self._locus = self._transcript = self._part = None
            self._locus_is_made = self._after_transcript = False
        self._identify(row, attributes, level)
        row.rest = self._rest(row, attributes)
        if level == LOCUS:
            self._add_locus(row, parents)
        elif level == TRANSCRIPT:
            self._add_transcript(row, parents or attributes.get("gene_id", [])[:1])
        else:
            self._add_part(row, parents or attributes.get("transcript_id", []))

    def finish(self) -> None:
        """Place the rows that can be placed only when all rows are known."""
        for row, attributes in self._unknown:
            self._add_unknown(row, attributes)
        self.check_cycles()
        self._twins.resolve(self.forest)

    def _add_unknown(self, row: Row, attributes: Attributes) -> None:
        """Take a row of an unknown type for a transcript where parts of a transcript name it as their parent."""
        forest = self.forest
        name = self._on_sequence(attributes["ID"][0], row)
        if name not in forest.parts or name in forest.loci or name in forest.locus_of:
            forest.log(row, f"type {row.type} belongs to no gene: row left out")
            return
        type_ = "mRNA" if "cds" in forest.parts[name] else "transcript"
        forest.log(row, f"type {row.type} taken for {type_}: it has the parts of a transcript")
        row.type, row.kind = type_, type_.lower()
        self._identify(row, attributes, TRANSCRIPT)
        row.rest = self._rest(row, attributes)
        self._add_transcript(row, attributes.get("Parent") or [forest.names.new("gene")])

    def _rest(self, row: Row, attributes: Attributes) -> str:
        """Return the attributes but ID and Parent as GFF3, where only reserved names begin with a capital."""
        pairs: dict[str, list[str]] = {}
        for name, values in attributes.items():
            if name in ("ID", "Parent"):
                continue
            key = self._spelling.get(name) or self._spell(name, row)
            if values:
                written = [encode_reserved(name, value) for value in values]
                if None in written:
                    self.forest.log(row, f"{name}={','.join(values)} is not what GFF3 defines: left out")
                else:
                    pairs.setdefault(key, []).extend(filter(None, written))
            elif name not in self._empty:
                self._empty.add(name)
                self.forest.log(row, f"attribute {name} without a value left out, here and below")
        return ";".join(f"{key}={','.join(values)}" for key, values in pairs.items())

    def _spell(self, name: str, row: Row) -> str:
        spelled = self._spelling[name] = encode(name if name in RESERVED else name[:1].lower() + name[1:])
        if spelled != name:
            self.forest.log(row, f"attribute {name} written as {spelled}, here and below")
        return spelled

    def check_cycles(self) -> None:
        """Raise where loci and transcripts are each other's parents."""
        for start in self._declared.values():
            row, visited = start, {start.id}
            while row.parent is not None and row.parent != row.id and row.parent in self._declared:
                if row.parent in visited:
                    raise InputError(
                        f"{row.parent} is its own ancestor (cyclic Parent)", where=self.path, line=start.line,
                        remedy="correct the Parent attributes",
                    )  # fmt: skip
                visited.add(row.parent)
                row = self._declared[row.parent]

    def _identify(self, row: Row, attributes: Attributes, level: int) -> None:
        names = self.forest.names
        keys = ("ID", f"{row.kind}_id", {LOCUS: "gene_id", TRANSCRIPT: "transcript_id"}.get(level, "ID"))
        original = next((attributes[key][0] for key in keys if attributes.get(key)), None)
        if original is None:
            row.id = None if level == PART else names.new(row.kind)
            return
        row.given = original
        row.id = names.claim(original, row.kind)
        if level != PART:
            names.note(original)
            self._twins.note(row, level)
        if row.id == original:
            if level != PART:
                self._own(original, row)
            return
        if level == PART:
            # The new name would serve nobody: nothing refers to a part.
            names.release(row.id, original)
            row.id = None
        elif self._owner.get(original) != row.seqid:
            self._elsewhere.setdefault((original, row.seqid), row.id)

    def _own(self, name: str, row: Row) -> None:
        """Note that a feature of that ID stands on the row's sequence; children met on another one are set apart."""
        owner = self._owner.setdefault(name, row.seqid)
        if owner == row.seqid:
            return
        self._owner[name] = row.seqid
        apart = self._elsewhere[(name, owner)] = self.forest.names.new("copy")
        children = [part for rows in self.forest.parts.get(name, {}).values() for part in rows]
        children += self.forest.transcripts.get(name, [])
        for child in children:
            child.parent = apart
            self.forest.log(child, f"{name} is on {row.seqid}: taken as another feature here")
        if name in self.forest.parts:
            self.forest.parts[apart] = self.forest.parts.pop(name)
        for transcript in self.forest.transcripts.pop(name, []):
            self.forest.add_transcript(transcript)

    def _on_sequence(self, name: str, row: Row) -> str:
        """Return the ID that a Parent means on the row's sequence: one ID on two sequences is two features."""
        owner = self._owner.setdefault(name, row.seqid)
        if owner == row.seqid:
            return name
        key = (name, row.seqid)
        if key not in self._elsewhere:
            self._elsewhere[key] = self.forest.names.new("copy")
            self.forest.log(row, f"{name} is also used on {owner}: taken as another feature here")
        return self._elsewhere[key]

    def _drop_duplicate(self, row: Row, level: int, original: str | None) -> bool:
        if not self.forest.is_duplicate(row, level):
            return False
        self.forest.log(row, f"duplicate {row.type} left out")
        if row.id is not None and level != PART:
            self.forest.names.release(row.id, original)
        return True

    # Level one

    def _add_locus(self, row: Row, parents: list[str]) -> None:
        assert row.id is not None
        forest, waiting = self.forest, self.waiting
        original = forest.names.original(row.id)
        row.parent = parents[0] if parents and parents[0] != original else None
        if parents and row.parent is None:
            forest.log(row, f"{row.type} {original} is its own parent: Parent removed")
        if not needs_children(row.kind):
            if not self._drop_duplicate(row, LOCUS, original):
                forest.loci[row.id] = row
            return
        waiting.note_linked(row, LOCUS)
        self._key, self._after_transcript, self._locus_is_made = row.id, False, False
        if self._drop_duplicate(row, LOCUS, original):
            return
        if original is not None and original != row.id:
            forest.log(row, f"ID {original} is taken: {row.type} renamed {row.id}")
        if row.parent is not None:
            self._declared.setdefault(row.id, row)
        forest.loci[row.id] = row
        waiting.known[row.id] = row.id
        value = waiting.shared(row, LOCUS)
        if value is not None:
            waiting.known[value] = row.id
            waiting.buckets.setdefault(row.id, {})
            waiting.locus_id[row.id] = row.id
        self._locus, self._transcript, self._part = row, None, None

    # Level two

    def _add_transcript(self, row: Row, parents: list[str]) -> None:
        assert row.id is not None
        forest, waiting = self.forest, self.waiting
        self._part = None
        original = forest.names.original(row.id)
        if not parents:
            self._place_transcript(row)
        else:
            if len(parents) > 1:
                self._twins.several.append((row, [self._on_sequence(parent, row) for parent in parents]))
            row.parent = self._on_sequence(parents[0], row)
            waiting.note_linked(row, TRANSCRIPT)
            if not self._drop_duplicate(row, TRANSCRIPT, original):
                if original is not None and original != row.id:
                    forest.log(row, f"ID {original} is taken: {row.type} renamed {row.id}")
                forest.add_transcript(row)
                self._declared.setdefault(row.id, row)
        self._transcript, self._after_transcript = row, row.kind == row.type

    def _place_transcript(self, row: Row) -> None:
        """Give a parent to a transcript that names none."""
        assert row.id is not None
        forest, waiting = self.forest, self.waiting
        value = waiting.shared(row, TRANSCRIPT)
        changed = value is not None and value != self._key
        locus = self._locus
        # Below a locus of the file follow any number of transcripts that overlap it. Below one made here, rows of type
        # `transcript` that follow each other are isoforms; any other transcript opens the next locus.
        if locus is None or changed:
            belongs = False
        elif value is not None:
            belongs = True
        elif locus.id in forest.loci:
            belongs = row.start <= locus.end and locus.start <= row.end
        else:
            belongs = self._after_transcript or not self._locus_is_made
        if not belongs or locus is None:
            locus = row.derive("gene", value or forest.names.new("gene"), None)
            self._locus, self._locus_is_made = locus, True
        else:
            self._locus_is_made = False
        row.parent = locus.id
        assert row.parent is not None
        if value is not None:
            waiting.bucket(value, row.id).transcript = row
            forest.log(row, f"{row.type} without Parent: linked by its shared value {value}")
        else:
            forest.add_transcript(row)
            waiting.attached.setdefault(row.parent, []).append(row.id)
            forest.log(row, f"{row.type} without Parent: linked to {row.parent} by its place in the file")
        self._key = value or row.parent

    # Level three

    def _add_part(self, row: Row, parents: list[str]) -> None:
        forest = self.forest
        if parents:
            owners: list[str | None] = [*parents]
            parents = [self._on_sequence(self._renamed(parent), row) for parent in parents]
            row.parent = parents[0]
            self.waiting.note_linked(row, PART)
        else:
            row.by_place = not row.tags
            owners = [None]
            joined = self._place_part(row)
            if joined is None:
                self._part, self._after_transcript = row, False
                return
            parents = [joined]
        if len(parents) > 1:
            forest.log(row, f"{row.type} with {len(parents)} parents: one row each")
        for number, parent in enumerate(parents):
            piece = row if number == 0 else row.copy()
            piece.parent, piece.owner = parent, owners[number]
            if not self._drop_duplicate(piece, PART, None):
                forest.add_part(piece)
        self._part, self._after_transcript = row, False

    def _renamed(self, parent: str) -> str:
        """Return the present ID of a transcript that shared its ID with its gene."""
        locus, transcript = self._locus, self._transcript
        if locus is None or locus.id != parent or transcript is None or transcript.id is None:
            return parent
        return transcript.id if self.forest.names.original(transcript.id) == parent else parent

    def _place_part(self, row: Row) -> str | None:
        """Put a part that names no parent into a bucket, or return the transcript that it joins at once."""
        forest, waiting = self.forest, self.waiting
        value = waiting.shared(row, PART)
        above = self._transcript
        if above is None or (value is not None and self._leaves(above, value)):
            if value is not None and value in waiting.seen:
                self._return_to(value)
            else:
                joined = self._beside_last_part(value)
                if joined is not None:
                    return joined
                self._transcript = row.derive("RNA", forest.names.new("rna"), None)
        assert self._transcript is not None and self._transcript.id is not None
        row.parent = self._transcript.id
        if value is not None:
            locus = value
        elif self._locus is None and self._part is not None:
            locus = self._key or row.parent
        else:
            if self._locus is None:
                self._locus = row.derive("gene", forest.names.new("gene"), None)
            assert self._locus.id is not None
            locus = self._locus.id
        waiting.bucket(locus, row.parent).parts.append(row)
        if value is not None:
            self._key = value
        elif not (self._locus is None and self._part is not None):
            self._key = row.parent
        return None

    def _leaves(self, above: Row, value: str) -> bool:
        """Whether a part with this shared value belongs to another transcript than the one above it."""
        if value == self._key:
            return False
        elsewhere = self.waiting.value_of.get(above.id or "") != value
        return self._key != above.parent or elsewhere

    def _return_to(self, value: str) -> None:
        """Go back to the last transcript of a locus whose rows are scattered over the file."""
        self._transcript = self.waiting.seen[value][-1]
        locus = self.forest.loci.get(self.waiting.value_of.get(self._transcript.id or "", ""))
        if locus is not None:
            self._locus = locus

    def _beside_last_part(self, value: str | None) -> str | None:
        last = self._part
        if last is None or last.parent is None or value is None:
            return None
        return last.parent if self.waiting.shared(last, PART) == value else None


def group(path: str | Path, locus_tags: tuple[str, ...]) -> tuple[Forest, Waiting, Header, int]:
    """Read a file; return the linked rows, the waiting ones, its header and the number of its rows."""
    reader = AnnotationReader(path, locus_tags)
    grouper = Grouper(reader.path)
    for row, attributes in reader:
        grouper.add(row, attributes)
    grouper.finish()
    return grouper.forest, grouper.waiting, reader.header, reader.rows
