"""Gains of signal networks in a segment model: a few numbers, fitted on windows that neither was trained on.

Networks are surest where they have learned by heart, so their gains are fitted on validation windows (stacking; Wolpert
1992), by the conditional likelihood of the CRF. Beside gain and offset of each network and signal, the scores that the
model has itself get factors: its signals, which would count twice what a network sees too, and its content (the
encoder's, counted coding and other), which was learned beside weaker signals. Few parameters, shrunk towards usual
values, need few genes. Scores of an imported model are log probabilities and comparable as they are: beside one,
content keeps its factor, and the usual values do without a fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor, nn
from tqdm import tqdm

from genescribe.data.batching import Batch
from genescribe.errors import InputError
from genescribe.kernels.semicrf.potentials import Segmentation
from genescribe.nn.site_network import SiteEnsemble
from genescribe.segment.composition.tables import EXTRA, SITES
from genescribe.segment.config import SiteScoresConfig
from genescribe.segment.network.gene_scores import PHASED, PHASES, SIGNALS
from genescribe.segment.network.model import SegmentModel

GAIN, OFFSET, KEPT = 1.0, 4.0, 0.5
"""Where the fit begins, and what its values are shrunk to: of networks, and of the model's own signals."""
IMPORTED: Mapping[str, tuple[float, ...]] = {
    "start": (0.2, 1.0, 1.0),
    "donor": (0.4, 1.5, 0.75),
    "acceptor": (0.4, 1.5, 0.75),
    "stop": (0.0, 0.0, 1.0),
}
"""Gain, offset and factor of the own signal beside an imported model: a vote of the network beside the model's. Chosen
by exons and genes on human and mouse validation records, for a network of 400 bases trained here and a published one
(docs/sites.md). Networks of 400 bases hardly tell stops: theirs count nothing, and no fit changes that."""
WIDE: Final = 10_000
"""Context from which on splice sites of a network deserve more."""
BESIDE_WIDE: Mapping[str, tuple[float, ...]] = {
    "start": (0.6, 3.0, 0.6),
    "donor": (1.0, 3.0, 0.5),
    "acceptor": (1.0, 3.0, 0.5),
    "stop": (0.4, 2.0, 1.0),
}
"""Likewise where one of the networks is so wide. Chosen on human validation records, starts and stops, which a narrower
network then scores, on plants (docs/sites.md)."""
HEAD_START = 2.0
"""Nats that beginning a gene costs less beside a wide network if none scores starts: what splice sites tell of an exon,
a first exon has on one side only."""
CONTENT = ((1.0, 1.0, 1.0), (0.01, 1.0, 0.1))
"""Likewise factors of the encoder's content, of counted coding and of other counted content: all kept, or little."""
UNITS = {"gain": 0.3, "kept": 0.3, "content": 0.3}
"""Steps of the logarithm of each factor; an offset has steps of a nat."""
SHRINKAGE = 0.1
"""Nats that it costs if a value is one step from there."""


@dataclass(frozen=True)
class GainFit:
    """Result of the fit.

    Attributes
    ----------
    windows
        Number of windows used.
    left_out
        Windows that it is not from, since the model allows none of their segmentations: imported models have rules of
        their own.
    bases
        Of the windows that it is from.
    before, after
        Nats of the CRF's negative log likelihood, weighted as in the fit: of the model without networks, and with.
    """

    windows: int
    left_out: int
    bases: int
    before: float
    after: float


def combined(model: SegmentModel, ensembles: Sequence[SiteEnsemble]) -> SegmentModel:
    """Return a segment model with signal networks, their gains not yet fitted.

    Raises
    ------
    InputError
        The model has networks already, or another label scheme than `gene`.
    """
    if model.sites is not None:
        raise InputError("has signal networks already", where="model", remedy="give one without")
    sites = [SiteScoresConfig(ensemble.config, len(ensemble.networks)) for ensemble in ensembles]
    fold = 1 if model.config.encoder is None else model.config.encoder.fold
    reach = 1 + max(ensemble.margin for ensemble in ensembles)
    halo = max(model.config.halo, -(-reach // fold) * fold)
    joined = SegmentModel(replace(model.config, sites=sites, halo=halo))
    assert joined.sites is not None
    weights = model.state_dict()
    for number, ensemble in enumerate(ensembles):
        weights |= {f"sites.ensembles.{number}.{name}": value for name, value in ensemble.state_dict().items()}
    joined.load_state_dict(weights | {name: value for name, value in joined.state_dict().items() if name in _GAINS})
    _write(joined, _usual_of(joined))
    return joined.eval()


def set_gains(model: SegmentModel, chosen: Mapping[str, Sequence[float]] | None = None) -> None:
    """Give a model that `combined` made the usual values, or chosen ones, in place, without a fit.

    Parameters
    ----------
    model
        Its content keeps its factor.
    chosen
        By signal: gain and offset of the widest networks that score it, and the factor of the model's own score; None:
        the usual ones. The offset counts where no network scores the signal too: that of starts is what beginning a
        gene costs less.

    Raises
    ------
    InputError
        A signal that does not exist, or not three numbers.
    """
    values = {name: tuple(triple) for name, triple in (chosen or {}).items()}
    for name, triple in values.items():
        if name not in SIGNALS or len(triple) != len(IMPORTED["start"]):
            raise InputError(
                f"{name}: {list(triple)}",
                where="--gains",
                remedy=f"give gain, offset and the factor of the own score of some of {', '.join(SIGNALS)}",
            )
    usual = _usual_of(model) | values
    _write(model, usual)
    _Gains(model, CONTENT[0], usual).write(model)


def _usual_of(model: SegmentModel) -> dict[str, tuple[float, ...]]:
    """Return gain, offset and factor of the own signal that are usual for each signal."""
    assert model.sites is not None
    imported = model.config.tables is not None
    wide = imported and max(_contexts(model)) >= WIDE
    trained: dict[str, tuple[float, ...]] = dict.fromkeys(SIGNALS, (GAIN, OFFSET, KEPT))
    usual = dict(BESIDE_WIDE if wide else IMPORTED) if imported else trained
    for name, scored in zip(SIGNALS, model.sites.scored.any(0).tolist(), strict=True):
        if not scored:
            usual[name] = (0.0, HEAD_START if wide and name == "start" else 0.0, 1.0)
    return usual


def _write(model: SegmentModel, usual: Mapping[str, tuple[float, ...]]) -> None:
    """Put gains and offsets into a model, in place; offsets of signals that no network scores go to the first."""
    assert model.sites is not None
    counted = _counted(model)
    gain, offset, _ = torch.tensor([usual[name] for name in SIGNALS]).T
    model.sites.gain.data[:] = gain * counted
    model.sites.offset.data[:] = offset * counted
    model.sites.offset.data[0] += offset * ~model.sites.scored.any(0)


def _counted(model: SegmentModel) -> Tensor:
    """Return which networks count for which signals: beside an imported model the widest of those that score it."""
    assert model.sites is not None
    if model.config.tables is None:
        return model.sites.scored
    contexts = torch.tensor(_contexts(model))[:, None] * model.sites.scored
    return model.sites.scored & (contexts == contexts.amax(0))


def _contexts(model: SegmentModel) -> list[int]:
    return [network.network.context for network in model.config.sites or []]


_GAINS = ("sites.gain", "sites.offset")


def fit_gains(model: SegmentModel, batches: Iterable[tuple[Batch, float]], steps: int = 20) -> GainFit:
    """Fit the gains of a model that `combined` made, in place.

    Parameters
    ----------
    model
        With one set of parameters.
    batches
        Windows that neither the model nor its networks were trained on, one in each, and what each weighs.
    steps
        Number of steps of the optimiser.

    Raises
    ------
    InputError
        There are no windows.
    """
    model.requires_grad_(requires_grad=False)
    read = [_Window(model, batch, weight) for batch, weight in tqdm(batches, desc="signals", disable=None)]
    if not read:
        raise InputError("no validation windows", where="data", remedy="bake a validation part")
    imported = model.config.tables is not None
    windows = [window for window in read if window.allowed(model)] if imported else read
    if not windows:
        raise InputError("genes that the model does not allow", where="data", remedy="give windows of its own kind")
    with torch.no_grad():
        before = sum(float(window.loss(model)) for window in windows)
        # Of two beginnings the likelier: in large genomes, content learned beside weaker signals drowns all others.
        starts = [_Gains(model, content) for content in (CONTENT[:1] if imported else CONTENT)]
        gains = min(starts, key=lambda start: sum(float(window.loss(model, start)) for window in windows))
    optimiser: torch.optim.Optimizer = torch.optim.LBFGS(
        gains.parameters(), max_iter=steps, line_search_fn="strong_wolfe", history_size=20
    )

    def closure() -> float:
        optimiser.zero_grad()
        total = gains.penalty()
        torch.autograd.backward(total)
        value = total.item()
        for window in windows:
            loss = window.loss(model, gains)
            torch.autograd.backward(loss)
            value += loss.item()
        return value

    optimiser.step(closure)
    with torch.no_grad():
        after = sum(float(window.loss(model, gains)) for window in windows)
        gains.write(model)
    bases = sum(int(window.batch.lengths.sum()) for window in windows)
    return GainFit(len(windows), len(read) - len(windows), bases, before, after)


class _Gains(nn.Module):
    """The values that are fitted: each its usual one and a step, in units of which likelihoods bend alike."""

    scored: Tensor
    shifted: Tensor

    def __init__(
        self, model: SegmentModel, content: Sequence[float], usual: Mapping[str, tuple[float, ...]] | None = None
    ) -> None:
        super().__init__()
        usual = usual or _usual_of(model)
        assert model.sites is not None
        self.scored = _counted(model)
        self.shifted = self.scored | (model.sites.offset != 0)
        self._coding = torch.ones(model.expansion.channels, dtype=torch.bool)
        self._coding[model.expansion.noncoding] = False
        self._usual = {
            "gain": model.sites.gain.detach().clone(),
            "offset": model.sites.offset.detach().clone(),
            "kept": torch.where(self.scored.any(0), torch.tensor([usual[name][2] for name in SIGNALS]), 1.0),
            "content": torch.tensor(content),
        }
        # Content of an imported model is a log probability, estimated from its species' genes: it needs no factor.
        fitted = [name for name in self._usual if name != "content" or model.config.tables is None]
        self._steps = nn.ParameterDict({name: torch.zeros_like(self._usual[name]) for name in fitted})

    def _value(self, name: str) -> Tensor:
        """Return a value; factors are powers of e, so that none falls to 0 or below."""
        usual: Tensor = self._usual[name]
        if name not in self._steps:
            return usual
        step: Tensor = self._steps[name]
        return usual + step if name == "offset" else usual * torch.exp(UNITS[name] * step)

    def penalty(self) -> Tensor:
        """Return the cost of being far from the usual."""
        return SHRINKAGE * torch.stack([step.square().sum() for step in self._steps.values()]).sum()

    def content_of(self, learned: Tensor, counted: Tensor) -> Tensor:
        """Return the content, given that of the encoder and the counted."""
        encoder, coding, noncoding = self._value("content").unbind()
        return encoder * learned + torch.where(self._coding, coding, noncoding) * counted

    def signals_of(self, own: Tensor, odds: Tensor) -> Tensor:
        """Return the signals, given those of the model without networks, and the networks' log odds."""
        scores = self.scored * self._value("gain") * odds + self.shifted * self._value("offset")
        sites: Tensor = scores.sum(-2)
        return _with_phases(self._value("kept"), own.shape[-1]) * own + nn.functional.pad(
            sites, (0, own.shape[-1] - len(SIGNALS))
        )

    @torch.no_grad()
    def write(self, model: SegmentModel) -> None:
        """Put the values into the model; the gain of its own scores goes into the weights that they come from."""
        assert model.sites is not None
        model.sites.gain.copy_(self._value("gain") * self.scored)
        model.sites.offset.copy_(self._value("offset") * self.shifted)
        own_gain = self._value("kept")
        learned, coding, noncoding = self._value("content").tolist()
        model.config = replace(model.config, content_scale=model.config.content_scale * learned)
        if model.config.scores_boundaries and model.head is not None:
            rows = slice(model.expansion.channels, None)
            model.head.weight[rows].mul_(own_gain[:, None])
            model.head.bias[rows].mul_(own_gain)
        if model.evidence is not None:
            model.content_gain.mul_(torch.where(self._coding, coding, noncoding))
            if model.config.tables is None:
                own_gain = own_gain[[SIGNALS.index(EXTRA.get(name, name)) for name in (*SITES, *EXTRA)]]
            model.signal_gain.mul_(_with_phases(own_gain, model.evidence.signals))


class _Window:
    """A window's scores without the networks, and those of the networks: computed once."""

    @torch.no_grad()
    def __init__(self, model: SegmentModel, batch: Batch, weight: float) -> None:
        assert model.sites is not None
        self.batch, self._weight = batch, weight
        self.odds = model.sites.log_odds(batch.codes, batch.lengths)
        scores = model.channel_scores(batch.codes, batch.lengths)
        assert scores.signals is not None
        added = model.sites(self.odds)
        self.signals = scores.signals - nn.functional.pad(added, (0, scores.signals.shape[-1] - added.shape[-1]))
        self.counted = torch.zeros_like(scores.content)
        if model.evidence is not None:
            self.counted = model.content_gain * model.evidence(batch.codes, batch.lengths).content
        self.learned = scores.content - self.counted
        self._runs = [_opened(run, model) for run in batch.runs]

    def allowed(self, model: SegmentModel) -> bool:
        """Whether the model allows the window's labels: their splice sites and lengths of introns, say."""
        try:
            self.loss(model)
        except InputError:
            return False
        return True

    def loss(self, model: SegmentModel, gains: _Gains | None = None) -> Tensor:
        """Return the CRF's negative log likelihood, weighted, with the networks or without."""
        content, signals = self.learned + self.counted, self.signals
        if gains is not None:
            content, signals = gains.content_of(self.learned, self.counted), gains.signals_of(signals, self.odds)
        spread, begin, end = model.expansion(content, signals, self.batch.codes, self.batch.lengths)
        edges = {"left_censored": self.batch.left_censored, "right_censored": self.batch.right_censored}
        return (
            self._weight * model.crf.loss(spread, self._runs, self.batch.lengths, **edges, begin=begin, end=end).sum()
        )


def _opened(run: Tensor, model: SegmentModel) -> Segmentation:
    """Return a window's runs with the background in place of labels that the model has closed, such as UTRs."""
    background = model.scheme.background
    closed = torch.tensor([name in model.config.closed for name in model.scheme.names])
    labels = torch.where((run[:, 1] >= 0) & closed[run[:, 1].clamp(min=0)], background, run[:, 1])
    inside = (labels[:-1] == background) & (labels[1:] == background)
    kept = nn.functional.pad(~inside, (0, 1), value=True)
    return Segmentation(run[kept, 0], labels[kept])


def _with_phases(signals: Tensor, columns: int) -> Tensor:
    """Return values of `SIGNALS` for all columns of signals, (columns,); phases have those of their site."""
    if columns == len(signals):
        return signals
    phased = [SIGNALS.index(name) for name in PHASED for _ in range(PHASES)]
    return signals[[*range(len(SIGNALS)), *phased]]
