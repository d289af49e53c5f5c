"""Training the segment model on a toy genome: it learns, it resumes, its validation counts right."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.segment.toy_shards import bake_toy

from genescribe.cli import Parser
from genescribe.config import to_mapping
from genescribe.data.batching import collate
from genescribe.data.cursor import Cursor
from genescribe.data.sample import Sample, WindowMeta
from genescribe.errors import InputError
from genescribe.families import known_families, load_predictor
from genescribe.kernels.semicrf.potentials import Segmentation
from genescribe.nn.config import EncoderConfig
from genescribe.run_options import add_arguments, read_options
from genescribe.segment.config import SegmentModelConfig
from genescribe.segment.network.model import SegmentModel
from genescribe.segment.training.statistics import class_weights
from genescribe.segment.training.task import SegmentTask
from genescribe.train.config import TrainConfig
from genescribe.train.engine import train

ENCODER = EncoderConfig(hidden_dim=16, conv_width=12, conv_kernel=5, fold=3, dropout=0.0)
CONFIG = SegmentModelConfig(encoder=ENCODER, max_duration=80, duration_knots=8, tile=90, halo=30, feature_cap=300)
TRAIN = TrainConfig(max_steps=4, batch_size=4, lr=0.01)


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bake_toy(tmp_path_factory.mktemp("shards") / "batch_0")


@pytest.mark.parametrize("head", ["linear", "semicrf"])
def test_it_learns_the_toy_genome(shards: Path, tmp_path: Path, head: Any) -> None:
    # So few steps need scores that count for more.
    task = SegmentTask(replace(CONFIG, head=head, content_scale=0.1), [shards])
    train(task, replace(TRAIN, max_steps=80, validate_epochs=5), tmp_path)
    provenance = json.loads((tmp_path / "model" / "provenance.json").read_text())
    step = str(provenance["best_step"])
    with (tmp_path / "log.csv").open() as handle:
        (best,) = (row for row in csv.DictReader(handle) if (row["step"], row["split"]) == (step, "validation"))
    assert float(best["cds_base_f1"]) > 0.9
    assert SegmentModel.load(tmp_path / "model").config.genetic_code == 1


def test_a_run_that_was_cut_short_ends_with_the_same_weights(shards: Path, tmp_path: Path) -> None:
    class Cut(SegmentTask):
        left = 3

        def loss(self, model: torch.nn.Module, batch: Any) -> Any:
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
            return super().loss(model, batch)

    config = replace(CONFIG, encoder=replace(ENCODER, dropout=0.2))
    options = replace(TRAIN, checkpoint_steps=2)
    train(SegmentTask(config, [shards]), options, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(Cut(config, [shards]), options, tmp_path / "cut")
    train(SegmentTask(config, [shards]), options, tmp_path / "cut")
    weights = [(tmp_path / run / "model" / "model.safetensors").read_bytes() for run in ("whole", "cut")]
    assert weights[0] == weights[1]


def test_the_crf_starts_from_the_annotation(shards: Path) -> None:
    task = SegmentTask(replace(CONFIG, duration_knots=0), [shards])
    model = task.build()
    assert isinstance(model, SegmentModel)
    table, _ = model.crf.durations()
    assert int(table[:, 4].argmax()) == 59, "introns of the toy genome last 60 bases"
    follows = model.crf.transition.detach()[0].exp()
    assert 0.6 < float(follows[9, 1]) < 1, "a first exon follows a start codon"


class Oracle(SegmentModel):
    """Decodes what it is told to."""

    def __init__(self, config: SegmentModelConfig, paths: list[Segmentation]) -> None:
        super().__init__(config)
        self.crf.decode = lambda *_, **__: paths  # type: ignore[method-assign]


def sample(runs: list[list[int]], *, left: bool = False, right: bool = False) -> Sample:
    length = runs[-1][0]
    meta = WindowMeta("g", "s", "+", 0, length, "validation", left, right)
    return Sample("k", np.zeros(length, dtype=np.uint8), np.array(runs, dtype=np.int32), meta)


def path(runs: list[list[int]]) -> Segmentation:
    return Segmentation(*torch.tensor(runs).T)


def test_validation_counts(shards: Path) -> None:
    """Start codon, exon and stop codon are one coding segment; one that an edge cuts or is partly unknown, none."""
    task = SegmentTask(CONFIG, [shards])
    truth = [
        sample([[10, 0], [13, 9], [20, 1], [44, 4], [54, 3], [57, 10], [64, 0]]),
        sample([[5, 1], [8, 10], [20, 0], [30, -1], [40, 0], [43, 9], [50, 1]], left=True, right=True),
    ]
    predicted = [
        path([[10, 0], [13, 9], [20, 1], [45, 4], [54, 3], [57, 10], [64, 0]]),
        path([[8, 0], [15, 1], [25, 0], [28, 1], [50, 0]]),
    ]
    model = Oracle(task.config, predicted).eval()
    with torch.no_grad():
        counts = task.validate(model, collate(truth))
    metrics = task.summarise({name: value.double() for name, value in counts.items()})
    assert counts["exons"].tolist() == [2, 3, 1]
    assert metrics["cds_segment_f1"] == pytest.approx(2 / 5)
    # Coding bases: 23 + 8 + 10 true; 22 + 7 predicted; 22 right.
    assert metrics["cds_base_f1"] == pytest.approx(2 * 22 / (41 + 29))
    assert metrics["nll"] > 0


def test_ignored_bases_change_nothing_in_the_cross_entropy(shards: Path) -> None:
    task = SegmentTask(replace(CONFIG, crf_weight=0.0), [shards])
    model = task.build().eval()
    known, masked = sample([[20, 0], [40, 0]]), sample([[20, 0], [40, -1]])
    with torch.no_grad():
        whole, half = (task.loss(model, collate([one])) for one in (known, masked))
        logits = model.scores(collate([known]).codes).logits[0].log_softmax(-1)[:, 0]
    weight = float(class_weights(task.statistics["splits"]["train"]["bases"].values(), 0.5)[0])
    assert float(whole.total) == pytest.approx(-weight * float(logits.sum()), rel=1e-5)
    assert float(half.total) == pytest.approx(-weight * float(logits[:20].sum()), rel=1e-5)
    assert float(half.weight) == 40


def test_the_first_batch_is_described(shards: Path) -> None:
    task = SegmentTask(CONFIG, [shards])
    lines = task.diagnose(task.build(), next(task.batches(Cursor(1, 0, 2, 2))))
    text = "\n".join(lines)
    assert "training and" in lines[0]
    assert "B=2, T=700, K=80, C=11; CRF about" in lines[1]
    for part in ("encoder output", "emissions", "begin scores", "transitions", "durations"):
        assert part in text


def test_regularisation_and_clamp_act(shards: Path) -> None:
    batch = collate([sample([[10, 0], [13, 9], [20, 1], [44, 4], [54, 3], [57, 10], [64, 0]])])

    def loss(**changes: Any) -> float:
        task = SegmentTask(replace(CONFIG, **changes), [shards])
        torch.manual_seed(1)
        return float(task.loss(task.build().eval(), batch).total.detach())

    assert loss(crf_reg=1.0) > loss()
    assert loss(emission_clamp=0.01) != loss()


# The compiler warns of what it does itself, and an error made of that ends it.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
def test_compiling_the_encoder_changes_nothing(shards: Path) -> None:
    """Slow: the compiler itself takes half a minute."""
    task = SegmentTask(CONFIG, [shards])
    batch = next(task.batches(Cursor(1, 0, 2, 2)))
    torch.manual_seed(1)
    plain = task.build().eval()
    torch.manual_seed(1)
    compiled = task.build().eval()
    task.compile(compiled)
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    torch.testing.assert_close(task.loss(compiled, batch).total, task.loss(plain, batch).total, rtol=1e-4, atol=1e-3)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0


def test_shards_of_another_scheme_or_of_two_codes_are_refused(shards: Path, tmp_path: Path) -> None:
    other = bake_toy(tmp_path / "other", genetic_code=4)
    with pytest.raises(InputError, match=r"data: genomes of genetic codes 1, 4; set model\.genetic_code to one"):
        SegmentTask(CONFIG, [shards, other])
    assert SegmentTask(replace(CONFIG, genetic_code=4), [shards, other]).config.genetic_code == 4
    stats = other / "stats.json"
    stats.write_text(stats.read_text().replace('"scheme": "gencode"', '"scheme": "words"'))
    with pytest.raises(InputError, match="shards of the label scheme 'words'"):
        SegmentTask(CONFIG, [other])


def test_class_weights_have_a_mean_of_one_over_bases() -> None:
    weights = class_weights([900, 90, 10], 0.7)
    assert float((weights * torch.tensor([0.9, 0.09, 0.01])).sum()) == pytest.approx(1.0)
    assert class_weights([900, 90, 10], 0.0).tolist() == [1.0, 1.0, 1.0]


def script(repository: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(repository / "scripts" / "train.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_script_trains_and_the_command_line_overrides(repository: Path, shards: Path, tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    model = {**to_mapping(CONFIG), "head": "linear"}
    config.write_text(json.dumps({"family": "segment", "model": model, "train": {**to_mapping(TRAIN), "max_steps": 2}}))
    done = script(
        *(repository, "--data", shards, "--output", tmp_path / "run", "--config", config),
        *("--head", "semicrf", "--hidden-dim", "8", "--lr", "0.5", "--options", '{"train": {"seed": 5}}'),
    )
    assert done.returncode == 0, done.stderr
    fingerprint = json.loads((tmp_path / "run" / "model" / "provenance.json").read_text())["fingerprint"]
    assert fingerprint["task"]["model"]["head"] == "semicrf"
    assert fingerprint["task"]["model"]["encoder"]["hidden_dim"] == 8
    assert (fingerprint["train"]["lr"], fingerprint["train"]["seed"]) == (0.5, 5)
    assert "first batch: B=4" in done.stderr
    assert load_predictor(tmp_path / "run" / "model").provenance()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ('{"family": "poem"}', "options: no family is called 'poem'; known: "),
        ('{"colour": 1}', "options: unknown key `colour`; known keys here: family, model, train"),
        ('{"model": {"heads": 2}}', "options: unknown key `model.heads`"),
        ('{"train": {"lr": "fast"}}', "options: `train.lr` is 'fast' (string); give a number"),
        ('{"train": ', "--options:1: not YAML or JSON"),
        ("[]", "--options: holds no options"),
    ],
)
def test_wrong_options_are_one_line(shards: Path, options: str, message: str) -> None:
    parser = Parser()
    add_arguments(parser)

    def build() -> None:
        run, where = read_options(parser.parse_args(["--options", options]))
        run.build([shards], where=where)

    with pytest.raises(InputError) as caught:
        build()
    assert str(caught.value).startswith(message)


def test_the_script_ends_in_one_line_and_leaves_nothing(repository: Path, shards: Path, tmp_path: Path) -> None:
    done = script(repository, "--data", shards, "--output", tmp_path / "run", "--options", '{"model": {"tile": 91}}')
    assert done.returncode == 2
    assert "model.tile: 91 is not a multiple of encoder.fold, 9" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run" / "model").exists()


def test_every_family_has_options_and_modules() -> None:
    assert known_families()["segment"].model_config is SegmentModelConfig
    assert known_families()["segment"].train_config is TrainConfig
