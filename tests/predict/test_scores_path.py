"""What a prediction keeps on disk while it runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from genescribe.predict.work_folder import StoredRows, save_scores, scores_path


def test_names_of_sequences_may_be_long_and_hold_anything(tmp_path: Path) -> None:
    names = ["a" * 140, "a" * 5000, "chr/1\t#", "\u03b2" * 200, "A", "a"]
    paths = [scores_path(tmp_path, (name, 0, 9, sign), 0) for name in names for sign in "+-"]
    for path in paths:
        save_scores(path, np.zeros((2, 3), dtype=np.float32))
    assert len({path.name.lower() for path in paths}) == len(paths)


def test_stored_scores_are_those_that_were_saved(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    rows = random.normal(size=(250, 7)).astype(np.float32)
    rows[random.random(rows.shape) < [0, 0.9, 0.5, 1, 0.97, 0, 0.3]] = 0
    rows[:100, 4], rows[7, 0] = 0, -np.inf
    paths = [tmp_path / f"{start}.scores" for start in (0, 100, 200)]
    for number, path in enumerate(paths):
        save_scores(path, rows[100 * number : 100 * number + 100])
    stored = StoredRows(paths, 100)
    for low in (0, 1, 99, 100, 180, 249):
        for high in {low + 1, 100, 101, 200, 250} - set(range(low + 1)):
            part = stored[low:high]
            assert part.dtype == rows.dtype and np.array_equal(part, rows[low:high])


def test_zeros_of_a_column_take_no_room(tmp_path: Path) -> None:
    rows = np.ones((10_000, 4), dtype=np.float32)
    rows[np.arange(len(rows)) % 20 > 0, 3] = 0
    save_scores(tmp_path / "thin.scores", rows)
    assert abs((tmp_path / "thin.scores").stat().st_size - len(rows) * (3 * 4 + 8 / 20)) < 2_000
