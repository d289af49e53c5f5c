"""Metrics, accuracy against a reference, baselines, bootstrap intervals."""
