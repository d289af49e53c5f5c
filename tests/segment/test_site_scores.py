"""Signal networks in a segment model: at the right bases, the same whatever the chunk, combined by likelihood."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from tests.augustus.toy_species import write_species
from tests.segment.test_gene_task import CONFIG
from tests.segment.toy_shards import SPLITS, bake_toy, toy_sequence

from genescribe.augustus.install import import_species
from genescribe.data.batching import collate
from genescribe.data.dataset import ShardDataset
from genescribe.errors import InputError
from genescribe.families import load_predictor
from genescribe.nn.site_config import SITE_CLASSES, SiteNetworkConfig
from genescribe.nn.site_network import SiteEnsemble, SiteNetwork
from genescribe.segment.config import EvidenceConfig, SpeciesConfig
from genescribe.segment.network.gene_scores import SIGNALS
from genescribe.segment.network.model import SegmentModel
from genescribe.segment.network.species import POOLED
from genescribe.segment.prediction.predictor import SegmentPredictor, grain_of
from genescribe.segment.sites.combine import CARD, ORIGIN, combine
from genescribe.segment.sites.gains import BESIDE_WIDE, HEAD_START, IMPORTED, WIDE, _opened, combined, fit_gains
from genescribe.segment.sites.scores import FLOOR, SHIFTS
from genescribe.segment.support.features import named_weights, weights_of
from genescribe.segment.training.task import SegmentTask
from genescribe.segment.training.temperature import CALIBRATION
from genescribe.sites.config import SiteModelConfig
from genescribe.sites.model_folder import save_sites
from genescribe.sites.task import SiteTask
from genescribe.train.config import TrainConfig
from genescribe.train.engine import train

NETWORK = SiteNetworkConfig(80, 8)
EVIDENCE = replace(CONFIG, evidence=EvidenceConfig(), halo=303)


def ensemble(seed: int = 0, classes: list[str] | None = None, replicates: int = 1) -> SiteEnsemble:
    torch.manual_seed(seed)
    return SiteEnsemble(replace(NETWORK, classes=classes or NETWORK.classes), replicates).eval()


def model_with(*ensembles: SiteEnsemble) -> SegmentModel:
    torch.manual_seed(1)
    return combined(SegmentModel(replace(EVIDENCE, genetic_code=1)).eval(), ensembles)


@torch.no_grad()
def test_scores_are_added_at_the_boundary_bases() -> None:
    network = ensemble()
    whole = model_with(network)
    assert whole.sites is not None
    whole.sites.gain.copy_(torch.tensor([[0.5, 1.0, 1.5, 2.0]]))
    whole.sites.offset.copy_(torch.tensor([[1.0, 2.0, 3.0, 4.0]]))
    codes = torch.randint(0, 4, (1, 500))
    lengths = torch.tensor([500])
    alone = SegmentModel(replace(whole.config, sites=[])).eval()
    alone.load_state_dict({k: v for k, v in whole.state_dict().items() if not k.startswith("sites.")})
    with_sites, without = whole.channel_scores(codes, lengths), alone.channel_scores(codes, lengths)
    assert torch.equal(with_sites.content, without.content)
    assert with_sites.signals is not None and without.signals is not None
    added = with_sites.signals - without.signals
    odds = network.log_odds(torch.nn.functional.pad(codes, (40, 40), value=4)).clamp(min=FLOOR)
    for place, signal in enumerate(SIGNALS):
        # A donor's base is the intron's first; the network's is the one before it.
        expected = whole.sites.gain[0, place] * odds.roll(-SHIFTS[signal], 1)[..., SITE_CLASSES.index(signal)]
        expected = expected + whole.sites.offset[0, place]
        torch.testing.assert_close(added[:, 1:-1, place], expected[:, 1:-1], atol=1e-3, rtol=1e-3)


@torch.no_grad()
def test_chunks_change_no_bit_and_windows_agree_with_them() -> None:
    """Two networks of different contexts, one of two replicates and without starts and stops."""
    torch.manual_seed(3)
    wide = SiteEnsemble(SiteNetworkConfig(400, 8, ["acceptor", "donor"]), 2).eval()
    model = model_with(ensemble(), wide)
    predictor = SegmentPredictor(model)
    grain = grain_of(model.config)
    codes = np.random.default_rng(0).integers(0, 5, 5 * grain + 77).astype(np.uint8)
    whole = predictor.read(codes, 0, len(codes))
    pieces = [predictor.read(codes, at, min(at + grain, len(codes))) for at in range(0, len(codes), grain)]
    assert np.array_equal(np.concatenate(pieces), whole)
    at_once = model.channel_scores(torch.from_numpy(codes.astype(np.int64))[None], torch.tensor([len(codes)]))
    assert at_once.signals is not None
    reads = model.expansion.reads(torch.from_numpy(codes.astype(np.int64))[None], torch.tensor([len(codes)]))
    assert reads is not None and reads[0].any(0).all() and not reads[0].all()
    stored = torch.from_numpy(whole[:, -len(SIGNALS) :])
    torch.testing.assert_close(stored, at_once.signals[0] * reads[0], atol=2e-3, rtol=1e-3)


@torch.no_grad()
def test_a_batch_is_read_as_its_windows_are() -> None:
    model = model_with(ensemble())
    assert model.sites is not None
    codes = torch.randint(0, 4, (2, 300))
    both = model.sites.log_odds(codes, torch.tensor([300, 170]))
    alone = model.sites.log_odds(codes[1:, :170], torch.tensor([170]))
    torch.testing.assert_close(both[1:, :170], alone, atol=1e-4, rtol=1e-4)


def test_a_model_goes_through_its_folder(tmp_path: Path) -> None:
    model = model_with(ensemble(replicates=2))
    model.save(tmp_path)
    again = SegmentModel.load(tmp_path)
    assert again.config == model.config
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in model.state_dict().items())


def test_the_halo_reaches_as_far_as_the_networks() -> None:
    model = SegmentModel(replace(EVIDENCE, genetic_code=1)).eval()
    wide = SiteEnsemble(SiteNetworkConfig(2000, 8)).eval()
    assert combined(model, [wide]).config.halo == 1002
    with pytest.raises(InputError, match="too short"):
        SegmentModel(replace(combined(model, [wide]).config, halo=999))


def test_what_makes_no_sense_is_refused(tmp_path: Path) -> None:
    model = model_with(ensemble())
    with pytest.raises(InputError, match="signal networks already"):
        combined(model, [ensemble()])
    with pytest.raises(InputError, match="scheme 'gencode'"):
        SegmentModel(replace(model.config, scheme="gencode", gene=None, evidence=None))
    with pytest.raises(InputError, match="trained by themselves"):
        SegmentTask(model.config, [bake_toy(tmp_path / "gene", scheme="gene")])
    with pytest.raises(InputError, match="no validation windows"):
        fit_gains(model, [])


def test_gains_are_fitted_and_the_model_then_scores_as_the_fit_said(tmp_path: Path) -> None:
    shards = bake_toy(tmp_path / "shards", scheme="gene")
    train(SiteTask(SiteModelConfig(NETWORK, window=150), [shards]), _short(100, 0.01), tmp_path / "sites")
    species = replace(EVIDENCE, species=SpeciesConfig())
    train(SegmentTask(species, [shards]), _short(2, 1e-3), tmp_path / "segment")
    output = tmp_path / "combined"
    fit = combine(tmp_path / "segment" / "model", "toy", [tmp_path / "sites" / "model"], [shards], output)
    assert fit is not None and fit.after < 0.8 * fit.before
    model = SegmentModel.load(output)
    assert model.sites is not None and model.species is None
    assert not model.sites.ensembles.training
    total = 0.0
    with torch.no_grad():
        windows = ShardDataset([shards], "validation")
        for number in range(len(windows)):
            total += float(
                SegmentTask._nll(model, batch := collate([windows[number]]), model.scores(batch.codes)).sum()
            )
    assert total == pytest.approx(fit.after, rel=1e-3)
    origin = json.loads((output / ORIGIN).read_text())
    assert origin["networks"][0]["signals"].keys() == {*SIGNALS}
    assert "acceptor" in (output / CARD).read_text()
    codes, _ = toy_sequence("v0", np.random.default_rng(len(SPLITS.train)))
    predictor = load_predictor(output)(0)
    assert isinstance(predictor, SegmentPredictor) and predictor.predict_strand(codes).transcripts is not None


@torch.no_grad()
def test_phased_signals_of_an_imported_model_get_the_same_scores(tmp_path: Path) -> None:
    alone = imported(tmp_path)
    network = ensemble()
    whole = combined(alone, [network])
    codes, lengths = torch.randint(0, 4, (1, 900)), torch.tensor([900])
    with_sites, without = whole.scores(codes, lengths), alone.scores(codes, lengths)
    assert whole.sites is not None and with_sites.begin is not None and without.begin is not None
    added = whole.sites(whole.sites.log_odds(codes, lengths))
    donor = added[..., SIGNALS.index("donor")]
    for name in ("intron0", "intron1", "intron2"):
        label = whole.scheme.names.index(name)
        open_ = without.begin[..., label].isfinite()
        assert open_.any()
        gained = (with_sites.begin - without.begin)[..., label].float()
        torch.testing.assert_close(gained[open_], donor[open_], atol=1e-3, rtol=1e-3)


def test_gains_beside_an_imported_model_leave_its_content(tmp_path: Path) -> None:
    shards = bake_toy(tmp_path / "shards", scheme="gene")
    imported(tmp_path)
    train(SiteTask(SiteModelConfig(NETWORK, window=150), [shards]), _short(100, 0.01), tmp_path / "sites")
    output = tmp_path / "combined"
    fit = combine(tmp_path / "imported", POOLED, [tmp_path / "sites" / "model"], [shards], output)
    assert fit is not None and fit.windows and fit.after < fit.before
    model = SegmentModel.load(output)
    assert torch.equal(model.content_gain, torch.ones_like(model.content_gain))
    assert model.signal_gain[0] != 1
    phased = model.signal_gain[len(SIGNALS) :]
    assert len(phased[:3].unique()) == len(phased[3:].unique()) == 1
    total = 0.0
    for number in range(len(windows := ShardDataset([shards], "validation"))):
        batch = collate([windows[number]])
        with suppress(InputError), torch.no_grad():
            total += float(SegmentTask._nll(model, batch, model.scores(batch.codes)).sum())
    assert total == pytest.approx(fit.after, rel=1e-3)
    assert "Artistic" in (output / CARD).read_text()


@torch.no_grad()
def test_beside_an_imported_model_usual_gains_need_no_data(tmp_path: Path) -> None:
    alone = imported(tmp_path)
    (tmp_path / "imported" / "support.json").write_text('{"start.rna.0": 2.0}')
    (tmp_path / "sites").mkdir()
    save_sites(cast(SiteNetwork, ensemble().networks[0]), SiteModelConfig(NETWORK), tmp_path / "sites")
    sites, output = [tmp_path / "sites"], tmp_path / "combined"
    assert combine(tmp_path / "imported", POOLED, sites, [], output) is None
    model = SegmentModel.load(output)
    assert model.sites is not None
    for column, name in enumerate(SIGNALS):
        gain, offset, kept = IMPORTED[name]
        assert float(model.sites.gain[0, column]) == pytest.approx(gain)
        assert float(model.sites.offset[0, column]) == pytest.approx(offset)
        assert float(model.signal_gain[column]) == pytest.approx(kept)
    assert torch.equal(model.content_gain, alone.content_gain)
    assert json.loads((output / ORIGIN).read_text())["fit"] is None
    assert not (output / CALIBRATION).exists()
    assert "Artistic" in (output / CARD).read_text()
    assert named_weights(weights_of(output)) == {"start.rna.0": 2.0}, "what evidence is worth goes along"
    taken = tmp_path / "taken"
    assert combine(tmp_path / "imported", POOLED, [output], [], taken) is None
    again = SegmentModel.load(taken).state_dict()
    assert all(torch.equal(value, again[name]) for name, value in model.state_dict().items())
    with pytest.raises(InputError, match="without signal networks"):
        combine(tmp_path / "imported", POOLED, [tmp_path / "imported"], [], tmp_path / "other")
    trained = tmp_path / "trained"
    trained.mkdir()
    SegmentModel(replace(EVIDENCE, genetic_code=1)).save(trained)
    with pytest.raises(InputError, match="no windows"):
        combine(trained, POOLED, sites, [], tmp_path / "other")


@torch.no_grad()
def test_gains_can_be_set_and_data_then_tells_the_temperature_alone(tmp_path: Path) -> None:
    alone = imported(tmp_path)
    (tmp_path / "sites").mkdir()
    save_sites(cast(SiteNetwork, ensemble().networks[0]), SiteModelConfig(NETWORK), tmp_path / "sites")
    shards = bake_toy(tmp_path / "shards", scheme="gene")
    parts, chosen = (tmp_path / "imported", POOLED, [tmp_path / "sites"]), {"donor": [1.3, 5.0, 0.1]}
    assert combine(*parts, [shards], tmp_path / "set", 4, chosen) is None
    model = SegmentModel.load(tmp_path / "set")
    assert model.sites is not None and (tmp_path / "set" / CALIBRATION).is_file()
    for column, name in enumerate(SIGNALS):
        gain, offset, kept = chosen.get(name, IMPORTED[name])
        assert float(model.sites.gain[0, column]) == pytest.approx(gain)
        assert float(model.sites.offset[0, column]) == pytest.approx(offset)
        assert float(model.signal_gain[column]) == pytest.approx(kept)
    assert torch.equal(model.content_gain, alone.content_gain)
    for wrong in ({"branch": [1, 1, 1]}, {"donor": [1, 1]}):
        with pytest.raises(InputError, match="give gain, offset and the factor"):
            combine(*parts, [], tmp_path / "wrong", gains=wrong)
    assert not (tmp_path / "wrong").exists()

    trained = tmp_path / "trained"
    trained.mkdir()
    SegmentModel(replace(EVIDENCE, genetic_code=1)).save(trained)
    assert combine(trained, *parts[1:], [], tmp_path / "without_data", gains=chosen) is None
    sites = SegmentModel.load(tmp_path / "without_data").sites
    assert sites is not None
    donor = SIGNALS.index("donor")
    assert [float(sites.gain[0, donor]), float(sites.offset[0, donor])] == pytest.approx(chosen["donor"][:2])


def test_a_chosen_offset_counts_where_no_network_scores_the_signal(tmp_path: Path) -> None:
    """What beginning a gene costs can be set beside published networks, which score splice sites alone."""
    imported(tmp_path)
    (tmp_path / "sites").mkdir()
    splices = SiteModelConfig(replace(NETWORK, classes=["acceptor", "donor"]))
    save_sites(SiteNetwork(splices.network), splices, tmp_path / "sites")
    parts = (tmp_path / "imported", POOLED, [tmp_path / "sites"])
    combine(*parts, [], tmp_path / "usual")
    combine(*parts, [], tmp_path / "set", gains={"start": [0.5, 2.0, 1.0]})
    usual, chosen = SegmentModel.load(tmp_path / "usual"), SegmentModel.load(tmp_path / "set")
    codes, lengths = torch.randint(0, 4, (1, 900)), torch.tensor([900])
    with torch.no_grad():
        usual_signals, signals = (model.channel_scores(codes, lengths).signals for model in (usual, chosen))
    assert usual_signals is not None and signals is not None
    more = torch.zeros(signals.shape[-1])
    more[SIGNALS.index("start")] = 2.0
    torch.testing.assert_close(signals, usual_signals + more)
    origin = json.loads((tmp_path / "set" / ORIGIN).read_text())
    assert origin["networks"][0]["signals"]["start"] == {"gain": 0.0, "offset": 2.0}


@torch.no_grad()
def test_beside_an_imported_model_the_widest_network_of_a_signal_counts(tmp_path: Path) -> None:
    """Splice sites of a wide network have gains of their own; a narrower one adds starts and stops alone."""
    wide = SiteEnsemble(replace(NETWORK, context=WIDE, classes=["acceptor", "donor"]), 1)
    alone, both = (combined(imported(tmp_path), networks).sites for networks in ([wide], [ensemble(), wide]))
    assert alone is not None and both is not None
    for column, name in enumerate(SIGNALS):
        gain, offset, _ = BESIDE_WIDE[name]
        splice = name in ("donor", "acceptor")
        usual = (gain, offset) if splice else (0.0, HEAD_START if name == "start" else 0.0)
        assert (float(alone.gain[0, column]), float(alone.offset[0, column])) == pytest.approx(usual)
        assert float(both.gain[int(splice), column]) == pytest.approx(gain)
        assert float(both.offset[int(splice), column]) == pytest.approx(offset)
        assert float(both.gain[1 - int(splice), column]) == float(both.offset[1 - int(splice), column]) == 0
    trained = model_with(ensemble(), wide).sites
    assert trained is not None and (trained.gain != 0).equal(trained.scored), "a fit weighs all that a network scores"


def test_windows_that_an_imported_model_forbids_are_left_out(tmp_path: Path) -> None:
    whole = combined(imported(tmp_path), [ensemble()])
    shards = bake_toy(tmp_path / "shards", scheme="gene")
    known = ShardDataset([shards], "validation")
    batches = [collate([known[number]]) for number in range(len(known))]
    fits = [fit_gains(combined(imported(tmp_path), [ensemble()]), [(batch, 1.0)], steps=1) for batch in batches]
    assert all(fit.left_out == 0 for fit in fits)
    # A coding base in place of an intron's: no donor there.
    spoiled = []
    for batch in batches:
        codes = batch.codes.clone()
        codes[:] = 0
        spoiled.append(replace(batch, codes=codes))
    genic = [bool(batch.metas[0].genes) for batch in batches]
    assert any(genic)
    with pytest.raises(InputError, match="does not allow"):
        fit_gains(whole, [(batch, 1.0) for batch, has in zip(spoiled, genic, strict=True) if has])
    mixed = fit_gains(whole, [(batch, 1.0) for batch in (*batches, spoiled[genic.index(True)])], steps=1)
    assert (mixed.windows, mixed.left_out) == (len(batches), 1)


def test_closed_labels_are_read_as_background(tmp_path: Path) -> None:
    model = imported(tmp_path)
    names = model.scheme.names
    run = [
        (5, "intergenic"),
        (9, "utr5"),
        (12, "utr5_intron"),
        (20, "single_0"),
        (23, "stop"),
        (30, "utr3"),
        (40, "intergenic"),
    ]
    opened = _opened(torch.tensor([[end, names.index(name)] for end, name in run]), model)
    expected = [(12, "intergenic"), (20, "single_0"), (23, "stop"), (40, "intergenic")]
    assert [
        (end, names[label]) for end, label in zip(opened.ends.tolist(), opened.labels.tolist(), strict=True)
    ] == expected


def imported(folder: Path) -> SegmentModel:
    """Return the model of a toy parameter set, which is in `folder`/imported too."""
    if not (folder / "imported").is_dir():
        import_species(write_species(folder / "sets"), folder / "imported")
    return SegmentModel.load(folder / "imported")


def _short(steps: int, lr: float) -> TrainConfig:
    return TrainConfig(max_steps=steps, batch_size=8, lr=lr, validate_epochs=100)
