"""Coding sequences: extraction, splits, packing."""
