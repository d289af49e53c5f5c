from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genescribe.config import to_mapping
from genescribe.errors import InputError
from genescribe.simulate import SimulationParameters, load_parameters, parameter_sets, save_parameters
from genescribe.simulate.loci import draw_segments
from genescribe.simulate.parameters import ALIKE, LEAST, Lengths


def test_sets_that_come_along() -> None:
    assert {"arabidopsis_thaliana", "populus_trichocarpa", "saccharomyces_cerevisiae"} <= set(parameter_sets())
    for name in parameter_sets():
        parameters = load_parameters(name)
        assert parameters.name == name
        assert set(parameters.provenance) == {"genome", "fitted_from", "utr_lengths", "repeats"}


def test_written_and_read_again(tmp_path: Path) -> None:
    parameters = load_parameters("saccharomyces_cerevisiae")
    save_parameters(parameters, tmp_path / "a.json")
    assert load_parameters(tmp_path / "a.json") == parameters
    assert len((tmp_path / "a.json").read_text().splitlines()) < 400


def edited(change: Callable[[dict[str, Any]], None], folder: Path) -> Path:
    data = json.loads(json.dumps(to_mapping(load_parameters("saccharomyces_cerevisiae"))))
    change(data)
    path = folder / "edited.json"
    path.write_text(json.dumps(data))
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(extra=1), "unknown key `extra`"),
        (lambda d: d["signals"].pop("donor"), "`signals.donor` is missing"),
        (lambda d: d["structure"].update(single="often"), "`structure.single`"),
        (lambda d: d["structure"].update(single=1.5), "`structure.single` is 1.5"),
        (lambda d: d["lengths"]["utr5"].update(minimum=3), "minimum of utr5 is 3"),
        (lambda d: d["signals"]["donor"].pop(), "wrong number of positions"),
        (lambda d: d["signals"]["kozak"].__setitem__(0, [0.5, 0.5, 0.5, 0.5]), "no distributions"),
        (lambda d: d["signals"]["acceptor"].__setitem__(-1, [0.25, 0.25, 0.25, 0.25]), "other than G..AG"),
        (lambda d: d["signals"]["branch"].update(nearest=10), "touches the acceptor"),
        (lambda d: d["signals"]["branch"].update(nearest=40), "branch point 67 bases"),
        (lambda d: d["chains"]["intron"].update(kmers=[1.0]), "256 positive"),
    ],
)
def test_wrong_parameters(change: Callable[[dict[str, Any]], None], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        load_parameters(edited(change, tmp_path))


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="one of arabidopsis_thaliana"):
        load_parameters("homo_novus")
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(InputError, match="no JSON"):
        load_parameters(tmp_path / "a.json")


def test_uninformative_durations_change_nothing_but_the_shape() -> None:
    given = load_parameters("arabidopsis_thaliana")
    flat = given.with_durations("uninformative")
    assert given.with_durations("informative") is given
    for field in dataclasses.fields(SimulationParameters):
        if field.name != "lengths":
            assert getattr(flat, field.name) == getattr(given, field.name)
    for field in dataclasses.fields(Lengths):
        before, after = getattr(given.lengths, field.name), getattr(flat.lengths, field.name)
        alike = next((kinds for kinds in ALIKE if field.name in kinds), (field.name,))
        assert (after.minimum, after.components) == (max(LEAST[kind] for kind in alike), ())
        assert len(alike) == 2 or after.mean() == pytest.approx(before.mean())
        steps = np.diff(after.log_probabilities(after.minimum + 20)[after.minimum - 1 :])
        assert steps == pytest.approx(np.full(20, after.log_tail))


def test_kinds_that_labels_do_not_tell_apart_share_the_control_s_law() -> None:
    """One label's lengths are then geometric, with the mean that they had."""
    given = load_parameters("arabidopsis_thaliana")
    flat = given.with_durations("uninformative").lengths
    assert flat.single == flat.initial and flat.intron == flat.utr_intron
    rng = np.random.default_rng(1)
    drawn: dict[str, list[int]] = {kind: [] for kinds in ALIKE for kind in kinds}
    for _ in range(20_000):
        for segment in draw_segments(given, rng):
            if segment.kind in drawn:
                drawn[segment.kind].append(segment.end - segment.start)
    for kinds in ALIKE:
        pooled = np.concatenate([drawn[kind] for kind in kinds])
        assert getattr(flat, kinds[0]).mean() == pytest.approx(pooled.mean(), rel=0.02)


def test_sharpened_signals() -> None:
    given = load_parameters("saccharomyces_cerevisiae")
    sharp = given.sharpened(2.0)
    assert given.sharpened(1.0) is given
    assert (sharp.lengths, sharp.chains) == (given.lengths, given.chains)

    def entropy(p: np.ndarray) -> float:
        return float(-(p[p > 0] * np.log(p[p > 0])).sum())

    assert entropy(sharp.codons.joint) < entropy(given.codons.joint)
    assert entropy(np.array(sharp.signals.acceptor)) < entropy(np.array(given.signals.acceptor))
    assert sharp.signals.branch is not None
    with pytest.raises(InputError, match="power 0"):
        given.sharpened(0)
