"""Names of the methods that an evaluation compares: what the report reads, free of torch and of GenBank's reader."""

from __future__ import annotations

MODEL = "model"
TRIGRAM = "trigram"
