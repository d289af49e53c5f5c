"""Site networks in training: what bases they learn from, a run that is cut and resumed, fine-tuning."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.segment.toy_shards import bake_toy

from genescribe.data.dataset import ShardDataset
from genescribe.data.runs import IGNORE
from genescribe.errors import InputError
from genescribe.genome.alphabet import unmasked
from genescribe.nn.site_config import SITE_CLASSES, SiteNetworkConfig
from genescribe.sites.config import SiteModelConfig
from genescribe.sites.model_folder import load_sites, read_config
from genescribe.sites.samples import SitePieces, collate_sites
from genescribe.sites.targets import site_targets
from genescribe.sites.task import SiteTask, mutated
from genescribe.train.config import TrainConfig
from genescribe.train.engine import train

CONFIG = SiteModelConfig(network=SiteNetworkConfig(80, 8), window=150)
RUN = TrainConfig(max_steps=30, batch_size=8, lr=0.01, validate_epochs=1, num_workers=0)
WORDS = {"start": ("ATG", 0), "stop": ("TAA", 0), "donor": ("GT", 1), "acceptor": ("AG", -2)}


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bake_toy(tmp_path_factory.mktemp("sites") / "batch_0", scheme="gene")


def test_every_class_stands_at_its_bases(shards: Path) -> None:
    windows = ShardDataset([shards], "train")
    found = dict.fromkeys(SITE_CLASSES, 0)
    for number in range(len(windows)):
        sample = windows[number]
        targets = site_targets(sample.runs, SITE_CLASSES, partial=False)
        letters = "".join("ACGTN"[code] for code in unmasked(sample.codes))
        for at in np.flatnonzero(targets > 0).tolist():
            name = SITE_CLASSES[targets[at] - 1]
            word, shift = WORDS[name]
            first = at + shift
            if first >= 0 and first + len(word) <= len(letters):
                assert letters[first : first + len(word)] == word, name
                found[name] += 1
    # Twelve genes, eight with an intron; windows overlap.
    assert all(count >= 8 for count in found.values()), found


def test_no_site_stands_beside_a_mask() -> None:
    runs = np.array([[5, 0], [8, IGNORE], [12, 16], [15, 12], [18, IGNORE], [20, 15]], dtype=np.int32)
    targets = site_targets(runs, SITE_CLASSES, partial=False)
    assert targets.tolist() == [0, 0, 0, 0, -1, -1, -1, -1, -1, 0, 0, 0, 1, 0, -1, -1, -1, -1, -1, 0]


def test_between_the_genes_of_a_partial_genome_nothing_is_scored(shards: Path) -> None:
    windows = ShardDataset([shards], "train")
    pieces = SitePieces(windows, replace(CONFIG, partial=["toy"]))
    whole = SitePieces(windows, CONFIG)
    genic = 0
    for number in range(len(windows)):
        runs = windows[number].runs
        genic += int(np.diff(runs[:, 0], prepend=0)[runs[:, 1] != 0].sum())
    assert pieces.counts[1:].tolist() == whole.counts[1:].tolist()
    assert 0 < pieces.counts.sum() < min(genic, whole.counts.sum())


def test_pieces_hold_the_bases_of_their_windows_and_know_nothing_beyond_a_cut(shards: Path) -> None:
    pieces = SitePieces(ShardDataset([shards], "train"), replace(CONFIG, empty=100.0))
    scored = 0
    for number in range(len(pieces)):
        codes, targets = pieces[number]
        assert len(codes) == 80 + 150
        known = np.flatnonzero(targets != IGNORE)
        scored += len(known)
        # N stands beyond a sequence's end alone: a scored base sees at most 40 of it, on one side.
        for at in (known[0], known[-1]):
            assert (codes[at + 40] != 4).all()
    assert scored == pieces.counts.sum()
    # Four sequences, two strands: every base that is not masked counts once.
    assert scored == pytest.approx(4 * 2 * 2000, rel=0.05)


def test_it_learns_the_toy_genome(shards: Path, tmp_path: Path) -> None:
    task = SiteTask(CONFIG, [shards])
    train(task, replace(RUN, max_steps=120), tmp_path)
    ensemble = load_sites(tmp_path / "model")
    assert read_config(tmp_path / "model") == CONFIG
    counts: dict[str, torch.Tensor] = {}
    with torch.no_grad():
        for batch in task.validation_batches(0, 1, 8, 0):
            for name, value in task.validate(ensemble.networks[0], batch).items():
                counts[name] = counts.get(name, torch.zeros_like(value)) + value
    metrics = task.summarise(counts)
    assert metrics["top_k"] > 0.8, metrics
    assert metrics["nll"] < 0.05  # The shares of the classes alone give 0.12.


def test_some_bases_are_replaced_but_none_beside_a_site(shards: Path) -> None:
    pieces = SitePieces(ShardDataset([shards], "train"), CONFIG)
    batch = collate_sites([pieces[number] for number in range(len(pieces))])
    torch.manual_seed(1)
    codes = mutated(batch, 0.4)
    changed = codes != batch.codes
    assert changed.float().mean().item() == pytest.approx(0.4 * 3 / 4, abs=0.03)
    assert codes.max() < 4 or torch.equal(codes == 4, batch.codes == 4), "N stays N"
    for row, at in (batch.targets > 0).nonzero().tolist():
        assert not changed[row, at + 40 - 3 : at + 40 + 4].any()
    assert torch.equal(mutated(batch, 0.0), batch.codes)


def test_runs_from_before_that_option_resume(shards: Path) -> None:
    assert "mutated" not in SiteTask(CONFIG, [shards]).fingerprint()["model"]
    assert SiteTask(replace(CONFIG, mutated=0.1), [shards]).fingerprint()["model"]["mutated"] == 0.1


@pytest.mark.parametrize("share", [0.0, 0.1])
def test_a_run_that_is_cut_goes_on_to_the_same_weights(shards: Path, tmp_path: Path, share: float) -> None:
    options = replace(CONFIG, mutated=share)
    train(SiteTask(options, [shards]), RUN, tmp_path / "whole")

    class CutError(Exception):
        """The process dies."""

    class Dying(SiteTask):
        def loss(self, model, batch):  # type: ignore[no-untyped-def]
            self.steps = getattr(self, "steps", 0) + 1
            if self.steps > 17:
                raise CutError
            return super().loss(model, batch)

    config = replace(RUN, checkpoint_steps=5)
    with pytest.raises(CutError):
        train(Dying(options, [shards]), config, tmp_path / "cut")
    assert not (tmp_path / "cut" / "model").exists()
    train(SiteTask(options, [shards]), config, tmp_path / "cut")
    whole, cut = (load_file(tmp_path / name / "model" / "model.safetensors") for name in ("whole", "cut"))
    assert all(torch.equal(whole[name], cut[name]) for name in whole)


def test_it_is_fine_tuned_with_more_classes(shards: Path, tmp_path: Path) -> None:
    """The trunk of a network of two classes, as published, serves one of four."""
    two = replace(CONFIG, network=replace(CONFIG.network, classes=["acceptor", "donor"]))
    train(SiteTask(two, [shards]), replace(RUN, max_steps=2), tmp_path / "two")
    start = replace(
        RUN, start=str(tmp_path / "two" / "model"), start_parts=["entry", "units", "skips"], max_steps=1, lr=1e-9
    )
    train(SiteTask(CONFIG, [shards]), start, tmp_path / "four")
    before, after = (load_file(tmp_path / name / "model" / "model.safetensors") for name in ("two", "four"))
    torch.testing.assert_close(after["units.0.conv1.weight"], before["units.0.conv1.weight"], atol=1e-6, rtol=0)
    assert len(after["head.bias"]) == 5


def test_shards_of_other_labels_and_unknown_genomes_are_refused(shards: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="label scheme 'gencode'"):
        SiteTask(CONFIG, [bake_toy(tmp_path / "gencode")])
    with pytest.raises(InputError, match="no genome 'cow'"):
        SiteTask(replace(CONFIG, partial=["cow"]), [shards])
