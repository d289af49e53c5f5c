"""Held-out evaluation beside baselines and controls."""
