"""Predict the labels of the test windows in a folder of shards: whole strands, decoded at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tqdm import tqdm

from genescribe.bake.stats import sum_stats
from genescribe.data.dataset import ShardDataset
from genescribe.data.runs import Runs
from genescribe.data.strands import Stretch, stretches
from genescribe.errors import InputError
from genescribe.files import read_json
from genescribe.predict.config import PredictConfig
from genescribe.segment.network.model import SegmentModel
from genescribe.segment.prediction.predictor import SegmentPredictor, runs_of
from genescribe.segment.prediction.rows_on_demand import RowsOnDemand


def predict_labels(
    model: SegmentModel, folders: Sequence[str | Path], split: str = "test"
) -> Iterator[tuple[Stretch, Runs]]:
    """Yield each stretch of a split with the model's labels of it.

    A stretch is decoded whole and exactly, so that no window's edge cuts a segment and every base counts once.

    Parameters
    ----------
    model
        Trained, of a scheme whose labels do not depend on positions.
    folders
        Folders of baked shards.
    split
        Name of the split, such as "test".

    Raises
    ------
    InputError
        Shards of another scheme, or a scheme with reading frames.
    """
    stored = sum_stats(read_json(Path(folder) / "stats.json") for folder in folders)["scheme"]
    if stored != model.scheme.name or model.scheme.grammar.phases is not None:
        raise InputError(
            f"labels of a model of the scheme {model.scheme.name!r} on shards of {stored!r}",
            where=folders[0],
            remedy="give a model and shards of the scheme gencode; genes of any model are scored by evaluate.py",
        )
    dataset = ShardDataset(folders, split)
    predictor = SegmentPredictor(model)
    with tqdm(total=int(dataset.lengths.sum()), unit="b", unit_scale=True, desc="labels", disable=None) as bar:
        for stretch in stretches(dataset):
            # In memory that does not grow with the network's output.
            rows = RowsOnDemand(predictor, stretch.codes)
            yield stretch, runs_of(predictor.decode(stretch.codes, rows, PredictConfig(partial=True)))
            bar.update(len(stretch.codes))
