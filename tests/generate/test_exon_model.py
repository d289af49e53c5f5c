"""Exon text as a form: what is taught is allowed and lands where the annotation has it; by heart; copies are exact."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.generate.toy_loci import bake_toy, learned_by_heart, random_model, toy_config, toy_gene

from genescribe.evaluate.accuracy import compare
from genescribe.generate.annotation.annotate import Annotator, LocusWindow
from genescribe.generate.annotation.search import SearchConfig
from genescribe.generate.forms.exon_examples import example, follow
from genescribe.generate.forms.exon_model import _row_shares, _shares
from genescribe.generate.model import build_model, load_model, pad_codes
from genescribe.generate.reinforce.config import RewardConfig
from genescribe.generate.reinforce.policy import Policy
from genescribe.generate.reinforce.reward import Judge
from genescribe.generate.text.exon_speller import CHAIN, END, NEXT, Speller, chains_written, encode, spelled
from genescribe.generate.text.exon_text import chains_of, chains_of_sentence, decode, genes_of
from genescribe.generate.text.sentence import sentence_of, told_part
from genescribe.generate.text.window_signals import Signals
from genescribe.generate.training.task import GenerateTask, matches
from genescribe.genome.alphabet import Codes, reverse_complement, unmasked
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.genome.fasta import Genome
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Gene, Transcript, mirror
from genescribe.labels.decode import validate_gene
from genescribe.labels.gene_rules import GeneRules

CODE = GeneticCode.from_table(1)


def toy(count: int, seed: int = 0) -> list[tuple[Codes, Gene]]:
    """Return genes turned to the forward strand."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        codes, gene = toy_gene(f"g{number}", rng)
        if gene.strand == "-":
            codes, gene = reverse_complement(codes), mirror(gene, len(codes))
        found.append((codes, gene))
    return found


def test_the_oracle_scores_one_in_training_reward_and_evaluation() -> None:
    """Annotation -> values -> what the automaton placed: the same coding exons, with isoforms, for all three."""
    judge, several = Judge(RewardConfig(), CODE), 0
    for codes, gene in toy(20):
        sentence, signals = sentence_of(gene), Signals.of(codes, CODE, GeneRules())
        values = encode(sentence, signals.bases)
        found = example(sentence, signals, 20)
        assert found.checked and found.values.tolist() == values
        speller = Speller(signals, 20)
        for value in values:
            speller.advance(value)
        assert speller.finished and not speller.allowed().any()
        chains = chains_of_sentence(sentence)
        assert chains_written(speller) == chains == decode(spelled(values), codes)
        (written,) = genes_of(chains_written(speller), gene.seqid)
        coding = replace(gene, transcripts=tuple(Transcript(t.id, t.cds, t.cds) for t in gene.transcripts))
        scores = compare([coding], [written])
        assert {scores[level]["f1"] for level in ("base", "exon", "transcript", "gene")} == {1.0}
        counts = matches(sentence, sentence_of(written))
        assert (counts[:, 0] == counts[:, 2]).all() and (counts[:, 1] == counts[:, 2]).all()
        assert judge.of(sentence, sentence_of(written), codes).value == 1.0
        several += len(chains) > 1
    assert several > 3


def test_only_places_that_spell_alike_leave_a_choice() -> None:
    (codes, gene), *_ = toy(1)
    signals = Signals.of(codes, CODE, GeneRules())
    values = encode(sentence_of(gene), signals.bases)
    found = follow(values, signals, 20)
    assert found is not None
    speller = Speller(signals, 20)
    for i, value in enumerate(values):
        letters = speller.allowed()[:NEXT]
        assert letters.sum() == len(np.unique(speller.bases[speller.places])) or value in (CHAIN, END)
        true = found.places[i]
        if value < NEXT and speller.length > 8:
            assert speller.places.tolist() == [true] and letters.sum() == 1
        speller.advance(value)


@pytest.mark.parametrize("architecture", ["prefix_lm", "encoder_decoder"])
def test_whatever_is_drawn_is_an_open_reading_frame(architecture: str, tmp_path: Path) -> None:
    """A model that knows nothing: each exon a stretch of the window in order, start, stop and splice sites sound."""
    model = load_model(random_model(tmp_path / "m", "exon_text", architecture=architecture, most_features=4))
    windows, accepted = [codes for codes, _ in toy(3)], 0
    for codes, group in zip(windows, Policy(model).sample(windows, 6, max_length=600), strict=True):
        signals = Signals.of(codes, CODE, GeneRules())
        for outcome in group:
            if outcome.status != "accepted":
                continue
            accepted += 1
            assert outcome.raw == spelled(list(outcome.values)) and outcome.sentence is not None
            chains = chains_of_sentence(outcome.sentence)
            assert chains == sorted(set(decode(outcome.raw, codes)))
            for chain in chains:
                coded = np.concatenate([codes[a:b] for a, b in chain.exons])
                codons = 16 * coded[::3].astype(int) + 4 * coded[1::3] + coded[2::3]
                assert len(coded) % 3 == 0 and np.flatnonzero(CODE.is_stop[codons]).tolist() == [len(codons) - 1]
                assert signals.start[chain.exons[0][0]]
                assert all(signals.intron(end, start) for (_, end), (start, _) in pairwise(chain.exons))
    assert accepted >= 12


def test_letters_of_a_beginning_multiply_to_its_share() -> None:
    """The copy mechanism: going letter by letter spends on a beginning what its score says, neither more nor less."""
    (codes, _), *_ = toy(1, seed=3)
    signals = Signals.free(len(codes), 20, codes)
    speller = Speller(signals, 20)
    speller.advance(CHAIN)
    begins = np.random.default_rng(0).normal(size=len(codes) + 1).astype(np.float32)
    start, total = 100, 0.0
    while len(speller.places) > 1:
        value = int(codes[start + speller.length])
        last = speller.places[speller.places == len(codes)]
        assert not len(last)
        total += float(_row_shares(begins, speller)[value])
        speller.advance(value)
    weights = np.exp(begins[: len(codes)].astype(np.float64))
    assert total == pytest.approx(np.log(weights[start] / weights.sum()), abs=1e-4)


def test_shares_are_those_of_the_session() -> None:
    torch.manual_seed(0)
    (codes, gene), *_ = toy(1)
    model = build_model(toy_config("exon_text", genetic_code=1))
    signals = Signals.of(codes, CODE, GeneRules())
    found = follow(encode(sentence_of(gene), signals.bases), signals, 20)
    assert found is not None
    steps = model.batch([found], len(codes))
    begins = torch.randn(1, len(found.begins), len(codes) + 1)
    shares = _shares(begins, steps)[0]
    speller = Speller(signals, 20)
    for i, value in enumerate(found.values.tolist()):
        if found.allowed[i, :NEXT].sum() > 1:
            wanted = _row_shares(begins[0, speller.exon].numpy(), speller)
            allowed = np.flatnonzero(found.allowed[i, :NEXT])
            assert shares[i, allowed].tolist() == pytest.approx(wanted[allowed].tolist(), abs=1e-5)
        else:
            assert not shares[i].any()
        speller.advance(value)


@pytest.mark.parametrize("architecture", ["prefix_lm", "encoder_decoder"])
def test_one_batch_is_learned_by_heart(architecture: str, tmp_path: Path) -> None:
    """Eight loci, two strands, isoforms: every coding sequence is written as it stands in the annotation."""
    baked = bake_toy(tmp_path / "toy", {"t": 8, "v": 1, "x": 1})
    task = GenerateTask(replace(toy_config("exon_text", architecture=architecture), decoder_layers=2), [baked])
    assert len(task.training) == 8
    model, loci = learned_by_heart(task, below=0.002)
    for locus, written in zip(loci, task.write(model, loci), strict=True):
        assert written is not None
        assert chains_of_sentence(written) == chains_of_sentence(locus.sentence)
    with torch.no_grad():
        counts = task.validate(model, [task.training[i] for i in range(8)])
    assert task.summarise(counts)["exon_f1"] == 1.0


def test_a_text_is_the_same_alone_and_in_a_batch(tmp_path: Path) -> None:
    model = load_model(random_model(tmp_path / "m", "exon_text", architecture="prefix_lm", most_features=4))
    windows = [codes[: len(codes) - 20 * i] for i, (codes, _) in enumerate(toy(3))]
    codes, lengths = pad_codes(windows, "cpu")
    together = model.begin(codes, lengths).scores()
    for i, window in enumerate(windows):
        (alone,) = model.begin(*pad_codes([window], "cpu")).scores()
        assert together[i].tolist() == pytest.approx(alone.tolist(), abs=1e-5)


ELEGANS = "eukaryotes/Caenorhabditis.elegans_smallgenes"


def test_real_genes_are_taught_under_their_signals(data_dir: Path) -> None:
    """C. elegans small genes: nearly all obey the signals; what `decode` places elsewhere is counted, not lost."""
    genome = Genome.open(data_dir / ELEGANS / "genome.fa.gz")
    counts: Counter[str] = Counter()
    for gene in read_genes(data_dir / ELEGANS / "annotation.gff3.gz")[:250]:
        told = told_part(gene).gene
        if told is None:
            counts["not told"] += 1
            continue
        start, end = max(0, told.start - 100), min(genome.lengths[told.seqid], told.end + 100)
        codes, sentence = genome.codes(told.seqid, start, end), sentence_of(told, start)
        if told.strand == "-":
            codes, sentence = reverse_complement(codes), sentence.reverse_complement(len(codes))
        signals = Signals.of(codes, CODE, GeneRules())
        found = example(sentence, signals, 40)
        speller = Speller(signals if found.checked else Signals.free(len(codes), bases=codes), 99)
        for value in found.values.tolist():
            speller.advance(value)
        truth = chains_of([told if told.strand == "+" else mirror(told, start + end)], start, end)[0]
        counts["checked" if found.checked else "free"] += 1
        counts["placed" if chains_written(speller) == truth else "placed elsewhere"] += 1
        assert len(unmasked(codes)) == len(speller.bases)
    print(dict(counts))
    assert counts["checked"] > 0.97 * (counts["checked"] + counts["free"])
    assert counts["placed"] > 0.99 * (counts["placed"] + counts["placed elsewhere"])


def test_loci_are_annotated_with_valid_genes(tmp_path: Path) -> None:
    """Through the annotator, on either strand, whole and in pieces: coding sequences that translate."""
    model = load_model(
        random_model(tmp_path / "m", "exon_text", architecture="prefix_lm", most_features=3, window_limit=600)
    )
    rng, loci = np.random.default_rng(2), []
    for number in range(4):
        codes, gene = toy_gene(f"g{number}", rng)
        loci.append(LocusWindow(gene.id, gene.seqid, gene.start, gene.end, gene.strand, 0, codes))
    results = Annotator(model, SearchConfig("beam", 2, max_length=500))(loci)
    written = [(locus, result.gene) for locus, result in zip(loci, results, strict=True) if result.gene is not None]
    assert len(written) >= 3
    for locus, gene in written:
        turned = gene if gene.strand == "+" else mirror(gene, len(locus.codes))
        strand = locus.codes if gene.strand == "+" else reverse_complement(locus.codes)
        assert gene.strand == locus.strand and gene.seqid == locus.seqid
        for transcript in turned.transcripts:
            assert validate_gene(transcript, strand, CODE) is None
