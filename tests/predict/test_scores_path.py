"""What a prediction keeps on disk while it runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from genescribe.predict.work import save_scores, scores_path


def test_names_of_sequences_may_be_long_and_hold_anything(tmp_path: Path) -> None:
    names = ["a" * 140, "a" * 5000, "chr/1\t#", "\u03b2" * 200, "A", "a"]
    paths = [scores_path(tmp_path, (name, 0, 9, sign), 0) for name in names for sign in "+-"]
    for path in paths:
        save_scores(path, np.zeros((2, 3), dtype=np.float32))
    assert len({path.name.lower() for path in paths}) == len(paths)
