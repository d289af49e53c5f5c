"""The segment model: tracks, encoder, per-base scores, and a CRF; saved as one folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeVar, cast

import torch
from torch import Tensor, nn

from genescribe.errors import InputError
from genescribe.genome.genetic_code import GeneticCode
from genescribe.kernels.cpu.channel_scores import log_posterior
from genescribe.kernels.cpu.linear_map import linear
from genescribe.labels.gene import GeneScheme
from genescribe.nn.encoder import Encoder
from genescribe.segment.composition.kinds import evidence_of
from genescribe.segment.composition.tables import Evidence
from genescribe.segment.config import SegmentModelConfig
from genescribe.segment.network.expansion import Expansion
from genescribe.segment.network.features import Tracks
from genescribe.segment.network.gene_scores import GeneExpansion
from genescribe.segment.network.head import build_head, scheme_of
from genescribe.segment.network.species import POOLED, SHARED, TABLES, SpeciesBank
from genescribe.segment.sites.scores import SiteScores
from genescribe.train.model_files import store_model, stored_options, stored_weights

T = TypeVar("T")
STATISTICS = "statistics.json"
SPECIES = "species"
"""Key in it under which stands the same of each genome that has parameters of its own."""
FAMILY = "segment"


class Scores(NamedTuple):
    """Output of the encoder for a batch, float32.

    Attributes
    ----------
    content : (B, T, C)
        Score of each base under each label.
    begin, end : (B, T, C) or None
        Score of a segment whose first (last) base is t.
    logits : (B, T, channels)
        Scores before expansion: their softmax over `LabelScheme.channels` is the posterior of a base by itself.
    """

    content: Tensor
    begin: Tensor | None
    end: Tensor | None
    logits: Tensor

    @property
    def boundaries(self) -> dict[str, Tensor | None]:
        """`begin` and `end` as the CRF's methods take them."""
        return {"begin": self.begin, "end": self.end}


class ChannelScores(NamedTuple):
    """Output of the network for a batch, before expansion to the labels, float32.

    Attributes
    ----------
    content : (B, T, channels)
        Score of each base under each channel.
    signals : (B, T, signals) or None
        Scores of boundaries.
    logits : (B, T, channels)
        Scores that `content` is made of.
    """

    content: Tensor
    signals: Tensor | None
    logits: Tensor


class SegmentModel(nn.Module):
    """Labels the bases of a strand, 5' to 3', in whole segments.

    Parameters
    ----------
    config
        All of the model; `genetic_code` must be set.
    """

    def __init__(self, config: SegmentModelConfig) -> None:
        super().__init__()
        self.config, self.scheme = config, scheme_of(config)
        code = GeneticCode.from_table(config.genetic_code)
        self.tracks = Tracks(config.features, code, config.feature_cap, config.softmask_dropout)
        self.evidence = evidence_of(config, self.scheme, code)
        width = self.tracks.width + (self.evidence.width if self.evidence else 0)
        self.encoder = None if config.encoder is None else Encoder(config.encoder, width)
        for name in ("tile", "halo"):
            if config.encoder is not None and getattr(config, name) % config.encoder.fold:
                raise InputError(
                    f"{getattr(config, name)} is not a multiple of encoder.fold, {config.encoder.fold}",
                    where=f"model.{name}",
                    remedy="give a multiple: tiles then fold the same bases together wherever they begin",
                )
        scheme, phased = self.scheme, config.tables is not None
        self.expansion = GeneExpansion(scheme, code, phased) if isinstance(scheme, GeneScheme) else Expansion(scheme)
        self.sites = _sites_of(config)
        readers = [part.reach for part in (self.expansion, self.evidence, self.sites) if part is not None]
        if config.halo < max(readers):
            raise InputError(
                f"{config.halo} is too short for the scheme {self.scheme.name!r}",
                where="model.halo",
                remedy=f"give at least {max(readers)}",
            )
        signals = self.expansion.signals if config.scores_boundaries else 0
        self.head = None if self.encoder is None else nn.Linear(self.encoder.width, self.expansion.channels + signals)
        if self.evidence is not None:
            gains = self.evidence.config
            self.content_gain = nn.Parameter(torch.full((self.expansion.channels,), gains.content_gain))
            if gains.noncoding_gain is not None:
                self.content_gain.data[self.expansion.noncoding] = gains.noncoding_gain
            self.signal_gain = nn.Parameter(torch.full((self.evidence.signals,), gains.signal_gain))
        self.crf = build_head(config, self.scheme)
        self.species = _species_of(config, self)

    def forward(self, use: Callable[[SegmentModel], T]) -> T:
        """Return the result of `use` on this model: by `torch.func.functional_call`, with other weights."""
        return use(self)

    def as_species(self, number: int | None, use: Callable[[SegmentModel], T]) -> T:
        """Return the result of `use` on this model with the parameters of a genome; None: with those that all share.

        Gradients reach the shared weights and the genome's offsets.
        """
        if number is None or self.species is None:
            return use(self)
        entry = self.species.entry(dict(self.named_parameters()), number)
        return cast(T, torch.func.functional_call(self, entry, (use,)))

    def entry_of(self, genome: str) -> str:
        """Return the name of the parameters for a genome: its own, or the pooled ones where it is not known."""
        return genome if self.species is not None and genome in self.species.names else POOLED

    @torch.no_grad()
    def specialised(self, name: str = POOLED) -> SegmentModel:
        """Return an ordinary model with the parameters of a genome; of a model that has no such parameters, itself.

        Raises
        ------
        InputError
            The model has none of that name.
        """
        if self.species is None:
            if name == POOLED:
                return self
            raise InputError(f"no species {name!r}: one set of parameters", where="species", remedy="leave it out")
        number = self.species.number(name)
        weights = {key: value for key, value in self.state_dict().items() if not key.startswith("species.")}
        if number is not None:
            weights |= self.species.entry(dict(self.named_parameters()), number)
        alone = SegmentModel(replace(self.config, species=None)).to(next(self.parameters()).device)
        alone.load_state_dict(weights)
        return alone.train(self.training)

    def features(self, codes: Tensor, lengths: Tensor, evidence: Evidence | None = None) -> Tensor:
        """Return the encoder's output, (B, T, D).

        Parameters
        ----------
        codes : (B, T) integer
            Base codes.
        lengths : (B,) int64
            Bases of each sequence.
        evidence
            Counted evidence of the same bases; None: computed here.
        """
        assert self.encoder is not None
        return cast(Tensor, self.encoder(self._tracks(codes, lengths, evidence), lengths))

    def _tracks(self, codes: Tensor, lengths: Tensor, evidence: Evidence | None) -> Tensor:
        tracks: Tensor = self.tracks(codes, lengths)
        if self.evidence is not None:
            evidence = evidence or self.evidence(codes, lengths)
            tracks = torch.cat([tracks, evidence.tracks], dim=2)
        return tracks

    def scores(self, codes: Tensor, lengths: Tensor | None = None, offset: Tensor | None = None) -> Scores:
        """Return the scores of every base.

        Parameters
        ----------
        codes : (B, T) integer
            As `genescribe.genome.alphabet` says; anything past a length.
        lengths : (B,) int64 or None
            Bases of each sequence; None: T for all.
        offset : (B,) int64 or None
            Position of each first base in its chain, of which reading frames depend; None: 0.
        """
        if lengths is None:
            lengths = torch.full((len(codes),), codes.shape[1], device=codes.device)
        channels = self.channel_scores(codes, lengths)
        content, begin, end = self.expansion(channels.content, channels.signals, codes, lengths, offset)
        return Scores(content, begin, end, channels.logits)

    def channel_scores(self, codes: Tensor, lengths: Tensor) -> ChannelScores:
        """Return the scores of every base before `expansion` spreads them over the labels.

        They are a few numbers per base and do not depend on the position in the chain: what prediction keeps.
        """
        evidence = None if self.evidence is None else self.evidence(codes, lengths)
        sites = None if self.sites is None else self.sites(self.sites.log_odds(codes, lengths))
        features = None if self.encoder is None else self.features(codes, lengths, evidence)
        return self._channel_scores(features, evidence, sites)

    def is_batch_invariant(self) -> bool:
        """Return whether the bits of a sequence's scores are independent of the rest of its batch."""
        return self.sites is None and (self.encoder is None or self.encoder.is_batch_invariant())

    def tiled_scores(self, codes: Tensor, tiles: Sequence[tuple[int, int]]) -> ChannelScores:
        """Return the scores of the bases of neighbouring tiles of one sequence, (1, n, ...), before `expansion`.

        Parameters
        ----------
        codes : (1, T) integer
            Bases of the tiles and, where there are any, `halo` to both sides.
        tiles
            As for `Encoder.tiled`.
        """
        evidence = None
        if self.evidence is not None:
            evidence = self.evidence(codes, torch.tensor([codes.shape[1]], device=codes.device))
        features = None if self.encoder is None else self.tiled_features(codes, tiles, evidence)
        inside = slice(tiles[0][0], tiles[-1][1])
        evidence = None if evidence is None else Evidence(*(part[:, inside] for part in evidence))
        sites = None if self.sites is None else self.sites(self.sites.tiled(codes, inside))
        return self._channel_scores(features, evidence, sites)

    def strand_scores(self, codes: Tensor, lengths: Tensor) -> ChannelScores:
        """Return the scores of whole strands side by side, (B, T, ...), in tiles on the grid that `tiled_scores` reads.

        Parameters
        ----------
        codes : (B, T) integer
            Base codes; anything past a length.
        lengths : (B,) int64
            Bases of each strand.
        """
        evidence = None if self.evidence is None else self.evidence(codes, lengths)
        sites = None if self.sites is None else self.sites(self.sites.log_odds(codes, lengths))
        features = None if self.encoder is None else self.strand_features(codes, lengths, evidence)
        return self._channel_scores(features, evidence, sites)

    def strand_features(self, codes: Tensor, lengths: Tensor, evidence: Evidence | None) -> Tensor:
        """Return the encoder's output on whole strands, (B, T, D); see `strand_scores`.

        Parameters
        ----------
        codes : (B, T) integer
            Base codes; anything past a length.
        lengths : (B,) int64
            Bases of each strand.
        evidence
            Counted evidence of the same bases; None: computed here.
        """
        assert self.encoder is not None
        tracks = self._tracks(codes, lengths, evidence)
        return self.encoder.tiled_rows(tracks, lengths, self.config.tile, self.config.halo)

    def tiled_features(self, codes: Tensor, tiles: Sequence[tuple[int, int]], evidence: Evidence | None) -> Tensor:
        """Return the encoder's output on neighbouring tiles, (1, n, D); see `tiled_scores`.

        Parameters
        ----------
        codes : (1, T) integer
            Bases of the tiles, with `halo` to both sides.
        tiles
            As for `Encoder.tiled`.
        evidence
            Counted evidence of the same bases; None: computed here.
        """
        assert self.encoder is not None
        tracks = self._tracks(codes, torch.tensor([codes.shape[1]], device=codes.device), evidence)
        return self.encoder.tiled(tracks, tiles, self.config.halo)

    def _channel_scores(
        self, features: Tensor | None, evidence: Evidence | None, sites: Tensor | None
    ) -> ChannelScores:
        if features is None or self.head is None:
            assert evidence is not None
            content = self.content_gain * evidence.content
            return ChannelScores(content, _added(self._with_evidence(None, evidence.signals), sites), content)
        outputs = linear(features, self.head).float()
        # One tensor per part: kernels want their rows packed.
        logits = self._clamped(outputs[..., : self.expansion.channels].contiguous())
        content = logits
        if self.config.content == "log_softmax":
            floor, share = self.config.content_floor, self.config.content_noncoding
            content = log_posterior(logits, self.expansion.noncoding, floor, share)
        signals = self._clamped(outputs[..., self.expansion.channels :]) if self.config.scores_boundaries else None
        content = self.config.content_scale * content
        if evidence is not None:
            content = content + self.content_gain * evidence.content
            signals = self._with_evidence(signals, evidence.signals)
        return ChannelScores(content, _added(signals, sites), logits)

    def _with_evidence(self, signals: Tensor | None, evidence: Tensor) -> Tensor:
        """Return the scores of boundaries with those of counted evidence."""
        assert self.evidence is not None
        counted: Tensor = self.evidence.combined(self.signal_gain * evidence)
        return counted if signals is None else signals + counted

    def _clamped(self, scores: Tensor) -> Tensor:
        limit = self.config.emission_clamp
        return scores.clamp(-limit, limit) if limit else scores

    def penalty(self) -> Tensor:
        """Return the mean square of the CRF's allowed transition and duration scores."""
        table, _ = self.crf.durations()
        transitions = self.crf.transitions()
        return torch.cat([transitions[transitions.isfinite()], table[table.isfinite()]]).square().mean()

    def save(self, directory: str | Path) -> None:
        """Write `config.json` and `model.safetensors` into an existing directory."""
        store_model(directory, FAMILY, self.config, self.state_dict())

    @classmethod
    def load(cls, directory: str | Path, genetic_code: int | None = None) -> SegmentModel:
        """Return the model of a directory, in evaluation mode, on the CPU.

        With a genetic code, it reads codons by that NCBI table and not by the one that it was trained with.

        Raises
        ------
        InputError
            A file is missing or damaged, an option is unknown, or a weight is missing, unknown or of another shape.
        """
        config = read_config(directory)
        model = cls(config if genetic_code is None else replace(config, genetic_code=genetic_code))
        model.load_state_dict(stored_weights(directory, model.state_dict()))
        return model.eval()


def read_config(directory: str | Path) -> SegmentModelConfig:
    """Return the configuration of a model's directory.

    Raises
    ------
    InputError
        It is missing, not JSON, of another family, or holds an unknown option.
    """
    return stored_options(SegmentModelConfig, directory, FAMILY)


def _added(signals: Tensor | None, sites: Tensor | None) -> Tensor | None:
    """Return the scores of boundaries with those of signal networks, which say nothing of phases."""
    if sites is None or signals is None:
        return sites if signals is None else signals
    return signals + nn.functional.pad(sites, (0, signals.shape[-1] - sites.shape[-1]))


def _sites_of(config: SegmentModelConfig) -> SiteScores | None:
    if not config.sites:
        return None
    if not isinstance(scheme_of(config), GeneScheme):
        raise InputError(
            f"signal networks with the scheme {config.scheme!r}", where="model.sites", remedy="set model.scheme to gene"
        )
    return SiteScores(config.sites)


def _species_of(config: SegmentModelConfig, model: SegmentModel) -> SpeciesBank | None:
    if config.species is None:
        return None
    if config.evidence is None:
        raise InputError("without evidence", where="model.species", remedy="set model.evidence: {}, or no species")
    if not config.species.names:
        raise InputError("no genome is named", where="model.species.names", remedy="name those of the data")
    weights = {name: value for name, value in model.named_parameters() if name.startswith(SHARED)}
    saved = model.state_dict()
    tables = {name: value for name, value in model.named_buffers() if name.startswith(TABLES) and name in saved}
    return SpeciesBank(config.species.names, weights, tables)
