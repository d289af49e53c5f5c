"""Byte-pair encoding of DNA, with the `tokenizers` library (Sennrich et al., 2016; DNABERT-2: Zhou et al., 2024).

A vocabulary is learned from genomes, or taken from a `tokenizer.json` such as DNABERT-2's, and extended: marks of a
sentence, of hints, and runs of N. Every base is in one token, so that a place among the bases is a place
among the tokens: pointers and labels stay those of bases.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genescribe.errors import InputError
from genescribe.files import atomic_path
from genescribe.generate.network.pretrained import need
from genescribe.genome.alphabet import Codes, decode, encode, unmasked

SPECIAL = ("[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]")
"""Of BERT's family, in the order of DNABERT-2."""
MARKS = ("<bos>", "<eos>", "<+>", "<->", "<exon>", "<hints>", "<hc>", "<lc>")
"""Begin and end of an answer, strands, exons; hints, and introns of high and low confidence."""
RUNS = {f"<n{4**i}>": 4**i for i in range(8)}
"""Tokens of 1, 4, 16, ... N: a run is spelled with the longest first."""
_STRETCH = re.compile("[ACGT]+|N+")


class DnaTokenizer:
    """Bases to tokens and back.

    Parameters
    ----------
    tokenizer
        Of the `tokenizers` library; it gets the tokens of this module that it lacks, behind its own.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.tokenizer.add_special_tokens([*SPECIAL, *MARKS, *RUNS])
        self._sizes = np.zeros(len(self), dtype=np.int64)
        for token, number in self.tokenizer.get_vocab(with_added_tokens=True).items():
            self._sizes[number] = RUNS.get(token, len(token) if _STRETCH.fullmatch(token) else 0)

    @classmethod
    def load(cls, path: str | Path) -> DnaTokenizer:
        """Read a `tokenizer.json`.

        Raises
        ------
        InputError
            It is missing, not a tokenizer, or has no token for one of the bases.
        """
        tokenizers = need("tokenizers")
        if not Path(path).is_file():
            raise InputError("no such file", where=path, remedy="give a tokenizer.json")
        try:
            tokenizer = tokenizers.Tokenizer.from_file(str(path))
        except Exception as error:  # The library raises nothing more exact.
            raise InputError(f"not a tokenizer ({error})", where=path, remedy="give a tokenizer.json") from None
        missing = [base for base in "ACGT" if tokenizer.token_to_id(base) is None]
        if missing:
            raise InputError(f"no token for {', '.join(missing)}", where=path, remedy="give a tokenizer of DNA")
        return cls(tokenizer)

    @classmethod
    def train(cls, sequences: Iterable[Codes], size: int, chunk: int = 1000) -> DnaTokenizer:
        """Learn a vocabulary of `size` tokens, those of this module included.

        Parameters
        ----------
        sequences
            Base codes; a base and its complement are counted as they stand, so give both strands if both are read.
        size
            Largest number of tokens.
        chunk
            Bases that are looked at as one word: no token reaches over its end.
        """
        tokenizers = need("tokenizers")
        special = [*SPECIAL, *MARKS, *RUNS]
        if size < len(special) + 4:
            raise InputError(f"{size} tokens", where="vocabulary", remedy=f"give at least {len(special) + 4}")
        made = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token=SPECIAL[0]))
        made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
        trainer = tokenizers.trainers.BpeTrainer(
            vocab_size=size, special_tokens=special, initial_alphabet=list("ACGT"), show_progress=False
        )
        made.train_from_iterator(_words(sequences, chunk), trainer)
        return cls(made)

    def __len__(self) -> int:
        return int(self.tokenizer.get_vocab_size(with_added_tokens=True))

    def id(self, token: str) -> int:
        """Return the number of a token that is there."""
        number = self.tokenizer.token_to_id(token)
        assert number is not None, token
        return int(number)

    def save(self, path: str | Path) -> None:
        """Write a `tokenizer.json`."""
        with atomic_path(path) as temporary:
            self.tokenizer.save(str(temporary))

    def encode(self, codes: Codes, *, ends: bool = True) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the tokens of bases, and how many bases each of them is.

        Parameters
        ----------
        codes
            Base codes; softmask is not seen.
        ends
            Put `[CLS]` before and `[SEP]` behind; they are no bases.
        """
        text = decode(unmasked(codes))
        tokens: list[int] = [self.id("[CLS]")] if ends else []
        for stretch in _STRETCH.findall(text):
            if stretch[0] == "N":
                tokens.extend(self._run(len(stretch)))
            else:
                tokens.extend(self.tokenizer.encode(stretch, add_special_tokens=False).ids)
        tokens += [self.id("[SEP]")] if ends else []
        ids = np.array(tokens, dtype=np.int64)
        sizes = self._sizes[ids]
        assert sizes.sum() == len(codes), "tokens that do not spell the bases"
        return ids, sizes

    def _run(self, length: int) -> Iterator[int]:
        for token, size in sorted(RUNS.items(), key=lambda item: -item[1]):
            yield from itertools.repeat(self.id(token), length // size)
            length %= size

    def decode(self, tokens: Sequence[int]) -> Codes:
        """Return the bases that tokens spell; marks spell none."""
        names = (self.tokenizer.id_to_token(int(token)) for token in tokens)
        return encode("".join("N" * RUNS[t] if t in RUNS else t if _STRETCH.fullmatch(t) else "" for t in names))


def _words(sequences: Iterable[Codes], chunk: int) -> Iterator[str]:
    for codes in sequences:
        text = decode(unmasked(codes))
        for begin in range(0, len(text), chunk):
            yield text[begin : begin + chunk].replace("N", " ")
