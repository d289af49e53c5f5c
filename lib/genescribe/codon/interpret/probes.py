"""Step 6: what a linear map reads out of the states, beside fresh weights, permuted labels and the majority."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import balanced_accuracy_score, r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from genescribe.codon.interpret.biology import HYDROPATHY, letters
from genescribe.codon.interpret.pictures import bars
from genescribe.codon.interpret.step import Measure, Step
from genescribe.codon.layout import Layout
from genescribe.codon.network import Network
from genescribe.codon.prepare import Gene
from genescribe.codon.vocabulary import CODONS, to_tokens

LONGEST = 400
PER_GENE = 20
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


@torch.inference_mode()
def states(network: Network, genes: Sequence[Gene], places: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Return the states at some codons of some genes after the embedding and every block, (L + 1, n, C)."""
    found = []
    for gene, chosen in zip(genes, places, strict=True):
        tokens = torch.from_numpy(to_tokens(gene.codons[:LONGEST], end=False).astype(np.int64)).to(network.device)
        layout = Layout.of(torch.tensor([len(tokens)])).to(network.device)
        every = network.model.hidden(network.model.embedding(tokens), layout, every=True)
        found.append(torch.stack(every)[:, chosen + 1].double().cpu().numpy())
    return np.concatenate(found, axis=1)


def questions(genes: Sequence[Gene], places: Sequence[NDArray[np.int64]]) -> list[Question]:
    """Return what is asked of the state at each chosen codon."""
    codons = [gene.codons[:LONGEST].astype(np.int64) for gene in genes]
    at = [one[chosen] for one, chosen in zip(codons, places, strict=True)]
    after = [one[chosen + 1] for one, chosen in zip(codons, places, strict=True)]
    tables = [letters(gene.table) for gene in genes]
    here = np.concatenate([table[one] for table, one in zip(tables, at, strict=True)])
    following = np.concatenate([table[one] for table, one in zip(tables, after, strict=True)])
    water = np.array([HYDROPATHY.get(chr(letter), 0.0) for letter in range(128)])
    before = [_mean_before(_GC3[one], chosen) for one, chosen in zip(codons, places, strict=True)]
    hydropathy = [_mean_before(water[t[one]], chosen) for t, one, chosen in zip(tables, codons, places, strict=True)]
    genomes = sorted({gene.genome for gene in genes})
    where = [np.full(len(chosen), genomes.index(gene.genome)) for gene, chosen in zip(genes, places, strict=True)]
    found = [
        Question("amino acid of the codon", here.astype(float), True),
        Question("hydropathy of the codon", water[here], False),
        Question("place in the gene (log)", np.log(np.concatenate(places) + 1.0), False),
        Question("GC of third bases, last 20 codons", np.concatenate(before), False),
        Question("hydropathy, last 20 codons", np.concatenate(hydropathy), False),
        Question("amino acid of the next codon", following.astype(float), True),
    ]
    if len(genomes) > 1:
        found.append(Question("genome", np.concatenate(where).astype(float), True))
    return found


def _mean_before(values: NDArray[np.float64], places: NDArray[np.int64], reach: int = 20) -> NDArray[np.float64]:
    return np.array([values[max(0, place - reach + 1) : place + 1].mean() for place in places.tolist()])


def probes(label: str, network: Network, untrained: Network, genes: Sequence[Gene], *, seed: int) -> Step:
    """Return how well linear probes answer each question from each layer; a gene trains a probe or tests it."""
    generator = np.random.default_rng(seed)
    usable = [gene for gene in genes if len(gene.codons) > PER_GENE + 25]
    places = [
        np.sort(generator.choice(np.arange(20, min(len(gene.codons), LONGEST) - 2), PER_GENE, replace=False))
        if min(len(gene.codons), LONGEST) - 22 >= PER_GENE
        else np.arange(20, min(len(gene.codons), LONGEST) - 2)
        for gene in usable
    ]
    train = np.concatenate([np.full(len(chosen), i % 2 == 0) for i, chosen in enumerate(places)])
    asked = questions(usable, places)
    trained, fresh = states(network, usable, places), states(untrained, usable, places)
    rows, measures = [], []
    last = len(trained) - 1
    bar = tqdm(total=len(asked) * (len(trained) + 2), desc="probes", disable=None, unit="probe")
    scores: dict[str, list[float]] = {}
    for question in asked:
        scores[question.name] = []
        for layer, one in enumerate(trained):
            scores[question.name].append(probe(one, question, train))
            rows.append([question.name, "trained", layer, scores[question.name][-1]])
            bar.update()
        best = int(np.argmax(scores[question.name]))
        mixed = question.values.copy()
        mixed[train] = generator.permutation(mixed[train])
        nulls = {
            "untrained, same layer": probe(fresh[best], question, train),
            "permuted labels": probe(trained[best], Question(question.name, mixed, question.is_class), train),
            "majority or mean": 1 / len(np.unique(question.values[~train])) if question.is_class else 0.0,
        }
        rows += [[question.name, name, best, value] for name, value in nulls.items()]
        kind = "balanced accuracy" if question.is_class else "R²"
        measures.append(
            Measure(f"{question.name} ({kind}, layer {best} of {last})", scores[question.name][best], nulls)
        )
        bar.update(2)
    bar.close()
    figure = bars(
        f"{label}-probes",
        [
            question.name.replace(",", ",\n").replace(" of the ", "\nof the ").replace(" in ", "\nin ")
            for question in asked
        ],
        {
            name: [max(0.0, scores[q.name][layer]) for q in asked]
            for name, layer in {"embedding": 0, "middle": len(trained) // 2, "last": last}.items()
        },
        "What a linear probe reads out of the states, by layer: balanced accuracy of classes, R² of numbers.",
        y="score",
    )
    return Step(
        "6_probes",
        "6 Linear probes",
        f"States at {trained.shape[1]:,} codons of {len(usable)} test genes; every second gene trains the probes, the "
        "others test them.",
        measures,
        {"probes": (["question", "states", "layer", "score"], rows)},
        [figure],
    )


def probe(features: NDArray[np.float64], question: Question, train: NDArray[np.bool_]) -> float:
    """Return how well a linear map from states answers a question on the genes that it was not fitted to."""
    head = LogisticRegression(max_iter=200, C=0.1) if question.is_class else Ridge(alpha=10.0)
    fitted = make_pipeline(StandardScaler(), head).fit(features[train], question.values[train])
    predicted, truth = fitted.predict(features[~train]), question.values[~train]
    if question.is_class:
        known = np.isin(truth, question.values[train])
        return float(balanced_accuracy_score(truth[known], predicted[known]))
    return float(r2_score(truth, predicted))
