"""The vocabulary of gene sentences: 272 tokens, in the order of the published TransGenic checkpoints.

A token stream is the sentence without its ``|``: ``1 0 CDS1 4 2 + A ; > CDS1``. Every feature ends with ``;``, the
last one too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from genescribe.generate.text.sentence import LIMITS, NAMES, GeneSentence, Kind, SentenceError

BOS, PAD, EOS, UNK = range(4)
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
DIGITS = tuple("0123456789")
MARKS = ("A", "B", "C", ">", ".", "+", "-", ";")
FIRST_DIGIT = len(SPECIAL)
_TYPES = tuple(f"{NAMES[kind]}{n}" for kind in (Kind.CDS, Kind.UTR5, Kind.UTR3) for n in range(1, LIMITS[kind] + 1))
VOCABULARY = (*SPECIAL, *DIGITS, *MARKS, *_TYPES)
"""Token of each number."""
NUMBER = {token: number for number, token in enumerate(VOCABULARY)}
"""Number of each token."""

_PIECES = re.compile(rf"(?:{NAMES[Kind.CDS]}|{NAMES[Kind.UTR5]}|{NAMES[Kind.UTR3]})\d+|[0-9ABC>.+;-]|\|", re.ASCII)


def encode(sentence: GeneSentence | str) -> list[int]:
    """Return the token numbers of a sentence, its end token included.

    Raises
    ------
    SentenceError
        A text with a piece that is no token, or that is no sentence.

    Examples
    --------
    >>> [VOCABULARY[number] for number in encode("0|CDS1|12|+|A;>CDS1")]
    ['0', 'CDS1', '1', '2', '+', 'A', ';', '>', 'CDS1', '</s>']
    """
    text = str(GeneSentence.parse(sentence)) if isinstance(sentence, str) else str(sentence)
    tokens = [piece for piece in _PIECES.findall(text) if piece != "|"]
    unknown = next((token for token in tokens if token not in NUMBER), None)
    if unknown is not None:
        raise SentenceError("no token", unknown)
    return [*(NUMBER[token] for token in tokens), EOS]


def text_of(tokens: Iterable[int]) -> str:
    """Return the text that tokens spell up to the end token, ``|`` put back; special tokens are left out.

    The text need not be a sentence: `GeneSentence.parse` says whether it is.
    """
    pieces: list[str] = []
    for number in tokens:
        if number == EOS and pieces:
            break
        if 0 <= number < len(SPECIAL):
            continue
        piece = VOCABULARY[number] if 0 <= number < len(VOCABULARY) else "<unk>"
        if pieces and _parted(pieces[-1], piece):
            pieces.append("|")
        pieces.append(piece)
    return "".join(pieces)


def _parted(before: str, after: str) -> bool:
    """Whether ``|`` stands between two tokens: inside a feature or a transcript, but not inside a number."""
    if before in (";", ">") or after in (";", ">"):
        return False
    return not (before in DIGITS and after in DIGITS)


def kind_of(token: int) -> tuple[Kind, int] | None:
    """Return the type and number of a token like CDS3; None for other tokens."""
    first = FIRST_DIGIT + len(DIGITS) + len(MARKS)
    for kind in (Kind.CDS, Kind.UTR5, Kind.UTR3):
        if first <= token < first + LIMITS[kind]:
            return kind, token - first + 1
        first += LIMITS[kind]
    return None
