"""Queries to a model: next codon, generation, and the probability of a sequence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from genescribe.codon.network.predictor import Network
from genescribe.codon.sequences.cds import dna_of
from genescribe.codon.sequences.vocabulary import FIRST_CODON, TOKENS, dna_tokens, to_codons
from genescribe.codon.use.generate import Sampling, generate
from genescribe.errors import InputError
from genescribe.genome.genetic_code import GeneticCode


class Query:
    """A loaded model and the genetic code to show amino acids by."""

    def __init__(self, folder: str | Path, table: int = 11) -> None:
        self.network, self.table = Network.load(folder), table
        self._letters = GeneticCode.from_table(table).amino_acids

    def next(self, dna: str, top: int = 10) -> list[tuple[str, str, float]]:
        """Return the likeliest next tokens after a coding sequence's beginning: token, amino acid, probability.

        The prompt is not closed by an end token, so that the question is about the next codon.
        """
        if top < 1:
            raise InputError(f"is {top}", where="--top", remedy="give 1 or more")
        tokens = dna_tokens(dna, where="--dna")
        logits, _ = self.network.follow(torch.from_numpy(tokens.astype(np.int64))[None])
        chances = logits[0].double().softmax(-1).numpy()
        best = np.argsort(-chances, kind="stable")[:top]
        return [(TOKENS[token], self._amino_acid(int(token)), float(chances[token])) for token in best]

    def generate(
        self, dna: str, *, sampling: Sampling, count: int = 1, seed: int = 0, protein: str | None = None
    ) -> list[str]:
        """Return coding sequences that begin with the given one.

        Parameters
        ----------
        dna
            Beginning of a coding sequence, in whole codons.
        sampling
            Temperature, number of most probable tokens, greatest length.
        count
            Number of sequences to write.
        seed
            Seed of the draws.
        protein
            Protein that they are to encode; None: anything.

        Raises
        ------
        InputError
            The given one holds a stop, or does not begin the protein; `sampling.longest` has no room for what is
            asked for; no sequence is asked for.
        """
        if count < 1:
            raise InputError(f"is {count}", where="--count", remedy="give 1 or more")
        tokens = dna_tokens(dna, where="--dna")
        protein = None if protein is None else self._spelled(to_codons(tokens), protein, sampling.longest)
        written = generate(
            self.network,
            np.repeat(self._open(tokens, sampling.longest)[None], count, axis=0),
            sampling,
            generator=torch.Generator().manual_seed(seed),
            tables=[self.table] * count,
            proteins=None if protein is None else [protein] * count,
        )
        return [dna_of(sequence) for sequence in written]

    def _open(self, tokens: NDArray[np.uint8], longest: int) -> NDArray[np.uint8]:
        """Return the prompt, if something may follow it."""
        codons = to_codons(tokens)
        stops = np.flatnonzero(GeneticCode.from_table(self.table).always_stop[codons])
        if len(stops):
            problem = f"codon {stops[0] + 1}, {TOKENS[tokens[1 + stops[0]]]}, is a stop"
            raise InputError(problem, where="--dna", remedy="give what comes before it, or another --table")
        if len(codons) >= longest:
            raise InputError(f"{len(codons)} codons", where="--dna", remedy=f"give --longest more than {len(codons)}")
        return tokens

    def _spelled(self, codons: NDArray[np.uint8], protein: str, longest: int) -> str:
        """Return the protein in plain letters, if the prompt begins it and there is room for it and its stop."""
        wanted = "".join(protein.split()).upper().rstrip("*")
        code = GeneticCode.from_table(self.table)
        begun = code.translate(np.stack([codons // 16, codons // 4 % 4, codons % 4], axis=1).ravel().astype(np.uint8))
        # A start codon of another amino acid is read as methionine.
        readings = {begun} | ({f"M{begun[1:]}"} if len(codons) and code.is_start[codons[0]] else set())
        if not any(wanted.startswith(reading) for reading in readings):
            raise InputError(
                f"begins {wanted[: len(begun)] or 'with nothing'}, but --dna spells {begun}",
                where="--protein",
                remedy="give the protein from the first codon of --dna on, or another --table",
            )
        if len(wanted) + 1 > longest:
            problem = f"{len(wanted)} amino acids and a stop do not fit into {longest} codons"
            raise InputError(problem, where="--protein", remedy=f"give --longest {len(wanted) + 1}")
        return wanted

    def score(self, dna: str) -> list[tuple[str, str, float]]:
        """Return each codon with its amino acid and its natural log probability given those before."""
        tokens = dna_tokens(dna, where="--dna")
        if len(tokens) < 2:
            raise InputError("no codon to score", where="--dna", remedy="give at least three bases")
        predicted = self.network.predict(tokens)
        logs = np.log(predicted[np.arange(len(tokens) - 1), tokens[1:]])
        return [(TOKENS[t], self._amino_acid(int(t)), float(x)) for t, x in zip(tokens[1:], logs, strict=True)]

    def _amino_acid(self, token: int) -> str:
        return chr(self._letters[token - FIRST_CODON]) if token >= FIRST_CODON else ""

    def answer(self, mode: str, dna: str, sampling: Sampling, *, top: int = 10, seed: int = 0) -> Iterator[str]:
        """Yield the lines of an answer in one of the modes `next`, `generate`, `score`.

        Parameters
        ----------
        mode
            `next`, `generate` or `score`.
        dna
            The sequence that is asked about, in whole codons.
        sampling
            Options of the mode `generate`.
        top
            Number of most probable codons to show.
        seed
            Seed of the mode `generate`.
        """
        if mode == "next":
            for token, letter, chance in self.next(dna, top):
                yield f"{token}\t{letter}\t{chance:.4f}"
        elif mode == "generate":
            yield from self.generate(dna, sampling=sampling, seed=seed)
        else:
            scores = self.score(dna)
            for token, letter, log in scores:
                yield f"{token}\t{letter}\t{log:.4f}"
            mean = sum(log for _, _, log in scores) / len(scores)
            yield f"# {len(scores)} codons, {mean:.4f} nats per codon, perplexity {np.exp(-mean):.2f}"

    def interact(self, lines: Iterable[str], sampling: Sampling) -> Iterator[str]:
        """Yield answers to lines such as `next ATGAAA`; an empty line or `quit` ends it."""
        for line in lines:
            words = line.split()
            if not words or words[0] in ("quit", "exit"):
                return
            if words[0] not in ("next", "generate", "score") or len(words) != 2:
                yield "write next, generate or score, and a coding sequence: next ATGAAA"
                continue
            try:
                yield from self.answer(words[0], words[1], sampling)
            except InputError as error:
                yield str(error)
