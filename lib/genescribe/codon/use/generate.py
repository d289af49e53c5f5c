"""Generate coding sequences, freely or for a given protein, and compare them with natural ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genescribe.codon.evaluation.controls import generator_of, sample_genes
from genescribe.codon.evaluation.ngram import CodonUsage, synonyms
from genescribe.codon.network.model import Cache
from genescribe.codon.network.predictor import Network
from genescribe.codon.sequences.cds import dna_of
from genescribe.codon.sequences.prepare import Gene, read_genes
from genescribe.codon.sequences.vocabulary import BOS, EOS, FIRST_CODON, PAD, SEP, SIZE, to_tokens
from genescribe.errors import InputError
from genescribe.files import write_table
from genescribe.genome.genetic_code import GeneticCode

WORD = 8
"""Codons of the words that tell copying from writing."""

LONGEST = 1000
"""Codons at which a sequence that does not end is cut."""


@dataclass(frozen=True)
class Sampling:
    """Options of sampling.

    Attributes
    ----------
    temperature
        Logits are divided by it; 0 takes the likeliest.
    top_k
        Draw among so many; 0: all.
    longest
        Codons at which to stop.

    Raises
    ------
    InputError
        A temperature or a number below 0, or no codon at all.
    """

    temperature: float = 1.0
    top_k: int = 0
    longest: int = LONGEST

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < float("inf"):
            raise InputError(f"is {self.temperature:g}", where="temperature", remedy="give 0 or more, as 0.8")
        for name, value, least in (("top_k", self.top_k, 0), ("longest", self.longest, 1)):
            if value < least:
                raise InputError(f"is {value}", where=name, remedy=f"give {least} or more")


@torch.inference_mode()
def generate(
    network: Network,
    prompts: NDArray[np.integer],
    sampling: Sampling,
    *,
    generator: torch.Generator,
    tables: Sequence[int],
    proteins: Sequence[str] | None = None,
) -> list[NDArray[np.uint8]]:
    """Return continuations of prompts, the prompts' own codons first.

    Parameters
    ----------
    network
        The codon model.
    prompts : (B, T)
        Tokens, `<BOS_CDS>` first, of equal length; no end token.
    sampling
        Temperature, top-k, and the largest number of codons.
    generator
        Source of chance, on the CPU.
    tables
        NCBI genetic code of each: a stop codon ends the sequence.
    proteins
        Amino acids of each from the first codon on: only codons that spell them may follow, and a stop at their end.

    Returns
    -------
    list of (n,) uint8
        Codon numbers; the last is a stop unless the model ended without one, or was cut at `longest`.
    """
    device = network.device
    stops = torch.from_numpy(np.stack([_stop_tokens(table) for table in tables])).to(device)
    allowed = None if proteins is None else _spelling(proteins, tables).to(device)
    cache: Cache | None = None
    length = prompts.shape[1]
    written = torch.full((len(prompts), max(sampling.longest + 1, length)), PAD, device=device)
    written[:, :length] = torch.from_numpy(prompts.astype(np.int64)).to(device)
    # Rows that are still written; those that ended cost nothing more.
    rows = torch.arange(len(prompts), device=device)
    while len(rows) and length <= sampling.longest:
        logits, cache = network.follow(written[rows, :length], cache)
        logits[:, [PAD, BOS, SEP]] = float("-inf")
        if allowed is not None:
            logits = logits.masked_fill(~allowed[rows, min(length - 1, allowed.shape[1] - 1)], float("-inf"))
        chosen = draw(logits, sampling, generator)
        written[rows, length] = chosen
        length += 1
        going = (chosen != EOS) & ~stops[rows].gather(1, chosen[:, None])[:, 0]
        rows = rows[going]
        if not bool(going.all()):
            cache = [(keys[going], values[going]) for keys, values in cache]
    tokens = written.cpu().numpy()
    return [(row[row >= FIRST_CODON] - FIRST_CODON).astype(np.uint8) for row in tokens]


def draw(logits: Tensor, sampling: Sampling, generator: torch.Generator) -> Tensor:
    """Return one token per row of logits, (B, V) -> (B,).

    Parameters
    ----------
    logits : (B, V)
        Scores of the next token.
    sampling
        Temperature and number of most probable tokens to draw from.
    generator
        Random generator on the device of the logits.
    """
    if sampling.temperature == 0:
        return logits.argmax(-1)
    logits = logits.float() / sampling.temperature
    if 0 < sampling.top_k < logits.shape[-1]:
        least = logits.topk(sampling.top_k).values[:, -1:]
        logits = logits.masked_fill(logits < least, float("-inf"))
    # Drawn on the CPU, so that every device draws the same.
    return torch.multinomial(logits.softmax(-1).cpu(), 1, generator=generator)[:, 0].to(logits.device)


def _stop_tokens(table: int) -> NDArray[np.bool_]:
    member = np.zeros(SIZE, dtype=bool)
    member[FIRST_CODON:] = GeneticCode.from_table(table).always_stop[:64]
    return member


def _spelling(proteins: Sequence[str], tables: Sequence[int]) -> Tensor:
    """Return which tokens may stand at each codon, (B, longest protein + 1, V): the last place is a stop."""
    longest = max(map(len, proteins)) + 1
    allowed = np.zeros((len(proteins), longest, SIZE), dtype=bool)
    for row, protein, table in zip(allowed, proteins, tables, strict=True):
        letters = GeneticCode.from_table(table).amino_acids[:64]
        wanted = np.frombuffer(protein.encode("ascii"), dtype=np.uint8)
        missing = set(wanted.tolist()) - set(letters.tolist())
        if missing:
            raise InputError(
                f"no codon spells {', '.join(sorted(map(chr, missing)))}", where="protein", remedy="use the 20 letters"
            )
        row[: len(wanted), FIRST_CODON:] = letters[None, :] == wanted[:, None]
        row[len(wanted) :, FIRST_CODON:] = letters == ord("*")
    return torch.from_numpy(allowed)


# -- comparison with natural genes -------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Sample:
    """One written sequence beside the natural one; shares are None where there is nothing to divide by.

    Attributes
    ----------
    method
        free, protein (constrained by the model), usage (the control: codons of the protein drawn by training usage).
    genome, id
        The natural gene whose first codons were given.
    prefix, length, natural_length
        Numbers of codons: given, written, and of the natural gene.
    end
        stop, end token, or cut.
    codon_identity, amino_acid_identity
        Behind the prefix, over the places that both have.
    synonymous_rate
        Of the places with the natural amino acid, those with another codon for it.
    overlap, natural_overlap
        Words of 8 codons behind the prefix that a training gene holds: of this sequence, and of the natural one.
    dna
        Bases of the written sequence.
    """

    method: str
    genome: str
    id: str
    prefix: int
    length: int
    natural_length: int
    end: str
    codon_identity: float | None
    amino_acid_identity: float | None
    synonymous_rate: float | None
    overlap: float | None
    natural_overlap: float | None
    dna: str


class Words:
    """The words of `WORD` codons of the training genes."""

    def __init__(self, genes: Iterable[Gene]) -> None:
        self._known = np.unique(np.concatenate([_words(gene.codons) for gene in genes]))

    def share(self, codons: NDArray[np.uint8]) -> float | None:
        """Return which share of a sequence's words a training gene holds."""
        words = _words(codons)
        if not len(words):
            return None
        place = np.searchsorted(self._known, words).clip(max=len(self._known) - 1)
        return float((self._known[place] == words).mean())


def _words(codons: NDArray[np.uint8]) -> NDArray[np.int64]:
    if len(codons) < WORD:
        return np.zeros(0, dtype=np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(codons.astype(np.int64), WORD)
    return np.asarray(windows @ (64 ** np.arange(WORD)), dtype=np.int64)


def compare(method: str, gene: Gene, codons: NDArray[np.uint8], prefix: int, words: Words) -> Sample:
    """Return a written sequence beside the natural one.

    Parameters
    ----------
    method
        How it was written, for the table.
    gene
        The natural gene that it is compared with.
    codons : (n,) uint8
        The written codons, the given prefix included.
    prefix
        Number of given codons, which do not count.
    words
        Words of training genes, for the overlap.
    """
    code = GeneticCode.from_table(gene.table)
    written, natural = codons[prefix:], gene.codons[prefix:]
    both = min(len(written), len(natural))
    equal = written[:both] == natural[:both]
    alike = code.amino_acids[written[:both]] == code.amino_acids[natural[:both]]
    end = "stop" if len(codons) and code.always_stop[codons[-1]] else "cut" if len(codons) >= LONGEST else "end token"
    return Sample(
        method,
        gene.genome,
        gene.id,
        prefix,
        len(codons),
        len(gene.codons),
        end,
        float(equal.mean()) if both else None,
        float(alike.mean()) if both else None,
        float((~equal)[alike].mean()) if alike.any() else None,
        words.share(written),
        words.share(natural),
        dna_of(codons),
    )


def usage_sample(gene: Gene, prefix: int, usage: CodonUsage, seed: int) -> NDArray[np.uint8]:
    """Return the gene with every codon behind the prefix drawn by training usage: the control of `protein`.

    Parameters
    ----------
    gene
        The natural gene that gives the protein.
    prefix
        Number of codons that stay.
    usage
        Codon usage of the training genes.
    seed
        Seed of the draw.
    """
    members = synonyms(gene.table)
    chances = members[gene.codons] * usage.counts
    chances /= chances.sum(axis=1, keepdims=True)
    random = generator_of(gene, seed, "usage").random((len(gene.codons), 1))
    codons = np.asarray((chances.cumsum(axis=1) < random).sum(axis=1).clip(max=63), dtype=np.uint8)
    codons[:prefix] = gene.codons[:prefix]
    return codons


def generate_from_prefixes(
    network: Network,
    data: str | Path,
    target: str | Path,
    *,
    prefixes: Sequence[int],
    count: int,
    sampling: Sampling,
    seed: int,
) -> list[Sample]:
    """Continue the first codons of test genes, freely and encoding their proteins; write both tables.

    Parameters
    ----------
    network
        The codon model.
    data
        Folder that `genescribe.codon.sequences.prepare.prepare` wrote.
    target
        Folder to write: `samples.csv`, one row per sequence, and `summary.csv`, one row per method and prefix.
    prefixes
        Numbers of codons that are given; every gene is continued from each.
    count
        Test genes to continue.
    sampling
        Temperature, top-k, and the largest number of codons.
    seed
        Of the genes and of what is drawn.
    """
    if not prefixes or min(prefixes) < 1 or count < 1:
        problem = f"prefixes of {', '.join(map(str, prefixes)) or 'no'} codons, {count} genes"
        raise InputError(problem, where="prefix", remedy="give one or more of each")
    genes = read_genes(data)
    longest = max(prefixes)
    usable = [gene for gene in genes if gene.split == "test" and len(gene.codons) > longest + WORD]
    if not usable:
        raise InputError(f"no test gene has more than {longest + WORD} codons", where=data, remedy="shorten the prefix")
    chosen = sample_genes(usable, count, seed=seed)
    training = [gene for gene in genes if gene.split == "train"]
    words, usage = Words(training), CodonUsage([gene.codons for gene in training])
    samples = []
    for prefix in prefixes:
        for method in ("free", "protein", "usage"):
            if method == "usage":
                written = [usage_sample(gene, prefix, usage, seed) for gene in chosen]
            else:
                written = _written(network, chosen, prefix, sampling, seed, spelling=method == "protein")
            samples += [compare(method, *pair, prefix, words) for pair in zip(chosen, written, strict=True)]
    target = Path(target)
    rows = ([f"{cell:.4f}" if isinstance(cell, float) else cell for cell in astuple(sample)] for sample in samples)
    write_table(target / "samples.csv", [field.name for field in fields(Sample)], rows)
    write_table(target / "summary.csv", *summarise(samples))
    return samples


def _written(
    network: Network, genes: Sequence[Gene], prefix: int, sampling: Sampling, seed: int, *, spelling: bool
) -> list[NDArray[np.uint8]]:
    """Return the model's continuations of the first codons of some genes."""
    longest = max(len(gene.codons) for gene in genes) + 1 if spelling else sampling.longest
    return generate(
        network,
        np.stack([to_tokens(gene.codons[:prefix], end=False) for gene in genes]),
        replace(sampling, longest=longest),
        generator=torch.Generator().manual_seed(seed),
        tables=[gene.table for gene in genes],
        proteins=[_protein(gene) for gene in genes] if spelling else None,
    )


def summarise(samples: Sequence[Sample]) -> tuple[list[str], list[list[Any]]]:
    """Return the head and the rows of `summary.csv`: means over the sequences of each method and prefix."""
    shares = ("codon_identity", "amino_acid_identity", "synonymous_rate", "overlap", "natural_overlap")
    head = ["method", "prefix", "sequences", "ends_with_stop", "median_length", "median_natural_length", *shares]
    rows = []
    for method, prefix in dict.fromkeys((sample.method, sample.prefix) for sample in samples):
        mine = [sample for sample in samples if (sample.method, sample.prefix) == (method, prefix)]
        row: list[Any] = [method, prefix, len(mine), f"{np.mean([sample.end == 'stop' for sample in mine]):.4f}"]
        row += [f"{np.median([getattr(sample, name) for sample in mine]):g}" for name in ("length", "natural_length")]
        for name in shares:
            known = [getattr(sample, name) for sample in mine if getattr(sample, name) is not None]
            row.append(f"{np.mean(known):.4f}" if known else "")
        rows.append(row)
    return head, rows


def _protein(gene: Gene) -> str:
    """Return the protein as its codons spell it, so that a start stays the start it is."""
    letters = GeneticCode.from_table(gene.table).amino_acids[gene.codons]
    ends = letters[-1] == ord("*")
    # A recoded stop inside cannot be spelled otherwise.
    return letters[: len(letters) - ends].tobytes().decode("ascii")
