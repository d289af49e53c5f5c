"""Held-out evaluation of a codon model with baselines and controls; only this module reads the test split."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from genescribe.codon.evaluation import scoring
from genescribe.codon.evaluation.controls import sample_genes, shuffled, synonym_shuffled
from genescribe.codon.evaluation.methods import MODEL, TRIGRAM
from genescribe.codon.evaluation.ngram import CodonUsage, InGene, KneserNey, Predictor, Uniform
from genescribe.codon.evaluation.scoring import GeneScores
from genescribe.codon.network.predictor import Network
from genescribe.codon.sequences.prepare import Gene, read_genes
from genescribe.codon.sequences.vocabulary import FIRST_CODON, SIZE, to_tokens
from genescribe.errors import InputError
from genescribe.files import read_json, write_json, write_table
from genescribe.genome.genetic_code import GeneticCode, codon_numbers

USAGE, OWN_USAGE = "codon usage", "codon usage of its genome"
WEIGHTS = (50.0, 100.0, 200.0, 400.0, 800.0)
CONTROL_GENES = 400
_SHORTEST = 10
"""Inner codons of a gene that is read in all three frames."""


def baselines(training: Sequence[Gene], validation: Sequence[Gene]) -> dict[str, Predictor]:
    """Return the baselines of the network, from the same training data.

    The prior weight of the model that learns within the gene is chosen on the validation genes.
    """
    codons = [gene.codons for gene in training]
    predictors: dict[str, Predictor] = {"uniform": Uniform()}
    predictors |= {name: KneserNey(codons, n) for n, name in enumerate(("unigram", "bigram", TRIGRAM), 1)}
    chosen = sample_genes(validation, CONTROL_GENES, seed=0)
    trials = {weight: InGene(predictors["bigram"], weight) for weight in WEIGHTS}
    losses = {
        weight: float(_scores(predictor, chosen).perplexity()) if chosen else weight
        for weight, predictor in trials.items()
    }
    best = min(losses, key=lambda weight: losses[weight])
    return predictors | {f"bigram + usage of the gene so far (weight {best:g})": trials[best]}


def evaluate(
    model: str | Path,
    data: str | Path,
    target: str | Path,
    *,
    bootstrap: int = 1000,
    genes: int = 0,
    device: str = "cpu",
    seed: int = 0,
) -> dict[str, Any]:
    """Score a model on the test genes and write `metrics.json` and `genes.tsv`.

    Parameters
    ----------
    model
        Folder of the model.
    data
        Prepared folder that it was trained on.
    target
        Folder to write.
    bootstrap
        Draws of genes for the intervals.
    genes
        Test genes to score, drawn; 0: all.
    device
        Where the network computes.
    seed
        Of the draws, the shuffles and the untrained control.

    Returns
    -------
    dict
        What `metrics.json` holds.

    Raises
    ------
    InputError
        No test genes.
    """
    every = read_genes(data)
    by_split = {split: [gene for gene in every if gene.split == split] for split in ("train", "validation", "test")}
    test = sample_genes(by_split["test"], genes or len(every), seed=seed)
    if not test:
        raise InputError("no test genes", where=data, remedy="give a test fraction, or a dataset with split: test")
    network = Network.load(model, device)
    others = baselines(by_split["train"], by_split["validation"])
    scores = _every_score(network, others, by_split["train"], test)
    weights = scoring.draws(len(test), bootstrap, seed)
    sample = sample_genes(test, CONTROL_GENES, seed=seed)
    fresh = network.untrained(seed)
    homology = ["homologue in training" if gene.homologue else "no homologue in training" for gene in test]
    metrics: dict[str, Any] = {
        "genes": len(test),
        "test_genes": len(by_split["test"]),
        "codons": int(sum(len(gene.codons) for gene in test)),
        "methods": {name: scoring.summary(of_method, weights) for name, of_method in scores.items()},
        "model_against": {
            name: scoring.compared(of_method, scores[MODEL], weights)
            for name, of_method in scores.items()
            if name != MODEL
        },
        "genomes": scoring.by_group(scores, [gene.genome for gene in test]),
        "homology": scoring.by_group(scores, homology),
        "controls": _controls(network, others[TRIGRAM], sample, seed),
        "sanity": {MODEL: sanity(network, sample), TRIGRAM: sanity(others[TRIGRAM], sample)},
        "first_loss": {"untrained": first_loss(fresh, sample), "ln_v": math.log(SIZE)},
        "untrained_perplexity": float(_network_scores(fresh, sample).perplexity()),
        "parameters": sum(parameter.numel() for parameter in network.model.parameters()),
        "provenance": _provenance(model, data),
    }
    target = Path(target)
    _write_genes(target / "genes.tsv", test, {name: scores[name] for name in (MODEL, TRIGRAM)})
    write_json(target / "metrics.json", metrics)
    return metrics


def _every_score(
    network: Network, others: Mapping[str, Predictor], training: Sequence[Gene], test: Sequence[Gene]
) -> dict[str, GeneScores]:
    """Return the scores of the baselines, the network and codon usage on the test genes."""
    usage = CodonUsage([gene.codons for gene in training])
    return {name: _scores(predictor, test, name) for name, predictor in others.items()} | {
        MODEL: _network_scores(network, test),
        USAGE: GeneScores(np.array([scoring.usage_score(gene, usage.shares(gene.table)) for gene in test])),
        OWN_USAGE: scoring.own_usage(test),
    }


def first_loss(network: Network, genes: Sequence[Gene]) -> float:
    """Return the mean loss of a network over all transitions, the end tokens inside, in nats."""
    tokens = scoring.tokens_of(genes)
    total = count = 0.0
    for sequence, predicted in zip(tokens, network.predict_many(tokens), strict=True):
        total -= float(np.log(predicted[np.arange(len(sequence) - 1), sequence[1:]]).sum())
        count += len(sequence) - 1
    return total / count


def _scores(predictor: Predictor, genes: Sequence[Gene], name: str = "") -> GeneScores:
    tokens = tqdm(scoring.tokens_of(genes), name or "genes", disable=None if name else True, unit="CDS")
    return scoring.score(genes, (predictor.predict(sequence) for sequence in tokens))


def _network_scores(network: Network, genes: Sequence[Gene]) -> GeneScores:
    predictions = network.predict_many(scoring.tokens_of(genes))
    return scoring.score(genes, tqdm(predictions, MODEL, total=len(genes), disable=None, unit="CDS"))


def _controls(network: Network, trigram: Predictor, genes: Sequence[Gene], seed: int) -> dict[str, Any]:
    """Return perplexities on genes whose codons were put in another order, composition or protein being kept."""
    variants = {
        "as they are": list(genes),
        "codons shuffled": [replace(gene, codons=shuffled(gene, seed)) for gene in genes],
        "synonyms shuffled": [replace(gene, codons=synonym_shuffled(gene, seed)) for gene in genes],
    }
    return {"genes": len(genes)} | {
        name: {
            MODEL: float(_network_scores(network, some).perplexity()),
            TRIGRAM: float(_scores(trigram, some).perplexity()),
        }
        for name, some in variants.items()
    }


def sanity(predictor: Predictor, genes: Sequence[Gene]) -> dict[str, float]:
    """Return whether a predictor knows the reading frame and where genes end.

    Returns
    -------
    dict
        `frame_shift_delta`: nats per codon that the inner codons cost more, read one or two bases late, than in frame;
        `stop_rate`: mean probability of a stop codon where none stands; `stop_rate_at_end`: where one does.
    """
    shifts, inner, last = [], [], []
    for gene in genes:
        codons = gene.codons[1:-1]
        if len(codons) < _SHORTEST:
            continue
        bases = np.stack([codons // 16, codons // 4 % 4, codons % 4], axis=1).astype(np.uint8).ravel()
        nats = []
        for shift in range(3):
            # The same number of whole codons in every frame.
            read = codon_numbers(bases[shift : shift + 3 * (len(codons) - 1)])
            predicted = predictor.predict(to_tokens(read, end=False))
            nats.append(-np.log(predicted[np.arange(len(read)), read.astype(np.int64) + FIRST_CODON]).mean())
        shifts.append(np.mean(nats[1:]) - nats[0])
        stops = FIRST_CODON + np.flatnonzero(GeneticCode.from_table(gene.table).always_stop[:64])
        chances = predictor.predict(to_tokens(gene.codons))[: len(gene.codons), stops].sum(axis=1)
        inner.append(chances[:-1].mean())
        last.append(chances[-1])
    names = ("frame_shift_delta", "stop_rate", "stop_rate_at_end")
    return {name: float(np.mean(values)) for name, values in zip(names, (shifts, inner, last), strict=True) if values}


def _provenance(model: str | Path, data: str | Path) -> dict[str, Any]:
    path = Path(model) / "provenance.json"
    trained = read_json(path) if path.exists() else {}
    manifest = read_json(Path(data) / "manifest.json")
    return {
        "trained": trained.get("finished"),
        "fingerprint_sha256": trained.get("fingerprint_sha256"),
        "data": manifest["files"],
    }


def _write_genes(path: Path, genes: Sequence[Gene], scores: dict[str, GeneScores]) -> None:
    rows = []
    for number, gene in enumerate(genes):
        nats = [f"{score.values[number, 0] / len(gene.codons):.4f}" for score in scores.values()]
        homologue = "yes" if gene.homologue else "no"
        rows.append([gene.genome, gene.id, len(gene.codons), homologue, *nats, gene.product])
    columns = ["genome", "id", "codons", "homologue", *(f"nats_{name}" for name in scores), "product"]
    write_table(path, columns, rows, delimiter="\t")
