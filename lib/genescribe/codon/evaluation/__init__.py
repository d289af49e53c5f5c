"""Held-out evaluation with baselines and controls."""
