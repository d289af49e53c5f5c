"""Writes the report of an annotation. It never makes a finished annotation fail."""

from __future__ import annotations

import logging
from pathlib import Path

from genescribe import __version__
from genescribe.report.annotation.finished import Annotation
from genescribe.signals import ending

_log = logging.getLogger(__name__)


def write_annotation_report(target: str | Path, annotation: Annotation) -> bool:
    """Write the page in one step; return whether it was written.

    An error is reported in one line, and the annotation stays as it is; a signal ends the program.
    """
    try:
        # matplotlib takes a while to import.
        from genescribe.figures.page import write_report
        from genescribe.report.annotation.sections import sections_of

        title = f"Annotation of {annotation.genome.path.name}"
        subtitle = f"Model {annotation.model.name}, genescribe {__version__}. The page works without a network."
        write_report(target, sections_of(annotation), title=title, subtitle=subtitle)
    except Exception as error:
        if ending() is not None:
            raise
        reason = " ".join(str(error).split()) or "no reason given"
        _log.warning("no report was written (%s: %s); the annotation is complete", type(error).__name__, reason)
        return False
    return True
