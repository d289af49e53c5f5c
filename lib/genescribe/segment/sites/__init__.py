"""Scores of signal networks in the segment model: combined, their gains fitted."""
