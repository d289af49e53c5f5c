"""Step 6: linear probes of the states, compared with untrained weights, permuted labels and the majority class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from genescribe.codon.classify.metrics import balanced_accuracy
from genescribe.codon.interpret.biology import HYDROPATHY, letters
from genescribe.codon.interpret.pictures import bars
from genescribe.codon.interpret.step import Measure, Step, permutation_p
from genescribe.codon.network.predictor import Network
from genescribe.codon.sequences.prepare import Gene
from genescribe.codon.sequences.vocabulary import CODONS, to_tokens
from genescribe.figures.blocks import Figure

LONGEST = 400
PER_GENE = 20
PERMUTATIONS = 19
_GC3 = np.array([codon[2] in "GC" for codon in CODONS], dtype=float)


@dataclass(frozen=True)
class Question:
    """Something that a state may know.

    Attributes
    ----------
    name
        As the table says.
    values : (n,)
        Classes, or numbers.
    is_class
        Whether they are classes: balanced accuracy, else R squared.
    """

    name: str
    values: NDArray[np.float64]
    is_class: bool

    def permuted(self, chosen: NDArray[np.bool_], generator: np.random.Generator) -> Question:
        """Return the question with the answers of some codons exchanged among each other."""
        values = self.values.copy()
        values[chosen] = generator.permutation(values[chosen])
        return replace(self, values=values)


def states(network: Network, genes: Sequence[Gene], places: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Return the states at some codons of some genes after the embedding and every block, (L + 1, n, C).

    Parameters
    ----------
    network
        The codon model.
    genes
        Coding sequences to read.
    places
        For each gene, the codons to read, counted from 0.
    """
    layers = list(range(network.model.config.n_layer + 1))
    tokens = [to_tokens(gene.codons[:LONGEST], end=False) for gene in genes]
    every = network.states_many(tokens, layers)
    chosen_states = [of_gene[chosen + 1] for of_gene, chosen in zip(every, places, strict=True)]
    rows = np.concatenate(chosen_states).astype(np.float64)
    return np.ascontiguousarray(rows.reshape(len(rows), len(layers), -1).transpose(1, 0, 2))


def questions(genes: Sequence[Gene], places: Sequence[NDArray[np.int64]]) -> list[Question]:
    """Return the questions that probes answer from the state at each chosen codon."""
    codons = [gene.codons[:LONGEST].astype(np.int64) for gene in genes]
    at = [codes[chosen] for codes, chosen in zip(codons, places, strict=True)]
    after = [codes[chosen + 1] for codes, chosen in zip(codons, places, strict=True)]
    tables = [letters(gene.table) for gene in genes]
    here = np.concatenate([table[codes] for table, codes in zip(tables, at, strict=True)])
    following = np.concatenate([table[codes] for table, codes in zip(tables, after, strict=True)])
    water = np.array([HYDROPATHY.get(chr(letter), 0.0) for letter in range(128)])
    before = [_mean_before(_GC3[codes], chosen) for codes, chosen in zip(codons, places, strict=True)]
    hydropathy = [
        _mean_before(water[t[codes]], chosen) for t, codes, chosen in zip(tables, codons, places, strict=True)
    ]
    genomes = sorted({gene.genome for gene in genes})
    where = [np.full(len(chosen), genomes.index(gene.genome)) for gene, chosen in zip(genes, places, strict=True)]
    asked = [
        Question("amino acid of the codon", here.astype(float), True),
        Question("hydropathy of the codon", water[here], False),
        Question("place in the gene (log)", np.log(np.concatenate(places) + 1.0), False),
        Question("GC of third bases, last 20 codons", np.concatenate(before), False),
        Question("hydropathy, last 20 codons", np.concatenate(hydropathy), False),
        Question("amino acid of the next codon", following.astype(float), True),
    ]
    if len(genomes) > 1:
        asked.append(Question("genome", np.concatenate(where).astype(float), True))
    return asked


def _mean_before(values: NDArray[np.float64], places: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean of up to 20 values that end at each place."""
    return np.array([values[max(0, place - 19) : place + 1].mean() for place in places.tolist()])


def probes(label: str, network: Network, untrained: Network, genes: Sequence[Gene], *, seed: int) -> Step:
    """Return how well linear probes answer each question from each layer; see `Step`.

    Of four genes two train the probes, one chooses the layer, and one tests it.
    """
    generator = np.random.default_rng(seed)
    usable = [gene for gene in genes if len(gene.codons) > PER_GENE + 25]
    places = [_places(gene, generator) for gene in usable]
    role = np.repeat(np.arange(len(places)) % 4, [len(chosen) for chosen in places])
    asked = questions(usable, places)
    trained, fresh = states(network, usable, places), states(untrained, usable, places)
    rows: list[list[str | float | int]] = []
    measures = []
    scores: dict[str, list[float]] = {}
    for question in tqdm(asked, "probes", disable=None, unit="question"):
        chosen = [probe(layer, question, role < 2, role == 2) for layer in trained]
        best = int(np.argmax(chosen))
        scores[question.name] = [probe(layer, question, role < 2, role == 3) for layer in trained]
        permuted = [
            probe(trained[best], question.permuted(role < 2, generator), role < 2, role == 3)
            for _ in range(PERMUTATIONS)
        ]
        value = scores[question.name][best]
        nulls = {
            "untrained, same layer": probe(fresh[best], question, role < 2, role == 3),
            "permuted labels": float(np.mean(permuted)),
            "majority or mean": 1 / len(np.unique(question.values[role == 3])) if question.is_class else 0.0,
        }
        rows += [[question.name, "trained", layer, score] for layer, score in enumerate(scores[question.name])]
        rows += [[question.name, name, best, score] for name, score in nulls.items()]
        kind = "balanced accuracy" if question.is_class else "R²"
        measures.append(Measure(f"{question.name} ({kind})", value, nulls, permutation_p(value, permuted)))
    return Step(
        "6_probes",
        "6 Linear probes",
        f"States at {trained.shape[1]:,} codons of {len(usable)} test genes: half of the genes train the probes, a "
        "quarter chooses the layer, a quarter tests it.",
        measures,
        {"probes": (["question", "states", "layer", "score"], rows)},
        [_figure(label, scores)],
    )


def _places(gene: Gene, generator: np.random.Generator) -> NDArray[np.int64]:
    """Return up to `PER_GENE` codons of a gene, drawn, each with 20 before it and one behind."""
    possible = np.arange(20, min(len(gene.codons), LONGEST) - 2)
    return np.sort(generator.choice(possible, min(PER_GENE, len(possible)), replace=False))


def _figure(label: str, scores: Mapping[str, Sequence[float]]) -> Figure:
    depth = len(next(iter(scores.values()))) - 1
    names = [name.replace(",", ",\n").replace(" of the ", "\nof the ").replace(" in ", "\nin ") for name in scores]
    series = {
        layer: [max(0.0, by_layer[number]) for by_layer in scores.values()]
        for layer, number in {"embedding": 0, "middle": (depth + 1) // 2, "last": depth}.items()
    }
    caption = "What a linear probe reads out of the states, by layer: balanced accuracy of classes, R² of numbers."
    return bars(f"{label}-probes", names, series, caption, y="score")


def probe(
    features: NDArray[np.float64], question: Question, train: NDArray[np.bool_], test: NDArray[np.bool_]
) -> float:
    """Return how well a linear map from states, fitted to some codons, answers a question on others.

    Parameters
    ----------
    features : (n, C)
        States at n codons.
    question
        The question, with the answer for each codon.
    train, test : (n,) bool
        Codons to fit to, and to score on.
    """
    head = LogisticRegression(max_iter=200, C=0.1) if question.is_class else Ridge(alpha=10.0)
    fitted = make_pipeline(StandardScaler(), head).fit(features[train], question.values[train])
    predicted, truth = fitted.predict(features[test]), question.values[test]
    if question.is_class:
        known = np.isin(truth, question.values[train])
        return balanced_accuracy(truth[known], predicted[known])
    return float(r2_score(truth, predicted))
