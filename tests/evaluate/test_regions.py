"""Which genes are scored when only regions are."""

from __future__ import annotations

from genescribe.evaluate.accuracy import compare
from genescribe.evaluate.regions import restrict
from genescribe.genome.model import Gene, Transcript


def gene(name: str, start: int, end: int, strand: str = "+", seqid: str = "s") -> Gene:
    return Gene(name, seqid, strand, (Transcript(f"{name}.1", ((start, end),), ((start, end),)),))


def ids(genes: list[Gene]) -> str:
    return "".join(g.id for g in genes)


def test_whole_genes_only_and_whole_sequences() -> None:
    genes = [gene("a", 0, 10), gene("b", 95, 105), gene("c", 120, 130), gene("d", 0, 10, seqid="other")]
    inside = restrict(genes, [], [("s", 0, 100)])
    assert ids(inside.reference) == "a"
    assert inside.left_out == {"reference": 1, "predicted": 0}
    assert ids(restrict(genes, [], [("other", 0, None)]).reference) == "d"
    assert ids(restrict(genes, [], [("s", 0, 100), ("s", 100, 110)]).reference) == "ab"


def test_predictions_of_a_gene_that_crosses_an_edge_are_left_out() -> None:
    reference = [gene("r", 90, 110)]
    predicted = [gene("p", 90, 99), gene("q", 80, 91, strand="-"), gene("t", 95, 110), gene("u", 10, 20)]
    assert ids(restrict(reference, predicted, [("s", 0, 100)]).predicted) == "qu"


def test_a_crossing_prediction_of_a_scored_gene_is_wrong() -> None:
    reference = [gene("r", 80, 95)]
    metrics = compare(reference, [gene("p", 80, 105)], regions=[("s", 0, 100)])
    assert (metrics["gene"]["tp"], metrics["gene"]["fn"], metrics["gene"]["fp"]) == (0, 1, 1)
    metrics = compare(reference, [gene("p", 96, 105)], regions=[("s", 0, 100)])
    assert (metrics["gene"]["fn"], metrics["gene"]["fp"]) == (1, 0)
    assert metrics["left_out"] == {"reference": 0, "predicted": 1}


def test_genes_far_from_any_region_are_not_called_left_out() -> None:
    reference = [gene("a", 0, 10), gene("b", 95, 105), gene("c", 500, 600)]
    assert compare(reference, [], regions=[("s", 0, 100)])["left_out"] == {"reference": 1, "predicted": 0}
