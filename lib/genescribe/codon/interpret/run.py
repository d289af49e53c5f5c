"""Run all six steps of an interpretation, and the mutation maps, for one run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from genescribe.codon.evaluation.controls import sample_genes
from genescribe.codon.interpret.attention import attention
from genescribe.codon.interpret.embeddings import embeddings
from genescribe.codon.interpret.frequencies import frequencies
from genescribe.codon.interpret.next_token import next_token
from genescribe.codon.interpret.pictures import mutation_picture
from genescribe.codon.interpret.probes import probes
from genescribe.codon.interpret.saliency import saliency
from genescribe.codon.interpret.step import Measure, Step, write_step
from genescribe.codon.network.predictor import Network
from genescribe.codon.sequences.prepare import Gene, read_genes
from genescribe.codon.use.mutations import mean_by_effect, mutation_map
from genescribe.errors import InputError
from genescribe.files import atomic_directory

_logger = logging.getLogger("genescribe.codon")


def interpret(
    model: str | Path,
    data: str | Path,
    target: str | Path,
    *,
    label: str,
    genes: int = 200,
    window: int = 9,
    top: int = 200,
    maps: int = 3,
    seed: int = 0,
    device: str = "cpu",
) -> None:
    """Write every step into a folder of its own below `target`.

    Parameters
    ----------
    model, data
        Folders of the model and of its prepared data.
    target
        Folder to write.
    label
        In front of the names of pictures: letters, digits, - and _.
    genes
        Test genes that are looked at.
    window, top
        Codons of a window of high saliency, and how many windows motifs are mined in.
    maps
        Number of genes with a mutation map.
    seed
        Seed of all random choices.
    device
        Where the network computes.

    Raises
    ------
    InputError
        No test genes.
    """
    network = Network.load(model, device)
    untrained = network.untrained(seed)
    every = read_genes(data)
    test = [gene for gene in every if gene.split == "test"]
    if not test:
        raise InputError("no test genes", where=data, remedy="give a test fraction, or a dataset with split: test")
    some = sample_genes(test, genes, seed=seed)
    training = [gene for gene in every if gene.split == "train"]
    steps: dict[str, Callable[[], Step]] = {
        "frequencies": lambda: frequencies(label, every, seed=seed),
        "embeddings": lambda: embeddings(label, network, untrained, seed=seed),
        "attention": lambda: attention(label, network, untrained, some, seed=seed),
        "next token": lambda: next_token(label, network, untrained, training, some),
        "saliency": lambda: saliency(label, network, untrained, some, window=window, top=top, seed=seed),
        "probes": lambda: probes(label, network, untrained, some, seed=seed),
        "mutations": lambda: mutations(label, network, untrained, some, maps),
    }
    with atomic_directory(target) as folder:
        for name, make in steps.items():
            _logger.info("%s", name)
            step = make()
            write_step(step, folder / step.name)


def mutations(label: str, network: Network, untrained: Network, genes: Sequence[Gene], maps: int) -> Step:
    """Return mutation maps of a few genes, and the mean log ratio of the changes of each kind over many.

    Parameters
    ----------
    label
        In front of the names of figures.
    network, untrained
        The model, and the same network with fresh weights.
    genes
        Test genes to choose from.
    maps
        Number of genes whose map is drawn.
    """
    chosen = [gene for gene in genes if 60 <= len(gene.codons) <= 400][:40]
    effects = {
        name: [mean_by_effect(gene.codons, mutation_map(net, gene.codons), gene.table) for gene in chosen]
        for name, net in (("trained", network), ("untrained", untrained))
    }
    kinds = [kind for kind in ("synonymous", "missense", "nonsense") if any(kind in row for row in effects["trained"])]
    mean = {
        name: {
            kind: sum(row[kind] for row in rows if kind in row) / max(1, sum(kind in row for row in rows))
            for kind in kinds
        }
        for name, rows in effects.items()
    }
    measures = [
        Measure(f"mean log ratio of {kind} changes", mean["trained"][kind], {"untrained": mean["untrained"][kind]})
        for kind in kinds
    ]
    figures = [
        mutation_picture(
            f"{label}-mutations-{number}",
            gene.codons,
            mutation_map(network, gene.codons),
            gene.table,
            f"of {gene.id} of {gene.genome} ({gene.product or 'no product named'})",
        )
        for number, gene in enumerate(chosen[:maps], 1)
    ]
    rows = [
        [gene.genome, gene.id, *(row.get(kind, float("nan")) for kind in kinds)]
        for gene, row in zip(chosen, effects["trained"], strict=True)
    ]
    text = (
        f"Every single-codon change of {len(chosen)} test genes, judged by what comes before it: "
        "what the protein would not bear should lie below what it would."
    )
    return Step("7_mutations", "Mutation maps", text, measures, {"genes": (["genome", "id", *kinds], rows)}, figures)
