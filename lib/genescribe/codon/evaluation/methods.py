"""Names of the methods that an evaluation compares, for the report; imports neither torch nor Biopython."""

from __future__ import annotations

MODEL = "model"
TRIGRAM = "trigram"
