"""Site networks: equal to a plain reading of the published architecture, the same in tiles, strict about files."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genescribe.errors import InputError
from genescribe.genome.alphabet import SOFTMASK, N
from genescribe.nn import site_network
from genescribe.nn.site_checkpoints import load_published
from genescribe.nn.site_config import UNITS, SiteNetworkConfig
from genescribe.nn.site_network import SiteEnsemble, SiteNetwork


class PublishedUnit(nn.Module):
    """As published: padded convolutions, norms by themselves."""

    def __init__(self, width: int, kernel: int, dilation: int) -> None:
        super().__init__()
        same = {"dilation": dilation, "padding": (kernel - 1) * dilation // 2}
        self.batchnorm1, self.batchnorm2 = nn.BatchNorm1d(width), nn.BatchNorm1d(width)
        self.conv1 = nn.Conv1d(width, width, kernel, **same)
        self.conv2 = nn.Conv1d(width, width, kernel, **same)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(nn.functional.leaky_relu(self.batchnorm1(x), 0.1))
        return x + self.conv2(nn.functional.leaky_relu(self.batchnorm2(y), 0.1))


class PublishedSkip(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(width, width, 1)


class Published(nn.Module):
    """The architecture of OpenSpliceAI by its description, with the names of its weights."""

    def __init__(self, context: int, width: int = 8, classes: int = 3) -> None:
        super().__init__()
        self.context = context
        self.initial_conv, self.initial_skip = nn.Conv1d(4, width, 1), PublishedSkip(width)
        units: list[nn.Module] = []
        for kernel, dilation in UNITS[context]:
            units += [PublishedUnit(width, kernel, dilation) for _ in range(4)] + [PublishedSkip(width)]
        self.residual_units, self.final_conv = nn.ModuleList(units), nn.Conv1d(width, classes, 1)

    def forward(self, codes: Tensor) -> Tensor:
        one_hot = torch.cat([torch.eye(4), torch.zeros(1, 4)])[codes].transpose(1, 2)
        x = self.initial_conv(one_hot)
        total = self.initial_skip.conv(x)
        for unit in self.residual_units:
            if isinstance(unit, PublishedSkip):
                total = total + unit.conv(x)
            else:
                x = unit(x)
        margin = self.context // 2
        scores: Tensor = self.final_conv(total[:, :, margin : total.shape[2] - margin])
        return scores.transpose(1, 2)


def published(context: int, seed: int = 0, **shape: int) -> Published:
    """Return one with weights, and norms that have seen something."""
    torch.manual_seed(seed)
    network = Published(context, **shape).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):
            assert module.running_mean is not None and module.running_var is not None
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.normal_(module.weight)  # Negative factors too.
            nn.init.normal_(module.bias)
    return network


def bases(count: int, seed: int = 1) -> Tensor:
    return torch.randint(0, N + 1, (2, count), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("context", sorted(UNITS))
@torch.no_grad()
def test_a_checkpoint_says_what_the_published_program_says(context: int, tmp_path: Path) -> None:
    network = published(context)
    torch.save(network.state_dict(), tmp_path / "one.pt")
    ensemble = load_published(tmp_path / "one.pt")
    assert ensemble.config == SiteNetworkConfig(context, 8, ["acceptor", "donor"])  # type: ignore[arg-type]
    codes = bases(context + 103)
    expected = network(codes).softmax(-1)
    assert expected.std() > 0.01
    torch.testing.assert_close(ensemble.probabilities(codes | SOFTMASK), expected, atol=1e-5, rtol=0)
    odds = expected[..., 1:].log() - expected[..., :1].log()
    torch.testing.assert_close(ensemble.log_odds(codes), odds, atol=1e-3, rtol=1e-4)


@torch.no_grad()
def test_replicates_are_averaged_as_probabilities(tmp_path: Path) -> None:
    networks = [published(80, seed) for seed in range(3)]
    for number, network in enumerate(networks):
        torch.save(network.state_dict(), tmp_path / f"{number}.pt")
    (tmp_path / "readme.txt").write_text("not a checkpoint")
    codes = bases(200)
    mean = torch.stack([network(codes).softmax(-1) for network in networks]).mean(0)
    torch.testing.assert_close(load_published(tmp_path).probabilities(codes), mean, atol=1e-5, rtol=0)


@torch.no_grad()
def test_a_score_is_the_same_bits_wherever_reading_begins_on_the_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_network, "TILE", 64)
    ensemble = SiteEnsemble(SiteNetworkConfig(400, 8)).eval()
    codes = bases(400 + 64 * 4 + 30)
    whole = ensemble.log_odds(codes)
    for start, stop in ((64, 128), (128, 64 * 4 + 30), (0, 192)):
        assert torch.equal(ensemble.log_odds(codes[:, start : stop + 400]), whole[:, start:stop])


@pytest.mark.parametrize("context", [80, 400])
def test_a_score_depends_on_its_context_and_on_nothing_else(context: int) -> None:
    network = SiteNetwork(SiteNetworkConfig(context, 8)).eval().double()  # type: ignore[arg-type]
    for weight in network.units.parameters():
        weight.data *= 4  # Else the farthest bases weigh less than rounding.
    codes = bases(context + 9)
    codes[codes == N] = 0
    before = network(codes)
    for place, seen in ((4, slice(0, 5)), (context + 4, slice(4, 9))):
        changed = codes.clone()
        changed[:, place] = (changed[:, place] + 1) % 4
        differs = (network(changed) != before).any(-1).any(0)
        expected = torch.zeros(9, dtype=torch.bool)
        expected[seen] = True
        assert torch.equal(differs, expected), place


def test_training_and_prediction_are_one_function() -> None:
    network = SiteNetwork(SiteNetworkConfig(80, 8))
    codes = bases(300)
    for _ in range(200):  # Until the running statistics are those of this batch.
        network.train()(codes)
    trained = network(codes)
    torch.testing.assert_close(network.eval()(codes), trained, atol=0.02, rtol=0.02)


class Evil:
    """Unpickling this would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def _missing(state: dict[str, Tensor]) -> None:
    del state["residual_units.4.conv.bias"]


def _unknown(state: dict[str, Tensor]) -> None:
    state["attention.weight"] = torch.zeros(3)


def _misshapen(state: dict[str, Tensor]) -> None:
    state["residual_units.0.conv1.weight"] = torch.zeros(8, 8, 9)


def _infinite(state: dict[str, Tensor]) -> None:
    state["initial_conv.bias"][0] = torch.inf


def _short(state: dict[str, Tensor]) -> None:
    for name in [name for name in state if name.startswith("residual_units.3.")]:
        del state[name]


def _headless(state: dict[str, Tensor]) -> None:
    state["final_conv.weight"] = torch.zeros(7, 8, 1)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_missing, "lacks"),
        (_unknown, "another architecture"),
        (_misshapen, "weights do not fit"),
        (_infinite, "not finite"),
        (_short, "3 residual units"),
        (_headless, "7 classes"),
    ],
)
def test_other_weights_are_refused(spoil: Callable[[dict[str, Tensor]], None], message: str, tmp_path: Path) -> None:
    state = dict(published(80).state_dict())
    spoil(state)
    torch.save(state, tmp_path / "bad.pt")
    with pytest.raises(InputError, match=message):
        load_published(tmp_path / "bad.pt")


def test_files_that_are_no_checkpoints_are_refused_in_one_line_and_run_nothing(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    torch.save({"weights": Evil(trace)}, tmp_path / "evil.pt")
    (tmp_path / "plain_evil.pt").write_bytes(pickle.dumps(Evil(trace)))
    (tmp_path / "text.pt").write_text("hello")
    (tmp_path / "empty.pt").write_bytes(b"")
    torch.save(published(80).state_dict(), tmp_path / "cut.pt")
    (tmp_path / "cut.pt").write_bytes((tmp_path / "cut.pt").read_bytes()[:5000])
    torch.save([1, 2], tmp_path / "list.pt")
    for name in ("evil", "plain_evil", "text", "empty", "cut", "list", "none"):
        with pytest.raises(InputError) as refusal:
            load_published(tmp_path / f"{name}.pt")
        assert "\n" not in str(refusal.value)
    assert not trace.exists()


def test_a_folder_must_hold_replicates_of_one_network(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no \.pt"):
        load_published(tmp_path)
    torch.save(published(80).state_dict(), tmp_path / "a.pt")
    torch.save(published(400).state_dict(), tmp_path / "b.pt")
    with pytest.raises(InputError, match=r"another shape than a\.pt"):
        load_published(tmp_path)


@pytest.mark.parametrize("classes", [[], ["donor", "donor"], ["exon"]])
def test_classes_are_checked(classes: list[str]) -> None:
    with pytest.raises(InputError, match="site classes"):
        SiteNetworkConfig(classes=classes)
