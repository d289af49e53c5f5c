"""An imported parameter set scores a gene as AUGUSTUS's model does: here its probability is multiplied up anew."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.augustus.toy_species import TRANSITIONS, write_species

from genescribe.augustus.convert import SOFTMASK_BONUS, convert
from genescribe.augustus.species import read_species
from genescribe.augustus.tables import KINDS, Species
from genescribe.genome.alphabet import SOFTMASK, Codes, encode
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Gene, Interval, Transcript
from genescribe.kernels.potentials import Segmentation
from genescribe.segment.model import SegmentModel

CODE = GeneticCode.from_table(1)
FLANK = 60


def random_gene(rng: np.random.Generator, exons: int) -> tuple[Codes, tuple[Interval, ...]]:
    """Return a sequence with one valid gene, and the gene's coding parts."""
    coding = ["ATG"]
    while len(coding) < 40 * exons:
        codon = "".join(rng.choice(list("ACGT"), 3))
        coding += [] if codon in ("TAA", "TAG", "TGA") else [codon]
    text = "".join([*coding, "TAG"])
    cuts = np.sort(rng.choice(np.arange(40, len(text) - 40, 30), exons - 1, replace=False)) + rng.integers(0, 3)
    parts, place, whole = [], FLANK, "".join(rng.choice(list("ACGT"), FLANK))
    for number, (low, high) in enumerate(zip([0, *cuts], [*cuts, len(text)], strict=True)):
        parts.append((place, place + high - low))
        whole += text[low:high]
        # Introns of both kinds: in the table of lengths, and beyond it.
        intron = "GT" + "".join(rng.choice(list("ACGT"), 30 + 70 * (number % 2))) + "AG" if number < exons - 1 else ""
        whole += intron
        place += high - low + len(intron)
    return encode(whole + "".join(rng.choice(list("ACGT"), FLANK))), tuple(parts)


class Reference:
    """Log probability of a gene under a parameter set of one class of GC content, less that of no gene."""

    def __init__(self, species: Species, codes: Codes) -> None:
        self.species, self.codes, self.bases = species, codes, (codes & 7).astype(int)
        self.exon, self.introns = species.exons[0], species.introns

    def word(self, last: int, length: int) -> int:
        number = 0
        for base in self.bases[last - length + 1 : last + 1]:
            number = 4 * number + int(base)
        return number

    def chance(self, table: np.ndarray, last: int) -> float:
        return math.log(table[self.word(last, (len(table).bit_length() - 1) // 2)])

    def between(self, start: int, end: int) -> float:
        bonus = math.log(SOFTMASK_BONUS)
        masked = (self.codes[start:end] & SOFTMASK != 0).sum()
        return sum(self.chance(self.species.intergenic[0], t) for t in range(start, end)) + bonus * masked

    def exon_score(self, number: int, parts: tuple[Interval, ...]) -> float:
        """Return the probability of an exon's bases that no splice site covers, its length, start and stop."""
        species, windows, exon = self.species, self.species.windows, self.exon
        start, end = parts[number]
        first, last = number == 0, number == len(parts) - 1
        kind = "single" if first and last else "initial" if first else "terminal" if last else "internal"
        read = sum(b - a for a, b in parts[:number])
        total = math.log(3 * species.lengths[KINDS.index(kind)][end - start])
        low, high = start + (3 if first else windows.acceptor[1]), end - (3 if last else windows.donor[0])
        if first:
            codon = math.log(species.starts[self.word(start + 2, 3)])
            motif = sum(self.chance(row, start - windows.start + i) for i, row in enumerate(exon.start.chances))
            steps = exon.start_steps
            total += motif + codon if steps is None else math.log(steps(np.array([math.exp(motif + codon)]))[0])
        if last:
            total += math.log(species.stops[self.word(end - 1, 3)])
        order = (len(exon.emission).bit_length() - 1) // 2 - 1
        for t in range(low, high):
            frame = (read + t - start) % 3
            if t < low + order - 1:
                continue
            if t == low + order - 1:
                total += math.log(exon.beginnings[self.word(t, order), frame])
            elif first and t < low + order + windows.first:
                total += self.chance(exon.first[:, frame], t)
            elif not last and t >= high - windows.last:
                total += self.chance(exon.last[:, frame], t)
            else:
                total += self.chance(exon.emission[:, frame], t)
        return total

    def intron_score(self, start: int, end: int) -> float:
        """Return the probability of an intron with its two sites and of its length."""
        assert self.introns is not None
        windows, introns = self.species.windows, self.introns
        own = introns.classes[0]
        before, behind = windows.donor
        pattern = [*range(start - before, start), *range(start + 2, start + 2 + behind)]
        total = math.log(introns.donor[self._pattern(pattern)])
        before, after = windows.acceptor
        pattern = [*range(end - 2 - before, end - 2), *range(end, end + after)]
        total += math.log(introns.acceptor[self._pattern(pattern)])
        tract = end - 2 - before - windows.tract
        total += sum(self.chance(row, tract + i) for i, row in enumerate(own.acceptor.chances))
        total += sum(self.chance(own.emission, t) for t in range(start + 2 + behind, tract))
        longest, length = len(introns.lengths) - 1, end - start
        if length <= longest:
            total += math.log(own.short * introns.lengths[length])
        else:
            stay = 1 - 1 / own.excess
            total += math.log((1 - own.short) * stay ** (length - longest - 1) / own.excess)
        return total + math.log(SOFTMASK_BONUS) * (self.codes[start:end] & SOFTMASK != 0).sum()

    def _pattern(self, places: list[int]) -> int:
        number = 0
        for place in places:
            number = 4 * number + int(self.bases[place])
        return number

    def gene(self, parts: tuple[Interval, ...]) -> float:
        start, end = parts[0][0], parts[-1][1]
        total = sum(self.exon_score(number, parts) for number in range(len(parts)))
        total += sum(self.intron_score(a[1], b[0]) for a, b in pairwise(parts))
        phases, read = [], 0
        for low, high in parts[:-1]:
            read += high - low
            phases.append(read % 3)
        if not phases:
            total += math.log(TRANSITIONS[0, 1]) + math.log(TRANSITIONS[1, 0])
        else:
            donors, acceptors = (10, 15, 20), (13, 18, 23)
            total += math.log(TRANSITIONS[0, 2 + phases[0]] * TRANSITIONS[2 + phases[0], donors[phases[0]]])
            for one, other in pairwise(phases):
                total += math.log(TRANSITIONS[acceptors[one], 5 + other] * TRANSITIONS[5 + other, donors[other]])
            total += math.log(TRANSITIONS[acceptors[phases[-1]], 8] * TRANSITIONS[8, 0])
        window = start - self.species.windows.start
        # Between genes there is one step from base to base less a gene, and one more to come out of it.
        return total - self.between(window, end) - (end - start + 1) * math.log(TRANSITIONS[0, 0])


def model_score(model: SegmentModel, codes: Codes, parts: tuple[Interval, ...]) -> float:
    """Return the score of the one gene on a sequence less that of no gene."""
    gene = Gene("g", "s", "+", (Transcript("t", parts, parts),))
    assert model.scheme.fault(gene.transcripts[0], codes, CODE) is None
    bases, lengths = torch.from_numpy(codes.astype(np.int64))[None], torch.tensor([len(codes)])
    scores = model.scores(bases, lengths)
    p = model.crf.potentials(scores.content, lengths, phase_offset=torch.tensor([0]), **scores.boundaries)
    table, tail = p.duration.double(), p.tail.double()
    assert p.explicit is not None and p.begin is not None and p.end is not None

    def total(path: Segmentation) -> float:
        value, before = 0.0, -1
        for start, end, label in zip(path.starts.tolist(), path.ends.tolist(), path.labels.tolist(), strict=True):
            explicit = int(p.explicit[label])
            value += float(p.content[0, start:end, label].double().sum() + p.begin[0, start, label])
            value += float(p.end[0, end - 1, label] + table[min(end - start, explicit) - 1, label])
            value += max(0, end - start - explicit) * float(tail[label]) if end - start > explicit else 0.0
            value += float(p.transition[start % 3, before, label]) if before >= 0 else 0.0
            before = label
        return value

    runs = model.scheme.encode([gene], len(codes), codes=codes).runs.astype(np.int64)
    whole = Segmentation(torch.tensor([len(codes)]), torch.tensor([model.scheme.background]))
    return total(Segmentation(torch.from_numpy(runs[:, 0].copy()), torch.from_numpy(runs[:, 1].copy()))) - total(whole)


@pytest.mark.parametrize("exons", [1, 2, 3, 5])
@pytest.mark.parametrize("emission", [True, False])
@pytest.mark.parametrize("steps", [True, False])
@torch.no_grad()
def test_a_gene_is_worth_what_augustus_says(tmp_path: Path, exons: int, emission: bool, steps: bool) -> None:
    species = read_species(write_species(tmp_path, emission=emission, steps=steps, seed=exons))
    # Both classes of GC content alike: classes are mixed here, where AUGUSTUS switches.
    assert species.introns is not None
    alike = {"exons": species.exons[:1] * 2, "intergenic": species.intergenic[:1] * 2}
    introns = replace(species.introns, classes=species.introns.classes[:1] * 2)
    model = convert(replace(species, introns=introns, **alike))
    rng = np.random.default_rng(exons)
    for masked in (False, True):
        codes, parts = random_gene(rng, exons)
        if masked:
            codes = codes | np.where(rng.random(len(codes)) < 0.4, SOFTMASK, 0).astype(np.uint8)
        expected = Reference(species, codes).gene(parts)
        assert model_score(model, codes, parts) == pytest.approx(expected, abs=2e-3)


@torch.no_grad()
def test_classes_of_gc_content_change_the_content(tmp_path: Path) -> None:
    species = read_species(write_species(tmp_path))
    model = convert(species)
    rng = np.random.default_rng(0)
    for number, gc in ((0, 0.05), (1, 0.95)):
        bases = rng.choice(4, size=900, p=[(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2])
        evidence = model.evidence(torch.from_numpy(bases)[None], torch.tensor([900]))
        middle = 450
        word = int(bases[middle - 2] * 16 + bases[middle - 1] * 4 + bases[middle])
        intron = species.introns.classes[number].emission[word] / species.intergenic[number][word]
        assert float(evidence.content[0, middle, 7]) == pytest.approx(math.log(intron), abs=1e-4)


@torch.no_grad()
def test_without_introns_genes_are_single_exons(tmp_path: Path) -> None:
    species = read_species(write_species(tmp_path, introns=False))
    assert species.introns is None
    model = convert(species)
    rng = np.random.default_rng(1)
    codes, _ = random_gene(rng, 1)
    bases, lengths = torch.from_numpy(codes.astype(np.int64))[None], torch.tensor([len(codes)])
    scores = model.scores(bases, lengths)
    labels = model.crf.decode(scores.content, lengths, **scores.boundaries)[0].labels
    assert not any("intron" in model.scheme.names[label] for label in labels.tolist())


def test_the_model_is_stored_and_read_back(tmp_path: Path) -> None:
    model = convert(read_species(write_species(tmp_path, steps=True)))
    (tmp_path / "model").mkdir()
    model.save(tmp_path / "model")
    again = SegmentModel.load(tmp_path / "model")
    assert again.config == model.config
    for name, value in model.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
