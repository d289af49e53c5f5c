"""The chain's score of the truth is the log-probability with which the simulator wrote it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from tests.simulate.naive_simulator import log_density
from tests.simulate.true_paths import log_likelihood, path_of

from genescribe.crf.score import Segments, forbidden_by, score
from genescribe.genome.alphabet import reverse_complement
from genescribe.genome.model import mirror
from genescribe.simulate import SimulationParameters, load_parameters, parameter_sets, simulate
from genescribe.simulate.lengths import LengthModel
from genescribe.simulate.parameters import LEAST, Durations, Lengths
from genescribe.simulate.paths import genes_of
from genescribe.simulate.states import N_STATES, STATES, label, potentials, state_of
from genescribe.simulate.states import transitions as transition_scores


def many_introns() -> SimulationParameters:
    """Every part of the law at once: split genes with a branch point, introns of UTRs, repeats."""
    plant = load_parameters("arabidopsis_thaliana")
    branch = load_parameters("saccharomyces_cerevisiae").signals.branch
    return dataclasses.replace(
        plant,
        name="mixed",
        signals=dataclasses.replace(plant.signals, branch=branch),
        structure=dataclasses.replace(plant.structure, utr_intron=0.5),
        repeats=dataclasses.replace(plant.repeats, fraction=0.4),
    )


@pytest.mark.parametrize("durations", ["informative", "uninformative"])
@pytest.mark.parametrize("name", ["mixed", *parameter_sets()])
def test_score_of_the_truth_is_its_density(name: str, durations: Durations) -> None:
    parameters = many_introns() if name == "mixed" else load_parameters(name)
    parameters = parameters.with_durations(durations)
    sequences, genes = simulate(parameters, 21, total_bases=14_000 if name == "mixed" else 9_000, n_sequences=2)
    assert genes
    for seqid, codes in sequences.items():
        here = [gene for gene in genes if gene.seqid == seqid]
        assert log_likelihood(parameters, codes, here) == pytest.approx(log_density(parameters, codes, here), abs=1e-6)


def test_the_shortest_segments_hold_their_signals() -> None:
    """At the least lengths, and up to two bases more for the frame, no base is written twice."""
    mixed = many_introns()
    parameters = dataclasses.replace(mixed, signals=dataclasses.replace(mixed.signals, branch=None))
    shortest = {kind: LengthModel(n, n + 2, ((1.0, 3.0, 1.0),), 0.0, 2.0) for kind, n in LEAST.items()}
    parameters = dataclasses.replace(parameters, lengths=Lengths(**shortest)).with_one_transcript()
    sequences, genes = simulate(parameters, 24, total_bases=9_000, n_sequences=2)
    lengths: dict[str, set[int]] = {kind: set() for kind in LEAST}
    for seqid, codes in sequences.items():
        here = [gene for gene in genes if gene.seqid == seqid]
        path = path_of(here, codes)
        for length, state in zip(path.ends.diff(prepend=path.ends.new_zeros(1)), path.labels, strict=True):
            found = state_of(int(state))
            if found is None or found[1].kind in lengths:
                lengths["intergenic" if found is None else found[1].kind].add(int(length))
        assert log_likelihood(parameters, codes, here) == pytest.approx(log_density(parameters, codes, here), abs=1e-6)
    assert {kind: min(seen) for kind, seen in lengths.items()} == LEAST


def test_mixed_genome_shows_every_state() -> None:
    sequences, genes = simulate(many_introns(), 21, total_bases=1_500_000, n_sequences=1)
    path = path_of(genes, sequences["chr1"])
    assert set(path.labels.tolist()) == set(range(N_STATES))


def test_genes_to_path_and_back() -> None:
    sequences, genes = simulate(many_introns(), 22, total_bases=60_000, n_sequences=1)
    back = genes_of(path_of(genes, sequences["chr1"]), "chr1")
    majors = [next(t for t in gene.transcripts if t.canonical) for gene in genes]
    assert [(g.strand, g.transcripts[0].exons, g.transcripts[0].cds) for g in back] == [
        (g.strand, t.exons, t.cds) for g, t in zip(genes, majors, strict=True)
    ]


def test_the_other_strand_scores_the_same_but_for_the_space_between() -> None:
    parameters = many_introns()
    sequences, genes = simulate(parameters, 23, total_bases=30_000, n_sequences=1)
    codes = sequences["chr1"]
    turned = reverse_complement(codes)

    def without_space(strand_codes: np.ndarray, here: list) -> float:
        chain = potentials(parameters, strand_codes)
        chain.content[..., 0] = 0.0
        chain.begin[..., 0] = 0.0

        return float(score(chain, Segments.of([path_of(here, strand_codes)])))

    forward = without_space(codes, genes)
    backward = without_space(turned, [mirror(gene, len(codes)) for gene in genes])
    assert forward == pytest.approx(backward, abs=1e-6)


def test_states() -> None:
    assert N_STATES == 47
    assert state_of(0) is None
    for strand in "+-":
        for number, state in enumerate(STATES):
            assert state_of(label(strand, number)) == (strand, state)


def test_transitions_are_distributions_in_transcript_order() -> None:
    """On "+" what leaves a state sums to one; a terminal exon's share is weighted by its lengths in frame."""
    parameters = many_introns()
    for boundary in range(3):
        scores = np.exp(transition_scores(parameters)[boundary])
        assert scores[0].sum() == pytest.approx(1.0)
        for number, state in enumerate(STATES):
            row = scores[label("+", number)]
            targets = {state_of(int(j)) for j in np.flatnonzero(row)}
            if state.kind in ("utr5", "utr_intron", "stop", "utr3"):
                assert row.sum() == pytest.approx(1.0)
            assert targets or state.kind in ("single", "terminal")


def test_no_stop_codon_and_no_masked_base_inside_a_gene() -> None:
    parameters = load_parameters("arabidopsis_thaliana")
    sequences, genes = simulate(parameters, 24, total_bases=12_000, n_sequences=1)
    codes = sequences["chr1"].copy()
    gene = next(g for g in genes if g.strand == "+")
    major = next(t for t in gene.transcripts if t.canonical)
    path = path_of(genes, codes)
    start = major.cds[0][0]
    for change, reason in (([3, 0, 0], "forbidden at base"), ([12, 12, 12], "forbidden at base")):
        broken = codes.copy()
        broken[start + 3 : start + 6] = change
        chain = potentials(parameters, broken)
        assert reason in forbidden_by(chain, Segments.of([path]), 0)


def test_scores_are_never_nan() -> None:
    parameters = many_introns()
    rng = np.random.default_rng(25)
    codes = rng.integers(0, 13, 2000).astype(np.uint8)
    codes[codes == 5] = 4
    chain = potentials(parameters, codes).checked()
    assert torch.isfinite(chain.content[0, :, 0]).all()
