"""What one does with a trained model: generation, questions, mutation maps, interpretation, the report."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.codon.genomes import random_cds

from genescribe.codon.classify.embeddings import embed
from genescribe.codon.config import CodonModelConfig
from genescribe.codon.interpret.attention import attention, attention_weights, distance_profile
from genescribe.codon.interpret.biology import cai, rscu
from genescribe.codon.interpret.frequencies import auroc, frequencies
from genescribe.codon.interpret.probes import Question, probe, probes
from genescribe.codon.interpret.run import interpret
from genescribe.codon.interpret.saliency import attribute, enriched, saliency
from genescribe.codon.interpret.step import permutation_p, read_blocks
from genescribe.codon.network.model import CodonModel
from genescribe.codon.network.predictor import Network
from genescribe.codon.sequences.cds import codons_of, dna_of
from genescribe.codon.sequences.prepare import Gene, read_genes
from genescribe.codon.sequences.vocabulary import FIRST_CODON, to_tokens
from genescribe.codon.use.generate import LONGEST, Sampling, Words, compare, generate, generate_from_prefixes
from genescribe.codon.use.mutations import effect, mutation_map, whole_map
from genescribe.codon.use.query import Query
from genescribe.errors import InputError
from genescribe.figures.blocks import Figure, Table
from genescribe.genome.genetic_code import GeneticCode
from genescribe.report.codon import codon_sections, run_sections


@pytest.fixture(scope="module")
def network(trained: Path) -> Network:
    return Network.load(trained / "train" / "model")


def test_generation_spells_a_protein_and_ends_with_a_stop(network: Network) -> None:
    code = GeneticCode.from_table(11)
    prompts = np.stack([to_tokens(codons_of("ATGAAA"), end=False)] * 4)
    proteins = ["MKWLL", "MKV", "MKAAAAAA", "MKR"]
    written = generate(
        network,
        prompts,
        Sampling(),
        generator=torch.Generator().manual_seed(1),
        tables=[11] * 4,
        proteins=proteins,
    )
    for codons, protein in zip(written, proteins, strict=True):
        assert code.amino_acids[codons].tobytes().decode() == protein + "*"
    with pytest.raises(InputError, match="no codon spells"):
        generate(network, prompts[:1], Sampling(), generator=torch.Generator(), tables=[11], proteins=["MKB"])


def test_generation_is_the_same_for_a_seed_and_stops_at_its_limit(network: Network) -> None:
    prompts = np.stack([to_tokens(codons_of("ATG"), end=False)] * 3)
    found = [
        generate(
            network,
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
    network = Network.load(trained / "train" / "model")
    samples = generate_from_prefixes(
        network, prepared, tmp_path, prefixes=[5, 12], count=6, sampling=Sampling(longest=120), seed=0
    )
    assert len(samples) == 2 * 3 * 6
    for prefix in (5, 12):
        mine = [one for one in samples if one.prefix == prefix]
        assert all(one.dna[: 3 * prefix] == read_dna(prepared, one.id)[: 3 * prefix] for one in mine)
    assert {one.method for one in samples} == {"free", "protein", "usage"}
    spelled = [one for one in samples if one.method != "free"]
    assert all(one.amino_acid_identity == 1 and one.length == one.natural_length for one in spelled)
    assert len((tmp_path / "samples.csv").read_text().splitlines()) == len(samples) + 1
    rows = [line.split(",")[:2] for line in (tmp_path / "summary.csv").read_text().splitlines()]
    assert rows[0] == ["method", "prefix"]
    assert rows[1:] == [[method, prefix] for prefix in ("5", "12") for method in ("free", "protein", "usage")]
    for prefixes, count in (([], 6), ([0], 6), ([5], 0)):
        with pytest.raises(InputError, match="give one or more of each"):
            generate_from_prefixes(
                network, prepared, tmp_path, prefixes=prefixes, count=count, sampling=Sampling(), seed=0
            )
    genes = read_genes(prepared)
    words = Words([genes[0]])
    copied = compare("free", genes[0], genes[0].codons, 5, words)
    assert (copied.codon_identity, copied.synonymous_rate, copied.overlap, copied.end) == (1, 0, 1, "stop")
    assert words.share(genes[1].codons) == pytest.approx(0, abs=0.1)
    assert LONGEST > 100


def read_dna(prepared: Path, name: str) -> str:
    return next(dna_of(gene.codons) for gene in read_genes(prepared) if gene.id == name)


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


@pytest.mark.parametrize(
    ("dna", "protein", "message"),
    [
        ("ATGAAA", "MRRISTT", "begins MR, but --dna spells MK"),
        ("ATGAAAAAAAAAAAA", "MKK", "begins MKK, but --dna spells MKKKK"),
        ("ATGAAA", "", "begins with nothing, but --dna spells MK"),
        ("CCCAAA", "MK", "begins MK, but --dna spells PK"),
    ],
)
def test_a_protein_that_the_prompt_does_not_begin_is_refused(
    dna: str, protein: str, message: str, trained: Path
) -> None:
    query = Query(trained / "train" / "model")
    with pytest.raises(InputError, match=message):
        query.generate(dna, sampling=Sampling(), protein=protein)


@pytest.mark.parametrize(
    ("dna", "protein"), [("ATGAAA", "mkrw*"), ("GTGAAA", "MKRW"), ("GTGAAA", "VKRW"), ("", "MKRW")]
)
def test_a_protein_that_the_prompt_begins_is_spelled(dna: str, protein: str, trained: Path) -> None:
    query = Query(trained / "train" / "model")
    (written,) = query.generate(dna, sampling=Sampling(longest=5), protein=protein)
    assert written.startswith(dna)
    code = GeneticCode.from_table(11)
    assert code.amino_acids[codons_of(written)].tobytes().decode()[1:] == "KRW*"
    with pytest.raises(InputError, match="4 amino acids and a stop do not fit into 4 codons; give --longest 5"):
        query.generate(dna, sampling=Sampling(longest=4), protein=protein)


def test_questions_that_make_no_sense_are_refused(trained: Path) -> None:
    query = Query(trained / "train" / "model")
    for message, ask in {
        "--count: is 0": lambda: query.generate("ATG", sampling=Sampling(), count=0),
        "temperature: is -1": lambda: Sampling(temperature=-1),
        "temperature: is nan": lambda: Sampling(temperature=float("nan")),
        "top_k: is -1": lambda: Sampling(top_k=-1),
        "longest: is 0": lambda: Sampling(longest=0),
        "--top: is -3": lambda: query.next("ATG", top=-3),
        "codon 2, TAA, is a stop": lambda: query.generate("ATGTAA", sampling=Sampling()),
        "5 codons; give --longest more than 5": lambda: query.generate("ATG" * 5, sampling=Sampling(longest=5)),
    }.items():
        with pytest.raises(InputError, match=message):
            ask()
    with pytest.raises(InputError, match="no NCBI table 99"):
        Query(trained / "train" / "model", table=99)
    with pytest.raises(InputError, match="no device is called 'tpu'"):
        Network.load(trained / "train" / "model", "tpu")


@pytest.mark.parametrize("positions", ["rotary", "learned"])
def test_genes_longer_than_a_window_are_read_alike_by_every_use(positions: Any) -> None:
    """Scored, asked for codon by codon, generated, embedded: beyond the window the same windows are used."""
    torch.manual_seed(0)
    config = CodonModelConfig(block_size=64, n_layer=1, n_head=2, n_embd=16, dropout=0.0, positions=positions)
    network = Network(CodonModel(config))
    codons = read_genes_codons(200)
    tokens = to_tokens(codons, end=False)
    scored = network.predict(tokens)
    for length in (63, 64, 65, 96, 97, 150):
        logits, _ = network.follow(torch.from_numpy(tokens[:length].astype(np.int64))[None])
        assert np.allclose(logits[0].double().softmax(-1).numpy(), scored[length - 1], atol=1e-6)
        # What comes after a codon does not change what is said of it.
        assert np.allclose(network.predict(tokens[:length]), scored[: length - 1], atol=1e-6)
    (states,) = network.states_many([tokens], [0, -1])
    assert states.shape == (201, 32)
    assert embed(network, [dna_of(codons)])[0] == pytest.approx(states[1:, 16:].mean(0), abs=1e-5)
    written = generate(
        network,
        tokens[None, :40],
        Sampling(temperature=0, longest=150),
        generator=torch.Generator(),
        tables=[1],
        proteins=["A" * 149],
    )[0]
    assert len(written) == 150
    predicted = network.predict(to_tokens(written, end=False))[:, FIRST_CODON:]
    alanine = np.flatnonzero(GeneticCode.from_table(1).amino_acids[:64] == ord("A"))
    wanted = alanine[predicted[39:149, alanine].argmax(axis=1)]
    assert written[39:149].tolist() == wanted.tolist()


@pytest.mark.parametrize("positions", ["rotary", "learned"])
def test_interpretation_looks_no_further_than_a_window(positions: Any) -> None:
    torch.manual_seed(0)
    config = CodonModelConfig(block_size=64, n_layer=1, n_head=2, n_embd=16, dropout=0.0, positions=positions)
    network = Network(CodonModel(config))
    fresh = network.untrained()
    genes = [
        Gene("Delta.four", f"g{n}", "test", 0, 11, False, "", codons_of(random_cds(np.random.default_rng(n), 200)))
        for n in range(12)
    ]
    for step in (
        attention("x", network, fresh, genes, seed=0),
        saliency("x", network, fresh, genes, window=5, top=20, seed=0),
        probes("x", network, fresh, genes, seed=0),
    ):
        assert all(np.isfinite(one.value) for one in step.measures), step.name
    small = Network(CodonModel(replace(config, block_size=32)))
    with pytest.raises(InputError, match="windows of 32 tokens"):
        saliency("x", small, small, genes, window=5, top=20, seed=0)
    with pytest.raises(InputError, match="saliency_window: is 60"):
        saliency("x", network, fresh, genes, window=60, top=20, seed=0)


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
    own = [section.title for section in run_sections(run)]
    assert own == [title for title in titles if title.startswith("small: ")]
    with pytest.raises(InputError, match="no results of a codon run"):
        run_sections(tmp_path / "nothing")
    shutil.copytree(run, tmp_path / "codon" / "other")
    (across,) = [section for section in codon_sections(tmp_path) if section.title == "Codon models"]
    (table,) = [block for block in across.blocks if isinstance(block, Table)]
    assert list(table.columns) == ["other", "small"]
    assert "right codon" in [row.name for row in table.rows]
