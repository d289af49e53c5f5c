"""Sentences: written step by step as trained, alone as in a batch; folders; the search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.generate.toy_loci import bake_toy, random_model, toy_config, toy_genome

from genescribe.errors import InputError
from genescribe.files import read_json, write_json
from genescribe.generate.annotation.annotate import Annotator, LocusResult, LocusWindow
from genescribe.generate.annotation.search import SearchConfig, write
from genescribe.generate.config import GenerateModelConfig
from genescribe.generate.loci.windows import locus_pieces, place_window
from genescribe.generate.model import build_model, load_model, pad_codes, read_config
from genescribe.generate.network import decoder as decoder_module
from genescribe.generate.network.decoder import Decoder
from genescribe.generate.text.sentence import sentence_of
from genescribe.generate.training.task import GenerateTask, Locus
from genescribe.genome.annotation.gff3 import read_genes
from genescribe.genome.fasta import Genome
from genescribe.genome.genetic_code import GeneticCode
from genescribe.genome.model import Gene
from genescribe.labels.decode import validate_gene
from genescribe.train.model_files import CONFIG

CODE = GeneticCode.from_table(1)


@pytest.fixture(scope="module")
def baked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bake_toy(tmp_path_factory.mktemp("toy"), {"t": 12, "v": 4, "x": 4})


def task_and_loci(baked: Path) -> tuple[GenerateTask, list[Locus]]:
    task = GenerateTask(toy_config(), [baked])
    return task, [task._locus(task.training[i], shift=0) for i in range(len(task.training))]


def test_steps_one_by_one_are_as_likely_as_all_at_once(baked: Path) -> None:
    task, loci = task_and_loci(baked)
    torch.manual_seed(0)
    model = task.build().eval()
    loci = [locus for locus in loci if model.example(locus.sentence, task.signals(locus.codes)).checked]
    assert len(loci) > 8
    with torch.no_grad():
        losses, _ = task._losses(model, loci)
    codes, lengths = pad_codes([locus.codes for locus in loci], "cpu")
    session = model.begin(codes, lengths)
    automata = [model.automaton(task.signals(locus.codes)) for locus in loci]
    forced = []
    for locus in loci:
        example = model.example(locus.sentence, task.signals(locus.codes))
        forced.append([step.value for step in example.steps])
    outcomes = write(session, automata, SearchConfig(), prompts=forced)
    for outcome, locus, nll in zip(outcomes, loci, losses.nll.sum(dim=1).tolist(), strict=True):
        assert outcome.status == "accepted"
        assert outcome.sentence == locus.sentence
        assert outcome.log_probability == pytest.approx(-nll, abs=1e-3)
        assert all(0 <= score <= 1 for score in outcome.scores)


@pytest.mark.parametrize("method", ["greedy", "beam", "sample"])
def test_a_batch_is_its_loci_one_by_one(method: str, baked: Path, tmp_path: Path) -> None:
    model = load_model(random_model(tmp_path / "model"))
    task, loci = task_and_loci(baked)
    annotator = Annotator(model, SearchConfig(method=method, beams=3, seed=5))  # type: ignore[arg-type]
    windows = [
        LocusWindow(f"g{i}", "s", 5 * (i % 4), len(locus.codes) - 7 * i, "+-."[i % 3], 0, locus.codes)
        for i, locus in enumerate(loci[:6])
    ]
    together = annotator(windows)
    for result, window in zip(together, windows, strict=True):
        (alone,) = annotator([window])
        assert (alone.status, alone.raw, alone.clean) == (result.status, result.raw, result.clean)
        if result.gene is None or alone.gene is None:
            assert result.gene is alone.gene
            continue
        for a, b in zip(alone.gene.transcripts, result.gene.transcripts, strict=True):
            assert (a.exons, a.cds, a.phase) == (b.exons, b.cds, b.phase)
            assert a.score == pytest.approx(b.score, abs=1e-4)
            assert validate_gene(a, window.codes, task.code) is None or result.gene.strand == "-"
    assert sum(result.gene is not None for result in together) > 2
    again = annotator(windows)
    assert [result.raw for result in again] == [result.raw for result in together]


def test_a_batch_of_32_is_its_loci_one_by_one(baked: Path, tmp_path: Path) -> None:
    """Loci of 32 lengths: padding and neighbours change nothing, to the last step that is written."""
    model = load_model(random_model(tmp_path / "model"))
    _, loci = task_and_loci(baked)
    annotator = Annotator(model, SearchConfig(max_length=60))
    windows = [
        LocusWindow(f"g{i}", "s", 0, 395 - 6 * i, "+-"[i % 2], 0, loci[i % len(loci)].codes[: 395 - 6 * i])
        for i in range(32)
    ]
    for result, window in zip(annotator(windows), windows, strict=True):
        (alone,) = annotator([window])
        assert (alone.status, alone.reason, alone.raw, alone.clean) == (
            result.status,
            result.reason,
            result.raw,
            result.clean,
        )


def test_the_compiled_step_is_two_graphs_and_changes_nothing(
    baked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One graph for any number of rows, steps and bases, one for a single row: more would compile at every step."""
    torch._dynamo.reset()
    monkeypatch.setattr(decoder_module, "GROWTH", 8)
    model = load_model(random_model(tmp_path / "model"))
    _, loci = task_and_loci(baked)
    windows = [
        LocusWindow(f"g{i}", "s", 0, len(locus.codes), "+", 0, locus.codes[: len(locus.codes) - 9 * i])
        for i, locus in enumerate(loci[:4])
    ]
    searches = [SearchConfig(max_length=60), SearchConfig("beam", beams=3, max_length=40)]
    # One locus of another length at the end: a single row, then as many as the beam has.
    plain = [[r for batch in (windows, windows[3:]) for r in Annotator(model, s)(batch)] for s in searches]
    graphs: list[object] = []

    def backend(graph: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> Callable[..., object]:
        graphs.append(graph)
        return graph.forward

    capacities = set()
    decoder = model.decoder
    assert isinstance(decoder, Decoder)
    decoder.compile_step(backend)
    step = decoder._compiled
    assert step is not None

    def watched(*parts: Any) -> torch.Tensor:
        capacities.add(parts[3].keys[0].shape[2])
        return step(*parts)

    decoder._compiled = watched
    found = [[r for batch in (windows, windows[3:]) for r in Annotator(model, s)(batch)] for s in searches]
    assert [[r.raw for r in results] for results in found] == [[r.raw for r in results] for results in plain]
    assert len(capacities) > 2
    assert len(graphs) == 2


def test_a_step_that_cannot_be_compiled_ends_the_run(tmp_path: Path, baked: Path) -> None:
    """No locus is rejected for it: it is no fault of theirs."""
    torch._dynamo.reset()
    model = load_model(random_model(tmp_path / "model"))
    _, loci = task_and_loci(baked)

    def backend(graph: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> Callable[..., object]:
        raise RuntimeError("no compiler here")

    model.decoder.compile_step(backend)  # type: ignore[operator, union-attr]
    with pytest.raises(InputError, match="cannot be compiled"):
        Annotator(model)([LocusWindow("g", "s", 0, 300, "+", 0, loci[0].codes)])


def test_a_wider_beam_is_at_least_as_likely(baked: Path, tmp_path: Path) -> None:
    model = load_model(random_model(tmp_path / "model"))
    task, loci = task_and_loci(baked)
    codes, lengths = pad_codes([locus.codes for locus in loci], "cpu")
    found = {}
    for beams in (1, 6):
        automata = [model.automaton(task.signals(locus.codes)) for locus in loci]
        search = SearchConfig("beam", beams)
        found[beams] = [o.log_probability for o in write(model.begin(codes, lengths), automata, search)]
    assert np.mean(found[6]) > np.mean(found[1])


def coding_of(result: LocusResult) -> set[object]:
    return set() if result.gene is None else {transcript.cds for transcript in result.gene.transcripts}


@pytest.mark.parametrize("search", [SearchConfig("beam", 6), SearchConfig("sample", samples=6, seed=2)])
def test_likely_transcripts_of_other_sentences_are_written_too(
    search: SearchConfig, baked: Path, tmp_path: Path
) -> None:
    model = load_model(random_model(tmp_path / "model"))
    _, loci = task_and_loci(baked)
    windows = [LocusWindow(f"g{i}", "s", 0, len(x.codes), "+", 0, x.codes) for i, x in enumerate(loci[:6])]
    kept = {least: Annotator(model, replace(search, isoforms=least))(windows) for least in (1.0, 0.3, 0.0001)}
    gained = 0
    for window, alone, some, many in zip(windows, *kept.values(), strict=True):
        assert coding_of(alone) <= coding_of(some) <= coding_of(many)
        assert alone.raw == some.raw == many.raw
        gained += len(coding_of(many)) - len(coding_of(alone))
        assert many.gene is not None
        for transcript in many.gene.transcripts:
            assert validate_gene(transcript, window.codes, CODE) is None
            assert transcript.score is not None and 0 <= transcript.score <= 1
            if search.method == "sample" and transcript.cds not in coding_of(alone):
                assert 6 * transcript.score == pytest.approx(round(6 * transcript.score), abs=1e-4)
        (again,) = Annotator(model, replace(search, isoforms=0.0001))([window])
        assert again.clean == many.clean
    assert gained > 3


def test_a_prompt_is_gone_on_from(tmp_path: Path) -> None:
    model = load_model(random_model(tmp_path / "model"))
    fasta, annotation, _ = toy_genome(tmp_path / "genome", {"t": 4})
    genome = Genome.open(fasta)
    for gene in read_genes(annotation):
        given = gene.transcripts[0]
        codes = genome.codes(gene.seqid)
        result = Annotator(model).sequence(codes, strand=gene.strand, prompt=given)
        assert result.gene is not None
        sentence = sentence_of(Gene("g", gene.seqid, gene.strand, (given,)))
        sentence = sentence if gene.strand == "+" else sentence.reverse_complement(len(codes))
        assert result.raw.startswith(str(sentence).partition(">")[0])


def test_a_sentence_that_grows_too_long_is_repaired_or_rejected(tmp_path: Path, baked: Path) -> None:
    model = load_model(random_model(tmp_path / "model"))
    _, loci = task_and_loci(baked)
    for length in (1, 3, 9, 30):
        for locus in loci:
            result = Annotator(model, SearchConfig(max_length=length)).sequence(locus.codes)
            assert result.status in ("accepted", "repaired", "rejected")
            if result.status == "rejected":
                assert result.reason == "longer than max_length"
                assert result.gene is None


def test_a_long_locus_is_read_in_pieces(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    codes = rng.choice(4, size=2_500).astype(np.uint8)
    model = load_model(random_model(tmp_path / "model", window_limit=600))
    result = Annotator(model).sequence(codes)
    assert result.reason.startswith("read in pieces")
    assert result.gene is not None
    for transcript in result.gene.transcripts:
        assert validate_gene(transcript, codes, CODE) is None
    assert result.gene.end - result.gene.start > 600


def test_no_start_codon_is_a_reject(tmp_path: Path) -> None:
    model = load_model(random_model(tmp_path / "model"))
    result = Annotator(model).sequence(np.full(200, 1, dtype=np.uint8))
    assert (result.status, result.reason, result.gene) == ("rejected", "dead end", None)


def test_an_error_rejects_its_locus_alone(tmp_path: Path, baked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model(random_model(tmp_path / "model"))
    _, loci = task_and_loci(baked)
    annotator = Annotator(model)
    begin = model.begin

    def out_of_memory(codes: torch.Tensor, lengths: torch.Tensor) -> object:
        if bool((lengths == len(loci[2].codes)).any()):
            raise torch.OutOfMemoryError("CUDA out of memory")
        return begin(codes, lengths)

    monkeypatch.setattr(model, "begin", out_of_memory)
    windows = [LocusWindow(f"g{i}", "s", 0, len(x.codes), "+", 0, x.codes) for i, x in enumerate(loci[:5])]
    results = annotator(windows)
    bad = [i for i, x in enumerate(loci[:5]) if len(x.codes) == len(loci[2].codes)]
    assert [i for i, result in enumerate(results) if result.failed] == bad
    assert "OutOfMemoryError" in results[2].reason


def test_a_folder_gives_the_model_back(tmp_path: Path) -> None:
    folder = random_model(tmp_path / "model")
    first, again = load_model(folder), load_model(folder)
    for name, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])
    stored = read_json(folder / CONFIG)
    write_json(folder / CONFIG, {**stored, "model": {**stored["model"], "depth": 3}})
    with pytest.raises(InputError, match="unknown key"):
        load_model(folder)
    write_json(folder / CONFIG, {**stored, "model": {**stored["model"], "decoder_layers": 2}})
    with pytest.raises(InputError, match=r"lacks|has unknown"):
        load_model(folder)
    with pytest.raises(InputError, match="no such file"):
        read_config(tmp_path)


def test_windows() -> None:
    place = {"flank": 100, "step": 600, "limit": 1800}
    for start, end in ((0, 50), (5, 700), (9_000, 9_990), (9_990, 10_000), (4_000, 5_500)):
        window = place_window(start, end, (0, 10_000), **place)
        assert window is not None
        low, high = window
        assert (high - low) % 600 == 0
        assert 0 <= low <= max(0, start - 100)
        assert min(10_000, end + 100) <= high <= 10_000
    assert place_window(1_000, 3_000, (0, 10_000), **place) is None
    assert place_window(10, 20, (0, 450), **place) == (0, 450)
    assert [b - a for a, b in locus_pieces(0, 1_001, 500)] == [500] * 4


def test_parameters_can_be_few_or_many() -> None:
    few = build_model(toy_config(genetic_code=1))
    assert sum(p.numel() for p in few.parameters()) < 100_000
    default = build_model(GenerateModelConfig(genetic_code=1))
    assert 2_000_000 < sum(p.numel() for p in default.parameters()) < 30_000_000
