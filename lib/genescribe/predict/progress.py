"""Progress of a run over a genome: the model and its parameters, bases, genes, time left."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from genescribe.genome.annotation.formats import genes_in_words
from genescribe.predict.interface import CHOICE, DOUBT, SCORES, StrandPrediction

LOG_FORMAT = "{n_fmt} of {total_fmt} bases of both strands{postfix}; {elapsed} gone, {remaining} left"
NARROW_FORMAT = "{n_fmt}/{total_fmt}{postfix}, {remaining} left"
NARROW = 80
"""Columns of a terminal below which a line without a bar says more."""
LOGGED_EVERY = 30.0
"""Seconds between two lines of a log; a terminal has a bar."""
_log = logging.getLogger("annotate")


def tell_model(model: Path, provenance: Mapping[str, Any]) -> None:
    """Log the model, the species whose parameters are used, and why these.

    Parameters
    ----------
    model
        Folder of the model.
    provenance
        Of the predictor: `genescribe.predict.interface.PredictorFactory.provenance`.
    """
    _log.info("model %s: %s", model.name, model)
    if "species" in provenance:
        _log.info("species %s: %s", provenance["species"], reason_of(provenance))
        for name, score in provenance.get(SCORES, {}).items():
            _log.info("parameters of %s: %s nats per base", name, ", ".join(f"{k} {v:.4f}" for k, v in score.items()))
        if doubt := provenance.get(DOUBT):
            _log.warning(doubt)


def reason_of(provenance: Mapping[str, Any]) -> str:
    """Return why the parameters of a species are used, given a predictor's provenance."""
    return str(provenance.get(CHOICE, "as --species says"))


class Progress:
    """Bases read and genes found so far.

    Parameters
    ----------
    bar
        Progress bar, in bases.
    """

    def __init__(self, bar: tqdm[Any]) -> None:
        self._bar, self._genes = bar, 0

    def count_genes(self, prediction: StrandPrediction) -> None:
        """Count the genes of a strand."""
        apart = sum(t.gene is None for t in prediction.transcripts)
        self._genes += apart + len({t.gene for t in prediction.transcripts} - {None})
        self._bar.set_postfix_str(genes_in_words(self._genes), refresh=False)

    def count_bases(self, bases: int) -> None:
        """Count bases of one strand."""
        self._bar.update(bases)


@contextmanager
def progress(total: int, done: int) -> Iterator[Progress]:
    """Show a bar on a terminal, and a line from time to time in a log.

    Parameters
    ----------
    total
        Bases of both strands.
    done
        Number of bases that an earlier run read.
    """
    terminal = sys.stderr.isatty()
    # On a terminal what is logged goes above the bar.
    above = logging_redirect_tqdm() if terminal else nullcontext()
    with (
        above,
        tqdm(
            total=total,
            initial=done,
            desc="both strands",
            unit="b",
            unit_scale=True,
            file=sys.stderr if terminal else _LogLines(),
            mininterval=0.2 if terminal else LOGGED_EVERY,
            bar_format=_format(terminal),
        ) as bar,
    ):
        yield Progress(bar)


def _format(terminal: bool) -> str | None:
    if not terminal:
        return LOG_FORMAT
    return NARROW_FORMAT if os.get_terminal_size(sys.stderr.fileno()).columns < NARROW else None


class _LogLines:
    """Takes a bar's text and logs it as lines."""

    def write(self, text: str) -> None:
        line = text.strip("\r\n ")
        if line:
            _log.info(line)

    def flush(self) -> None:
        """Nothing waits."""
