"""What one does with a trained model: generation, questions, mutation maps, interpretation, the report."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.codon.genomes import random_cds

from genescribe.codon.cds import codons_of
from genescribe.codon.generate import LONGEST, Sampling, Words, compare, generate, generate_from_prefixes
from genescribe.codon.interpret.attention import attention_weights, distance_profile
from genescribe.codon.interpret.biology import cai, rscu
from genescribe.codon.interpret.frequencies import auroc, frequencies
from genescribe.codon.interpret.probes import Question, probe
from genescribe.codon.interpret.run import interpret
from genescribe.codon.interpret.saliency import attribute, enriched
from genescribe.codon.interpret.step import permutation_p, read_blocks
from genescribe.codon.model import CodonModel
from genescribe.codon.mutations import effect, mutation_map, whole_map
from genescribe.codon.network import Network
from genescribe.codon.prepare import Gene, read_genes
from genescribe.codon.query import Query
from genescribe.codon.vocabulary import to_tokens
from genescribe.errors import InputError
from genescribe.genome.genetic_code import GeneticCode
from genescribe.report.blocks import Figure, Table
from genescribe.report.codon import codon_sections


@pytest.fixture(scope="module")
def network(trained: Path) -> Network:
    return Network.load(trained / "train" / "model")


def test_generation_spells_a_protein_and_ends_with_a_stop(network: Network) -> None:
    code = GeneticCode.from_table(11)
    prompts = np.stack([to_tokens(codons_of("ATGAAA"), end=False)] * 4)
    proteins = ["MKWLL", "MKV", "MKAAAAAA", "MKR"]
    written = generate(
        network.model,
        prompts,
        Sampling(),
        generator=torch.Generator().manual_seed(1),
        tables=[11] * 4,
        proteins=proteins,
    )
    for codons, protein in zip(written, proteins, strict=True):
        assert code.amino_acids[codons].tobytes().decode() == protein + "*"
    with pytest.raises(InputError, match="no codon spells"):
        generate(network.model, prompts[:1], Sampling(), generator=torch.Generator(), tables=[11], proteins=["MKB"])


def test_generation_is_the_same_for_a_seed_and_stops_at_its_limit(network: Network) -> None:
    prompts = np.stack([to_tokens(codons_of("ATG"), end=False)] * 3)
    found = [
        generate(
            network.model,
            prompts,
            Sampling(top_k=20, longest=15),
            generator=torch.Generator().manual_seed(s),
            tables=[11] * 3,
        )
        for s in (1, 1, 2)
    ]
    assert all((a == b).all() for a, b in zip(found[0], found[1], strict=True))
    assert any(len(a) != len(b) or (a != b).any() for a, b in zip(found[0], found[2], strict=True))
    assert all(len(one) <= 15 for one in found[0])


def test_samples_are_compared_with_nature(trained: Path, prepared: Path, tmp_path: Path) -> None:
    model = CodonModel.load(trained / "train" / "model")
    samples = generate_from_prefixes(
        model, prepared, tmp_path, prefix=5, count=6, sampling=Sampling(longest=120), seed=0
    )
    assert {one.method for one in samples} == {"free", "protein", "usage"}
    spelled = [one for one in samples if one.method != "free"]
    assert all(one.amino_acid_identity == 1 and one.length == one.natural_length for one in spelled)
    assert len((tmp_path / "samples.csv").read_text().splitlines()) == len(samples) + 1
    assert len((tmp_path / "summary.csv").read_text().splitlines()) == 4
    genes = read_genes(prepared)
    words = Words([genes[0]])
    copied = compare("free", genes[0], genes[0].codons, 5, words)
    assert (copied.codon_identity, copied.synonymous_rate, copied.overlap, copied.end) == (1, 0, 1, "stop")
    assert words.share(genes[1].codons) == pytest.approx(0, abs=0.1)
    assert LONGEST > 100


def test_questions(trained: Path) -> None:
    query = Query(trained / "train" / "model")
    following = query.next("ATGAAA", top=68)
    assert sum(chance for *_, chance in following) == pytest.approx(1)
    scored = query.score("ATGAAACCC")
    chances = {token: chance for token, _, chance in following}
    # The prompt is open: the next codon after ATGAAA is what the third score is about.
    assert np.exp(scored[2][2]) == pytest.approx(chances["CCC"], rel=1e-4)
    assert all(text.startswith("ATGAAA") for text in query.generate("ATGAAA", sampling=Sampling(longest=9), count=2))
    talk = list(query.interact(["next ATG", "hello", "score ATGA", "quit", "next ATG"], Sampling()))
    assert talk[0].count("\t") == 2
    assert any(line.startswith("write next") for line in talk)
    assert "no multiple of three" in talk[-1]


def test_mutation_maps(network: Network) -> None:
    codons = codons_of("ATGAAACCCTAA")
    ratios = mutation_map(network, codons)
    assert ratios.shape == (4, 64)
    assert ratios[np.arange(4), codons].tolist() == [0] * 4
    whole = whole_map(network, codons, [1, 3])
    assert whole[0, codons[1]] == whole[1, codons[3]] == 0
    # Behind the last codon only the end follows: both maps differ there by the end token alone.
    assert whole.shape == (2, 64) and not np.allclose(whole[0], ratios[1])
    assert [effect(0, n, 11) for n in (0, 2, 1, 48)] == ["none", "synonymous", "missense", "nonsense"]


def test_shown_attention_is_the_models_own(network: Network) -> None:
    tokens = to_tokens(read_genes_codons(80), end=False)
    weights = attention_weights(network.model, tokens)
    assert np.allclose(weights.sum(-1), 1)
    assert (weights[..., np.triu_indices(len(tokens), 1)[0], np.triu_indices(len(tokens), 1)[1]] == 0).all()
    flat = np.tril(np.ones((1, 1, 80, 80))) / np.arange(1, 81)[:, None]
    assert distance_profile(flat, 10)[0, 0, 0] == pytest.approx(np.mean(1 / np.arange(11, 81)))


def read_genes_codons(count: int) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 64, count).astype(np.uint8)


def test_integrated_gradients_explain_the_whole_change(network: Network) -> None:
    tokens = to_tokens(read_genes_codons(20), end=False)
    rough, fine = (attribute(network, tokens, 10, steps=n).gap for n in (2, 64))
    assert fine < 0.02
    assert fine <= rough + 1e-6


def test_enrichment_finds_a_planted_codon() -> None:
    generator = np.random.default_rng(0)
    plain = [("g", "x", 1, 1.0, generator.integers(0, 64, 9).astype(np.uint8)) for _ in range(400)]
    planted = [(a, b, c, d, np.append(w[:-2], [7, 8]).astype(np.uint8)) for a, b, c, d, w in plain[:60]]
    rows = enriched(planted, plain[60:])
    assert rows[0][0] in ("ACT-AGA", "ACT", "AGA")
    assert {row[0] for row in rows if float(row[-1]) < 0.01} >= {"ACT-AGA"}
    same = enriched(plain[:60], plain[60:])
    assert sum(float(row[-1]) < 0.05 for row in same) <= 1


def test_probes_read_what_is_there_and_nothing_else() -> None:
    generator = np.random.default_rng(0)
    features = generator.normal(size=(600, 8))
    train = np.arange(600) < 300
    there = Question("there", (features[:, 0] > 0).astype(float), True)
    random = Question("not there", generator.integers(0, 2, 600).astype(float), True)
    number = Question("number", features @ np.arange(8.0), False)
    assert probe(features, there, train, ~train) > 0.9
    assert 0.35 < probe(features, random, train, ~train) < 0.65
    assert probe(features, number, train, ~train) > 0.95


def test_indices_of_usage() -> None:
    counts = np.zeros(64)
    counts[[0, 2]] = 30, 10
    assert rscu(counts, 11)[[0, 2]] == pytest.approx([1.5, 0.5])
    own = np.stack([np.bincount(codons, minlength=64) for codons in ([0, 0], [2, 2, 14], [0, 2])])
    assert cai(own, counts, 11) == pytest.approx([1, 1 / 3, 3**-0.5])
    assert np.isnan(cai(own * 0, counts, 11)).all()
    assert auroc(np.array([1.0, 2, 3, 4]), np.array([False, False, True, True])) == 1
    assert permutation_p(5, [1, 2, 3]) == 0.25


def test_adaptation_finds_genes_of_their_own_usage() -> None:
    generator = np.random.default_rng(3)
    usage = generator.gamma(0.3, size=64)
    genes = []
    for number in range(60):
        ribosomal = number % 4 == 0
        dna = random_cds(generator, 80, usage if ribosomal else None)
        product = "50S ribosomal protein L1" if ribosomal else "hypothetical protein"
        genes.append(Gene("Delta.four", f"g{number}", "test", 0, 11, False, product, codons_of(dna)))
    step = frequencies("small", genes, seed=0)
    (measure,) = step.measures
    assert measure.value > 0.95 > 0.7 > measure.nulls["permuted labels"] > 0.3
    assert measure.p is not None and measure.p < 0.01
    assert len(step.tables["cai"][1]) == len(genes)
    assert not frequencies("small", genes[1:4], seed=0).measures


def test_every_step_is_written_with_its_nulls_and_shown(trained: Path, prepared: Path, tmp_path: Path) -> None:
    run = tmp_path / "codon" / "small"
    interpret(
        trained / "train" / "model", prepared, run / "interpret", label="small", genes=30, window=5, top=40, maps=1
    )
    steps = sorted(path.name for path in (run / "interpret").iterdir())
    assert [name[0] for name in steps] == list("1234567")
    for name in steps[1:]:
        _, blocks = read_blocks(run / "interpret" / name)
        table = next(block for block in blocks if isinstance(block, Table))
        assert any("untrained" in column for column in table.columns), name
        assert any(isinstance(block, Figure) for block in blocks)
        assert list((run / "interpret" / name).glob("*.csv"))
    titles = [section.title for section in codon_sections(tmp_path) if section.blocks]
    assert sum("small: " in title for title in titles) == 7
    shutil.copytree(run, tmp_path / "codon" / "other")
    (across,) = [section for section in codon_sections(tmp_path) if section.title == "Codon models"]
    (table,) = [block for block in across.blocks if isinstance(block, Table)]
    assert list(table.columns) == ["other", "small"]
    assert "right codon" in [row.name for row in table.rows]
