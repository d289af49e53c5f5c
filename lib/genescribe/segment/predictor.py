"""A trained segment model over a whole strand: tiles on an absolute grid, one exact decoding, checked genes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from genescribe.data.sample import Runs
from genescribe.errors import InputError
from genescribe.files import sha256
from genescribe.genome.alphabet import Codes
from genescribe.genome.genetic_code import GeneticCode
from genescribe.kernels.potentials import Segmentation
from genescribe.predict.strand import PredictedTranscript, Reject, StrandPrediction
from genescribe.segment.decode import validate_gene
from genescribe.segment.model import CONFIG, WEIGHTS, SegmentModel, read_config

TILES_AT_ONCE = 8
"""Tiles in every call of the encoder, the last call padded: equal shapes give equal bits, whatever is asked for."""


class SegmentPredictorFactory:
    """The model of a folder, loaded where it is called.

    Parameters
    ----------
    folder
        `config.json` and `model.safetensors`.
    device
        auto, cpu or cuda.
    """

    def __init__(self, folder: Path, device: str = "auto") -> None:
        self.folder, self.config = folder, read_config(folder)
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        if device.startswith("cuda") and not torch.cuda.is_available():
            raise InputError("no CUDA device here", where="--device", remedy="give cpu or auto")
        self.device = device

    def __call__(self) -> SegmentPredictor:
        """Load the model."""
        return SegmentPredictor(SegmentModel.load(self.folder).to(self.device))

    def genetic_code(self) -> GeneticCode:
        """Return the model's genetic code."""
        return GeneticCode.from_table(self.config.genetic_code)

    def provenance(self) -> dict[str, Any]:
        """Return the family, the label scheme and digests of the model's two files."""
        return {
            "model": f"segment ({self.config.scheme}, {self.config.head})",
            "model-config-sha256": sha256(self.folder / CONFIG),
            "model-weights-sha256": sha256(self.folder / WEIGHTS),
        }


class TileScores(NamedTuple):
    """Scores of the bases of one tile: (n, C) float32 each; `begin` and `end` None where the model has none."""

    content: NDArray[np.float32]
    begin: NDArray[np.float32] | None
    end: NDArray[np.float32] | None


class SegmentPredictor:
    """Genes of a strand by a segment model."""

    def __init__(self, model: SegmentModel) -> None:
        self.model = model.eval()
        self.code = GeneticCode.from_table(model.config.genetic_code)
        self.device = next(model.parameters()).device

    def predict_strand(self, codes: Codes) -> StrandPrediction:
        """Return the genes on `codes`, the whole strand 5' to 3'."""
        path, content = self.decode(codes)
        decoded = self.model.scheme.decode(_runs(path))
        found = StrandPrediction(rejects=list(decoded.rejects))
        odds = np.concatenate([[0.0], np.cumsum(self._odds(path, content))])
        for transcript in decoded.transcripts:
            fault = validate_gene(transcript, codes, self.code)
            if fault is not None:
                found.rejects.append(Reject(transcript.start, transcript.end, fault))
                continue
            gained = float(odds[transcript.end] - odds[transcript.start])
            found.transcripts.append(PredictedTranscript(transcript, gained))
        return found

    def decode(self, codes: Codes) -> tuple[Segmentation, NDArray[np.float32]]:
        """Return the best segmentation of a whole strand, and the content scores, (T, C).

        The chain is decoded exactly across tiles: no segment is cut by a tile's edge.
        """
        stream = self.model.crf.stream()
        content = np.empty((len(codes), len(self.model.scheme.names)), dtype=np.float32)
        position = 0
        for tile in self.tiles(codes):
            content[position : position + len(tile.content)] = tile.content
            position += len(tile.content)
            stream.push(tile.content, begin=tile.begin, end=tile.end)
        return stream.finish(), content

    @torch.no_grad()
    def tiles(self, codes: Codes) -> Iterator[TileScores]:
        """Yield the scores of a strand, tile after tile.

        Tiles lie on a grid from the strand's first base; each is read with its halo. Tile, halo and the number of
        tiles in a call are the model's, so that the scores are a function of the strand alone.
        """
        tile, halo = self.model.config.tile, self.model.config.halo
        width = tile + 2 * halo
        starts = range(0, len(codes), tile)
        for first in range(0, len(starts), TILES_AT_ONCE):
            batch = np.full((TILES_AT_ONCE, width), 4, dtype=np.uint8)
            lengths, offsets = np.ones(TILES_AT_ONCE, dtype=np.int64), np.zeros(TILES_AT_ONCE, dtype=np.int64)
            chosen = starts[first : first + TILES_AT_ONCE]
            for row, start in enumerate(chosen):
                offsets[row] = max(0, start - halo)
                piece = codes[offsets[row] : start + tile + halo]
                batch[row, : len(piece)], lengths[row] = piece, len(piece)
            scores = self.model.scores(
                *(torch.from_numpy(array).to(self.device, torch.int64) for array in (batch, lengths, offsets))
            )
            arrays = [None if part is None else part.float().cpu().numpy() for part in scores[:3]]
            for row, start in enumerate(chosen):
                left = min(halo, start)
                inside = slice(left, left + min(tile, len(codes) - start))
                content, begin, end = (None if array is None else array[row, inside] for array in arrays)
                assert content is not None
                yield TileScores(content, begin, end)

    def _odds(self, path: Segmentation, content: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the content score of each base as labelled, minus its score between genes; (T,)."""
        labels = path.per_base().numpy()
        chosen = np.take_along_axis(content, labels[:, None], axis=1)[:, 0]
        return chosen.astype(np.float64) - content[:, self.model.scheme.background]


def _runs(path: Segmentation) -> Runs:
    return np.stack([path.ends.numpy(), path.labels.numpy()], axis=1).astype(np.int32)
