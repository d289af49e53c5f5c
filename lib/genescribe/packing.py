"""Archives and other packings that are given in place of plain or gzip text, told by their first bytes."""

from __future__ import annotations

from pathlib import Path

from genescribe.errors import InputError

_UNPACK = "unpack it, or compress it with gzip"
PACKED = {
    b"PK\x03\x04": ("a zip archive", "unpack it and give the file inside"),
    b"BZh": ("compressed with bzip2", _UNPACK),
    b"\xfd7zXZ\0": ("compressed with xz", _UNPACK),
    b"\x28\xb5\x2f\xfd": ("compressed with zstd", _UNPACK),
    b"\x1f\x9d": ("compressed with compress", _UNPACK),
    b"7z\xbc\xaf\x27\x1c": ("a 7-Zip archive", "unpack it and give the file inside"),
    b"\x43\x27\x41\x1a": ("a 2bit file", "convert it with twoBitToFa"),
    b"\xff\xfe": ("UTF-16 text", "save it as UTF-8"),
    b"\xfe\xff": ("UTF-16 text", "save it as UTF-8"),
}
"""First bytes of files that are often given in place of plain or gzip text -> what they are, and the remedy."""


def refuse_packed(path: str | Path, shown: str | Path | None = None) -> None:
    """Refuse an archive, a file that is compressed otherwise than with gzip, and text that is not one of bytes.

    Parameters
    ----------
    path
        File to look at: its first bytes tell, whatever its name.
    shown
        The name to blame in the message, where `path` is a copy.

    Raises
    ------
    InputError
        It is one of `PACKED`.
    """
    with Path(path).open("rb") as handle:
        head = handle.read(max(map(len, PACKED)))
    for magic, (what, remedy) in PACKED.items():
        if head.startswith(magic):
            raise InputError(f"is {what}", where=shown or path, remedy=remedy)
